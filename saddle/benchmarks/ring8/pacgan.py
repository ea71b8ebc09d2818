"""PacGAN's ring: 8 narrow Gaussians at radius 1, a maxout critic, both players at once.

Settings are those of the authors' program, which the paper's table was made with.
"""

from saddle.benchmarks.judges import mixtures
from saddle.benchmarks.protocol import Protocol, Published, Row
from saddle.evaluation.measures.modes import PROTOCOLS

SOURCE = "Lin et al. 2018, arXiv:1712.04086, table 1"

SETTINGS = {
    "network": "pacgan",
    "z_dim": 2,
    "batch": 100,
    "lr_generator": 1e-4,
    "lr_critic": 1e-4,
    "beta1": 0.8,
    "dynamics": "simultaneous",
    "ema_half_life": 0,
}
"""Of all rows: those of PacGAN's synthetic experiments."""


PERCEPTRONS = {"network": "mlp", "hidden": 400, "layers": 4}
"""Of recipes whose critic judges pairs, which the paper's networks are not made for."""


def packed(m: int) -> Row:
    """PacGAN with packs of m: as many packs a step as the plain GAN has samples, as in the program."""
    return Row("gan", {"remedies": f"packing={m}", "batch": 100 * m})


R3GAN = {
    "network": "mlp",
    "hidden": 128,
    "layers": 4,
    "batch": 128,
    "lr_generator": 2e-3,
    "lr_critic": 2e-3,
    "lr_end": 0.3,
    "beta1": 0.0,
    "dynamics": "alternating",
    "ema_half_life": 100_000,
}
"""Of our row, on the ring and on the grid; penalties and schedules follow each of them."""

ROWS = {
    "r3gan": Row(
        "r3gan",
        R3GAN
        | {
            "gamma": 0.05,
            "gamma_end": 0.0006,
            "burn_in": 1_000_000,
            "decay_from": 1_024_000,
            "decay_until": 2_048_000,
        },
        "ours: perceptrons of 4 layers of 128 units, an average of G; tuned for 16,000 rounds, after which it rests",
    ),
    "gan": Row("gan"),
    "packing-2": packed(2),
    "packing-3": packed(3),
    "packing-4": packed(4),
    "minibatch-stddev": Row("gan", {"remedies": "minibatch-stddev"}, "not in the paper"),
    "unroll-5": Row("gan", {"remedies": "unroll=5", "dynamics": "alternating"}, "not in the paper"),
    "ali": Row(
        "ali", PERCEPTRONS, "4 layers of 400 without batch norm or maxout; the paper has these networks and an encoder"
    ),
    "veegan": Row("veegan", PERCEPTRONS, "not in the paper; 4 layers of 400 without batch norm or maxout"),
    "wgan-gp": Row(
        "wgan-gp", {"beta1": 0.5, "dynamics": "alternating"}, "not in the paper; its own beta1, 5 critic steps in turn"
    ),
    "gan-r1-r2": Row(
        "gan", {"remedies": "r1=1,r2=1", "beta1": 0.0, "dynamics": "alternating"}, "ours, not in the paper"
    ),
    "rpgan-r1-r2": Row(
        "rpgan", {"remedies": "r1=1,r2=1", "beta1": 0.0, "dynamics": "alternating"}, "ours, not in the paper"
    ),
}
"""What can be run."""

DIFFERENCES = (
    "training points are drawn anew each time; the program draws from 100,000 that were drawn once",
    "with packs of m the generator's batch norm sees all 100 m samples of a step at once; in the program 100 at a time",
    "gains of batch norm begin at N(1, 0.02²), in the program at 1",
)
"""From the program, in all rows."""

Value = tuple[float, float]


def printed(lines: tuple[tuple[str, Value, Value, Value], ...]) -> tuple[Published, ...]:
    """Lines of PacGAN's table 1: name, modes, share of high quality, KL, each with its standard error."""
    return tuple(
        Published(
            name,
            {"modes": modes, "high_quality": quality, "kl_model_data": kl},
            "Lin et al. 2018, table 1, 10 trials",
            "se",
        )
        for name, modes, quality, kl in lines
    )


PROTOCOL = Protocol(
    data="ring8-unit",
    rounds=16_000,
    published_rounds=400_000,
    seeds=10,
    published_seeds=10,
    samples=2_500,
    judge=mixtures(PROTOCOLS["pacgan"], 8, 2_500),
    settings=SETTINGS,
    rows=ROWS,
    default_rows=("gan", "packing-2", "r3gan"),
    published=printed(
        (
            ("GAN", (6.3, 0.5), (0.982, 0.002), (0.45, 0.09)),
            ("ALI", (6.6, 0.3), (0.976, 0.004), (0.36, 0.04)),
            ("PacGAN2", (7.9, 0.1), (0.956, 0.020), (0.07, 0.03)),
            ("PacGAN3", (7.8, 0.1), (0.977, 0.003), (0.10, 0.02)),
            ("PacGAN4", (7.8, 0.1), (0.959, 0.014), (0.07, 0.02)),
        )
    ),
    differences=DIFFERENCES,
    card={
        "data": "8 equal Gaussians of deviation 0.01 at radius 1 (`ring8-unit`)",
        "networks": "G: z of 2 normal numbers, 4 layers of 400 with batch norm and ReLU, linear; D: 3 maxout layers of "
        "200 units with 5 pieces, linear; weights N(0, 0.02²)",
        "optimiser": "Adam 1e-4, beta1 0.8, beta2 0.999, batch 100, both players at once, non-saturating",
        "counting": "2,500 samples, batch norm with running statistics; of high quality within 3 deviations",
    },
)

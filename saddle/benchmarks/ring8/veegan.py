"""VEEGAN's ring: 8 Gaussians, small perceptrons with z of 254 numbers.

The authors' notebook for the ring could not be read. Settings are those that public adaptations of it have in common;
radius and deviation are those that PacGAN's program has for the data it took from this paper.
"""

from saddle.benchmarks.judges import mixtures
from saddle.benchmarks.protocol import Protocol, Published, Row, usual_rows
from saddle.evaluation.measures.modes import PROTOCOLS

SOURCE = "Srivastava et al. 2017, arXiv:1705.07761, table 1"

TABLE = "Srivastava et al. 2017, table 1, mean of 5 runs"


def printed(lines: tuple[tuple[str, float, float], ...], source: str = TABLE) -> tuple[Published, ...]:
    """Lines of VEEGAN's table: name, modes, share of high quality."""
    return tuple(
        Published(name, {"modes": (modes, None), "high_quality": (quality, None)}, source)
        for name, modes, quality in lines
    )


PROTOCOL = Protocol(
    data="ring8-unit",
    rounds=25_000,
    published_rounds=None,
    seeds=10,
    published_seeds=5,
    samples=2_500,
    judge=mixtures(PROTOCOLS["veegan"], 8, 2_500),
    settings={
        "network": "mlp",
        "hidden": 128,
        "layers": 2,
        "z_dim": 254,
        "batch": 500,
        "lr_generator": 1e-3,
        "lr_critic": 1e-3,
        "beta1": 0.5,
        "ema_half_life": 0,
    },
    rows={
        "gan": Row("gan"),
        "unroll-5": Row("gan", {"remedies": "unroll=5"}),
        "veegan": Row("veegan"),
        **usual_rows(500),
    },
    default_rows=("gan", "veegan", "rpgan-r1-r2"),
    published=printed(
        (
            ("GAN", 1, 0.993),
            ("ALI", 2.8, 0.0013),
            ("Unrolled GAN", 7.6, 0.356),
            ("VEEGAN", 8, 0.529),
        ),
    ),
    differences=(
        "radius, deviation and number of rounds are not stated in the paper, and its program was not readable",
        "the critic has leaky ReLU, the adaptations of the program ReLU",
    ),
    card={
        "data": "8 equal Gaussians of deviation 0.01 at radius 1 (`ring8-unit`)",
        "networks": "G and D: 2 layers of 128; z of 254 normal numbers",
        "optimiser": "Adam 1e-3, beta1 0.5, beta2 0.999, batch 500, in turn, non-saturating",
        "counting": "2,500 samples; of high quality within 3 deviations",
    },
)

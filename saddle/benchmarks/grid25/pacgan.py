"""PacGAN's grid: 25 Gaussians, a maxout critic, both players at once.

Settings are those of the authors' program, which the paper's table was made with.
"""

from dataclasses import replace

from saddle.benchmarks.judges import mixtures
from saddle.benchmarks.protocol import Row
from saddle.benchmarks.ring8 import pacgan
from saddle.evaluation.measures.modes import PROTOCOLS

SOURCE = "Lin et al. 2018, arXiv:1712.04086, table 1"

R3GAN = Row(
    "r3gan",
    pacgan.R3GAN
    | {"gamma": 0.3, "gamma_end": 0.005, "burn_in": 1_200_000, "decay_from": 1_280_000, "decay_until": 2_560_000},
    "ours: perceptrons of 4 layers of 128 units, an average of G; tuned for 20,000 rounds, after which it rests",
)

PROTOCOL = replace(
    pacgan.PROTOCOL,
    data="grid25",
    rounds=20_000,
    rows=pacgan.ROWS | {"r3gan": R3GAN},
    judge=mixtures(PROTOCOLS["pacgan"], 25, 2_500),
    published=pacgan.printed(
        (
            ("GAN", (17.3, 0.8), (0.948, 0.007), (0.70, 0.07)),
            ("ALI", (24.1, 0.4), (0.957, 0.006), (0.14, 0.03)),
            ("PacGAN2", (23.8, 0.7), (0.913, 0.008), (0.13, 0.04)),
            ("PacGAN3", (24.6, 0.4), (0.942, 0.004), (0.06, 0.02)),
            ("PacGAN4", (24.8, 0.2), (0.936, 0.006), (0.04, 0.01)),
        )
    ),
    card={**pacgan.PROTOCOL.card, "data": "25 equal Gaussians of deviation 0.05 at {-4, -2, 0, 2, 4}² (`grid25`)"},
)

"""VEEGAN's grid: 25 Gaussians, small perceptrons with z of 254 numbers.

Settings are those that public adaptations of the authors' notebook for the ring have in common.
"""

from dataclasses import replace

from saddle.benchmarks.judges import mixtures
from saddle.benchmarks.ring8 import veegan
from saddle.evaluation.measures.modes import PROTOCOLS

SOURCE = "Srivastava et al. 2017, arXiv:1705.07761, table 1"

PROTOCOL = replace(
    veegan.PROTOCOL,
    data="grid25",
    judge=mixtures(PROTOCOLS["veegan"], 25, 2_500),
    published=veegan.printed(
        (
            ("GAN", 3.3, 0.005),
            ("ALI", 15.8, 0.016),
            ("Unrolled GAN", 23.6, 0.16),
            ("VEEGAN", 24.6, 0.40),
        ),
    ),
    differences=(
        "the number of rounds is not stated in the paper, and its program was not readable",
        "the critic has leaky ReLU, the adaptations of the program ReLU",
    ),
    card={**veegan.PROTOCOL.card, "data": "25 equal Gaussians of deviation 0.05 at {-4, -2, 0, 2, 4}² (`grid25`)"},
)

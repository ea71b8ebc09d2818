"""Unrolled GAN's ring: 8 Gaussians at radius 2, a small critic, 25,000 rounds.

Settings are those of the paper's appendix. The authors' demonstration on the web takes others, and its ring has 7
places: it sets 8 modes at angles from 0 to 2 pi, both ends included.
"""

from saddle.benchmarks.judges import mixtures
from saddle.benchmarks.protocol import Protocol, Row, usual_rows
from saddle.evaluation.measures.modes import PROTOCOLS

SOURCE = "Metz et al. 2017, arXiv:1611.02163, figure 2 and appendix A"

PROTOCOL = Protocol(
    data="ring8",
    rounds=25_000,
    published_rounds=25_000,
    seeds=10,
    published_seeds=None,
    samples=2_500,
    judge=mixtures(PROTOCOLS["veegan"], 8, 2_500),
    settings={
        "network": "metz-ring",
        "z_dim": 256,
        "batch": 512,
        "lr_generator": 1e-4,
        "lr_critic": 1e-4,
        "beta1": 0.5,
        "ema_half_life": 0,
    },
    rows={
        "gan": Row("gan"),
        "unroll-5": Row("gan", {"remedies": "unroll=5"}, "5 steps as in the authors' demonstration; the figure has 10"),
        "unroll-10": Row("gan", {"remedies": "unroll=10"}),
        **usual_rows(512),
    },
    default_rows=("gan", "unroll-5", "unroll-10", "rpgan-r1-r2"),
    published=(),
    differences=(
        "the paper prints a figure and no number; modes are counted by VEEGAN's rule, on 2,500 samples",
        "inputs of the critic are divided by 4, as in the paper, and weights are orthogonal with gain 0.8",
    ),
    card={
        "data": "8 equal Gaussians of deviation 0.02 at radius 2 (`ring8`)",
        "networks": "G: z of 256 normal numbers, 2 layers of 128 ReLU, linear; D: input / 4, one layer of 128 ReLU, "
        "linear; orthogonal weights of gain 0.8",
        "optimiser": "Adam 1e-4, beta1 0.5, beta2 0.999, batch 512, in turn, non-saturating",
        "counting": "none in the paper; VEEGAN's here: 2,500 samples, of high quality within 3 deviations",
    },
)

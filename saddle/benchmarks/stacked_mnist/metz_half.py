"""Stacked digits against a critic of half of the generator's width: the milder test of collapse of Unrolled GAN.

Settings are those of PacGAN's program for the same test, which states what the first paper leaves open.
"""

from dataclasses import replace

from saddle.benchmarks.stacked_mnist import metz_quarter
from saddle.benchmarks.stacked_mnist.metz_quarter import METZ, PACGAN, PROGAN, printed

SOURCE = "Metz et al. 2017, arXiv:1611.02163; Lin et al. 2018, arXiv:1712.04086, table 3"

PROTOCOL = replace(
    metz_quarter.PROTOCOL,
    settings=metz_quarter.SETTINGS | {"network": "metz-half"},
    published=printed(
        (
            ("DCGAN", METZ, "", (628.0, 140.9), (2.58, 0.75)),
            ("Unrolled, 1 step", METZ, "", (523.6, 55.77), (2.44, 0.26)),
            ("Unrolled, 5 steps", METZ, "", (732.0, 44.98), (1.66, 0.09)),
            ("Unrolled, 10 steps", METZ, "", (817.4, 37.91), (1.43, 0.12)),
            ("DCGAN", PACGAN, "se", (487.7, 34.59), (2.24, 0.15)),
            ("PacDCGAN2", PACGAN, "se", (840.7, 15.92), (1.00, 0.05)),
            ("PacDCGAN3", PACGAN, "se", (866.6, 12.10), (0.90, 0.04)),
            ("PacDCGAN4", PACGAN, "se", (820.2, 25.50), (1.15, 0.14)),
            ("WGAN-GP", PROGAN, "std", (772.4, 146.5), (1.35, 0.55)),
            ("WGAN-GP, ProGAN's normalisation", PROGAN, "std", (886.6, 58.5), (0.98, 0.33)),
            ("... and minibatch deviation", PROGAN, "std", (918.3, 30.2), (0.89, 0.21)),
            ("... and growing", PROGAN, "std", (919.8, 35.1), (0.82, 0.13)),
        )
    ),
    card={
        **metz_quarter.PROTOCOL.card,
        "networks": metz_quarter.PROTOCOL.card["networks"].replace("2, 4, 8 channels", "4, 8, 16 channels"),
    },
)

"""What the mathematics says: small games with known answers, on the same engine that trains images.

Games come by name from here, the mathematics module by module: ``discrete.kl``, ``gaussians.kl``,
``quadrature.divergence``.
"""

from saddle.theory import critics, discrete, field, gaussians, quadrature, transport
from saddle.theory.dirac import DIRAC_PENALTIES, dirac
from saddle.theory.games import (
    bilinear,
    matrix_game,
    rock_paper_scissors,
    schedule,
    strategies,
    two_time_scales,
    values,
)
from saddle.theory.linear_wgan import linear_wgan

__all__ = [
    "DIRAC_PENALTIES",
    "bilinear",
    "critics",
    "dirac",
    "discrete",
    "field",
    "gaussians",
    "linear_wgan",
    "matrix_game",
    "quadrature",
    "rock_paper_scissors",
    "schedule",
    "strategies",
    "transport",
    "two_time_scales",
    "values",
]

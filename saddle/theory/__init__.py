"""What the mathematics says: small games with known answers, on the same engine that trains images."""

from saddle.theory.games import DIRAC_PENALTIES, bilinear, dirac, values

__all__ = ["DIRAC_PENALTIES", "bilinear", "dirac", "values"]

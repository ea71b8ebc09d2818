"""Random colour, place and cut-outs in all images that the critic sees, real and generated, that G learns through.

The policy is the paper's strongest, "color,translation,cutout".
"""

from torch import nn

from saddle.config import require
from saddle.data.augment import diff_augment
from saddle.data.spec import Spec
from saddle.networks import Augmented
from saddle.recipes.settings import Adversarial

__all__ = ["POLICY", "networks"]

SOURCE = "Zhao et al. 2020, arXiv:2006.10738"
KIND = "input"
POLICY = "color,translation,cutout"
"""The steps, in this order."""


def networks(config: Adversarial, spec: Spec, G: nn.Module, D: nn.Module) -> tuple[nn.Module, nn.Module]:
    """D behind the policy."""
    require(not spec.points, "remedies", "diffaugment", "images to augment, and these data are points")
    return G, Augmented(D, lambda x, rng: diff_augment(x, POLICY, rng))

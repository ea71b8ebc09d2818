"""Every weight matrix of the critic divided by its largest singular value, so that it cannot be steep.

One step of the power iteration a use. The generator is left as it is.
"""

from torch import nn

from saddle.config import require
from saddle.data.spec import Spec
from saddle.game import Game
from saddle.networks import spectral_norm
from saddle.networks.spectral import SPECTRAL
from saddle.recipes.settings import Adversarial

__all__ = ["networks", "rules"]

SOURCE = "Miyato et al. 2018, arXiv:1802.05957"
KIND = "weights"


def networks(config: Adversarial, spec: Spec, G: nn.Module, D: nn.Module) -> tuple[nn.Module, nn.Module]:
    """D normalised, in place."""
    layers = [layer for layer in D.modules() if isinstance(layer, SPECTRAL)]
    whole = all(bool(layer.weight.detach().count_nonzero()) for layer in layers)
    require(whole, "remedies", "spectral-norm", "a critic none of whose layers starts at zero, which has no norm")
    return G, spectral_norm(D)


def rules(game: Game, config: Adversarial) -> Game:
    """The game as it is, unless its critic is bounded already."""
    expected = "a critic whose weights are not clipped as well"
    require(game["D"].project is None, "remedies", "spectral-norm", expected)
    return game

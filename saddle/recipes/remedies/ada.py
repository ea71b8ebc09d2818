"""Random geometry and colour in all images that the critic sees, as often as it has begun to learn the data by heart.

Each transformation is applied with a probability p that rises while r_t = E[sign(D(x))] over real images is above a
target, 0.6: every 4 critic steps, and from 0 to 1 in 500,000 images at the fastest, as in the paper; its CIFAR runs use
the same. Transformations are the blits, geometry and colours of its appendix B. Logged: ``ada.p``, and r_t, ``ada.r``.
"""

import torch
from torch import Tensor, nn

from saddle.config import require
from saddle.data.ada import AdaptiveStrength, ada_augment
from saddle.data.spec import Batch, Spec
from saddle.game import Game, Loss, Terms
from saddle.networks import Augmented
from saddle.recipes.settings import Adversarial
from saddle.recipes.watch import calls_of, changed, look_at

__all__ = ["RANGE", "STRENGTH", "Adaptive", "networks", "rules"]

SOURCE = "Karras et al. 2020, arXiv:2006.06676"
KIND = "input"
STRENGTH = 0.6
"""The target of r_t = E[sign(D(x))]."""
RANGE = "a target of the mean sign r_t in (-1, 1)"
"""The higher, the longer the critic may learn the data by heart."""


class Adaptive:
    """The augmentation at its present strength, which the game keeps among its controls.

    Args:
        target: the mean sign that p is to bring about.
    """

    def __init__(self, target: float) -> None:
        self.strength = AdaptiveStrength(target)
        self.seen: Tensor | None = None  # lives from the loss to the end of its step: no need to save

    def __call__(self, x: Tensor, rng: torch.Generator) -> Tensor:
        return ada_augment(x, self.strength.p, rng)

    def follow(self) -> None:
        """Note the outputs of the last loss on real images."""
        assert self.seen is not None
        self.strength.update(self.seen)


def networks(
    config: Adversarial, spec: Spec, G: nn.Module, D: nn.Module, strength: float
) -> tuple[nn.Module, nn.Module]:
    """D behind the augmentation."""
    require(not spec.points and spec.channels in (1, 3), "remedies", "ada", "images of 1 or 3 channels to augment")
    require(config.outputs == "logit", "remedies", "ada", "a critic whose outputs are above 0 for real images")
    return G, Augmented(D, Adaptive(strength))


def rules(game: Game, config: Adversarial, strength: float) -> Game:
    """The game whose critic steps move the strength."""
    wrapped = (module.augment for module in game["D"].module.modules() if isinstance(module, Augmented))
    adaptive = next(augment for augment in wrapped if isinstance(augment, Adaptive))

    def change(old: Loss) -> Loss:
        def loss(batch: Batch, rng: torch.Generator) -> Terms:
            with calls_of(game, batch) as calls:
                terms = old(batch, rng)
            adaptive.seen = look_at(calls, "real", "ada").out.detach()
            return terms

        return loss

    game.controls = {**game.controls, "ada": adaptive.strength}
    return changed(game, "D", change, after=adaptive.follow)

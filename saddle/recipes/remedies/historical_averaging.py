"""Both players are pulled to the mean of all their past weights, so that players that circle come to the centre.

Term of each: |theta - 1/t sum_i theta[i]|_2^2 with weight 1 by default, as the paper writes it. The past begins with
the initial weights and grows by one at each of the player's steps.
"""

import torch
from torch import Tensor, nn

from saddle.data.spec import Batch
from saddle.game import Game, Loss, Terms
from saddle.objectives import historical_averaging, historical_means
from saddle.recipes.settings import Adversarial
from saddle.recipes.watch import changed

__all__ = ["RANGE", "STRENGTH", "History", "rules"]

SOURCE = "Salimans et al. 2016, arXiv:1606.03498"
KIND = "term"
STRENGTH = 1.0
"""Weight of the squared distance."""
RANGE = "a weight in (0, 1000]"
"""Much more, and the players do not leave their start."""


class History(nn.Module):
    """The mean of a network's past weights and how many they were, which are saved with the game.

    Args:
        net: whose weights; as they are now, they are the first.
    """

    t: Tensor

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.register_buffer("t", torch.ones(()))
        self.count = len([*net.parameters()])
        for i, weight in enumerate(net.parameters()):
            self.register_buffer(f"mean{i}", weight.detach().clone())

    @property
    def means(self) -> list[Tensor]:
        """A mean for each of the network's parameters, in their order."""
        return [self.get_buffer(f"mean{i}") for i in range(self.count)]

    def follow(self, net: nn.Module) -> None:
        """Count the weights as they are now."""
        self.t.add_(1)
        for mean, new in zip(self.means, historical_means([*net.parameters()], self.means, self.t), strict=True):
            mean.copy_(new)


def rules(game: Game, config: Adversarial, strength: float) -> Game:
    """The game with the term in the moves of both."""
    for name in ("D", "G"):
        game = _pulled(game, name, strength)
    return game


def _pulled(game: Game, name: str, weight: float) -> Game:
    net = game[name].module
    history = History(net)

    def change(old: Loss) -> Loss:
        def loss(batch: Batch, rng: torch.Generator) -> Terms:
            pull = historical_averaging([*net.parameters()], history.means)
            return old(batch, rng) | {"history": weight * pull}

        return loss

    game.controls = {**game.controls, f"history_{name}": history}
    return changed(game, name, change, after=lambda: history.follow(net))

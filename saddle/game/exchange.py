"""Calling a loss with other tensors in the place of a game's weights and buffers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.func import functional_call

from saddle.config import require
from saddle.game.game import Game
from saddle.game.programs import eager

__all__ = ["Exchange", "tensors_of"]


class Exchange(nn.Module):
    """The modules that a game's losses close over, players and controls, so that their tensors can be exchanged.

    >>> import torch
    >>> from saddle.theory import bilinear
    >>> game = bilinear(lr=0.1, x0=2.0, y0=3.0)
    >>> exchange = Exchange(game)
    >>> [name] = exchange.names(game["y"].parameters)
    >>> exchange.run({name: torch.tensor(5.0)}, game.moves[0].loss, None, game.rng)["value"].item()  # f(x, y) = xy
    10.0
    """

    def __init__(self, game: Game) -> None:
        super().__init__()
        self.players = nn.ModuleDict({player.name: player.module for player in game.players})
        self.controls = nn.ModuleDict(dict(game.controls))

    def names(self, tensors: Sequence[Tensor]) -> list[str]:
        """The names of some of its tensors, in their order."""
        names = {id(tensor): name for name, tensor in tensors_of(self).items()}
        return [names[id(tensor)] for tensor in tensors]

    def run(self, tensors: Mapping[str, Tensor], function: Callable[..., Any], *args: Any) -> Any:
        """Call ``function(*args)`` with ``tensors`` in the place of those of the same names; these come back after.

        Raises:
            ValueError: the function replaces a tensor by another in place of changing it, which would be lost.
        """
        left = dict(tensors)
        with eager():  # a program knows these networks' own weights, and has no second derivative
            result = functional_call(self, left, (function, *args))
        for name, tensor in tensors.items():
            require(left[name] is tensor, "buffer", name, "one that is changed in place, not replaced")
        return result

    def forward(self, function: Callable[..., Any], *args: Any) -> Any:
        return function(*args)


def tensors_of(module: nn.Module) -> dict[str, Tensor]:
    """A module's parameters and then its buffers, by name."""
    return dict(module.named_parameters()) | dict(module.named_buffers())

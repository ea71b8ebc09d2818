"""Rounds of the convolution recipes and the operations in them: what `round.py` and `gains.py` share."""

from collections.abc import Callable, Iterator
from math import prod
from time import perf_counter
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from saddle.data.spec import Batch, Spec
from saddle.game import Game, play
from saddle.recipes import find

aten = torch.ops.aten
PRODUCTS = {aten.mm: 0, aten.bmm: 0, aten.addmm: 1, aten.baddbmm: 1}
"""Products of matrices, and which argument is the first factor."""
SIZE, CLASSES = 32, 10
ADVERSARIAL = ("dcgan", "wgan-gp", "dragan", "acgan", "cgan", "infogan", "sgan", "ali", "bigan", "veegan", "began")
DEEP = ("sngan", "sagan", "biggan", "progan", "stylegan", "stylegan2", "r3gan")
SETTINGS: dict[str, dict[str, Any]] = {
    **{name: {} for name in (*ADVERSARIAL, *DEEP)},
    "progan": {"first": SIZE},  # full-grown
    "stylegan": {"first": SIZE},
    "ae": {"network": "conv"},
    "vae": {"network": "conv"},
}
"""The recipes with convolutions, and what is set besides their defaults."""


def build(name: str, width: int | None = None, batch: int | None = None, device: str = "cpu") -> Game:
    """A recipe's game on labelled grey images of 32 pixels, at its own batch and width or at others."""
    recipe = find(name)
    wide = {} if width is None else {"width": width} | _not_below(recipe.Config, width)
    torch.manual_seed(0)
    many = {} if batch is None else {"batch": batch}
    config = recipe.Config(**SETTINGS[name] | wide | many)
    game: Game = recipe.build(config, Spec(1, SIZE, classes=CLASSES)).to(device).seed(0)
    return game


def rounds(game: Game, name: str, batch: int | None = None) -> Iterator[object]:
    """The game's rounds on one batch of noise."""
    size = batch or find(name).Config(**SETTINGS[name]).batch
    x = torch.randn(size, 1, SIZE, SIZE).clamp(-1, 1).contiguous(memory_format=torch.channels_last)
    drawn = Batch(x.to(game.device), torch.arange(size, device=game.device) % CLASSES)
    return play(game, lambda: drawn)


def lap(played: Iterator[object], count: int) -> float:
    """Seconds of a round, over so many."""
    start = perf_counter()
    for _ in range(count):
        next(played)
    return (perf_counter() - start) / count


def operations(name: str, width: int | None = None) -> tuple[float, float]:
    """Floating-point operations of a round's products and convolutions: as they are made, and in the plain formulation.

    They are counted while a period of rounds is played. The engine makes none that the algorithm does not need: no
    gradients in weights at rest, in z or in images. A convolution's gradients in its input and in its weights cost as
    much as itself. StyleGAN2's plain formulation doubles a map before it convolves it, and convolves it before it
    halves it, which counts a convolution of stride 2 at the finer of its two sides, 4 times.
    """
    game = build(name, width)
    played, count = rounds(game, name), game.period
    with Counter() as counter:
        for _ in range(count):
            next(played)
    return counter.made / count, counter.plain / count


class Counter(TorchDispatchMode):
    """Adds up the operations of what runs inside it, two for each multiplication and addition."""

    def __init__(self) -> None:
        super().__init__()
        self.made, self.plain = 0.0, 0.0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run a function and count it."""
        out = func(*args, **(kwargs or {}))
        kind = func.overloadpacket
        if kind in PRODUCTS:
            operations = 2.0 * out.numel() * args[PRODUCTS[kind]].shape[-1]
            self._add(operations, operations)
        elif kind is aten.convolution:
            self._convolution(args[0], args[1], out, 1)
        elif kind is aten.convolution_backward:
            self._convolution(args[1], args[2], args[0], sum(args[-1][:2]))  # the mask: in the input, in the weights
        return out

    def _convolution(self, x: Tensor, w: Tensor, out: Tensor, times: int) -> None:
        """Each place of the coarser side meets the whole kernel."""
        sides = sorted((prod(x.shape[2:]), prod(out.shape[2:])))
        self._add(*(2.0 * times * len(x) * w.numel() * side for side in sides))

    def _add(self, made: float, plain: float) -> None:
        self.made += made
        self.plain += plain


def _not_below(config: Any, width: int) -> dict[str, int]:
    """The cap on channels, where a recipe has one, at no less than eight times the width."""
    return {"widest": max(config.widest, 8 * width)} if hasattr(config, "widest") else {}


def product_speed(side: int = 2048) -> Callable[[], float]:
    """A function that multiplies two large matrices and returns the operations a second it reached."""
    a, b = torch.randn(side, side), torch.randn(side, side)
    out: Tensor = torch.empty(side, side)

    def once() -> float:
        start = perf_counter()
        torch.mm(a, b, out=out)
        return 2 * side**3 / (perf_counter() - start)

    return once

r"""Networks played as compiled programs, where nothing is differentiated twice and nobody listens inside.

``torch.compile`` turns a network's forward and backward pass into fused kernels, and has no second derivative. A call
therefore runs the network's own Python code, *eagerly*, wherever the program could not answer:

==============================================  ========================================================================
eager                                           why
==============================================  ========================================================================
a leaf that asks for a gradient is shown        it is there to be differentiated in: a penalty on the slope (R1, R2,
                                                WGAN-GP, DRAGAN), whose own gradient is a second derivative
inside `eager`                                  consensus and unrolled games differentiate gradients; `play_seeds` and
                                                unrolling exchange weights
evaluation mode                                 samples, scores and pictures come in any number: no program for each
a hook inside                                   features are overheard there; the network's parts are compiled instead
a network that is still growing                 each step of a fade would be another program
==============================================  ========================================================================

What is missing from this table is an error of torch's, never a wrong gradient. Weights, buffers and their names stay
the module's own: a checkpoint does not tell whether a game was compiled.
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FunctionType
from typing import Any

import torch
from torch import Tensor, nn

from saddle.config import require
from saddle.game.game import Game
from saddle.networks.augmented import Augmented
from saddle.networks.growing import Growing
from saddle.networks.instance_noise import InstanceNoise
from saddle.networks.joint import Bidirectional
from saddle.networks.styles import StyleGenerator

__all__ = ["compiled", "eager", "parts"]

WRAPPERS = (nn.ModuleDict, nn.ModuleList, Augmented, InstanceNoise, Bidirectional)
"""What stays Python, around parts that are compiled: it is not called itself, or differs from call to call."""
DRAWING = (StyleGenerator,)
"""What stays Python as a whole: it draws noise between its layers from the game's random numbers."""
_EAGERLY: ContextVar[bool] = ContextVar("eagerly", default=False)


def compiled(game: Game, backend: str | Callable[..., Any] = "inductor") -> Game:
    """Let a game's networks run as compiled programs where they can; returns the game.

    To be called when the game stands on its device. Nothing is compiled yet: a network's first calls do that, which
    takes seconds to minutes. Numbers are those of the eager game within rounding.

    Args:
        game: its players' networks are changed in place; averages are only ever looked at, so they stay as they are.
        backend: of ``torch.compile``.
    Raises:
        ValueError: this machine has no C++ compiler for torch to use, or nothing here can be compiled.

    >>> from saddle.game import play
    >>> from saddle.theory import bilinear
    >>> game = compiled(bilinear(lr=0.1), backend="eager")
    >>> [report.round for report in play(game, lambda: None, rounds=2)]
    [1, 2]
    """
    if backend == "inductor":
        refuse_without_compiler(game.device)
    for player in game.players:
        for part in parts(player.module):
            _Program(part, backend).install()
    return game


@contextmanager
def eager() -> Iterator[None]:
    """Inside, networks run their own code: for gradients of gradients in anything but a leaf, and for other weights."""
    token = _EAGERLY.set(True)
    try:
        yield
    finally:
        _EAGERLY.reset(token)


def parts(module: nn.Module) -> list[nn.Module]:
    """The largest parts of a module that are a program each; single layers, which have nothing to fuse, are none.

    >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    >>> parts(InstanceNoise(net, 0.1)) == [net]
    True
    """
    if isinstance(module, DRAWING):
        return []
    if isinstance(module, WRAPPERS):
        return [part for child in module.children() for part in parts(child)]
    return [module] if next(module.children(), None) is not None else []


def refuse_without_compiler(device: torch.device) -> None:
    """See that torch can compile on this device, by compiling a line.

    Raises:
        ValueError: it cannot; says what is missing.
    """
    if device.type == "cpu":
        name = os.environ.get("CXX") or ("clang++" if sys.platform == "darwin" else "g++")
        there = shutil.which(name) is not None
        require(there, "compile", True, f"a C++ compiler, and there is no {name} here: install one, or set CXX to it")
    try:
        torch.compile(_line, options=_OPTIONS)(torch.zeros(8, device=device))
    except RuntimeError as error:  # torch's own are of this kind
        told = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise ValueError(f"compile=True: expected a machine on which torch can compile, and it says: {told}") from error


class _Program:
    """A network's forward: the compiled program where it can answer, else the network's own code."""

    def __init__(self, module: nn.Module, backend: str | Callable[..., Any]) -> None:
        self.module, self.backend, self.own = module, backend, module.forward
        self.inside = [part for part in module.modules() if part is not module]
        self.growing = [part for part in module.modules() if isinstance(part, Growing)]
        self.weights = list(module.parameters())
        self.programs: dict[tuple[bool, ...], Callable[..., Any]] = {}

    def __call__(self, *args: Any) -> Any:
        if self._must_be_eager(args):
            return self.own(*args)
        if any(part._forward_hooks or part._forward_pre_hooks for part in self.inside):
            self._divide()
            return self.own(*args)  # whose parts are programs now
        return self._program()(*args)

    def install(self) -> None:
        """Take the place of the class's forward: hooks on the module itself run around it, as ever."""
        vars(self.module)["forward"] = self

    def _must_be_eager(self, args: tuple[Any, ...]) -> bool:
        return (
            _EAGERLY.get()
            or not self.module.training
            or any(net.depth < net.stages - 1 for net in self.growing)
            or not all(_ordinary(x) for x in args)
        )

    def _program(self) -> Callable[..., Any]:
        """The program for the weights that want gradients now: some of torch's releases do not see that change."""
        moving = tuple(p.requires_grad for p in self.weights)
        if moving not in self.programs:
            options = _OPTIONS if self.backend == "inductor" else None
            # one size of batch, one program: training has a few sizes at most, and torch gives up after eight programs
            self.programs[moving] = torch.compile(
                _entry(self.own), backend=self.backend, dynamic=False, options=options
            )
        return self.programs[moving]

    def _divide(self) -> None:
        """Leave the module to Python and compile its parts; those that hold a hook divide in their turn."""
        del vars(self.module)["forward"]
        for child in self.module.children():
            for part in parts(child):
                _Program(part, self.backend).install()


_OPTIONS: dict[str, Any] = {"fallback_random": True}  # dropout draws the numbers that it draws eagerly


def _ordinary(x: Any) -> bool:
    """Whether an argument is data: no leaf to be differentiated in, no tensor that stands for several."""
    return x is None or (type(x) is Tensor and not (x.is_leaf and x.requires_grad))


def _entry(forward: Callable[..., Any]) -> Callable[..., Any]:
    """The forward behind a function with code of its own: torch keeps, counts and limits programs by code object."""

    def entry(*args: Any) -> Any:
        return forward(*args)

    return FunctionType(entry.__code__.replace(), globals(), entry.__name__, None, entry.__closure__)


def _line(x: Tensor) -> Tensor:
    return 2 * x + 1

"""The nouns of adversarial training: a player, a move, a game, and how people look at one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import lcm

import torch
from torch import Tensor, nn

from saddle.config import require
from saddle.data.spec import Batch
from saddle.game.average import Average

__all__ = ["Draw", "Game", "Loss", "Move", "Nets", "Player", "Sampler", "Terms"]

Terms = dict[str, Tensor]
"""Named scalars. A move minimises their sum; their values are its log."""
Loss = Callable[[Batch, torch.Generator], Terms]
"""A move's aim: a function of what was drawn and of the game's random numbers. It never steps, logs or prints."""
Draw = Callable[[], Batch | None]
"""The data: each call gives the next batch. A game that looks at no data may be given ``lambda: None``."""
Nets = Mapping[str, nn.Module]
"""The players' networks by name, live or averaged."""


@dataclass(eq=False)
class Player:
    """A module with an optimiser over its own parameters."""

    name: str
    """Its name in moves, logs and checkpoints: ``"G"``."""
    module: nn.Module
    """One network, or an ``nn.ModuleDict`` of several that move together."""
    optimizer: torch.optim.Optimizer
    """Steps the module's parameters from their ``.grad``."""
    average: Average | None = None
    """A moving average of the weights, which samples are drawn from."""
    project: Callable[[nn.Module], None] | None = None
    """Brings the weights back to the feasible set after each step: weight clipping."""

    @property
    def parameters(self) -> list[Tensor]:
        """The tensors this player may move: those its optimiser holds, in its order."""
        return [p for group in self.optimizer.param_groups for p in group["params"]]


@dataclass(frozen=True)
class Move:
    """This player steps down this loss, so often."""

    player: str
    """Name of the mover. The gradient is taken in its parameters only."""
    loss: Loss
    """What the mover minimises."""
    repeats: int = 1
    """Steps in a row each time the move is due: the k of Algorithm 1 for the critic."""
    every: int = 1
    """Due once in so many rounds: lazy regularisation."""
    fresh: bool = True
    """Whether each step draws a new batch, or looks again at the last one drawn."""
    after: Callable[[Terms], None] | None = None
    """Told the measured terms after each step: where a control variable (BEGAN's k) follows the game."""

    def __post_init__(self) -> None:
        require(self.repeats >= 1, "repeats", self.repeats, "1 or more steps")
        require(self.every >= 1, "every", self.every, "1 or more rounds")


@dataclass(frozen=True)
class Sampler:
    """How people look at a game: where z comes from and what the networks make of it."""

    prior: Callable[[int, torch.Generator], Tensor]
    """n -> z (n, z_dim), on the generator's device."""
    generate: Callable[[Nets, Tensor, Tensor | None], Tensor]
    """networks, z, labels or None -> x, shaped as the data."""
    score: Callable[[Nets, Tensor, Tensor | None], Tensor] | None = None
    """networks, x, labels or None -> the critic's output (N,): a logit, a value or an energy."""
    reconstruct: Callable[[Nets, Tensor], Tensor] | None = None
    """networks, x -> its reconstruction, for games with an encoder."""
    classes: int = 0
    """Number of labels that ``generate`` asks for; 0: it takes none."""
    own_labels: bool = False
    """Whether those are not the data's labels but what the game found for itself: InfoGAN's categories."""


@dataclass(eq=False)
class Game:
    """Players, their moves in order, and the state a round leaves behind.

    ``play`` plays it; ``checkpoint`` saves and restores all of it.
    """

    players: Sequence[Player]
    """Who plays; names are unique."""
    moves: Sequence[Move]
    """What they do in a round, in this order."""
    sampler: Sampler | None = None
    """How to draw from it, where it generates anything."""
    dynamics: "Callable[[Game, Draw], Terms] | None" = None
    """How a round is played; None: alternating."""
    controls: Mapping[str, nn.Module] = field(default_factory=dict)
    """Modules whose buffers follow the game without being anyone's weights: BEGAN's k."""
    schedules: Sequence[Callable[[int], None]] = ()
    """Called at the start of each round with the images seen so far. Pure functions of it: they need no saving."""
    share: Callable[[Batch, torch.Generator], Batch] | None = None
    """Applied once to each batch drawn: fills ``fake`` for recipes that use one fake batch in two moves."""
    autocast: torch.dtype | None = None
    """Precision of the losses' matrix products: ``torch.bfloat16``, or None for float32."""
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    """Where the networks and the random numbers live; set by ``to``."""
    round: int = 0
    """Rounds played."""
    images: int = 0
    """Real samples drawn so far, over all draws."""

    def __post_init__(self) -> None:
        names = [player.name for player in self.players]
        require(len(set(names)) == len(names), "players", names, "names that differ")
        for move in self.moves:
            require(move.player in names, "move", move.player, f"the name of a player: {', '.join(names)}")
        self.rng = torch.Generator().manual_seed(0)
        self.batch: Batch | None = None

    def __getitem__(self, name: str) -> Player:
        return next(player for player in self.players if player.name == name)

    def seed(self, seed: int) -> "Game":
        """Start the game's random numbers (z, labels, penalty points) from ``seed``; returns the game."""
        self.rng = torch.Generator(self.device).manual_seed(seed)
        return self

    def to(self, device: torch.device | str) -> "Game":
        """Move networks, averages, controls and random numbers to a device, images as channels_last; returns the game.

        To be called before the first round: the optimisers have no state to move yet.
        """
        self.device = torch.device(device)
        for player in self.players:
            for module in (player.module, player.average):
                if module is not None:
                    _place(module, self.device)
        for control in self.controls.values():
            control.to(self.device)
        return self.seed(self.rng.initial_seed())

    def nets(self, averaged: bool = False) -> Nets:
        """The players' networks by name; with ``averaged``, the moving average where a player keeps one."""
        return {p.name: p.average.module if averaged and p.average is not None else p.module for p in self.players}

    def due(self) -> list[Move]:
        """The moves of the coming round."""
        return [move for move in self.moves if self.round % move.every == 0]

    @property
    def period(self) -> int:
        """Rounds after which the moves repeat: 16 where a penalty is taken so seldom."""
        return lcm(*(move.every for move in self.moves))

    def look(self, move: Move, draw: Draw) -> Batch:
        """What the mover is given to look at: a new batch, or the last one again."""
        if move.fresh or self.batch is None:
            batch = draw() or _NOTHING
            self.images += len(batch.x)
            self.batch = batch if self.share is None else self.share(batch, self.rng)
        return self.batch

    @contextmanager
    def frozen(self, mover: str) -> Iterator[None]:
        """While one player moves the others stand still: no graph is built for weights that will get no gradient."""
        resting = [p for player in self.players if player.name != mover for p in player.parameters]
        for p in resting:
            p.requires_grad_(False)
        try:
            yield
        finally:
            for p in resting:
                p.requires_grad_(True)


_NOTHING = Batch(x=torch.empty(0))


def _place(module: nn.Module, device: torch.device) -> None:
    module.to(device)
    for p in [*module.parameters(), *module.buffers()]:
        if p.dim() == 4:  # convolution kernels; channels_last keeps images and kernels in one layout
            p.data = p.data.contiguous(memory_format=torch.channels_last)

"""Looking at a game without disturbing it: samples, scores and reconstructions from its networks at rest."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from saddle.config import require
from saddle.game.game import Game, Nets, Sampler

Look = Callable[[Nets, Tensor, Tensor | None], Tensor]

__all__ = ["as_in_training", "at_rest", "generate", "latents", "reconstruct", "sample", "score"]


@contextmanager
def at_rest(game: Game, averaged: bool = True) -> Iterator[Nets]:
    """The networks by name in evaluation mode, averaged where a player keeps an average; training mode comes back."""
    nets = game.nets(averaged)
    modes = [(module, module.training) for net in nets.values() for module in net.modules()]
    for net in nets.values():
        net.eval()
    try:
        with torch.no_grad():
            yield nets
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def as_in_training(game: Game, seed: int = 0) -> Iterator[Nets]:
    """The live networks by name as they are in training; their buffers and torch's random numbers come back after.

    Batch normalisation's running statistics mix real and generated batches. With them in place of a batch's own, as at
    rest, a critic's outputs can even change sides.
    """
    nets = game.nets()
    modes = [(module, module.training) for net in nets.values() for module in net.modules()]
    kept = [(buffer, buffer.clone()) for net in nets.values() for buffer in net.buffers()]
    devices = [game.device] if game.device.type == "cuda" else []
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=devices):
            torch.manual_seed(seed)  # dropout and instance noise draw from torch's own numbers
            for net in nets.values():
                net.train()
            yield nets
    finally:
        for module, training in modes:
            module.training = training
        for buffer, old in kept:
            buffer.copy_(old)


def latents(game: Game, n: int, seed: int) -> Tensor:
    """n draws of z (n, z_dim) from a generator of their own, so that looking never shifts the game's random numbers."""
    rng = torch.Generator(game.device).manual_seed(seed)
    return _sampler(game).prior(n, rng)


def generate(game: Game, z: Tensor, y: Tensor | None = None, averaged: bool = True, batch: int = 250) -> Tensor:
    """What the generator makes of z (n, z_dim), with labels y (n,) for games that have them: float32, on the CPU.

    Raises:
        ValueError: the game asks for labels and got none, or the other way round.
    """
    classes = _sampler(game).classes
    require((y is None) == (classes == 0), "label", y, f"labels in [0, {classes})" if classes else "no labels here")
    make = _sampler(game).generate
    return _in_batches(game, lambda nets, z, y: make(nets, z, y), z, y, averaged, batch)


def sample(
    game: Game, n: int, seed: int, y: Tensor | None = None, averaged: bool = True
) -> tuple[Tensor, Tensor | None]:
    """n samples, and their labels for games that have them (drawn uniformly when ``y`` is not given)."""
    z, classes = latents(game, n, seed), _sampler(game).classes
    if y is None and classes:
        y = torch.randint(classes, (n,), generator=torch.Generator().manual_seed(seed))
    return generate(game, z, y, averaged), y


def score(game: Game, x: Tensor, y: Tensor | None = None, batch: int = 100) -> Tensor:
    """The live critic's output (N,) for samples x of one kind, real or generated, on the CPU.

    The critic is as in training, so that a batch is normalised by its own statistics: do not mix kinds in one call.

    Raises:
        ValueError: this game has no critic.
    """
    rate = _sampler(game).score
    if rate is None:
        raise ValueError("critic=None: expected a game with a critic")
    with as_in_training(game) as nets:
        return _pieces(game, nets, rate, x, y, batch)


def reconstruct(game: Game, x: Tensor, batch: int = 250) -> Tensor:
    """Reconstructions of x by a game with an encoder, on the CPU.

    Raises:
        ValueError: this game has no encoder.
    """
    rebuild = _sampler(game).reconstruct
    if rebuild is None:
        raise ValueError("encoder=None: expected a game that reconstructs, such as ae or vae")
    return _in_batches(game, lambda nets, x, y: rebuild(nets, x), x, None, averaged=True, batch=batch)


def _sampler(game: Game) -> Sampler:
    if game.sampler is None:
        raise ValueError("sampler=None: expected a game that generates something")
    return game.sampler


def _in_batches(
    game: Game,
    function: Look,
    x: Tensor,
    y: Tensor | None,
    averaged: bool,
    batch: int,
) -> Tensor:
    with at_rest(game, averaged) as nets:
        return _pieces(game, nets, function, x, y, batch)


def _pieces(game: Game, nets: Nets, function: Look, x: Tensor, y: Tensor | None, batch: int) -> Tensor:
    pieces = [
        function(nets, x[i : i + batch].to(game.device), None if y is None else y[i : i + batch].to(game.device))
        for i in range(0, len(x), batch)
    ]
    return torch.cat([piece.float().cpu().contiguous() for piece in pieces])

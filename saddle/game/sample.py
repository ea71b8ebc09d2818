"""Looking at a game without disturbing it: samples, scores and reconstructions from its networks at rest."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from saddle.config import require
from saddle.game.game import Game, Nets, Sampler
from saddle.game.programs import eager

Look = Callable[[Nets, Tensor, Tensor | None], Tensor]
PASSES = 2000  # draws after which a number that is still beyond the threshold is one that no draw changes

__all__ = ["as_in_training", "at_rest", "generate", "latents", "reconstruct", "sample", "score", "truncated"]


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
        with torch.no_grad(), eager(), torch.random.fork_rng(devices=devices):
            torch.manual_seed(seed)  # dropout and instance noise draw from torch's own numbers
            for net in nets.values():
                net.train()
            yield nets
    finally:
        for module, training in modes:
            module.training = training
        for buffer, old in kept:
            buffer.copy_(old)


def latents(game: Game, n: int, seed: int, truncation: float = math.inf) -> Tensor:
    """n draws of z (n, z_dim) from a generator of their own, so that looking never shifts the game's random numbers.

    Args:
        game: whose prior is drawn from.
        n: how many.
        seed: of the generator.
        truncation: see `truncated`; infinite: the prior as it is.
    Returns:
        z on the game's device, drawn on the CPU: a seed means the same samples everywhere, within rounding.
    """
    rng, prior = torch.Generator().manual_seed(seed), _sampler(game).prior
    z = prior(n, rng) if math.isinf(truncation) else truncated(prior, n, truncation, rng)
    return z.to(game.device)


def truncated(
    prior: Callable[[int, torch.Generator], Tensor], n: int, threshold: float, rng: torch.Generator
) -> Tensor:
    """n rows of a prior in which every number beyond the threshold is drawn again until it is not.

    Of a normal prior that is BigGAN's truncation trick: z_i ~ N(0, 1) given |z_i| <= threshold. A lower threshold gives
    samples that are better one by one and more alike.

    Args:
        prior: n, rng -> (n, z_dim), whose numbers are independent of each other.
        n: how many rows.
        threshold: largest size of a number, 0.02 or more: below that too few draws are let through.
        rng: where the numbers come from.
    Returns:
        (n, z_dim).
    Raises:
        ValueError: the threshold is below 0.02, or some number of this prior never falls within it.
    Source: Brock et al. 2019, section 3.1, arXiv:1809.11096.

    >>> def prior(n, rng): return torch.randn(n, 4, generator=rng)
    >>> bool(truncated(prior, 1000, 0.5, torch.Generator().manual_seed(0)).abs().max() <= 0.5)
    True
    """
    require(threshold >= 0.02, "truncation", threshold, "0.02 or more")
    z = prior(n, rng)
    for _ in range(PASSES):
        beyond = z.abs() > threshold
        if not beyond.any():
            return z
        z = torch.where(beyond, prior(n, rng), z)
    raise ValueError(f"truncation={threshold}: expected a threshold within which all of this recipe's z can fall")


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
    game: Game, n: int, seed: int, y: Tensor | None = None, averaged: bool = True, truncation: float = math.inf
) -> tuple[Tensor, Tensor | None]:
    """n samples, and their labels for games that have them (drawn uniformly when ``y`` is not given).

    ``truncation`` is the largest size of the numbers in z, see `truncated`.
    """
    z, classes = latents(game, n, seed, truncation), _sampler(game).classes
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

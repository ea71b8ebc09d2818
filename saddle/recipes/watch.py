"""Watching the critic while a loss runs, so that a remedy adds its term without asking the critic again."""

from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from saddle.config import require
from saddle.data.spec import Batch
from saddle.game import Game, Loss, Move, Terms
from saddle.game.per_seed import PerSeed
from saddle.networks import Referenced
from saddle.recipes.critics import last

__all__ = ["Call", "calls_of", "changed", "look_at", "then", "with_features"]


@dataclass(frozen=True)
class Call:
    """What the critic was shown once, and its answer."""

    x: Tensor
    """The samples, as the loss gave them."""
    rest: tuple[Tensor, ...]
    """What came with them: labels."""
    out: Tensor
    """The outputs, as the loss got them."""


@contextmanager
def calls_of(
    game: Game, batch: Batch, change: Callable[[Tensor], Tensor] | None = None, leaves: Collection[str] = ()
) -> Iterator[dict[str, Call]]:
    """The critic's first look at the ``"real"`` samples of a batch and its first look at ``"fake"`` ones, once made.

    Looks at anything else, such as the points between the two where a slope is penalised, are not kept.

    Args:
        game: whose players D and G are watched.
        batch: what the loss is given.
        change: replaces the outputs on generated samples.
        leaves: which of the two are shown as tensors that gradients can be asked for.
    """
    made = [] if batch.fake is None else [batch.fake]
    calls: dict[str, Call] = {}

    def kind_of(x: Tensor) -> str | None:
        return "real" if _same(x, batch.x) else "fake" if any(_same(x, fake) for fake in made) else None

    def of_generator(_: nn.Module, args: Any, out: Tensor) -> None:
        made.append(out)

    def before_critic(_: nn.Module, args: Any) -> Any:
        x, *rest = args
        watch = kind_of(x) in leaves and not x.requires_grad
        return (x.detach().requires_grad_(True), *rest) if watch else None

    def of_critic(_: nn.Module, args: Any, out: Tensor) -> Tensor:
        x, *rest = args
        kind = kind_of(x)
        if kind == "fake" and change is not None:
            out = change(out)
        if kind is not None:
            calls.setdefault(kind, Call(x, tuple(rest), out))
        return out

    with ExitStack() as hooks:
        hooks.enter_context(game["G"].module.register_forward_hook(of_generator))
        if leaves:
            hooks.enter_context(game["D"].module.register_forward_pre_hook(before_critic))
        hooks.enter_context(game["D"].module.register_forward_hook(of_critic))
        yield calls


def look_at(calls: dict[str, Call], kind: str, remedy: str) -> Call:
    """The critic's look at samples of this kind.

    Raises:
        ValueError: the recipe's loss never shows them to it as they are; names the remedy.
    """
    shown = "the batch's real samples" if kind == "real" else "what G makes"
    require(kind in calls, "remedies", remedy, f"a recipe whose critic is shown {shown}, as they are, in a call")
    return calls[kind]


def with_features(game: Game, remedy: str, add: Callable[[Terms, Tensor, Tensor], Terms]) -> Game:
    """The game with other terms in G's moves, made of the critic's features: what goes into its last layer, (N, ...).

    Args:
        game: whose moves are changed.
        remedy: who asks, for the error.
        add: the loss's terms, features of the batch's real samples (without gradient), features of the samples that
            the loss made -> all terms.
    Raises:
        ValueError: it is not known where this critic has its features.
    """
    D, layer = game["D"].module, last(game["D"].module, remedy)
    skip = sum(module.size for module in D.modules() if isinstance(module, Referenced))  # rows that are no samples

    def change(old: Loss) -> Loss:
        def loss(batch: Batch, rng: torch.Generator) -> Terms:
            seen: list[Tensor] = []
            with layer.register_forward_pre_hook(lambda _, args: seen.append(args[0])):
                with calls_of(game, batch) as calls:
                    terms = old(batch, rng)
                fake = seen[-1]
                with torch.no_grad():
                    D(batch.x, *look_at(calls, "fake", remedy).rest)
            return add(terms, seen[-1][skip:], fake[skip:])

        return loss

    return changed(game, "G", change)


def changed(game: Game, player: str, change: Callable[[Loss], Loss], after: Callable[[], None] | None = None) -> Game:
    """The game with another loss in each of a player's moves, and something done after each of its steps."""

    def new(move: Move) -> Move:
        return replace(move, loss=change(move.loss), after=then(move.after, after))

    game.moves = [new(move) if move.player == player else move for move in game.moves]
    return game


def then(first: Callable[[Terms], None] | None, second: Callable[[], None] | None) -> Callable[[Terms], None] | None:
    """What follows a step: what did already, and then ``second``."""
    if second is None:
        return first

    def both(terms: Terms) -> None:
        if first is not None:
            first(terms)
        second()

    return both


def _same(a: Tensor, b: Tensor) -> bool:
    """Whether it is one batch, perhaps by another name that gradients can be asked for."""
    one, other = (x.stack if isinstance(x, PerSeed) else x for x in (a, b))
    return a is b or (one.shape == other.shape and one.data_ptr() == other.data_ptr())

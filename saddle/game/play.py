"""The training loop: ``for report in play(game, draw): ...``."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from saddle.game.dynamics import alternating
from saddle.game.game import Draw, Game, Terms

__all__ = ["Report", "play"]


@dataclass(frozen=True)
class Report:
    """What one round left to read."""

    round: int
    """Rounds played, this one included."""
    images: int
    """Real samples drawn so far."""
    terms: Terms
    """Each mover's loss terms and gradient norm, as ``"D.real"``, ``"D.gradient"``, and the numbers that controls hold,
    as ``"control.k"``; scalars on the game's device."""

    def values(self) -> dict[str, float]:
        """The terms as numbers. On an accelerator this waits for the device, so ask only when someone reads them."""
        return {name: float(value) for name, value in self.terms.items()}


def play(
    game: Game, draw: Draw, rounds: int | None = None, dynamics: Callable[[Game, Draw], Terms] | None = None
) -> Iterator[Report]:
    """Play a game, one report a round.

    Args:
        game: is changed in place: weights, optimisers, averages, controls, random numbers, ``round``, ``images``.
        draw: gives the next batch of real samples at each call; ``lambda: None`` for games that look at none.
        rounds: play until the game has played so many in all; None: for as long as the caller asks for reports.
        dynamics: how a round is played; by default as the game says, else alternating.
    Raises:
        NonFinite: a loss or gradient is not finite; the step that it would have spoilt is not made. An accelerator is
            asked every sixteenth round, since asking makes it wait: there, steps before may be spoilt.
    """
    step = dynamics or game.dynamics or alternating
    while rounds is None or game.round < rounds:
        for schedule in game.schedules:
            schedule(game.images)
        seen = game.images
        terms = step(game, draw)
        game.round += 1
        for player in game.players:
            if player.average is not None:
                player.average.update(player.module, batch=game.images - seen, seen=game.images)
        yield Report(game.round, game.images, terms | held(game))


def held(game: Game) -> Terms:
    """The numbers that the game's controls hold now: ``"control.k"``."""
    return {
        f"{name}.{key}": value.clone()
        for name, control in game.controls.items()
        for key, value in control.named_buffers()
        if value.dim() == 0
    }

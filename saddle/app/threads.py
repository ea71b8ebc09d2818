"""One thread or all of them: small networks run several times slower on two busy cores than on one."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from statistics import median
from time import perf_counter

import torch

from saddle.game import Game, NonFinite, Report, play
from saddle.game.game import Draw

__all__ = ["Timing", "time_rounds"]

Timing = dict[int, float]
"""Seconds a round takes, by number of threads."""


def time_rounds(make: Callable[[], tuple[Game, Draw]], candidates: list[int], seconds: float = 3.0) -> Timing:
    """Time rounds of a throw-away game under each number of threads, in turn, for about so long in all.

    The candidates alternate, so that a machine whose speed drifts treats them alike. Rounds are timed by whole periods
    of the game, of which each has its share of the lazy moves; the median counts.

    Args:
        make: builds a game and its data; torch's own random numbers come back to where they were.
        candidates: numbers of threads to try. The thread count is left as it was.
        seconds: time to spend, one round of each at least.
    """
    times: dict[int, list[float]] = {count: [] for count in candidates}
    before, begun = torch.get_num_threads(), perf_counter()
    with torch.random.fork_rng(devices=[]), suppress(NonFinite):  # the run itself will meet it, and say so
        game, draw = make()
        rounds = play(game, draw)
        for count in candidates:  # the first rounds allocate, and compile; they are nobody's time
            torch.set_num_threads(count)
            next(rounds)
        end = perf_counter() + seconds
        while perf_counter() < end or not all(times.values()):
            for count in candidates:
                torch.set_num_threads(count)
                times[count].append(_lap(rounds, game.period, end))
    torch.set_num_threads(before)
    return {count: median(found or [perf_counter() - begun]) for count, found in times.items()}


def _lap(rounds: Iterator[Report], count: int, end: float) -> float:
    """Mean seconds of so many rounds, or of those that are over by ``end``, but of one at least."""
    start, played = perf_counter(), 0
    while not played or (played < count and perf_counter() < end):
        next(rounds).values()  # reading the values waits for an accelerator
        played += 1
    return (perf_counter() - start) / played

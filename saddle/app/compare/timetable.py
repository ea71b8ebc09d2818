"""How long a study will take, and what would fit a given time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any

import torch

from saddle.app.compare.study import spell_target
from saddle.app.judge import Judge
from saddle.app.options import duration, spell_duration
from saddle.app.threads import time_rounds

if TYPE_CHECKING:
    from saddle.app.compare.prepare import Prepared
    from saddle.app.compare.study import Entry, Study
    from saddle.app.train import Plan

__all__ = ["POINTS", "Timetable", "images_a_round", "length", "time_measuring"]

POINTS = 8
"""Times a run is measured while it trains."""
ALLOWANCE = 8.0
"""Seconds a run takes beside its training: its process starts, writes a report, and its samples are measured."""


def length(seconds: Sequence[float], jobs: int) -> float:
    """Seconds until all is done when ``jobs`` workers take the pieces of work in turn.

    >>> length([3, 3, 3], 2)
    6.0
    """
    free = [0.0] * max(1, min(jobs, len(seconds)))  # when each worker is free again
    heapify(free)
    for piece in seconds:
        heapreplace(free, free[0] + piece)
    return max(free)


@dataclass(frozen=True)
class Timetable:
    """The runs still to be made, and what each takes."""

    study: "Study"
    """The study."""
    todo: Sequence["Entry"]
    """Its runs that are to be made now."""
    jobs: int
    """How many at once."""
    paces: Mapping[str, tuple[float, float]]
    """By arm's folder: seconds that a round takes, and the real images it draws; empty where only time is limited."""

    @classmethod
    def of(cls, prepared: "Prepared", todo: Sequence["Entry"], jobs: int) -> "Timetable":
        """Time some rounds of each arm, where the target is not a time."""
        timed = bool(todo) and prepared.study.target.keys() != {"budget"}
        paces = {arm.folder: _pace(arm.name, prepared.plans[arm.folder]) for arm in prepared.study.arms if timed}
        return cls(prepared.study, todo, jobs, paces)

    @property
    def seconds(self) -> float:
        """How long all of it takes."""
        return self._seconds(self.todo, self.study.target)

    def words(self, runs: int) -> str:
        """The line before a study: how many runs, how long, where.

        Args:
            runs: those done before included.
        """
        study = self.study
        done = f", {runs - len(self.todo)} of them done before" if len(self.todo) < runs else ""
        target = spell_target(study.target)
        head = f"{len(study.arms)} arms x {study.seeds} seeds on {study.data}: {runs} runs of {target}{done}"
        if not self.todo:
            return f"{head}; in {study.folder}"
        at_once = f"{min(self.jobs, len(self.todo))} at a time, one thread each"
        return f"{head}; {at_once}, about {spell_duration(self.seconds)}; into {study.folder}"

    def check(self, within: str) -> None:
        """Refuse a study that takes longer than it may.

        Raises:
            ValueError: it does not fit; says how long it takes, and what would fit.
        """
        most = duration(within, "within")
        if self.seconds <= most:
            return
        fits = [words for words in (self._fewer(most), self._shorter(most)) if words]
        told = f"what fits: {' or '.join(fits)}" if fits else "not even one seed of it fits"
        raise ValueError(
            f"within={within}: expected a study that fits; {len(self.todo)} runs of {spell_target(self.study.target)}, "
            f"{self.jobs} at a time, take about {spell_duration(self.seconds)}; {told}"
        )

    def _fewer(self, most: float) -> str:
        """The most seeds that fit, as a flag; nothing if none does."""
        first = self.study.seed
        for seeds in range(self.study.seeds - 1, 0, -1):
            kept = [entry for entry in self.todo if entry.seed < first + seeds]
            if self._seconds(kept, self.study.target) <= most:
                return f"--seeds {seeds}"
        return ""

    def _shorter(self, most: float) -> str:
        """The longest target that fits, as a flag; nothing if none does."""
        name, value = next(iter(self.study.target.items()))
        low, high = 0, int(duration(value) if name == "budget" else value)
        while low < high:  # the greatest whole number that fits, by halving
            middle = (low + high + 1) // 2
            changed = {name: f"{middle}s" if name == "budget" else middle}
            low, high = (middle, high) if self._seconds(self.todo, changed) <= most else (low, middle - 1)
        return f"--{name} {spell_duration(low) if name == 'budget' else low}" if low else ""

    def _seconds(self, entries: Sequence["Entry"], target: Mapping[str, Any]) -> float:
        # under a budget measuring is part of it, else it comes on top; the last one does so always
        times = POINTS if "budget" not in target else 1
        beside = ALLOWANCE + times * self.study.measuring
        return length([self._of_run(entry.arm.folder, target) + beside for entry in entries], self.jobs)

    def _of_run(self, arm: str, target: Mapping[str, Any]) -> float:
        """What one run trains for: the nearest of its targets."""
        limits = [duration(target["budget"])] if "budget" in target else []
        if arm in self.paces:
            seconds, images = self.paces[arm]
            limits += [target["rounds"] * seconds] if "rounds" in target else []
            limits += [target["images"] / images * seconds] if "images" in target else []
        return min(limits)


def images_a_round(plan: "Plan") -> float:
    """Real images that a round draws."""
    fresh = [move.repeats for move in plan.build().moves if move.fresh]
    return float(plan.settings.batch * max(fresh, default=1))


def time_measuring(plan: "Plan") -> float:
    """Seconds that `Judge` takes on one thread, once what it keeps in the cache is there.

    That is made here: else the runs that begin first would lose their time to it.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with TemporaryDirectory() as folder:
            judge, game = Judge(plan.data, Path(folder)), plan.build()
            judge.measure(game, 0.0)
            start = perf_counter()
            judge.measure(game, 0.0)
            return perf_counter() - start
    finally:
        torch.set_num_threads(threads)


def _pace(arm: str, plan: "Plan") -> tuple[float, float]:
    options = plan.options
    draw = plan.data.draw(plan.settings.batch, options.seed, plan.device, mirror=options.mirror)
    try:
        return time_rounds(lambda: (plan.build(), draw), [1], 0.3)[1], images_a_round(plan)
    except ValueError as error:  # settings that only a round finds out not to fit each other
        raise ValueError(f"arm={arm}: {error}") from error

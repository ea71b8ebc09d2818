"""The finished runs scored as the protocol says, each once: judged.json of a study."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from saddle.app.compare.scores import newest
from saddle.app.compare.study import Entry, Study
from saddle.app.pictures import aside
from saddle.app.progress import counting
from saddle.app.runs import Run, rebuild
from saddle.benchmarks.protocol import Protocol
from saddle.game import sample
from saddle.writing import write_text

if TYPE_CHECKING:
    from saddle.data import Dataset

__all__ = ["SEED", "Scores", "Values"]

FILE = "judged.json"
SEED = 2333
"""Of z, the same for all runs, and of the first set of real samples."""
Values = dict[str, float]
"""By column; infinite where a divergence is."""


@dataclass
class Scores:
    """What was scored, by run."""

    study: Study
    """The study."""
    protocol: Protocol
    """How."""
    held: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By `Entry.key`, and ``real``: the checkpoint, how, and values; null for infinite ones, or if the samples are."""

    @classmethod
    def read(cls, study: Study, protocol: Protocol) -> "Scores":
        """Those scored before; none if the file is not there or not whole, as runs can be scored again."""
        try:
            held = json.loads((study.folder / FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            held = {}
        rows = held.items() if isinstance(held, dict) else ()
        known = {"checkpoint", "how", "values"}
        return cls(study, protocol, {key: row for key, row in rows if isinstance(row, dict) and known <= row.keys()})

    def measure(self, data: "Dataset", entries: Sequence[Entry]) -> dict[Entry, str]:
        """Score what is not scored yet: finished runs, and sets of real samples.

        Args:
            data: what they trained on.
            entries: finished runs.
        Returns:
            Why, for runs that cannot be scored: no checkpoint is whole.
        """
        refused, wanted = {}, {"real", *(entry.key for entry in entries)}
        self.held = {key: row for key, row in self.held.items() if key in wanted}  # a run may have been begun anew
        self._hold("real", f"{data.fingerprint} {self.protocol.real_sets}", lambda: self._of_data(data))
        with counting("scoring") as progress:
            for done, entry in enumerate(entries):
                progress(done, len(entries))
                try:
                    self._hold(entry.key, newest(entry), partial(self._of_run, entry, data))
                except ValueError as error:
                    refused[entry] = str(error)
        return refused

    def values(self, entry: Entry) -> Values | None:
        """A run's values; None if it was not scored, or its samples are not finite."""
        held = self.held.get(entry.key, {}).get("values")
        return None if held is None else _with_infinity(held)

    def diverged(self, entry: Entry) -> bool:
        """Whether its samples were found not to be finite."""
        return entry.key in self.held and self.held[entry.key]["values"] is None

    @property
    def real(self) -> list[Values]:
        """Of each set of real samples."""
        return [_with_infinity(held) for held in self.held["real"]["values"]]

    def _hold(self, key: str, checkpoint: str, score: Callable[[], Any]) -> None:
        """Score this, unless it was scored before as it is, and write it down."""
        how = {"protocol": self.study.protocol, "rule": self.protocol.judge.words, "seed": SEED}
        made = {"checkpoint": checkpoint, "how": how}
        if made.items() <= self.held.get(key, {}).items():
            return
        self.held.pop(key, None)
        self.held[key] = made | {"values": score()}
        write_text(self.study.folder / FILE, json.dumps(self.held, indent=1, allow_nan=False) + "\n")

    def _of_run(self, entry: Entry, data: "Dataset") -> dict[str, float | None] | None:
        game = rebuild(Run.open(entry.run))
        with aside(game, SEED):
            x, _ = sample(game, self.protocol.samples, SEED)
        return _without_infinity(self.protocol.judge.score(x, data)) if bool(x.isfinite().all()) else None

    def _of_data(self, data: "Dataset") -> list[dict[str, float | None]]:
        n, judge = self.protocol.samples, self.protocol.judge
        sets = (torch.Generator().manual_seed(SEED + k) for k in range(self.protocol.real_sets))
        return [_without_infinity(judge.score(data.sample(n, rng).x, data)) for rng in sets]


def _without_infinity(values: Values) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def _with_infinity(held: dict[str, float | None]) -> Values:
    return {name: math.inf if value is None else value for name, value in held.items()}

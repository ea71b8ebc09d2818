"""The finished runs measured alike, each once: scores.json of a study."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from saddle.app.compare.study import Entry, Study
from saddle.app.progress import counting
from saddle.app.runs import Run
from saddle.app.sides import evaluate, model_of
from saddle.config import require
from saddle.evaluation.scoring import as_side
from saddle.evaluation.side import Side
from saddle.evaluation.table import MEASURES
from saddle.game import checkpoint
from saddle.writing import write_text

if TYPE_CHECKING:
    from saddle.data import Dataset

__all__ = ["PARTS", "Scores", "check_column", "columns", "distance"]

FILE = "scores.json"
SEED = 0
"""Of the real samples and of the measures: the same for all runs, whatever their own seed."""
PARTS = {"precision-recall": ("precision", "recall", "density", "coverage"), "modes": ("high_quality",)}
"""Numbers that a measure finds beside its value and that are columns of their own; more is better for all of them."""


def columns(measures: Sequence[str]) -> list[str]:
    """The columns of a table of measures: each, and its parts.

    >>> columns(["kid", "modes"])
    ['kid', 'modes', 'high_quality']
    """
    return [column for name in measures for column in (name, *PARTS.get(name, ()))]


def check_column(by: str | None, measures: Sequence[str]) -> None:
    """Refuse to rank by what is no column.

    Raises:
        ValueError: it is none; says which there are.
    """
    names = columns(measures)
    require(by is None or by in names, "by", by, f"one of {', '.join(names)}")


def distance(column: str, value: float) -> float:
    """A value so that less is better: turned round where more is, and the distance from the ideal where that is best.

    >>> distance("kid", 0.5), distance("recall", 0.5), distance("c2st", 0.7)
    (0.5, -0.5, 0.2)
    """
    measure = MEASURES.get(column)
    if measure is None or measure.direction == "up":
        return -value
    if measure.direction == "target":
        return abs(value - (measure.ideal or 0.0))
    return value


@dataclass
class Scores:
    """What was measured, by run."""

    study: Study
    """The study."""
    held: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By `Entry.key`: the checkpoint, how it was measured, and the measures as ``saddle evaluate --json`` has them."""

    @classmethod
    def read(cls, study: Study) -> "Scores":
        """Those measured before; none if the file is not there or not whole, as they can be measured again."""
        try:
            held = json.loads((study.folder / FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            held = {}
        rows = held.items() if isinstance(held, dict) else ()
        known = {"checkpoint", "how", "measured", "measures"}
        return cls(study, {key: row for key, row in rows if isinstance(row, dict) and known <= row.keys()})

    def measure(self, data: "Dataset", entries: Sequence[Entry], say: Callable[[str], None]) -> dict[Entry, str]:
        """Measure what is not measured yet, on the same real samples for all.

        Args:
            data: what they trained on.
            entries: finished runs.
            say: called with a line where something is chosen for the user.
        Returns:
            Why, for runs that cannot be measured: a generator that has diverged, no whole checkpoint.
        Raises:
            ValueError: a measure that these data do not allow.
        """
        real, refused = as_side(data, "real", self.study.n, SEED), {}
        keys = {entry.key: (newest(entry), self._how(real)) for entry in entries}
        self.held = {key: row for key, row in self.held.items() if keys.get(key) == (row["checkpoint"], row["how"])}
        with counting("measuring") as progress:
            for done, entry in enumerate(entries):
                progress(done, len(entries))
                wanted = [name for name in self.study.measures if name not in self._known(entry)]
                try:
                    side = Side.of_model(model_of(entry.run), len(real), SEED) if wanted else None
                except ValueError as error:
                    refused[entry] = str(error)
                    continue
                if side is not None:
                    self._add(entry, real, side, wanted, say)
        return refused

    def value(self, entry: Entry, column: str) -> float | None:
        """A run's value in a column; None if it was not measured, or is infinite."""
        measures = self.held.get(entry.key, {}).get("measures", {})
        owner = next((name for name, parts in PARTS.items() if column in parts), None)
        found = measures.get(owner, {}).get(column) if owner else measures.get(column, {}).get("value")
        return float(found) if isinstance(found, int | float) and math.isfinite(found) else None

    @property
    def context(self) -> dict[str, Any]:
        """How they were measured: the same for all."""
        return next((dict(row["how"]) | row["measured"] for row in self.held.values()), {})

    def _how(self, real: Side) -> dict[str, Any]:
        study = self.study
        asked = {"extractor": study.features, "weights": study.weights, "seed": SEED}
        return asked | {"n": len(real), "real": real.fingerprint}

    def _known(self, entry: Entry) -> dict[str, Any]:
        return dict(self.held.get(entry.key, {}).get("measures", {}))

    def _add(self, entry: Entry, real: Side, fake: Side, wanted: list[str], say: Callable[[str], None]) -> None:
        study = self.study
        card = evaluate(real, fake, wanted, study.features, n=len(real), seed=SEED, weights=study.weights, say=say)
        found = card.document()
        self.held[entry.key] = {
            "checkpoint": newest(entry),
            "how": self._how(real),
            "measured": {
                "features": found["extractor"]["name"],
                "weights_sha256": found["extractor"]["weights_sha256"],
            },
            "measures": self._known(entry) | found["measures"],
        }
        write_text(study.folder / FILE, json.dumps(self.held, indent=1, allow_nan=False) + "\n")


def newest(entry: Entry) -> str:
    """The name of a run's newest checkpoint."""
    found = checkpoint.saved(Run.open(entry.run).checkpoints)
    return found[-1].name if found else ""

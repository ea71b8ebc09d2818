"""What a protocol is: everything that a published number depends on, and the numbers."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from saddle.data import Dataset

__all__ = ["COLUMNS", "Judge", "Protocol", "Published", "Row", "usual_rows"]

COLUMNS: Mapping[str, str] = {
    "modes": "modes",
    "modes_tenth": "modes ≥ 1/10",
    "high_quality": "high quality",
    "kl_model_data": "KL(model‖data)",
    "kl_data_model": "KL(data‖model)",
}
"""The columns of every table, and their headings."""


@dataclass(frozen=True)
class Judge:
    """How samples are scored."""

    score: "Callable[[Tensor, Dataset], dict[str, float]]"
    """Samples (N, ...) as a generator makes them, and the data -> a value for each of the columns."""
    ceiling: Mapping[str, float]
    """What a perfect generator reaches, by column."""
    floor: Mapping[str, float]
    """What a perfect generator is left with at this number of samples, by column."""
    columns: tuple[str, ...]
    """What it finds, of `COLUMNS`."""
    words: str
    """What is done, for the reader of a table."""


@dataclass(frozen=True)
class Row:
    """A line of the table that saddle can make: a recipe with settings on top of the protocol's."""

    recipe: str
    """The recipe's name."""
    settings: Mapping[str, object] = field(default_factory=dict)
    """Settings of the recipe by name."""
    note: str = ""
    """In what it is not the published method of this name, or whose settings these are."""


@dataclass(frozen=True)
class Published:
    """A line that a paper printed."""

    name: str
    """As the paper calls the method."""
    values: Mapping[str, tuple[float, float | None]]
    """By column: the value, in the column's unit, and what was printed behind the ±."""
    source: str
    """Where it was printed, and for how many trials."""
    error: str = ""
    """What stands behind the ±: ``se`` (standard error), ``std`` (standard deviation), or nothing: not stated."""


def usual_rows(batch: int) -> dict[str, Row]:
    """What is run under most protocols besides the paper's own methods, by name.

    Args:
        batch: of the protocol; packs of two need twice as many samples for as many packs.
    """
    slopes: Mapping[str, object] = {"remedies": "r1=1,r2=1", "beta1": 0.0}
    return {
        "packing-2": Row("gan", {"remedies": "packing=2", "batch": 2 * batch}, "not in the paper"),
        "minibatch-stddev": Row("gan", {"remedies": "minibatch-stddev"}, "not in the paper"),
        "wgan-gp": Row("wgan-gp", {}, "not in the paper; 5 critic steps"),
        "gan-r1-r2": Row("gan", slopes, "ours, not in the paper"),
        "rpgan-r1-r2": Row("rpgan", slopes, "ours, not in the paper"),
    }


@dataclass(frozen=True)
class Protocol:
    """A published experiment: what must be equal before two numbers may stand in one table."""

    data: str
    """Name of the data."""
    rounds: int
    """Rounds that a run takes here by default."""
    published_rounds: int | None
    """Rounds in the paper; None: not stated."""
    seeds: int
    """Runs of each row by default."""
    published_seeds: int | None
    """Runs in the paper; None: not stated."""
    samples: int
    """Samples that are scored."""
    judge: Judge
    """How."""
    settings: Mapping[str, object]
    """Of every row, where its recipe has a setting of that name."""
    rows: Mapping[str, Row]
    """What can be run, by name."""
    default_rows: tuple[str, ...]
    """What is run unless asked otherwise."""
    published: tuple[Published, ...]
    """What was printed."""
    differences: tuple[str, ...]
    """Everything in which a run here is not the paper's, whatever is asked for."""
    size: int | None = None
    """Side of the images; None for points."""
    card: Mapping[str, str] = field(default_factory=dict)
    """Data, networks, optimiser and counting, in words, for the documentation."""
    real_sets: int = 10
    """Sets of real samples that are scored for the line of the data."""

    def flags(self, recipe_has: Collection[str], row: Row | None = None) -> list[str]:
        """The flags of ``saddle train`` that this protocol's settings are, with a row's own on top.

        Args:
            recipe_has: names of the recipe's settings; the protocol's others are left out.
            row: None for a recipe with nothing but the protocol's settings.

        >>> row = Row("gan", {"beta1": 0.5})
        >>> judge = Judge(lambda x, data: {}, {}, {}, (), "")
        >>> settings = {"batch": 100, "beta1": 0.8, "gamma": 1.0}
        >>> Protocol("ring8", 9, 9, 1, 1, 9, judge, settings, {"gan": row}, (), (), ()).flags(["batch", "beta1"], row)
        ['--batch=100', '--beta1=0.5']
        """
        shared = {name: value for name, value in self.settings.items() if name in recipe_has}
        given = shared | dict(row.settings if row else {})
        return [f"--{name}={value}" for name, value in given.items()]

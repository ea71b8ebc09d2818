"""A study: its arms, seeds and target, and the folder in which each (arm, seed) is an ordinary run."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from saddle import __version__
from saddle.config import require
from saddle.writing import write_text

__all__ = ["FILE", "Arm", "Entry", "Study", "spell_target"]

FILE = "study.json"
"""Where a study is written down, in its folder."""


@dataclass(frozen=True)
class Arm:
    """One row of the table: a recipe with its settings."""

    name: str
    """As the user wrote it."""
    recipe: str
    """The recipe's name."""
    words: tuple[str, ...]
    """Its flags, those of all arms included."""
    folder: str
    """Where its runs lie, under the study's ``runs``."""
    settings: dict[str, Any] = field(hash=False)
    """Every setting of the recipe, and the arm's options."""
    evaluate_every: str | None
    """How often its runs are measured while they train."""


@dataclass(frozen=True)
class Entry:
    """One run of the study: an arm with a seed."""

    arm: Arm
    """The arm."""
    seed: int
    """The seed."""
    run: Path
    """The run folder, there or not."""

    @property
    def key(self) -> str:
        """What scores.json calls it."""
        return f"{self.arm.folder}/seed-{self.seed}"

    @property
    def said(self) -> Path:
        """What ``saddle train --json`` printed."""
        return self.run.with_name(f"{self.run.name}.json")

    @property
    def told(self) -> Path:
        """What it said on standard error."""
        return self.run.with_name(f"{self.run.name}.txt")


@dataclass(frozen=True)
class Study:
    """What study.json holds, and where."""

    folder: Path
    """The study's folder."""
    data: str
    """Name or path of the data."""
    fingerprint: str
    """Of the data."""
    size: int | None
    """Side of the images; None for points."""
    channels: int | None
    """Their channels; None for points."""
    target: dict[str, Any]
    """budget, rounds, images: those given."""
    seed: int
    """The first seed."""
    seeds: int
    """Runs of each arm."""
    device: str
    """As given: auto, cpu, cuda or mps."""
    measuring: float
    """Seconds that measuring a run once takes while it trains; 0: that is not done."""
    arms: tuple[Arm, ...]
    """The rows of the table."""
    measures: tuple[str, ...]
    """The columns."""
    features: str | None
    """Extractor, if one was named."""
    weights: str | None
    """File of its weights."""
    n: int | None
    """Samples of each side, if given."""
    protocol: str | None = None
    """The published experiment that it follows, if any: see `saddle.benchmarks`."""

    def entries(self) -> list[Entry]:
        """All runs, seed by seed, so that what is finished early can be paired."""
        seeds = range(self.seed, self.seed + self.seeds)
        root = self.folder / "runs"
        return [Entry(arm, seed, root / arm.folder / f"seed-{seed}") for seed in seeds for arm in self.arms]

    def flags(self, seed: int) -> list[str]:
        """The flags of ``saddle train`` that all runs of a seed share, without the target and the folder."""
        shape = {"size": self.size, "channels": self.channels}
        given = {"data": self.data, "seed": seed, "device": self.device, "threads": 1} | shape
        return [f"--{name}={value}" for name, value in given.items() if value is not None]

    def targets(self, **changed: Any) -> list[str]:
        """The flags of the target, some of them changed."""
        return [f"--{name}={value}" for name, value in (self.target | changed).items()]

    def write(self) -> None:
        """Write study.json, whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        held = asdict(self) | {"format": 1, "saddle": __version__}
        del held["folder"]
        write_text(self.folder / FILE, json.dumps(held, indent=1) + "\n")

    @classmethod
    def begun(cls, folder: Path) -> "Study | None":
        """The study that was begun in a folder, or None.

        Raises:
            ValueError: this is no folder, or the study's file is damaged.
        """
        require(not folder.is_file(), "out", folder, "a folder")
        return cls.read(folder) if (folder / FILE).is_file() else None

    @classmethod
    def read(cls, folder: Path) -> "Study":
        """A study begun before.

        Raises:
            ValueError: none there, or its file is damaged.
        """
        file = folder / FILE
        require(file.is_file(), "study", folder, f"the folder of a study (this one has no {FILE})")
        try:
            held = json.loads(file.read_text(encoding="utf-8"))
            arms = tuple(Arm(**{**arm, "words": tuple(arm["words"])}) for arm in held["arms"])
            held = {"protocol": None} | held  # which earlier studies do not have
            known = {one.name: held[one.name] for one in fields(cls) if one.name not in ("folder", "arms")}
            return cls(**known | {"folder": folder, "arms": arms, "measures": tuple(held["measures"])})
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"{file}: damaged, not what saddle compare wrote ({error!r})") from error


def spell_target(target: Mapping[str, Any]) -> str:
    """A run's target in words.

    >>> spell_target({"budget": "2m", "rounds": 5000})
    '2m or 5,000 rounds'
    """
    return " or ".join(str(value) if name == "budget" else f"{value:,} {name}" for name, value in target.items())

"""The run folder: config.json, log.jsonl, samples/, checkpoints/, report.html; how it is made, locked and read."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

from saddle.app.options import read_settings
from saddle.config import require
from saddle.writing import write_text

if TYPE_CHECKING:
    from saddle.data import Dataset
    from saddle.data.spec import Spec
    from saddle.game import Game

__all__ = [
    "WEIGHTS",
    "Run",
    "at_checkpoint",
    "build",
    "checked",
    "load_data",
    "load_game",
    "next_free",
    "rebuild",
    "write_text",
]

T = TypeVar("T")

PARTS: dict[str, dict[str, type]] = {
    "": {"recipe": str, "threads": int, "device": str},
    "options": {"data": str},
    "settings": {},
    "data": {"name": str, "size": int, "channels": int, "classes": int, "class_names": list, "fingerprint": str},
}
"""What config.json must hold, by part."""
WEIGHTS = "model.safetensors"
"""In a run that was handed on (``saddle push``): its weights, in place of checkpoints."""
MOST = 100_000
"""A side in pixels, dimensions of a point, labels or threads beyond this are a damaged file."""


@dataclass(frozen=True)
class Run:
    """A run's folder and what its config.json says."""

    folder: Path
    """Where it lies."""
    config: dict[str, Any]
    """Everything needed to repeat it: recipe, options, settings, data, versions."""

    @classmethod
    def create(cls, folder: Path, config: Mapping[str, Any]) -> "Run":
        """Make the folder and write its config.json.

        Raises:
            ValueError: a run lies there already.
            OSError: the folder cannot be made or written.
        """
        if (folder / "config.json").exists():
            raise ValueError(f"out={folder}: holds a run already; --resume {folder} continues it")
        (folder / "samples").mkdir(parents=True, exist_ok=True)
        (folder / "checkpoints").mkdir(exist_ok=True)
        run = cls(folder, dict(config))
        write_text(folder / "config.json", json.dumps(config, indent=1, sort_keys=True) + "\n")
        return run

    @classmethod
    def open(cls, path: str | Path) -> "Run":
        """A run made before.

        Raises:
            ValueError: no such folder, or no run in it, or its config.json cannot be read.
        """
        folder = Path(path)
        require(folder.is_dir(), "run", path, "the folder of a run, such as runs/0001")
        file = folder / "config.json"
        require(file.is_file(), "run", path, "a folder that saddle train made (this one has no config.json)")
        try:
            config = json.loads(file.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{file}: damaged, not JSON ({error})") from error
        return cls(folder, checked(config, file))

    @property
    def spec(self) -> "Spec":
        """Shape and labels of what it was trained on; the data set itself may be gone."""
        from saddle.data.spec import Spec

        data = self.config["data"]
        return Spec(data["channels"], data["size"], data["classes"], tuple(data["class_names"]))

    def settings(self, of: Callable[..., T], part: str) -> T:
        """``settings`` or ``options`` of config.json as the dataclass that they are written from.

        Raises:
            ValueError: one is missing, unknown, of the wrong type or out of range.
        """
        where = f"{self.folder / 'config.json'}: {part}"
        try:
            return read_settings(of, self.config[part], where)
        except ValueError as error:
            raise ValueError(str(error) if where in str(error) else f"{where}: {error}") from error

    @property
    def checkpoints(self) -> Path:
        """The folder of its checkpoints."""
        return self.folder / "checkpoints"

    def log(self) -> list[dict[str, Any]]:
        """The lines of log.jsonl that are whole, in order."""
        return [row for row in map(_row, self._lines("log.jsonl")) if row]

    def scores(self) -> list[dict[str, Any]]:
        """The lines of scores.jsonl that are whole, in order: what ``--evaluate_every`` measured."""
        rows = [row for row in map(_row, self._lines("scores.jsonl")) if row]
        wanted = ("images", "fid", "precision", "recall")
        return [row for row in rows if all(type(row.get(key)) in (int, float) for key in wanted)]

    def cut_log(self, round: int) -> float:
        """Drop the lines after this round, which will be played again; returns the seconds trained until it."""
        self._cut("scores.jsonl", round)
        return self._cut("log.jsonl", round)

    def _cut(self, name: str, round: int) -> float:
        whole, length, seconds = 0, 0, 0.0
        for line in self._lines(name):
            length += len(line)
            row = _row(line)
            if row and row["round"] <= round:
                whole, seconds = length, row["seconds"]
        if length > whole:
            os.truncate(self.folder / name, whole)  # in place, because a full disk has no room for a new file
        return seconds

    def _lines(self, name: str) -> list[bytes]:
        file = self.folder / name
        return file.read_bytes().splitlines(keepends=True) if file.exists() else []

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for one training process.

        Raises:
            ValueError: another process trains in it.
        """
        with open(self.folder / ".lock", "w", encoding="utf-8") as file:
            _lock(file, self.folder)
            yield


def rebuild(run: Run, device: str = "cpu") -> "Game":
    """The run's game at its newest whole checkpoint, or with the weights it was handed on with; needs no data set.

    Raises:
        ValueError: no checkpoint is whole, or config.json does not fit it.
    """
    from saddle.game import checkpoint

    path, complaints = checkpoint.newest(run.checkpoints)
    if path is None and not complaints and (run.folder / WEIGHTS).is_file():
        game = build(run, device)
        checkpoint.restore_weights(game, run.folder / WEIGHTS)
        return game
    if path is None:
        found = f"{complaints[0]}, nor is any before it" if complaints else "found none"
        raise ValueError(f"run={run.folder}: expected a checkpoint that is whole: {found}")
    for complaint in complaints:
        print(f"saddle: {complaint}; using the one before", file=sys.stderr)
    return at_checkpoint(run, path, device)


def at_checkpoint(run: Run, path: Path, device: str = "cpu") -> "Game":
    """The run's game as one of its checkpoint files holds it.

    Raises:
        ValueError: the file is not whole, or config.json does not fit it.
    """
    from saddle.game import checkpoint

    game = build(run, device)
    checkpoint.restore(game, path)
    return game


def build(run: Run, device: str = "cpu") -> "Game":
    """The run's game before its first round.

    Raises:
        ValueError: config.json names no recipe or holds settings that it does not take.
    """
    from saddle.recipes import find

    recipe = find(run.config["recipe"])
    game: Game = recipe.build(run.settings(recipe.Config, "settings"), run.spec).to(device)
    return game


def load_game(run: Run, device: str = "cpu") -> tuple["Game", "Dataset"]:
    """The run's game at its newest whole checkpoint, and its data set.

    Raises:
        ValueError: as in `rebuild` and `load_data`.
    """
    data = load_data(run)
    return rebuild(run, device), data


def load_data(run: Run) -> "Dataset":
    """What the run was trained on.

    Raises:
        ValueError: the data set is gone or has another shape.
    """
    from saddle.data import load

    options, kept = run.config["options"], run.config["data"]
    size, channels = (kept["size"], kept["channels"]) if kept["size"] else (None, None)  # points have neither
    data = load(options["data"], size, channels)
    require(
        data.spec.shape == run.spec.shape,
        "data",
        options["data"],
        f"samples of shape {run.spec.shape}, as in {run.folder}",
    )
    return data


def next_free(parent: Path) -> Path:
    """The next number under a folder of runs: runs/0001, runs/0002, ..."""
    taken = [int(path.name) for path in parent.glob("*") if path.name.isdecimal()]
    return parent / f"{max(taken, default=0) + 1:04d}"


def checked(config: Any, file: Path) -> dict[str, Any]:
    """What config.json says, once everything that all commands need is there and of the right type.

    Raises:
        ValueError: it is not; names what and the file.
    """
    for part, kinds in PARTS.items():
        held = config if not part else config.get(part)
        require(isinstance(held, dict), f"{file}: {part or 'all'}", type(held).__name__, "an object {...}")
        for key, kind in kinds.items():
            value = held.get(key)
            spelt = f"{file}: {part}.{key}" if part else f"{file}: {key}"
            require(type(value) is kind, spelt, repr(value)[:200], kind.__name__)
    data = config["data"]
    image = data["channels"] in (1, 3) and 1 <= data["size"] <= MOST
    point = data["size"] == 0 and 1 <= data["channels"] <= MOST
    require(image or point, f"{file}: data", f"{data['channels']} channels, size {data['size']}", "images or points")
    names = data["class_names"]
    holds = 0 <= data["classes"] <= MOST and all(isinstance(name, str) for name in names)
    require(holds and len(names) in (0, data["classes"]), f"{file}: data.classes", data["classes"], "as many as names")
    require(1 <= config["threads"] <= MOST, f"{file}: threads", config["threads"], "1 or more")
    whole: dict[str, Any] = config
    return whole


def _row(line: bytes) -> dict[str, Any] | None:
    """A line of the log; None if it is damaged, as the last one of a killed run may be."""
    try:
        row = json.loads(line) if line.endswith(b"\n") else None
    except (ValueError, RecursionError):
        return None
    numbers = isinstance(row, dict) and all(type(row.get(key)) in (int, float) for key in ("round", "seconds"))
    return row if numbers else None


def _lock(file: IO[str], folder: Path) -> None:
    try:
        import fcntl
    except ImportError:  # no such locks on Windows; two processes in one folder are then the user's to avoid
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise ValueError(f"run={folder}: another process is training in it") from error

"""What a side of an evaluation may be on the command line: a data set's name, a folder, a zip, a run, an array."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from saddle.app.progress import counting
from saddle.app.runs import Run, at_checkpoint, load_data, rebuild
from saddle.config import require
from saddle.data import load
from saddle.data.files import find_images
from saddle.data.known import KNOWN
from saddle.data.paths import kind_of
from saddle.data.pixels import open_picture
from saddle.evaluation.scoring import Given, as_side
from saddle.evaluation.scoring import evaluate as evaluate_sides
from saddle.evaluation.side import Model, Side
from saddle.game import checkpoint

__all__ = ["Shape", "evaluate", "evaluate_inputs", "is_run", "model_of", "side_of"]


@dataclass(frozen=True)
class Shape:
    """Size and channels that images are read at; None: their own."""

    size: int | None = None
    """Side in pixels."""
    channels: int | None = None
    """1 or 3."""


def evaluate(
    real: Given | Path | None,
    fake: Given | Path,
    measures: Sequence[str] | str | None = None,
    features: Any = None,
    *,
    held_out: Given | Path | None = None,
    rivals: Sequence[Given | Path] = (),
    size: int | None = None,
    channels: int | None = None,
    device: str = "cpu",
    **more: Any,
) -> Any:
    """Measure generated samples against real ones, each given as data, as a path, or as a run's folder.

    Args:
        real: what `saddle.evaluation.evaluate` takes, or a path: a folder or zip of images, a .npy or .npz file, a
            run. None: what ``fake``, then a run, was trained on.
        fake: the same.
        measures: names, ``"all"``, or None for a fast set.
        features: an extractor or its name; None: by what is given.
        held_out: real samples that no model saw.
        rivals: other runs, or their samples.
        size: side that images are read at; by default a run's, else their own.
        channels: 1 or 3; by default a run's, else their own.
        device: where networks work: ``cpu`` or ``cuda``.
        more: ``n``, ``seed``, ``weights``, ``resize``, ``progress``, ``say``: see `saddle.evaluation.evaluate`.
    Returns:
        A `saddle.evaluation.Scorecard`.
    Raises:
        ValueError: a path or name that cannot be used, or sides that do not fit each other.

    >>> evaluate("ring8", "ring8", ["kid"], n=100)["kid"].value < 0.1
    True
    """
    shape = _shape([fake, real, *rivals], Shape(size, channels))
    return evaluate_sides(
        training_data(fake) if real is None else side_of(real, shape, device),
        side_of(fake, shape, device),
        measures,
        features,
        held_out=None if held_out is None else side_of(held_out, shape, device),
        rivals=[side_of(rival, shape, device) for rival in rivals],
        device=device,
        **more,
    )


def evaluate_inputs(
    real: Given | Path | None,
    fake: Given | Path,
    rivals: Sequence[Given | Path],
    size: int | None,
    channels: int | None,
    n: int | None,
    seed: int,
) -> tuple[Side, Side, list[Side]]:
    """The sides alone, read as `evaluate` reads them: for pages that show them to people."""
    shape = _shape([fake, real, *rivals], Shape(size, channels))
    data = as_side(training_data(fake) if real is None else side_of(real, shape), "real", n, seed)
    judged = [as_side(side_of(one, shape), "fake", n, seed, len(data), i) for i, one in enumerate((fake, *rivals), 1)]
    return data, judged[0], judged[1:]


def is_run(given: object) -> bool:
    """Whether this is the path of a run's folder."""
    return isinstance(given, str | Path) and str(given) not in KNOWN and (Path(given) / "config.json").is_file()


def model_of(path: str | Path, device: str = "cpu") -> Model:
    """A run's model at its newest whole checkpoint, with those before it to be loaded when asked for.

    Raises:
        ValueError: no run there, or none of its checkpoints is whole.
    """
    run = Run.open(path)
    files = checkpoint.saved(run.checkpoints)[:-1]
    earlier: dict[str, Callable[[], Any]] = {file.stem: partial(at_checkpoint, run, file, device) for file in files}
    return Model(rebuild(run, device), run.spec, str(path), earlier)


def training_data(fake: object) -> Given:
    """What a run was trained on.

    Raises:
        ValueError: this is no run, or its data are gone.
    """
    hidden = str(fake) in KNOWN and is_run(Path.cwd() / str(fake))
    instead = f"; {fake} is a data set, write ./{fake} for the run in the folder of that name" if hidden else ""
    require(is_run(fake), "real", None, f"the data to compare with (only a run knows its own){instead}")
    assert isinstance(fake, str | Path)
    return load_data(Run.open(fake))


def side_of(given: Given | Path, shape: Shape = Shape(), device: str = "cpu") -> Given:
    """What is meant by a name or a path; anything else is passed on.

    Raises:
        ValueError: nothing there that can be used.
    """
    if not isinstance(given, str | Path):
        return given
    if str(given) in KNOWN:
        points = KNOWN[str(given)].kind == "points"
        size, channels = (None, None) if points else (shape.size, shape.channels)
        with counting(f"reading {given}") as progress:
            return load(str(given), size, channels, progress=progress)
    if is_run(given):
        return model_of(given, device)
    path = Path(given).expanduser()
    if path.suffix.lower() == ".npy" and path.is_file() and (rows := _rows(path)) is not None:
        return rows
    exists = path.exists() and "\0" not in str(given)
    size = shape.size or (_native(path) if exists else None)
    with counting(f"reading {path.name}") as progress:
        data = load(str(given), size, shape.channels, progress=progress)
    return data


def _shape(given: Sequence[object], asked: Shape) -> Shape:
    """Images are read as the first run makes them, unless asked otherwise, so that both sides are alike."""
    runs = [Run.open(one) for one in given if isinstance(one, str | Path) and is_run(one)]
    if not runs or runs[0].spec.points:
        return asked
    return Shape(asked.size or runs[0].spec.size, asked.channels or runs[0].spec.channels)


def _rows(path: Path) -> Side | None:
    """Features (N, d) of a .npy in their own precision; None if it holds something else."""
    try:
        held = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None  # the reader of data sets says what is wrong with it
    if held.ndim != 2 or held.dtype.kind not in "biuf":
        return None
    wide = held.dtype == np.float64 or held.dtype.kind in "biu"
    return Side.of_features(torch.from_numpy(held.astype(np.float64 if wide else np.float32)), path.name)


def _native(path: Path) -> int | None:
    """The side that images have themselves: their median, where they differ; None where the format decides."""
    kind = kind_of(path)
    if kind == "idx":
        return None
    if kind == "array":
        return _array_side(path)
    with find_images(path) as found:
        if found.manifest or not found.items:
            return None
        sides = []
        for item in found.items[:: max(1, len(found.items) // 500)]:
            try:
                with item.open() as file:
                    sides.append(min(open_picture(file).size))
            except (OSError, ValueError):
                continue  # the reader names the files that it cannot read
    return min(1024, max(4, int(np.median(sides)))) if sides else None


def _array_side(path: Path) -> int | None:
    try:
        held = np.load(path, mmap_mode="r" if path.suffix == ".npy" else None, allow_pickle=False)
        shape = held.shape if path.suffix == ".npy" else held["x"].shape
    except (OSError, ValueError, EOFError, KeyError):
        return None
    if len(shape) == 3:
        return min(1024, max(4, min(shape[1:])))
    if len(shape) != 4:
        return None
    sides = shape[2:] if shape[1] in (1, 3, 4) else shape[1:3]
    return min(1024, max(4, min(sides)))

"""All measures in one call: two sides in, a scorecard out."""

from collections.abc import Callable, Iterable, Sequence
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from saddle import __version__
from saddle.config import choose, require
from saddle.data import load
from saddle.data.dataset import Dataset
from saddle.data.stacked import Stacked
from saddle.data.toys import Mixture
from saddle.evaluation.card import Context, Scorecard
from saddle.evaluation.features import Extractor
from saddle.evaluation.features.table import EXTRACTORS, default_for, find
from saddle.evaluation.result import Result
from saddle.evaluation.side import Model, Side
from saddle.evaluation.study import Study
from saddle.evaluation.table import MEASURES, NEEDS

__all__ = ["Given", "as_side", "chosen", "evaluate", "missing"]

Given = Side | Tensor | NDArray[np.generic] | Dataset | Model | str
"""What a side may be given as: images or features, a data set or its name, or a model to draw from."""
Progress = Callable[[str, int, int], None]
"""Told (what is running, done, in all) before each measure."""

MOST = 10_000
"""Samples taken of a side when no number is given."""


def evaluate(
    real: Given,
    fake: Given,
    measures: Sequence[str] | str | None = None,
    features: str | Extractor | None = None,
    *,
    n: int | None = None,
    seed: int = 0,
    held_out: Given | None = None,
    rivals: Iterable[Given] = (),
    weights: str | None = None,
    resize: str | None = None,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
) -> Scorecard:
    """Measure generated samples against real ones.

    Args:
        real: the data: a side, uint8 or float images (N, C, H, W) in [-1, 1], features or points (N, d), a data set or
            its name.
        fake: what is judged: the same, or a model.
        measures: names (``saddle list measures``), ``"all"`` that the inputs allow, or None for a fast set.
        features: an extractor or its name (``saddle list features``); None: by what is given.
        n: samples of each side; None: all, at most 10,000, and as many of a model as there are real ones.
        seed: of the choice of samples and of all random numbers.
        held_out: real samples that the model never saw, for measures that need some; None: half of the real ones.
        rivals: other models or their samples, for measures that rank.
        weights: file of the extractor's weights, for extractors that need one.
        resize: another way to bring images to the extractor's size.
        device: where the extractor works; a model works where its game stands.
        progress: called before each measure.
        say: called with a line where something is chosen for the user, or takes a while.
    Returns:
        The card; measures that could not run stand in its ``skipped`` with the reason.
    Raises:
        ValueError: unknown names, sides that do not fit each other, or a measure asked for by name that cannot run.

    >>> import torch
    >>> x = torch.randn(200, 8, generator=torch.Generator().manual_seed(0))
    >>> card = evaluate(x[:100], x[100:], ["fid", "c2st"])
    >>> card["c2st"].value < 0.7
    True
    """
    sides = as_side(real, "real", n, seed)
    judged = as_side(fake, "fake", n, seed, len(sides), place=1)
    _check_fit(sides, judged)
    extractor = (
        features if isinstance(features, Extractor) else _extractor(features, sides, judged, weights, resize, say)
    ).to(device)
    others = tuple(as_side(rival, f"rival {i}", n, seed, len(sides), 1 + i) for i, rival in enumerate(rivals, 1))
    kept = None if held_out is None else as_side(held_out, "held out", None, seed, place=2 + len(others))
    for other in (judged, *others, *(() if kept is None else (kept,))):
        _check_fit(sides, other)
        if sides.images is not None and other.images is not None:
            extractor.check(sides.images, other.images)
    study = Study(sides, judged, extractor, kept, others, seed)
    return run(study, measures, progress)


def run(study: Study, measures: Sequence[str] | str | None = None, progress: Progress | None = None) -> Scorecard:
    """The measures of a study that is ready: see `evaluate`."""
    names, named = chosen(measures)
    lacking = {name: missing(name, study) for name in names}
    for name, reason in lacking.items() if named else ():  # before any is computed, so that no result is lost
        if reason is not None:
            raise ValueError(f"measures={name}: {reason}")
    results: dict[str, Result] = {}
    seconds: dict[str, float] = {}
    skipped: dict[str, str] = {}
    for done, name in enumerate(names):
        reason = lacking[name]
        if reason is None:
            if progress:
                progress(name, done, len(names))
            start = perf_counter()
            try:
                results[name] = MEASURES[name].load()(study)
            except ValueError as error:  # too few samples, an extractor without a classifier: the measure says which
                reason = str(error)
            seconds[name] = perf_counter() - start
        if reason is not None:
            if named:
                raise ValueError(f"measures={name}: {reason}")
            skipped[name] = reason
    if progress:
        progress("", len(names), len(names))
    looks = {"real": _look(study.real, study.seed), "fake": _look(study.fake, study.seed)}
    return Scorecard(_context(study), results, seconds, skipped, looks)


def chosen(measures: Sequence[str] | str | None) -> tuple[list[str], bool]:
    """The names meant, and whether they were named one by one.

    Raises:
        ValueError: an unknown name.

    >>> chosen("kid,fid")
    (['kid', 'fid'], True)
    """
    if measures is None:
        return [name for name, measure in MEASURES.items() if measure.fast], False
    names = measures.split(",") if isinstance(measures, str) else list(measures)
    names = [name.strip() for name in names if name.strip()]
    if names == ["all"]:
        return list(MEASURES), False
    require(bool(names), "measures", measures, "names from saddle list measures, or all")
    for name in names:
        choose(name, MEASURES, "measure")
    return list(dict.fromkeys(names)), True


def missing(name: str, study: Study) -> str | None:
    """What a measure lacks in this study, in words; None if nothing."""
    real, fake, extractor = study.real, study.fake, study.extractor
    model = fake.model
    have = {
        "features": True,
        "probabilities": extractor.classes > 0 and real.images is not None,
        "images": real.images is not None and fake.images is not None,
        "real labels": real.labels is not None,
        "labels": real.labels is not None and fake.labels is not None,
        "generator": model is not None,
        "discriminator": model is not None and model.has_critic,
        "rivals": bool(study.rivals),
        "modes": isinstance(real.data, Mixture | Stacked) or (extractor.classes > 0 and real.images is not None),
        "humans": False,
    }
    lacking = [NEEDS[need] for need in MEASURES[name].needs if not have[need]]
    return f"needs {' and '.join(lacking)}" if lacking else None


def as_side(given: Given, name: str, n: int | None, seed: int, like: int = MOST // 2, place: int = 0) -> Side:
    """A side of whatever was given: see `Given`.

    Args:
        given: what it is.
        name: what to call it, where it has no name.
        n: samples to take; None: all there are, at most 10,000.
        seed: of the choice of samples.
        like: samples to take of what has no end, without n.
        place: which side it is: two sides of one data set are not given the same draws.
    Raises:
        ValueError: it is none of these, or has too few samples.
    """
    if isinstance(given, str):
        given = load(given)
    if isinstance(given, Dataset):
        return Side.of_data(given, n or (min(len(given), MOST) if len(given) else like), seed + place)
    if isinstance(given, Model):
        return Side.of_model(given, n or like, seed)
    if isinstance(given, Side):
        return _first(given, n, seed)
    x = torch.from_numpy(given) if isinstance(given, np.ndarray) else given
    require(isinstance(x, Tensor), name, type(given).__name__, "images, features, a data set, a run or a name")
    side = Side.of_images(x, name) if x.ndim != 2 else Side.of_features(x, name)
    return _first(side, n, seed)


def _first(side: Side, n: int | None, seed: int) -> Side:
    """n of a side's samples, chosen by the seed: all where it has no more."""
    most = n or MOST
    if len(side) <= most:
        return side
    order = torch.randperm(len(side), generator=torch.Generator().manual_seed(seed))
    return side.take(order[:most].sort().values)


def _extractor(
    name: str | None,
    real: Side,
    fake: Side,
    weights: str | None,
    resize: str | None,
    say: Callable[[str], None] | None,
) -> Extractor:
    if name is None:
        name = default_for(real, fake, say)
    choose(name, EXTRACTORS, "extractor")
    rows = real.rows is not None
    require(not rows or name == "identity", "features", name, "identity, because features or points were given")
    return find(name, weights, resize, say)


def _check_fit(real: Side, fake: Side) -> None:
    kinds = ["features" if side.rows is not None else "images" for side in (real, fake)]
    require(kinds[0] == kinds[1], f"{fake.name}", kinds[1], f"{kinds[0]}, as {real.name} are")
    if real.rows is not None and fake.rows is not None:
        wanted = real.rows.shape[1]
        require(
            fake.rows.shape[1] == wanted, fake.name, tuple(fake.rows.shape), f"rows of {wanted}, as {real.name} has"
        )


def _look(side: Side, seed: int) -> Tensor:
    """Samples to draw: 36 images, or 2,000 points, at random so that a sorted folder shows all of its classes."""
    order = torch.randperm(len(side), generator=torch.Generator().manual_seed(seed))
    return side.samples[order[: 36 if side.rows is None else 2000]]


def _context(study: Study) -> Context:
    real, fake, extractor = study.real, study.fake, study.extractor
    return Context(
        real.name,
        fake.name,
        len(real),
        len(fake),
        extractor.name,
        extractor.weights,
        f"{extractor.resize}-{extractor.size}" if extractor.size else extractor.resize,
        extractor.key,
        real.fingerprint,
        study.seed,
        __version__,
    )

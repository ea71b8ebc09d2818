"""What a study asks, and of which images: trials, sources, items, and marks that hide what an image is."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from itertools import combinations, cycle, islice
from typing import Any

import torch
from torch import Tensor

from saddle.config import require
from saddle.evaluation.human.picture import data_uri
from saddle.evaluation.side import Side

__all__ = ["EXPOSURES", "VERSION", "Trials", "mark", "study_document"]

VERSION = 1
"""Of the study's and the answers' JSON."""
EXPOSURES = (50, 72, 105, 151, 219, 316, 457, 662, 957, 1384, 2000)
"""Eleven durations in ms, evenly spaced in their logarithm from 50 to 2000, as many as Denton et al. 2015 use."""
SPARE = 8
"""Images of each source that the glances need at the least, so that a rater does not learn them by heart."""


@dataclass(frozen=True)
class Trials:
    """How much one rater is asked. The defaults take about fifteen minutes."""

    exposures: tuple[int, ...] = EXPOSURES
    """Durations of the glances, ms."""
    per_exposure: int = 4
    """Glances at each duration, half of them at real images; 0: no such block."""
    staircase: int = 40
    """Glances whose duration follows the answers (three right: shorter, one wrong: longer); 0: no such block."""
    staircase_start: int = 500
    """Duration of the staircase's first glance, ms."""
    staircase_step: float = 1.25
    """Factor of the duration from one level of the staircase to the next."""
    pairs: int = 40
    """Comparisons of two images of different sources, the same for all raters; 0: no such block."""
    ratings: int = 30
    """Images rated from 1 to 5, the same for all raters; 0: no such block."""
    catches: int = 4
    """Trials with a known answer in each block but the staircase: noise, plain grey, a number to press."""
    practice: int = 4
    """Glances with feedback before the first that counts."""
    pool: int = 100
    """Images of each source that the glances choose from, where there are as many."""
    fixation_ms: int = 500
    """How long the cross is shown before a glance."""
    feedback_ms: int = 900
    """How long feedback is shown in practice."""

    @classmethod
    def of(cls, questions: int) -> "Trials":
        """So many questions in all, catches among them and practice not, shared among the parts as by default.

        Raises:
            ValueError: fewer than 30.

        >>> trials = Trials.of(120)
        >>> 11 * trials.per_exposure, trials.staircase, trials.pairs, trials.ratings, 3 * trials.catches
        (33, 28, 27, 20, 12)
        """
        require(30 <= questions <= 2000, "trials", questions, "30 to 2000 questions")
        usual = cls()
        left = questions - 3 * usual.catches
        whole = len(EXPOSURES) * usual.per_exposure + usual.staircase + usual.pairs + usual.ratings
        per_exposure = max(1, round(left * usual.per_exposure / whole))
        left -= len(EXPOSURES) * per_exposure
        ratings, pairs = left * usual.ratings // 110, left * usual.pairs // 110  # 110: these and the staircase's 40
        return cls(per_exposure=per_exposure, staircase=left - ratings - pairs, pairs=pairs, ratings=ratings)

    def __post_init__(self) -> None:
        require(len(self.exposures) >= 1, "exposures", self.exposures, "1 or more durations in ms")
        require(all(10 <= ms <= 10_000 for ms in self.exposures), "exposures", self.exposures, "10 to 10000 ms each")
        for name in ("per_exposure", "staircase", "pairs", "ratings", "catches", "practice"):
            require(0 <= getattr(self, name) <= 1000, name, getattr(self, name), "0 to 1000 trials")
        require(
            any((self.per_exposure, self.staircase, self.pairs, self.ratings)),
            "trials",
            0,
            "at least one block of them",
        )
        low, high = min(self.exposures), max(self.exposures)
        within = not self.staircase or low <= self.staircase_start <= high
        require(within, "staircase_start", self.staircase_start, f"{low} to {high} ms")
        require(1 < self.staircase_step <= 4, "staircase_step", self.staircase_step, "a factor over 1, at most 4")
        require(self.pool >= SPARE, "pool", self.pool, f"{SPARE} or more images")
        for name in ("fixation_ms", "feedback_ms"):
            require(0 <= getattr(self, name) <= 10_000, name, getattr(self, name), "0 to 10000 ms")


def mark(source: int, study: str, image: str) -> int:
    """What the page holds instead of an image's source: FNV-1a (32 bits) of ``source/study/image``.

    Whoever has an image's mark finds its source by trying each; nobody reads it in passing.

    >>> mark(0, "s", "a") != mark(1, "s", "a")
    True
    """
    value = 0x811C9DC5
    for byte in f"{source}/{study}/{image}".encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def study_document(real: Side, fakes: Sequence[Side], seed: int, trials: Trials) -> dict[str, Any]:
    """The study as the page holds it: settings, sources, images by shuffled id, and which of them each block asks of.

    Raises:
        ValueError: no images, images of different shapes, too few of them, two sources of one name.
    """
    sides = [real, *fakes]
    _check(sides)
    study = _study_id(sides, seed, trials)
    rng = torch.Generator().manual_seed(seed)
    pools = [_indices(side, len(sides), trials, rng) for side in sides]
    stimuli = _Stimuli(study, rng)
    shape = _images(real).shape[1:]
    noise, grey = len(sides), len(sides) + 1

    def real_or_fake(source: int) -> str:
        return stimuli.add(source, _images(sides[source])[pools[source].pop()])

    def of_noise() -> str:
        return stimuli.add(noise, torch.randint(0, 256, shape, generator=rng, dtype=torch.uint8))

    order = list(islice(cycle(range(len(sides))), trials.ratings))
    couples = list(islice(cycle(combinations(range(len(sides)), 2)), trials.pairs))
    both = [0 if k % 2 == 0 else 1 + k // 2 % len(fakes) for k in range(trials.practice)]
    document = {
        "version": VERSION,
        "study": study,
        "settings": asdict(trials) | {"seed": seed, "width": int(shape[2]), "height": int(shape[1])},
        "sources": _sources(real, fakes),
        "practice": [real_or_fake(source) for source in both],
        "practice_pairs": [[real_or_fake(0), of_noise()] for _ in range(2 if trials.pairs and trials.practice else 0)],
        "ratings": [real_or_fake(source) for source in order],
        "pairs": [[real_or_fake(a), real_or_fake(b)] for a, b in couples]
        + [[real_or_fake(0), of_noise()] for _ in range(trials.catches if trials.pairs else 0)],
        "catches": [
            of_noise() if k % 2 == 0 else stimuli.add(grey, torch.full(tuple(shape), 128, dtype=torch.uint8))
            for k in range(trials.catches if trials.per_exposure else 0)
        ],
    }
    glanced = trials.per_exposure or trials.staircase
    document["pool"] = sorted(
        real_or_fake(source)
        for source, left in enumerate(pools)
        for _ in range(min(trials.pool, len(left)) * bool(glanced))
    )
    return document | {"images": dict(sorted(stimuli.images.items()))}


def _sources(real: Side, fakes: Sequence[Side]) -> list[dict[str, str]]:
    models = [{"name": fake.name, "kind": "fake"} for fake in fakes]
    catches = [{"name": name, "kind": "catch"} for name in ("noise", "grey")]
    return [{"name": real.name, "kind": "real"}, *models, *catches]


class _Stimuli:
    """Images under ids that say nothing."""

    def __init__(self, study: str, rng: torch.Generator) -> None:
        self.study, self.rng = study, rng
        self.images: dict[str, dict[str, Any]] = {}

    def add(self, source: int, image: Tensor) -> str:
        name = ""
        while not name or name in self.images:
            name = f"{int(torch.randint(0, 2**48, (), generator=self.rng)):012x}"
        self.images[name] = {"mark": mark(source, self.study, name), "src": data_uri(image)}
        return name


def _images(side: Side) -> Tensor:
    assert side.images is not None
    return side.images


def _check(sides: list[Side]) -> None:
    require(len(sides) >= 2, "fakes", 0, "1 or more sides to judge")
    for side in sides:
        require(side.images is not None, side.name, "features or points", "images, for people to look at")
    shapes = [tuple(_images(side).shape[1:]) for side in sides]
    require(len(set(shapes)) == 1, "shapes", shapes, "images of one shape: another size or colour would give them away")
    names = [side.name for side in sides]
    taken = [*names, "noise", "grey"]
    require(len(set(taken)) == len(taken), "names", names, "a name of its own for each side, not noise nor grey")


def _study_id(sides: list[Side], seed: int, trials: Trials) -> str:
    parts = [*(f"{side.name} {side.fingerprint}" for side in sides), str(seed), repr(trials), str(VERSION)]
    return blake2b("\n".join(parts).encode(), digest_size=6).hexdigest()


def _indices(side: Side, sources: int, trials: Trials, rng: torch.Generator) -> list[int]:
    """The side's images in random order, each to be shown in one block only."""
    couples = sources * (sources - 1) // 2
    paired = -(-trials.pairs // couples) * (sources - 1)
    known = (trials.catches + 2) if trials.pairs else 0  # real images beside noise
    needed = paired + known + -(-trials.ratings // sources) + -(-trials.practice // 2)
    needed += SPARE if trials.per_exposure or trials.staircase else 0
    expected = f"{needed} or more images for so many trials (fewer pairs and ratings need fewer)"
    require(len(side) >= needed, f"{side.name} images", len(side), expected)
    order: list[int] = torch.randperm(len(side), generator=rng).tolist()
    return order

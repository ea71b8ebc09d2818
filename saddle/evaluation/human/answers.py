"""Reading raters' answer files: checked line by line, sources found from their marks, careless raters set apart."""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saddle.config import require
from saddle.evaluation.human.plan import VERSION, mark

__all__ = ["CATCH_SHARE", "Answers", "Glance", "Pair", "Rater", "Rating", "read_answers"]

CATCH_SHARE = 0.8
"""Share of trials with a known answer that a rater must get right to be counted. Guessing gets 10 of the
usual 12 in two cases in a thousand; a slip in every fiftieth trial misses them in two in a thousand, too."""
FORMAT = "saddle-human-answers"
SETTINGS = {"exposures": 1, "staircase_start": 1, "staircase_step": 1.0, "seed": 0}
"""What is read of the settings, and the least value of each."""
LATE_FRAMES = 1.5
"""By how many frames a glance may miss its duration before it is called late."""


@dataclass(frozen=True)
class Glance:
    """One real-or-generated judgement."""

    image: str
    """The image's id in the study."""
    source: int
    """Index into `Answers.sources`."""
    real: bool
    """Whether the image was real."""
    asked_ms: float
    """The duration meant."""
    shown_ms: float
    """The duration the browser's frames tell."""
    judged_real: bool
    """The answer."""
    adaptive: bool
    """Whether the duration followed the earlier answers."""
    late: bool
    """Whether it missed the duration meant by more than 1.5 frames; ``shown_ms`` is still what was seen."""

    @property
    def right(self) -> bool:
        """Whether the answer was right."""
        return self.judged_real == self.real


@dataclass(frozen=True)
class Pair:
    """One comparison."""

    images: tuple[str, str]
    """The winner's and the loser's id."""
    winner: int
    """Source of the image that was preferred."""
    loser: int
    """Source of the other."""
    winner_left: bool
    """Whether the preferred image stood on the left."""


@dataclass(frozen=True)
class Rating:
    """One rating."""

    image: str
    """The image's id in the study."""
    source: int
    """Index into `Answers.sources`."""
    value: int
    """1 to 5."""


@dataclass(frozen=True)
class Rater:
    """What one rater said, trials with a known answer counted and left out."""

    name: str
    """The code they entered."""
    glances: tuple[Glance, ...]
    """In the order of the trials."""
    pairs: tuple[Pair, ...]
    """Likewise."""
    ratings: tuple[Rating, ...]
    """Likewise."""
    catches: int
    """Trials with a known answer."""
    caught: int
    """How many of them were answered otherwise."""
    interrupted: int
    """Glances left out because the window was hidden meanwhile."""

    @property
    def careful(self) -> bool:
        """Whether enough of the known answers are right; without such trials nothing is known against them."""
        return self.catches == 0 or (self.catches - self.caught) / self.catches >= CATCH_SHARE


@dataclass(frozen=True)
class Answers:
    """The answers of all raters of one study."""

    study: str
    """Which study."""
    sources: tuple[str, ...]
    """Names; the first is the real data."""
    settings: Mapping[str, Any]
    """The study's settings."""
    raters: tuple[Rater, ...]
    """Those who count."""
    excluded: tuple[Rater, ...]
    """Those who missed too many of the known answers."""


def read_answers(paths: Iterable[Path]) -> Answers:
    """The answers in the files that raters saved, all of one study.

    A rater whose file was saved twice, the later one longer, is counted once.

    Raises:
        ValueError: no file, not such a file, a broken one, files of different studies, or two raters of one code.
    """
    documents = {path: _document(path) for path in paths}
    require(len(documents) >= 1, "answers", 0, "1 or more files of answers")
    (first, head), *others = documents.items()
    for path, document in others:
        for key in ("study", "sources", "settings"):
            same = document[key] == head[key]
            require(same, str(path), f"{key} {document[key]}", f"the same {key} as {first}: {head[key]}")
    raters = [_rater(path, document) for path, document in _once(documents).items()]
    names = tuple(source["name"] for source in head["sources"] if source["kind"] != "catch")
    careful = tuple(rater for rater in raters if rater.careful)
    excluded = tuple(rater for rater in raters if not rater.careful)
    return Answers(head["study"], names, head["settings"], careful, excluded)


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: not a readable file of answers ({error})") from error
    known = isinstance(document, dict) and document.get("format") == FORMAT
    require(known, str(path), "another kind of file", "the file that a rater saved from the page")
    require(document.get("version") == VERSION, f"{path} version", document.get("version"), str(VERSION))
    for key, kind in (("study", str), ("rater", str), ("settings", dict), ("sources", list), ("answers", list)):
        require(isinstance(document.get(key), kind), f"{path} {key}", document.get(key), f"a {kind.__name__}")
    for key, floor in SETTINGS.items():
        values = document["settings"].get(key)
        flat = values if isinstance(values, list) and values else [values]
        good = all(isinstance(v, int | float) and not isinstance(v, bool) and v >= floor for v in flat)
        require(good, f"{path} settings {key}", values, f"numbers of at least {floor}")
    kinds = [source.get("kind") if isinstance(source, dict) else None for source in document["sources"]]
    shaped = kinds[:2] == ["real", "fake"] and set(kinds) <= {"real", "fake", "catch"} and kinds.count("real") == 1
    named = shaped and all(isinstance(source.get("name"), str) for source in document["sources"])
    require(named, f"{path} sources", document["sources"], "the real data, then models, then catches, each with a name")
    return document


def _once(documents: dict[Path, dict[str, Any]]) -> dict[Path, dict[str, Any]]:
    """One file a rater: the longest, of which the others must be beginnings."""
    kept: dict[str, Path] = {}
    for path, document in documents.items():
        other = kept.get(document["rater"])
        if other is None:
            kept[document["rater"]] = path
            continue
        longer, shorter = sorted((path, other), key=lambda p: len(documents[p]["answers"]), reverse=True)
        said, before = documents[longer]["answers"], documents[shorter]["answers"]
        require(
            said[: len(before)] == before, str(path), f"rater {document['rater']!r}", f"a rater other than {other}'s"
        )
        kept[document["rater"]] = longer
    return {path: documents[path] for path in kept.values()}


def _rater(path: Path, document: dict[str, Any]) -> Rater:
    glances: list[Glance] = []
    pairs: list[Pair] = []
    ratings: list[Rating] = []
    known: list[bool] = []
    interrupted = 0
    reader = _Reader(document)
    for number, answer in enumerate(document["answers"], 1):
        try:
            said = reader.read(answer)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path}: answer {number} cannot be read ({error!r}); expected it as saved") from error
        if said is None:
            interrupted += 1
        elif isinstance(said, bool):
            known.append(said)
        elif isinstance(said, Glance):
            glances.append(said)
        elif isinstance(said, Pair):
            pairs.append(said)
        else:
            ratings.append(said)
    return Rater(
        document["rater"], tuple(glances), tuple(pairs), tuple(ratings), len(known), known.count(False), interrupted
    )


class _Reader:
    """Turns one answer into what it says; a bool where the right answer is known: whether it was given; None for a
    glance that the rater was kept from seeing."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.study: str = document["study"]
        self.kinds: list[str] = [source["kind"] for source in document["sources"]]

    def read(self, answer: dict[str, Any]) -> Glance | Pair | Rating | bool | None:
        readers: dict[str, Callable[[dict[str, Any]], Glance | Pair | Rating | bool | None]] = {
            "glance": self.glance,
            "staircase": self.glance,
            "pairs": self.pair,
            "ratings": self.rating,
        }
        return readers[answer["block"]](answer)

    def source(self, image: Any, known: Any) -> int:
        for source in range(len(self.kinds)):
            if mark(source, self.study, str(image)) == known:
                return source
        raise ValueError(f"image {image!r}, mark {known!r}: no source of this study")

    def glance(self, answer: dict[str, Any]) -> Glance | bool | None:
        source = self.source(answer["image"], answer["mark"])
        said = _one_of(answer["answer"], ("real", "fake"))
        if self.kinds[source] == "catch":
            return said == "fake"
        asked, shown, period = (_positive(answer[key]) for key in ("asked_ms", "shown_ms", "period_ms"))
        late = abs(shown - _positive(answer["frames"]) * period) > LATE_FRAMES * period
        if _one_of(answer["interrupted"], (True, False)):
            return None
        real, adaptive = self.kinds[source] == "real", answer["block"] == "staircase"
        return Glance(answer["image"], source, real, asked, shown, said == "real", adaptive, late)

    def pair(self, answer: dict[str, Any]) -> Pair | bool:
        (a, b), (mark_a, mark_b) = answer["images"], answer["marks"]
        one, two = self.source(a, mark_a), self.source(b, mark_b)
        left = _one_of(answer["answer"], ("left", "right")) == "left"
        if "catch" in (self.kinds[one], self.kinds[two]):
            return self.kinds[one if left else two] != "catch"
        return Pair((a, b), one, two, True) if left else Pair((b, a), two, one, False)

    def rating(self, answer: dict[str, Any]) -> Rating | bool:
        value = _one_of(answer["answer"], (1, 2, 3, 4, 5))
        if "press" in answer:
            return bool(value == answer["press"])
        return Rating(answer["image"], self.source(answer["image"], answer["mark"]), value)


def _one_of(value: Any, allowed: tuple[Any, ...]) -> Any:
    if not any(value is one or (type(value) is type(one) and value == one) for one in allowed):
        raise ValueError(f"{value!r}: expected one of {allowed}")
    return value


def _positive(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not (math.isfinite(value) and value > 0):
        raise ValueError(f"{value!r}: expected a number above 0")
    return float(value)

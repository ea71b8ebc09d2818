"""One file, one remedy. The folder is the list: a remedy is found by its file, and read without importing torch.

A remedy's file has a docstring whose first line says what it does, ``SOURCE``, ``KIND``, and one or both of

- ``networks(config, spec, G, D) -> (G, D)``: layers and wrappers, before optimisers and averages are made;
- ``rules(game, config) -> game``: moves, once the game stands. What they remember lies in ``Game.controls``.

A remedy with a number that is worth setting has ``STRENGTH``, its value by default (written without a point if it is a
whole number), and ``RANGE``, words that end in an interval: ``"a weight lambda in (0, 1000]"``. Its hooks then take one
argument more, ``strength``.
"""

import math
import re
from collections.abc import Callable
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any

from saddle.config import choose, facts, require

__all__ = ["KINDS", "catalogue", "hooks", "names", "read"]

FOLDER = Path(__file__).parent
KINDS = ("layer", "weights", "input", "term", "play")
"""What a remedy changes, in the order in which several are applied: the networks' layers, then the critic's weights,
then what it is shown, then what the players minimise, then how a round is played."""


@cache
def _files() -> dict[str, Path]:
    return {path.stem.replace("_", "-"): path for path in sorted(FOLDER.glob("[a-z]*.py"))}


def names() -> dict[str, str]:
    """Each remedy's name and what it does, in a line.

    >>> "spectral-norm" in names()
    True
    """
    return {entry["name"]: entry["summary"] for entry in catalogue()}


def catalogue() -> list[dict[str, str]]:
    """Each remedy's name, summary (its file's first line), source (paper), kind (of ``KINDS``), strength and range.

    The last two are its number by default and what that may be, in words; both are empty where it has no number.
    """
    return [{"name": name, **_facts(path)} for name, path in sorted(_files().items())]


def read(text: str) -> dict[str, float | None]:
    """The remedies in a setting, in the order of their kinds, whatever order they were written in.

    Args:
        text: NAME or NAME=NUMBER with commas between; "" for none.
    Returns:
        Each name's number, that by default where none is written; None for a remedy that has no number.
    Raises:
        ValueError: no remedy has this name, one is named twice, or its number is none that it can take.

    >>> read("lecam=0.1, packing, spectral-norm")
    {'packing': 2, 'spectral-norm': None, 'lecam': 0.1}
    """
    written = [part.strip() for part in text.split(",")] if text.strip() else []
    pairs = {name.strip(): (part, value) for part in written for name, _, value in [part.partition("=")]}
    told = {name: _facts(choose(name, _files(), "remedy")) for name in pairs}
    require(len(pairs) == len(written), "remedies", text, "each remedy once")
    ordered = sorted(pairs, key=lambda name: KINDS.index(told[name]["kind"]))
    return {name: _strength(name, *pairs[name], told[name]) for name in ordered}


def hooks(text: str, kind: str) -> list[Callable[..., Any]]:
    """What the remedies in a setting do at one place, in the order of ``read``; their numbers are given already.

    Args:
        text: see ``read``.
        kind: ``networks`` or ``rules``.
    """
    found = []
    for name, strength in read(text).items():
        module = import_module(f"{__name__}.{_files()[name].stem}")
        if hasattr(module, kind):
            hook = getattr(module, kind)
            found.append(hook if strength is None else partial(hook, strength=strength))
    return found


@cache
def _facts(path: Path) -> dict[str, str]:
    told = facts(path)
    return {key: told.get(key, "") for key in ("summary", "source", "kind", "strength", "range")}


def _strength(name: str, written: str, value: str, told: dict[str, str]) -> float | None:
    """The number of a remedy that was ``written`` as NAME=value or NAME."""
    if not told["strength"]:
        require("=" not in written, "remedies", written, f"{name} alone: it has no number to set")
        return None
    number = _number(value if "=" in written else told["strength"], whole="." not in told["strength"])
    require(_within(number, told["range"]), "remedies", written, told["range"])
    return number


def _number(text: str, whole: bool) -> float:
    """The number that a text is, or nan."""
    try:
        return int(text) if whole else float(text)
    except ValueError:
        return math.nan


def _within(number: float, words: str) -> bool:
    """Whether a number lies in the interval that the words end in; nan never does."""
    match = re.search(r"([\[(])(\S+), (\S+)([\])])$", words)
    assert match is not None, words
    opens, least, most, closes = match.groups()
    above = float(least) <= number if opens == "[" else float(least) < number
    return above and (number <= float(most) if closes == "]" else number < float(most))

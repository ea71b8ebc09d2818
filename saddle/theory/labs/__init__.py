"""One file, one lab. The folder is the list: a lab is found by its file, and read without importing torch."""

from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from saddle.config import choose, facts

if TYPE_CHECKING:
    from saddle.theory.lab import Lab

__all__ = ["catalogue", "find", "names", "run"]

FOLDER = Path(__file__).parent


@cache
def _files() -> dict[str, Path]:
    return {path.stem.replace("_", "-"): path for path in sorted(FOLDER.glob("[a-z]*.py"))}


def names() -> dict[str, str]:
    """Each lab's name and what it shows, in a line.

    >>> "bilinear" in names()
    True
    """
    return {entry["name"]: entry["summary"] for entry in catalogue()}


def catalogue() -> list[dict[str, str]]:
    """For each lab: name, summary (its file's first line), source (paper) and lecture (row), in the lectures' order."""
    return sorted((_describe(name, path) for name, path in _files().items()), key=_place)


def find(name: str) -> ModuleType:
    """The lab's module: ``Config``, ``run(config) -> Lab``, ``LECTURE``, ``SOURCE``.

    Raises:
        ValueError: no lab has this name; the closest is offered.
    """
    return import_module(f"saddle.theory.labs.{choose(name, _files(), 'lab').stem}")


def run(name: str, **settings: Any) -> "Lab":
    """Run a lab by its name, as a notebook does.

    Raises:
        ValueError: no lab has this name, or a setting is out of its range.

    >>> run("generator-costs").values["slope"]["a = 0"]["minimax"]
    -0.5
    """
    module = find(name)
    lab: Lab = module.run(module.Config(**settings))
    return lab


def _place(entry: dict[str, str]) -> tuple[int, int, str]:
    row = entry["lecture"].split()[0]
    number = "".join(letter for letter in row if letter.isdigit())
    return "TCOE".index(row[0]), int(number or 0), entry["name"]


def _describe(name: str, path: Path) -> dict[str, str]:
    told = facts(path)
    return {"name": name, "summary": told["summary"], "source": told["source"], "lecture": told["lecture"]}

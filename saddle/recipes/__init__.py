"""One file, one system. The folder is the list: a recipe is found by its file, and read without importing torch."""

from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

from saddle.config import choose, facts

__all__ = ["catalogue", "find", "names"]

FOLDER = Path(__file__).parent


@cache
def _files() -> dict[str, Path]:
    paths = sorted(FOLDER.glob("*/[a-z]*.py"))
    return {path.stem.replace("_", "-"): path for path in paths if path.parent.name != "remedies"}


def names() -> dict[str, str]:
    """Each recipe's name and what it is, in a line.

    >>> "dcgan" in names()
    True
    """
    return {entry["name"]: entry["summary"] for entry in catalogue()}


def catalogue() -> list[dict[str, str]]:
    """For each recipe: name, summary (its file's first line), source (paper) and family (folder)."""
    return [_describe(name, path) for name, path in sorted(_files().items())]


def find(name: str) -> ModuleType:
    """The recipe's module: ``Config``, ``build(config, spec) -> Game``, ``SMALL``, ``SOURCE``.

    Raises:
        ValueError: no recipe has this name; the closest is offered.
    """
    path = choose(name, _files(), "recipe")
    return import_module(f"saddle.recipes.{path.parent.name}.{path.stem}")


def _describe(name: str, path: Path) -> dict[str, str]:
    told = facts(path)
    return {"name": name, "summary": told["summary"], "source": told["source"], "family": path.parent.name}

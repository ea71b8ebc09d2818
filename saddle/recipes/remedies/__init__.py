"""One file, one remedy. The folder is the list: a remedy is found by its file, and read without importing torch.

A remedy's file has a docstring whose first line says what it does, ``SOURCE``, ``KIND``, and one or both of

- ``networks(config, spec, G, D) -> (G, D)``: layers and wrappers, before optimisers and averages are made;
- ``rules(game, config) -> game``: moves, once the game stands. What they remember lies in ``Game.controls``.
"""

from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

from saddle.config import choose, facts, require

__all__ = ["KINDS", "catalogue", "chosen", "names", "read"]

FOLDER = Path(__file__).parent
KINDS = ("layer", "weights", "input", "term")
"""What a remedy changes, in the order in which several are applied: the critic's layers, then its weights, then what it
is shown, then what the players minimise."""


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
    """For each remedy: name, summary (its file's first line), source (paper) and kind (of ``KINDS``)."""
    return [{"name": name, **_facts(path)} for name, path in sorted(_files().items())]


def read(text: str) -> list[str]:
    """The names in a setting, in the order of their kinds, whatever order they were written in.

    Args:
        text: names with commas between; "" for none.
    Raises:
        ValueError: no remedy has this name, or one is named twice.

    >>> read("lecam, spectral-norm")
    ['spectral-norm', 'lecam']
    """
    written = [name.strip() for name in text.split(",")] if text.strip() else []
    kinds = {name: _facts(choose(name, _files(), "remedy"))["kind"] for name in written}
    require(len(kinds) == len(written), "remedies", text, "each remedy once")
    return sorted(kinds, key=lambda name: KINDS.index(kinds[name]))


def chosen(text: str) -> list[ModuleType]:
    """The modules of the remedies in a setting, in the order in which they are applied; see ``read``."""
    return [import_module(f"{__name__}.{_files()[name].stem}") for name in read(text)]


@cache
def _facts(path: Path) -> dict[str, str]:
    told = facts(path)
    return {key: told[key] for key in ("summary", "source", "kind")}

"""Published experiments as protocols, one a file: data, networks, settings, counting, the rows that were printed.

A file that states a ``SOURCE`` is a protocol. Its name is its path in this folder, and it is listed without importing
torch: ``ring8/pacgan.py`` is ``ring8/pacgan``.
"""

from functools import cache
from importlib import import_module
from pathlib import Path

from saddle.benchmarks.protocol import Protocol
from saddle.config import choose, facts

__all__ = ["catalogue", "find", "names"]

FOLDER = Path(__file__).parent


@cache
def _files() -> dict[str, Path]:
    paths = [path for path in sorted(FOLDER.rglob("[a-z]*.py")) if "source" in facts(path)]
    return {path.relative_to(FOLDER).with_suffix("").as_posix().replace("_", "-"): path for path in paths}


def names() -> dict[str, str]:
    """Each protocol's name and what it is, in a line.

    >>> "ring8/pacgan" in names()
    True
    """
    return {entry["name"]: entry["summary"] for entry in catalogue()}


def catalogue() -> list[dict[str, str]]:
    """For each protocol: name, summary (its file's first line) and source (paper)."""
    return [_describe(name, path) for name, path in _files().items()]


def find(name: str) -> Protocol:
    """A protocol by its name.

    Raises:
        ValueError: none has this name; the closest is offered.
    """
    path = choose(name, _files(), "protocol").relative_to(FOLDER).with_suffix("")
    protocol: Protocol = import_module(".".join([__name__, *path.parts])).PROTOCOL
    return protocol


def _describe(name: str, path: Path) -> dict[str, str]:
    told = facts(path)
    return {"name": name, "summary": told["summary"], "source": told["source"]}

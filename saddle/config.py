"""Choosing by name, checking settings with errors that teach, and reading what a file says of itself."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["choose", "facts", "require"]

T = TypeVar("T")


def choose(name: str, table: Mapping[str, T], kind: str) -> T:
    """The entry of ``table`` called ``name``.

    Args:
        name: what the user wrote.
        table: the known names and what each stands for.
        kind: what the names are names of, for the error: ``"measure"``.
    Raises:
        ValueError: no such name; the message offers the closest one and lists all.

    >>> choose("kid", {"kid": 1, "fid": 2}, "measure")
    1
    >>> choose("kdi", {"kid": 1, "fid": 2}, "measure")
    Traceback (most recent call last):
    ValueError: no measure is called 'kdi'. Did you mean 'kid'? Known: fid, kid.
    """
    if name in table:
        return table[name]
    near = get_close_matches(name, table, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"no {kind} is called {name!r}.{hint} Known: {', '.join(sorted(table))}.")


def require(holds: bool, field: str, value: object, expected: str) -> None:
    """Refuse a setting that cannot be meant.

    Args:
        holds: the condition.
        field: the setting's name.
        value: what was given.
        expected: what would have been right, in words.
    Raises:
        ValueError: ``field=value: expected ...`` when the condition fails.

    >>> require(False, "n_critic", 0, "1 or more critic steps per generator step")
    Traceback (most recent call last):
    ValueError: n_critic=0: expected 1 or more critic steps per generator step
    """
    if not holds:
        raise ValueError(f"{field}={value}: expected {expected}")


def facts(path: "Path") -> dict[str, str]:
    """What a source file says of itself, without being run: catalogues are made of files that import torch.

    Args:
        path: a Python file with a docstring.
    Returns:
        ``summary``, the docstring's first line, and every constant that is assigned at the top, in lower case.

    >>> from pathlib import Path
    >>> sorted(facts(Path(__file__)))
    ['summary']
    """
    import ast  # only here: every command imports this module, few need it

    tree = ast.parse(path.read_text(encoding="utf-8"))
    told = {
        node.targets[0].id.lower(): str(node.value.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
    }
    return told | {"summary": (ast.get_docstring(tree) or "").splitlines()[0]}

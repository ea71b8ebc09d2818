"""Choosing by name, checking settings with errors that teach, and reading what a file says of itself."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from difflib import get_close_matches
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["choose", "facts", "require", "typed"]

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


def typed(settings: Any) -> None:
    """Check each setting against the type that it is declared with, and make numbers of that type.

    A whole number will do where a fraction is declared, and NumPy's numbers where Python's are.

    Args:
        settings: a dataclass, frozen or not, whose fields are changed in place.
    Raises:
        ValueError: text for a number, a fraction for a whole number, and the like; names the field.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Config:
    ...     beta1: float = 0.5
    ...     def __post_init__(self) -> None:
    ...         typed(self)
    >>> Config(beta1=0)
    Config(beta1=0.0)
    >>> Config(beta1="0")
    Traceback (most recent call last):
    ValueError: beta1='0': expected a number
    """
    kinds = get_type_hints(type(settings))
    for field in fields(settings):
        value = getattr(settings, field.name)
        kind, words, make = _KINDS[kinds[field.name]]
        fits = isinstance(value, kind) and isinstance(value, bool) == (kind is bool)  # Python counts True as 1
        require(fits, field.name, repr(value), words)
        object.__setattr__(settings, field.name, make(value))


_KINDS: Mapping[type, tuple[type, str, Callable[[Any], Any]]] = {
    bool: (bool, "True or False", bool),
    int: (Integral, "a whole number", int),
    float: (Real, "a number", float),
    str: (str, "text", str),
}
"""What a setting may be declared as: what then is taken for it, in words too, and how it is made of that."""


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

"""From the rows that are asked for to arms of a study: recipes with the protocol's settings, and their own on top."""

from collections.abc import Sequence
from dataclasses import fields

from saddle.app.compare.prepare import arm_words
from saddle.app.compare.study import Arm
from saddle.benchmarks.protocol import Protocol, Row
from saddle.config import choose
from saddle.recipes import find, names

__all__ = ["arms", "lacking", "row_of"]


def arms(protocol: Protocol, rows: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Name of each arm, and its recipe with all of its flags.

    Args:
        protocol: the protocol.
        rows: names of rows or recipes, several with commas in one text; or one of them with flags of its own, in one
            text with blanks. These win against the row's settings, and they against the protocol's.
    Raises:
        ValueError: no row and no recipe has this name.
    """
    found = []
    for text in rows:
        if len(text.split()) > 1:
            name, (base, *flags) = arm_words(text, command="bench")
            found.append((name, [*_words(protocol, base), *flags]))
        else:
            found += [(name.strip(), _words(protocol, name.strip())) for name in text.split(",")]
    return found


def row_of(protocol: Protocol, arm: Arm) -> Row | None:
    """The protocol's row that an arm is, or None for one of the user's."""
    row = protocol.rows.get(arm.name)
    return row if row and [arm.recipe, *arm.words] == _words(protocol, arm.name) else None


def lacking(protocol: Protocol, recipe: str) -> list[str]:
    """The protocol's settings that a recipe does not have."""
    return [name for name in protocol.settings if name not in _settings(recipe)]


def _words(protocol: Protocol, name: str) -> list[str]:
    known: dict[str, Row] = {recipe: Row(recipe) for recipe in names()} | dict(protocol.rows)
    row = choose(name, known, "row or recipe")
    return [row.recipe, *protocol.flags(_settings(row.recipe), row)]


def _settings(recipe: str) -> list[str]:
    return [field.name for field in fields(find(recipe).Config)]

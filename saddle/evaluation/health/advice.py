"""Advice in flags: which setting to change, and from what to what."""

from collections.abc import Mapping
from typing import Any

__all__ = ["REMEDIES", "Settings", "change", "named", "other", "raised"]

Settings = Mapping[str, Any]
"""A recipe's settings by name, as ``config.json`` keeps them, and the recipe's own name as ``recipe`` where known."""
REMEDIES = {
    "oscillation": ("r1", "historical-averaging", "unroll"),
    "memorisation": ("diffaugment", "ada"),
    "critic-overfitting": ("ada", "diffaugment", "lecam", "consistency"),
    "critic-too-strong": ("spectral-norm", "r1", "lecam"),
    "mode-collapse": ("packing", "minibatch-stddev", "unroll", "minibatch-discrimination", "gdpp"),
    "non-finite": ("spectral-norm",),
}
"""What may help against each cause, by the names of `saddle.recipes.remedies`, the likeliest first."""


def change(settings: Settings, name: str, factor: float) -> str:
    """A flag with its value times a factor, to one digit, and what it is now.

    >>> change({"lr_critic": 0.02}, "lr_critic", 0.1)
    '--lr_critic 0.002 (now 0.02)'
    """
    name = name if name in settings or "lr" not in settings else "lr"
    if not isinstance(settings.get(name), int | float):
        return f"a {'smaller' if factor < 1 else 'larger'} --{name}"
    return f"--{name} {float(f'{settings[name] * factor:.0e}'):g} (now {settings[name]:g})"


def named(settings: Settings, flag: str, value: str) -> list[str]:
    """A flag with a word for its value, and what it is now; in a list that is empty where there is nothing to change.

    >>> named({"dynamics": "alternating"}, "dynamics", "extragradient")
    ['--dynamics extragradient (now alternating)']
    >>> named({"lr": 0.1}, "dynamics", "extragradient")
    []
    """
    if settings.get(flag, value) == value:
        return []
    return [f"--{flag} {value} (now {settings[flag]})"]


def other(settings: Settings, recipe: str, words: str) -> list[str]:
    """Advice to take another recipe, in a list that is empty where it is the one already.

    >>> other({"recipe": "gan"}, "r3gan", "recipe r3gan, whose penalties hold the critic back")
    ['recipe r3gan, whose penalties hold the critic back']
    """
    return [] if settings.get("recipe") == recipe else [words]


def raised(settings: Settings, name: str, value: float) -> str:
    """A flag with a given value, and what it is now.

    >>> raised({"n_critic": 10}, "n_critic", 1)
    '--n_critic 1 (now 10)'
    """
    return f"--{name} {value:g}" + (f" (now {settings[name]:g})" if name in settings else "")

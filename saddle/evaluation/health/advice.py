"""Advice in flags: which setting to change, and from what to what."""

from collections.abc import Mapping
from typing import Any

__all__ = ["Settings", "change", "raised"]

Settings = Mapping[str, Any]
"""A recipe's settings by name, as ``config.json`` keeps them."""


def change(settings: Settings, name: str, factor: float) -> str:
    """A flag with its value times a factor, to one digit, and what it is now.

    >>> change({"lr_critic": 0.02}, "lr_critic", 0.1)
    '--lr_critic 0.002 (now 0.02)'
    """
    name = name if name in settings or "lr" not in settings else "lr"
    if not isinstance(settings.get(name), int | float):
        return f"a {'smaller' if factor < 1 else 'larger'} --{name}"
    return f"--{name} {float(f'{settings[name] * factor:.0e}'):g} (now {settings[name]:g})"


def raised(settings: Settings, name: str, value: float) -> str:
    """A flag with a given value, and what it is now.

    >>> raised({"n_critic": 10}, "n_critic", 1)
    '--n_critic 1 (now 10)'
    """
    return f"--{name} {value:g}" + (f" (now {settings[name]:g})" if name in settings else "")

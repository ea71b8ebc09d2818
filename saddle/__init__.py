"""saddle: train, sample, evaluate and understand generative adversarial networks."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "Average": "saddle.game",
    "Batch": "saddle.data.spec",
    "Game": "saddle.game",
    "Move": "saddle.game",
    "Player": "saddle.game",
    "Sampler": "saddle.game",
    "Spec": "saddle.data.spec",
    "evaluate": "saddle.app.sides",
    "load": "saddle.app.generator",
    "play": "saddle.game",
}

__all__ = ["Average", "Batch", "Game", "Move", "Player", "Sampler", "Spec", "evaluate", "load", "play"]


def __getattr__(name: str) -> Any:  # torch takes seconds to import: it is loaded when something that needs it is used
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'saddle' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

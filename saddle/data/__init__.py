"""What the players see: data sets by name or by path, and draws from them without end.

``load("mnist")`` or ``load("my/folder")`` gives a `Dataset`; its ``draw(batch, seed)`` is what a game looks at. Looking
up names does not import torch: the classes below are imported when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from saddle.data.known import catalogue, load, names

if TYPE_CHECKING:
    from saddle.data.ada import AdaptiveStrength, ada_augment
    from saddle.data.augment import diff_augment
    from saddle.data.curves import Curve, moons, swissroll
    from saddle.data.dataset import Dataset, Images, Points
    from saddle.data.draw import Draw
    from saddle.data.spec import Batch, Spec
    from saddle.data.toys import Mixture, Toy, gaussian1d, grid, mixture1d, ring

__all__ = [
    "AdaptiveStrength",
    "Batch",
    "Curve",
    "Dataset",
    "Draw",
    "Images",
    "Mixture",
    "Points",
    "Spec",
    "Toy",
    "ada_augment",
    "catalogue",
    "diff_augment",
    "gaussian1d",
    "grid",
    "load",
    "mixture1d",
    "moons",
    "names",
    "ring",
    "swissroll",
]

_HOME = {
    "ada": ("AdaptiveStrength", "ada_augment"),
    "augment": ("diff_augment",),
    "curves": ("Curve", "moons", "swissroll"),
    "dataset": ("Dataset", "Images", "Points"),
    "draw": ("Draw",),
    "spec": ("Batch", "Spec"),
    "toys": ("Mixture", "Toy", "gaussian1d", "grid", "mixture1d", "ring"),
}


def __getattr__(name: str) -> object:
    for module, held in _HOME.items():
        if name in held:
            return getattr(import_module(f"saddle.data.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

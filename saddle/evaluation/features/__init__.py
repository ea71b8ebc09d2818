"""Extractors of features, by name, and extraction: once per side, then from the cache.

Looking up names does not import torch: the classes below are imported when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from saddle.evaluation.features.table import EXTRACTORS, catalogue, default_for, find

if TYPE_CHECKING:
    from saddle.evaluation.features.base import Extractor, Features
    from saddle.evaluation.features.extraction import extract
    from saddle.evaluation.features.identity import Identity

__all__ = ["EXTRACTORS", "Extractor", "Features", "Identity", "catalogue", "default_for", "extract", "find"]

_HOME = {"Extractor": "base", "Features": "base", "extract": "extraction", "Identity": "identity"}


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(f"saddle.evaluation.features.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

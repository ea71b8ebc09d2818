"""How good it is: two sides in, a scorecard out.

`evaluate` compares images, features, data sets or models by the measures of a table; a measure is a pure function that
can be used alone. Looking up names does not import torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from saddle.evaluation.table import MEASURES, Measure, catalogue

if TYPE_CHECKING:
    from saddle.evaluation.card import Incomparable, Scorecard
    from saddle.evaluation.result import Result
    from saddle.evaluation.scoring import evaluate
    from saddle.evaluation.side import Model, Side
    from saddle.evaluation.study import Study

__all__ = [
    "MEASURES",
    "Incomparable",
    "Measure",
    "Model",
    "Result",
    "Scorecard",
    "Side",
    "Study",
    "catalogue",
    "evaluate",
]

_HOME = {
    "card": ("Incomparable", "Scorecard"),
    "scoring": ("evaluate",),
    "result": ("Result",),
    "side": ("Model", "Side"),
    "study": ("Study",),
}


def __getattr__(name: str) -> object:
    for module, held in _HOME.items():
        if name in held:
            return getattr(import_module(f"saddle.evaluation.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Asking people: a page that shows them pictures and keeps their answers, and what the answers say.

`write_page` writes the page, `read_answers` reads the files that raters save, `analyse` and `results` say what they
mean.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from saddle.evaluation.human.answers import Answers, read_answers
    from saddle.evaluation.human.page import write_page
    from saddle.evaluation.human.plan import Trials
    from saddle.evaluation.human.report import analyse, results

__all__ = ["Answers", "Trials", "analyse", "read_answers", "results", "write_page"]

_HOME = {
    "answers": ("Answers", "read_answers"),
    "page": ("write_page",),
    "plan": ("Trials",),
    "report": ("analyse", "results"),
}


def __getattr__(name: str) -> object:
    """Imported when asked for: the measures of people use these modules, and `report` uses the measures."""
    for module, held in _HOME.items():
        if name in held:
            return getattr(import_module(f"saddle.evaluation.human.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""The page that asks people: one HTML file with everything in it, which needs no server and no network."""

import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

from saddle.config import require
from saddle.evaluation.human.plan import Trials, study_document
from saddle.evaluation.side import Side

__all__ = ["page", "write_page"]

SCRIPTS = ("study.js", "stage.js", "page.js")
TITLE = "Real or generated?"


def page(real: Side, fakes: Sequence[Side], seed: int = 0, trials: Trials | int | None = None) -> str:
    """The page as text. The same sides, seed and trials give the same page.

    Args:
        real: the data, as images.
        fakes: one side a model, images of the same shape.
        seed: of the choice of images.
        trials: how much a rater is asked: in full, or the number of questions.
    Raises:
        ValueError: no images, images of different shapes, too few of them, two sources of one name.
    """
    asked = Trials.of(trials) if isinstance(trials, int) else trials or Trials()
    study = json.dumps(study_document(real, fakes, seed, asked), separators=(",", ":"))
    parts = {
        "@TITLE@": escape(TITLE),
        "/*@STYLE@*/": _asset("page.css"),
        "/*@SCRIPT@*/": "\n".join(_asset(name) for name in SCRIPTS),
        "@STUDY@": study.replace("<", "\\u003c"),  # no name may end the script element
    }
    text = _asset("page.html")
    for place, content in parts.items():
        assert text.count(place) >= 1, place
        text = text.replace(place, content)
    return text


def write_page(
    path: Path, real: Side, fakes: Sequence[Side], seed: int = 0, trials: Trials | int | None = None
) -> None:
    """Write the page to a file; open it in any browser, or send it to the raters.

    Raises:
        ValueError: as `page`; or the path is a folder.
    """
    require(not path.is_dir(), "path", path, "a file to write, such as study.html; this is a folder")
    text = page(real, fakes, seed, trials)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _asset(name: str) -> str:
    return files("saddle.evaluation.human").joinpath(name).read_text(encoding="utf-8")

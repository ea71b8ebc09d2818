"""Everything the answers say, by measure."""

from typing import Any

from saddle.evaluation.human.answers import Answers
from saddle.evaluation.measures.people import preference, scene_categorisation
from saddle.evaluation.result import Result

__all__ = ["analyse", "results"]


def results(answers: Answers) -> dict[str, Result]:
    """The measures that the answers allow, by their names in the table of measures.

    ``results(answers)["scene-categorisation"].pictures["psychometric"]`` is the picture of the glances.

    Raises:
        ValueError: they allow none; the reason of each is told.
    """
    found: dict[str, Result] = {}
    if any(not glance.adaptive for rater in answers.raters for glance in rater.glances):
        found["scene-categorisation"] = scene_categorisation(answers)
    if any(rater.pairs or rater.ratings for rater in answers.raters):
        found["preference"] = preference(answers)
    if not found:
        who = f"{len(answers.raters)} careful raters, {len(answers.excluded)} who missed the known answers"
        raise ValueError(f"answers={who}: expected 1 or more careful raters with glances, comparisons or ratings")
    return found


def analyse(answers: Answers) -> dict[str, Any]:
    """The same for JSON: ``{"study", "raters", "excluded", "measures": {NAME: {"value", "interval", ...}}}``.

    Raises:
        ValueError: as `results`.
    """
    return {
        "study": answers.study,
        "raters": [rater.name for rater in answers.raters],
        "excluded": [rater.name for rater in answers.excluded],
        "measures": {name: result.document() for name, result in results(answers).items()},
    }

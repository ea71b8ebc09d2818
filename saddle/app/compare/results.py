"""What a study says: rows, tests and places, as the document that ``--json`` prints."""

import shlex
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from saddle import __version__
from saddle.app.compare.scores import Scores, columns, distance
from saddle.app.compare.statistics import LEVEL, fewest_seeds, holm, places, sign_flip, summary
from saddle.app.compare.study import Study

__all__ = ["collect"]

Values = Mapping[str, Mapping[int, float]]
"""By arm's name and seed."""


def collect(study: Study, scores: Scores, failed: Sequence[dict[str, Any]], by: str | None) -> dict[str, Any]:
    """Everything found, for JSON.

    Args:
        study: the study.
        scores: of its finished runs.
        failed: the other runs, and why.
        by: the column that ranks; None: the first.
    """
    names = columns(study.measures)
    by = by or names[0]
    table = {column: _values(study, scores, column) for column in names}
    tests = {column: _tests(column, table[column]) for column in names}
    return {
        "study": str(study.folder),
        "rows": [_row(arm.name, {column: table[column][arm.name] for column in names}) for arm in study.arms],
        "rank": _rank(by, table[by], tests[by]),
        "tests": tests,
        "failed": list(failed),
        "settings": _settings(study, scores),
    }


def _values(study: Study, scores: Scores, column: str) -> Values:
    found: dict[str, dict[int, float]] = {arm.name: {} for arm in study.arms}
    for entry in study.entries():
        value = scores.value(entry, column)
        if value is not None:
            found[entry.arm.name][entry.seed] = value
    return found


def _row(name: str, by_column: Mapping[str, Mapping[int, float]]) -> dict[str, Any]:
    measures = {}
    for column, values in by_column.items():
        mean, stderr = summary(list(values.values()))
        measures[column] = {"mean": mean, "stderr": stderr, "values": {str(seed): x for seed, x in values.items()}}
    return {"recipe": name, "seeds": max(len(values) for values in by_column.values()), "measures": measures}


def _tests(column: str, values: Values) -> list[dict[str, Any]]:
    """Each pair of arms over the seeds that both have: their runs began from the same random numbers."""
    found: list[dict[str, Any]] = []
    for a, b in combinations(values, 2):
        both = sorted(values[a].keys() & values[b].keys())
        gaps = [distance(column, values[a][seed]) - distance(column, values[b][seed]) for seed in both]
        mean, stderr = summary([values[a][seed] - values[b][seed] for seed in both])
        test = {"a": a, "b": b, "seeds": len(both), "difference": mean, "stderr": stderr}
        found.append(test | {"p": sign_flip(gaps) if both else 1.0, "ahead": a if sum(gaps) < 0 else b})
    for test, p in zip(found, holm([float(test["p"]) for test in found]), strict=True):
        ahead = test.pop("ahead")
        test |= {"p_holm": p, "better": ahead if p <= LEVEL else None}
    return found


def _rank(by: str, values: Values, tests: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    clear = [(test["better"], test["b"] if test["better"] == test["a"] else test["a"]) for test in tests]
    place = places(list(values), [pair for pair in clear if pair[0] is not None])
    means = {name: summary([distance(by, x) for x in seeds.values()])[0] for name, seeds in values.items()}
    order = sorted(values, key=lambda name: (place[name], float("inf") if means[name] is None else means[name]))
    least, seeds = fewest_seeds(len(values)), min((test["seeds"] for test in tests), default=0)
    few = (
        f"{seeds} seeds cannot show a clear difference between {len(values)} arms; {least} can"
        if seeds < least
        else None
    )
    return {
        "by": by,
        "places": [{"recipe": name, "from": place[name][0], "to": place[name][1]} for name in order],
        "verdicts": [_verdict(test) for test in tests],
        "note": few,
    }


def _verdict(test: Mapping[str, Any]) -> str:
    p = f"p = {test['p_holm']:.2g}"
    if test["better"] is None:
        return f"no clear difference between {test['a']} and {test['b']} ({p})"
    return f"{test['better']} is better than {test['b'] if test['better'] == test['a'] else test['a']} ({p})"


def _settings(study: Study, scores: Scores) -> dict[str, Any]:
    arms = [shlex.join([arm.recipe, *arm.words]) for arm in study.arms]
    return {
        "data": study.data,
        "size": study.size,
        "channels": study.channels,
        "target": study.target,
        "seeds": study.seeds,
        "first_seed": study.seed,
        "measures": list(study.measures),
        "arms": {arm.name: {"recipe": arm.recipe, "settings": arm.settings} for arm in study.arms},
        "command": shlex.join(["saddle", "compare", *arms, *_flags(study)]),
        "measured": scores.context,
        "level": LEVEL,
        "test": "two-sided sign-flip test of differences between equal seeds, Holm's correction over the pairs",
        "saddle": __version__,
    }


def _flags(study: Study) -> list[str]:
    shape = {"size": study.size, "channels": study.channels}
    how = {"measures": ",".join(study.measures), "features": study.features, "weights": study.weights}
    given = {"data": study.data} | shape | study.target | {"seeds": study.seeds, "seed": study.seed or None} | how
    words = [word for name, value in given.items() if value is not None for word in (f"--{name}", str(value))]
    return words + ([] if study.n is None else ["-n", str(study.n)])

"""What a bench says: our rows, the data's own line, the published rows, and every difference between them."""

import math
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from saddle import __version__
from saddle.app.bench.arms import lacking, row_of
from saddle.app.bench.scores import SEED, Scores, Values
from saddle.app.compare.statistics import summary
from saddle.app.compare.study import Arm, Entry, Study
from saddle.benchmarks.protocol import Protocol, Published

__all__ = ["collect", "differences"]


def collect(
    study: Study, protocol: Protocol, scores: Scores, lost: Mapping[Entry, str], failed: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Everything found, for JSON.

    Args:
        study: the study.
        protocol: its protocol.
        scores: of its finished runs and of real samples.
        lost: runs that diverged, and where.
        failed: runs that did not finish for another reason.
    """
    columns = protocol.judge.columns
    real = {str(SEED + k): values for k, values in enumerate(scores.real)}
    return {
        "protocol": study.protocol,
        "study": str(study.folder),
        "rows": [_row(study, protocol, scores, lost, arm) for arm in study.arms],
        "real": _values(real, columns),
        "ceiling": dict(protocol.judge.ceiling),
        "floor": dict(protocol.judge.floor),
        "published": [_published(line) for line in protocol.published],
        "differences": differences(study, protocol),
        "diverged": [{"row": entry.arm.name, "seed": entry.seed, "where": words} for entry, words in lost.items()],
        "failed": list(failed),
        "card": dict(protocol.card),
        "settings": _settings(study, protocol),
        "command": _command(study, protocol),
    }


def differences(study: Study, protocol: Protocol) -> list[str]:
    """In what these runs are not the paper's: rounds, runs, the protocol's own list, what rows say of themselves."""
    found = [_length(study, protocol)]
    if protocol.published_seeds is None:
        found.append(f"{study.seeds} runs of each row; the paper does not say how many it has")
    elif study.seeds != protocol.published_seeds:
        found.append(f"{study.seeds} runs of each row; the paper has {protocol.published_seeds}")
    found += protocol.differences
    for arm in study.arms:
        row, missing = row_of(protocol, arm), lacking(protocol, arm.recipe)
        if row is None:
            found.append(f"{arm.name}: no row of the protocol; {shlex.join([arm.recipe, *arm.words])}")
        elif row.note:
            found.append(f"{arm.name}: {row.note}")
        if missing:
            found.append(f"{arm.name}: the recipe has no {', '.join(missing)}")
    return [words for words in found if words]


def _length(study: Study, protocol: Protocol) -> str:
    theirs, target = protocol.published_rounds, study.target
    paper = "the paper does not state its number" if theirs is None else f"the paper has {theirs:,}"
    if "rounds" not in target:
        return f"each run trains for {target['budget']}, however many rounds that is; {paper}"
    return "" if target["rounds"] == theirs else f"{target['rounds']:,} rounds; {paper}"


def _row(study: Study, protocol: Protocol, scores: Scores, lost: Mapping[Entry, str], arm: Arm) -> dict[str, Any]:
    own = [entry for entry in study.entries() if entry.arm == arm]
    values = {str(entry.seed): found for entry in own if (found := scores.values(entry)) is not None}
    diverged = sum(entry in lost for entry in own)
    return {
        "name": arm.name,
        "recipe": arm.recipe,
        "flags": list(arm.words),
        "seeds": len(values) + diverged,
        "diverged": diverged,
        "values": _values(values, protocol.judge.columns),
    }


def _values(by_seed: Mapping[str, Values], columns: Sequence[str]) -> dict[str, Any]:
    """By column the mean, its standard error and each value; where one is infinite the mean is, and both are null."""
    found = {}
    for column in columns:
        each = {seed: values[column] for seed, values in by_seed.items()}
        infinite = sum(math.isinf(value) for value in each.values())
        mean, stderr = (None, None) if infinite else summary(list(each.values()))
        finite = {seed: value if math.isfinite(value) else None for seed, value in each.items()}
        found[column] = {"mean": mean, "stderr": stderr, "each": finite, "infinite": infinite}
    return found


def _published(line: Published) -> dict[str, Any]:
    values = {column: {"mean": value, "error": error} for column, (value, error) in line.values.items()}
    return {"name": line.name, "values": values, "error": line.error, "source": line.source}


def _settings(study: Study, protocol: Protocol) -> dict[str, Any]:
    return {
        "data": study.data,
        "size": study.size,
        "target": study.target,
        "seeds": study.seeds,
        "first_seed": study.seed,
        "samples": protocol.samples,
        "seed_of_z": SEED,
        "counting": protocol.judge.words,
        "protocol": dict(protocol.settings),
        "rows": {arm.name: {"recipe": arm.recipe, "settings": arm.settings} for arm in study.arms},
        "saddle": __version__,
    }


def _command(study: Study, protocol: Protocol) -> str:
    assert study.protocol is not None
    named = [arm.name for arm in study.arms if " " not in arm.name]
    asked = ([",".join(named)] if named else []) + [arm.name for arm in study.arms if " " in arm.name]
    given = study.target | {"seeds": study.seeds} | ({"seed": study.seed} if study.seed else {})
    flags = [word for name, value in given.items() for word in (f"--{name}", str(value))]
    return shlex.join(["saddle", "bench", study.protocol, "--recipes", *asked, *flags])

"""How near a run's samples come to its data, for the pages of the recipes and the table that compares them.

Each run is measured by ``saddle evaluate``, and stands beside a run of dcgan that had the same time.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from saddle.app.options import duration
from saddle.app.sides import model_of

REFERENCE = "dcgan"
"""The recipe that the others are compared with."""
SAMPLES = 5000
"""Samples of each side."""
COLUMNS = {"fid": "FID", "precision": "precision", "recall": "recall", "gan_test": "GAN-test"}
"""What is kept of a card."""

Facts = dict[str, Any]


def scores(run: Path) -> dict[str, float]:
    """What ``saddle evaluate`` says of a run of images.

    GAN-test, where samples are asked for by label, is the share of them that a classifier of the real ones puts where
    they were asked for.
    """
    model = model_of(run)
    labels = model.classes > 0 and model.labels_of_data
    measures = "fid,precision-recall" + (",classification" if labels else "")
    words = ["evaluate", "--fake", str(run), "-n", str(SAMPLES), "--measures", measures, "--json"]
    done = subprocess.run([sys.executable, "-m", "saddle", *words], capture_output=True, text=True, check=True)
    card = json.loads(done.stdout)["measures"]
    found = {"fid": card["fid"]["value"], **{key: card["precision-recall"][key] for key in ("precision", "recall")}}
    if labels:
        found["gan_test"] = card["classification"]["gan_test"]
    return {key: round(value, 4) for key, value in found.items()}


def beside(name: str, facts: Facts, runs: Mapping[str, Facts]) -> Iterator[str]:
    """The paragraph of a page that gives a run's scores, and dcgan's after the same time; nothing where none are kept.

    Args:
        name: the recipe.
        facts: of its run.
        runs: the facts of all runs.
    """
    if "scores" not in facts:
        return
    held = runs.get(reference(facts["budget"]), {})
    lines = [row(name, facts)]
    if name != REFERENCE and "scores" in held:
        lines.append(row(REFERENCE, held))
    yield f"Measured on {SAMPLES:,} samples against as many digits, in `digits` features, after {facts['budget']}:"
    yield "\n".join([f"|  | {' | '.join(COLUMNS.values())} |", f"| --- |{' --- |' * len(COLUMNS)}", *lines])


def table(runs: Mapping[str, Facts]) -> str:
    """All runs with scores, by time and distance, as a table in Markdown."""
    kept = {key.split()[0]: facts for key, facts in runs.items() if "scores" in facts and len(key.split()) == 2}
    lines = [f"| recipe | time | {' | '.join(COLUMNS.values())} | FID over dcgan's after the same time |"]
    lines.append(f"| --- | --- |{' --- |' * (len(COLUMNS) + 1)}")
    for name, facts in sorted(kept.items(), key=lambda pair: (-duration(pair[1]["budget"]), pair[1]["scores"]["fid"])):
        held = runs.get(reference(facts["budget"]), {}).get("scores")
        ratio = f"{facts['scores']['fid'] / held['fid']:.2f}" if held else ""
        lines.append(f"| [{name}]({name}.md) | {facts['budget']} | {_cells(facts['scores'])} | {ratio} |")
    return "\n".join(lines)


def reference(budget: str) -> str:
    """The key of dcgan's run of this length."""
    return f"{REFERENCE} mnist {budget}"


def row(name: str, facts: Facts) -> str:
    """A run's line."""
    return f"| {name} | {_cells(facts['scores'])} |"


def _cells(found: Mapping[str, float]) -> str:
    return " | ".join(f"{found[key]:.3g}" if key in found else "" for key in COLUMNS)

"""How near a run's samples come to its data, for the pages of the recipes and the table that compares them.

Each run is measured by ``saddle evaluate``, and stands beside a run of dcgan that had the same time.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saddle.app.options import duration
from saddle.app.sides import model_of

REFERENCE = "dcgan"
"""The recipe that the others are compared with."""


@dataclass(frozen=True)
class Measured:
    """How runs on these images are measured."""

    samples: int
    """Of each side."""
    features: str
    """Whose distances are taken."""
    noun: str
    """What an image is called."""


MEASURED = {
    "mnist": Measured(5000, "digits", "digits"),
    "emoji": Measured(4000, "efficientnet-lite0", "drawings"),
}
"""The images that pages have runs on."""
COLUMNS = {"fid": "FID", "precision": "precision", "recall": "recall", "gan_test": "GAN-test"}
"""What is kept of a card."""

Facts = dict[str, Any]


def scores(run: Path, how: Measured) -> dict[str, float]:
    """What ``saddle evaluate`` says of a run of images.

    GAN-test, where samples are asked for by label, is the share of them that a classifier of the real ones puts where
    they were asked for.
    """
    model = model_of(run)
    labels = model.classes > 0 and model.labels_of_data and how.features == "digits"  # which tell labels apart
    measures = "fid,precision-recall" + (",classification" if labels else "")
    words = ["evaluate", "--fake", str(run), "-n", str(how.samples), "--features", how.features]
    words += ["--measures", measures, "--json"]
    done = subprocess.run([sys.executable, "-m", "saddle", *words], capture_output=True, text=True, check=True)
    card = json.loads(done.stdout)["measures"]
    found = {"fid": card["fid"]["value"], **{key: card["precision-recall"][key] for key in ("precision", "recall")}}
    if labels:
        found["gan_test"] = card["classification"]["gan_test"]
    return {key: round(value, 4) for key, value in found.items()}


def beside(name: str, data: str, runs: Mapping[str, Facts]) -> Iterator[str]:
    """The paragraph of a page that gives a run's scores, and dcgan's after the same time; nothing where none are kept.

    Args:
        name: the recipe.
        data: which run of it.
        runs: the facts of all runs.
    """
    facts = runs[f"{name} {data}"]
    if "scores" not in facts:
        return
    held, how = runs.get(reference(data, facts["budget"]), {}), MEASURED[data]
    lines = [row(name, facts)]
    if name != REFERENCE and "scores" in held:
        lines.append(row(REFERENCE, held))
    yield (
        f"Measured on {how.samples:,} samples against as many {how.noun}, in `{how.features}` features, "
        f"after {facts['budget']}:"
    )
    yield "\n".join([f"|  | {' | '.join(COLUMNS.values())} |", f"| --- |{' --- |' * len(COLUMNS)}", *lines])


def table(runs: Mapping[str, Facts], data: str) -> str:
    """All runs on these data with scores, by time and distance, as a table in Markdown."""
    here = {key.split()[0]: facts for key, facts in runs.items() if key.split()[1:] == [data]}
    kept = {name: facts for name, facts in here.items() if "scores" in facts}
    lines = [f"| recipe | time | {' | '.join(COLUMNS.values())} | FID over dcgan's after the same time |"]
    lines.append(f"| --- | --- |{' --- |' * (len(COLUMNS) + 1)}")
    for name, facts in sorted(kept.items(), key=lambda pair: (-duration(pair[1]["budget"]), pair[1]["scores"]["fid"])):
        held = runs.get(reference(data, facts["budget"]), {}).get("scores")
        ratio = f"{facts['scores']['fid'] / held['fid']:.2f}" if held else ""
        lines.append(f"| [{name}]({name}.md) | {facts['budget']} | {_cells(facts['scores'])} | {ratio} |")
    return "\n".join(lines)


def reference(data: str, budget: str) -> str:
    """The key of dcgan's run of this length."""
    return f"{REFERENCE} {data} {budget}"


def row(name: str, facts: Facts) -> str:
    """A run's line."""
    return f"| {name} | {_cells(facts['scores'])} |"


def _cells(found: Mapping[str, float]) -> str:
    return " | ".join(f"{found[key]:.3g}" if key in found else "" for key in COLUMNS)

"""Plant defects in real digits, measure each by everything there is, and write docs/planted-defects.md.

    python docs/make_defects.py               measures (about half an hour on one core), then writes the page
    python docs/make_defects.py --page-only   writes the page from docs/defects.json

The "training set" is 1,000 digits of mnist, the fakes are 1,000 of 3,000 others with the defect; 1,000 are held out.
"""

import argparse
import json
import math
from collections.abc import Mapping
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
from PIL import Image

from saddle.app.pictures import grid, save_png
from saddle.data import load
from saddle.data.dataset import to_floats
from saddle.evaluation import MEASURES, Side, Study
from saddle.evaluation.defects import DEFECTS, plant
from saddle.evaluation.features import find
from saddle.evaluation.scoring import run

DOCS = Path(__file__).parent
N = 1_000
CLEAN_SEEDS, SEEDS = 6, 3
SIGMAS = 5.0
"""A measure sees a defect when its mean moves by more than so many standard deviations of the clean repetitions."""
PARTS = {
    "precision-recall": ("precision", "recall", "density", "coverage"),
    "c2st": ("nearest_neighbour",),
    "alpha-precision": ("beta_recall", "authenticity"),
    "classification": ("gan_test",),
}
"""Further numbers of a measure that are rows of their own."""
COUNTS = ("birthday",)
"""Numbers that vary by factors, and are compared by their logarithms."""
WHAT = {
    "none": "held-out digits: a perfect generator",
    "modes-dropped": "digits 0 to 4 only",
    "noise": "noise of a tenth of the range",
    "blur": "blur of one pixel",
    "copies": "the training set itself",
    "one-per-class": "one image of each digit, repeated",
    "label-swaps": "three in ten labels are wrong",
}
Row = tuple[str, str | None]


def sides() -> tuple[Side, Side, Side]:
    """Training set, pool for the fakes, held-out digits."""
    whole = Side.of_data(load("mnist"))
    order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(0))
    return whole.take(order[:N]), whole.take(order[N : 4 * N]), whole.take(order[4 * N :])


def measure() -> dict[str, Any]:
    """All measures of all defects: {row: {defect: [values over seeds]}}."""
    train, pool, held = sides()
    extractor = find("digits")
    found: dict[str, dict[str, list[float]]] = {}
    for defect in DEFECTS:
        for seed in range(CLEAN_SEEDS if defect == "none" else SEEDS):
            fake = plant(defect, train, pool, N, seed)
            card = run(Study(train, fake, extractor, held_out=held, seed=seed), "all")
            for name, result in card.results.items():
                for part in (None, *PARTS.get(name, ())):
                    value = result.value if part is None else result.details[part]
                    row = found.setdefault(name if part is None else f"{name}: {part}", {})
                    row.setdefault(defect, []).append(value if math.isfinite(value) else None)
            print(defect, seed, flush=True)
    return {"n": N, "features": extractor.name, "rows": found, "skipped": dict(card.skipped)}


def verdict(row: str, defect: str, values: Mapping[str, list[float]]) -> str:
    """``worse``, ``better`` (fooled) or ``blind``: what a measure says of a defect beside clean samples."""
    clean, now = values["none"], values.get(defect)
    if not now or None in now or None in clean:
        return "?"
    if row in COUNTS:
        clean, now = ([math.log(value) for value in held] for held in (clean, now))
    spread = max(stdev(clean), 1e-3 * abs(mean(clean)), 1e-12)
    moved = mean(now) - mean(clean)
    if abs(moved) <= SIGMAS * spread:
        return "blind"
    entry = MEASURES[row.partition(":")[0]]
    if entry.direction == "target" and entry.ideal is not None:
        worse = abs(mean(now) - entry.ideal) > abs(mean(clean) - entry.ideal)
    else:
        worse = (moved < 0) == (entry.direction != "down")
    return "worse" if worse else "better"


def pictures() -> None:
    """A strip of 12 digits for each defect."""
    train, pool, _ = sides()
    strips = []
    for defect in DEFECTS:
        images = plant(defect, train, pool, N, 0).images
        assert images is not None
        strips.append(grid(to_floats(images[:12]), columns=12, scale=2))
    width, height = strips[0].size
    sheet = Image.new("L", (width, height * len(strips)))
    for place, strip in enumerate(strips):
        sheet.paste(strip, (0, place * height))
    save_png(sheet, DOCS / "img" / "planted-defects.png")


def heat(found: Mapping[str, Any]) -> None:
    """What sees what, as a picture."""
    from matplotlib.figure import Figure

    rows, defects = list(found["rows"]), [name for name in DEFECTS if name != "none"]
    colours = {"worse": "#c0392b", "better": "#2471a3", "blind": "#e5e7e9", "?": "white"}
    figure = Figure(figsize=(8.5, 0.27 * len(rows) + 1.2), dpi=110, layout="constrained")
    axes = figure.subplots()
    for y, row in enumerate(rows):
        for x, defect in enumerate(defects):
            seen = verdict(row, defect, found["rows"][row])
            axes.add_patch(_square(x, y, colours[seen]))
            values = found["rows"][row].get(defect, [None])
            text = "" if None in values else f"{mean(values):.3g}"
            axes.text(
                x + 0.5, y + 0.5, text, ha="center", va="center", fontsize=6, color="w" if seen != "blind" else "k"
            )
    axes.set(xlim=(0, len(defects)), ylim=(len(rows), 0))
    axes.set_xticks([x + 0.5 for x in range(len(defects))], defects, fontsize=7)
    axes.set_yticks([y + 0.5 for y in range(len(rows))], rows, fontsize=7)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    figure.savefig(DOCS / "img" / "planted-defects-seen.png")


def _square(x: int, y: int, colour: str) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x, y), 1, 1, facecolor=colour, edgecolor="white")


def page(found: Mapping[str, Any]) -> str:
    """The page's Markdown."""
    defects = list(DEFECTS)
    head = "| measure | best | " + " | ".join(defects) + " |\n" + "|---" * (len(defects) + 2) + "|\n"
    lines = []
    for row, values in found["rows"].items():
        entry = MEASURES[row.partition(":")[0]]
        best = {"up": "↑", "down": "↓", "target": "◎"}[entry.direction]
        cells = []
        for defect in defects:
            held = values.get(defect, [None])
            text = "" if None in held else f"{mean(held):.3g}"
            mark = {"worse": "**{}**", "better": "*{}* (!)"}.get(verdict(row, defect, values), "{}")
            cells.append((mark if defect != "none" else "{}").format(text))
        lines.append(f"| {row} | {best} | " + " | ".join(cells) + " |")
    what = "\n".join(f"- **{name}**: {text}" for name, text in WHAT.items())
    return TEXT.format(what=what, table=head + "\n".join(lines), n=found["n"], sigmas=SIGMAS, clean=CLEAN_SEEDS)


TEXT = """# What each measure sees: defects planted in real digits

A measure is known by what it notices and by what it does not. Here each defect is planted alone in real digits, so that
nobody has to guess what is wrong with them. `saddle.evaluation.defects` plants them in your own images as well.

![a strip of twelve digits for each defect, from top to bottom in the order of the list](img/planted-defects.png)

{what}

The training set is {n:,} digits, the "generated" ones are {n:,} others with the defect, and {n:,} are held out.
Features are those of the `digits` classifier. Values are means over seeds; {clean} clean repetitions say how much a
value moves by itself. **Bold**: worse than clean digits by more than {sigmas:g} of their standard deviations. *Italic
with (!)*: the measure takes the defect for an improvement. Plain: it does not see it.

![which measure sees which defect](img/planted-defects-seen.png)

*Red: seen. Blue: taken for an improvement. Grey: not seen.*

{table}

Made by `python docs/make_defects.py`. What it means for a choice is on the page ["Which measure?"](which-measure.md).
"""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page-only", action="store_true")
    if not parser.parse_args().page_only:
        (DOCS / "defects.json").write_text(json.dumps(measure(), indent=1) + "\n")
    stored = json.loads((DOCS / "defects.json").read_text())
    pictures()
    heat(stored)
    (DOCS / "planted-defects.md").write_text(page(stored), encoding="utf-8")

"""Writes the gallery: a page a lecture, with a figure for each of its rows that a lab computes.

    python docs/make_gallery.py [--labs a,b] [--pages-only] [--check]

The labs themselves are run, with their defaults. What is kept of each are its picture, in docs/gallery/img/, and its
facts (numbers, and a hash of the lab's file), in docs/gallery/facts.json; the pages are made of these. Without --labs
every lab runs whose file is not the one that its facts are of. ``--check`` runs and writes nothing: it tells what is
not of the present files, and leaves with status 1 if anything is not.
"""

import argparse
import hashlib
import inspect
import io
import json
import shlex
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from formulas import formula
from lectures import LECTURES, RECIPES, ROWS, Lecture, in_lecture
from make_pages import linked, markdown
from PIL import Image

from saddle import recipes
from saddle.app.lab import save
from saddle.theory import labs
from saddle.theory.lab import Lab

ROOT = Path(__file__).parents[1]
GALLERY = ROOT / "docs" / "gallery"
FACTS = GALLERY / "facts.json"
LARGEST, LARGEST_FILM = 100_000, 400_000
"""Bytes that a figure and an animation may have."""
WIDTH = 1200
"""Of a figure in pixels, at most."""
FILMS = ("one-dimensional", "loss-surface")
"""Labs whose point is the motion."""
REDO = "python docs/make_gallery.py"
ABOUT = """Five lectures on generative adversarial networks, each formula, figure and table of theirs computed by a lab.
`saddle lab NAME` draws it and prints its numbers; `saddle lab NAME --help` lists what can be changed. In Python,
`saddle.theory.labs.run("bilinear", lr=0.2)` returns numbers and figure, and examples/theory.ipynb does so in a
notebook."""
LONG = 8
"""Lists longer than this are curves: they are in the figure, not in the table of numbers."""

Facts = dict[str, Any]


def main() -> None:
    """Run the labs that are asked for or not up to date, and write the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labs", help="names separated by commas; by default those whose file has changed")
    parser.add_argument("--pages-only", action="store_true", help="run nothing: write the pages from facts.json")
    parser.add_argument("--check", action="store_true", help="write nothing: tell what is out of date")
    args = parser.parse_args()
    if args.check:
        sys.exit("\n".join([*out_of_date(), *wrong_pages()]) or None)
    torch.set_num_threads(1)
    names = args.labs.split(",") if args.labs else [] if args.pages_only else out_of_date()
    for name in names:
        print("saddle lab", name, file=sys.stderr, flush=True)
        keep_facts(name, show(name))
    write_pages()


def out_of_date() -> list[str]:
    """The labs whose facts are of another file, or whose pictures are missing."""
    facts = stored()
    return [name for name in labs.names() if name not in facts or not is_current(name, facts[name])]


def is_current(name: str, facts: Facts) -> bool:
    """Whether a lab's facts are of its present file and its pictures are there."""
    return facts["hash"] == fingerprint(name) and all((GALLERY / "img" / file).exists() for file in facts["pictures"])


def wrong_pages() -> list[str]:
    """The pages that are not what the facts make."""
    held = {path.name: path.read_text(encoding="utf-8") for path in GALLERY.glob("*.md")}
    made = pages(stored())
    return [f"docs/gallery/{name}" for name in sorted(held | made) if held.get(name) != made.get(name)]


def fingerprint(name: str) -> str:
    """A hash of a lab's file, whatever its line endings."""
    text = Path(inspect.getfile(labs.find(name))).read_text(encoding="utf-8")
    return hashlib.sha256(text.encode()).hexdigest()[:16]


# Running


def show(name: str) -> Facts:
    """Run a lab, keep its pictures. Returns its facts."""
    began = time.monotonic()
    lab = labs.run(name)
    seconds = time.monotonic() - began
    (GALLERY / "img").mkdir(parents=True, exist_ok=True)
    pictures = [still(lab)]
    if name in FILMS:
        pictures.append(film(lab))
    told = lab.document()
    kept = {"lecture": told["lecture"], "says": told["says"], "values": without_curves(told["values"])}
    return {"hash": fingerprint(name), "pictures": pictures, "seconds": round(seconds, 1), **kept}


def without_curves(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values without their long lists, which the figure draws."""
    kept: dict[str, Any] = {}
    for key, value in values.items():
        inner = without_curves(value) if isinstance(value, Mapping) else value
        if inner != {} and not (isinstance(inner, list) and len(inner) > LONG):
            kept[key] = inner
    return kept


def still(lab: Lab) -> str:
    """Write a lab's figure in at most LARGEST bytes: fewer colours, then fewer pixels. Returns its file's name."""
    with TemporaryDirectory() as folder:
        save(lab, Path(folder) / "figure", ".png")
        picture = Image.open(Path(folder) / "figure").convert("RGB")
    target = GALLERY / "img" / f"{lab.name}.png"
    picture.thumbnail((WIDTH, WIDTH), Image.Resampling.LANCZOS)
    while True:
        for colours in (256, 128, 64, 32):
            picture.quantize(colours, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(target, optimize=True)
            if target.stat().st_size <= LARGEST:
                return target.name
        picture = picture.resize((picture.width * 9 // 10, picture.height * 9 // 10), Image.Resampling.LANCZOS)


def film(lab: Lab) -> str:
    """Write a lab's animation in at most LARGEST_FILM bytes: fewer pixels until it fits. Returns its file's name."""
    target = GALLERY / "img" / f"{lab.name}.gif"
    frames = [picture(figure) for figure in lab.film()]
    width = min(WIDTH, frames[0].width)
    while True:
        height = round(frames[0].height * width / frames[0].width)
        small = [frame.resize((width, height), Image.Resampling.LANCZOS) for frame in frames]
        palette = strip(small).quantize(64, Image.Quantize.MAXCOVERAGE)
        drawn = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in small]
        pause = [150] * (len(drawn) - 1) + [2000]  # milliseconds; the last one stays
        drawn[0].save(target, save_all=True, append_images=drawn[1:], duration=pause, loop=0, optimize=True)
        if target.stat().st_size <= LARGEST_FILM:
            return target.name
        width = width * 9 // 10


def picture(figure: Any) -> Image.Image:
    """A figure's pixels."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    return Image.open(buffer).convert("RGB")


def strip(frames: list[Image.Image]) -> Image.Image:
    """The frames one below the other."""
    width, height = frames[0].size
    whole = Image.new("RGB", (width, height * len(frames)))
    for i, frame in enumerate(frames):
        whole.paste(frame, (0, i * height))
    return whole


def keep_facts(name: str, facts: Facts) -> None:
    """Put a lab's facts into facts.json, in its order; those of labs that are no more go."""
    held = {key: value for key, value in (stored() | {name: facts}).items() if key in labs.names()}
    FACTS.write_text(json.dumps(dict(sorted(held.items())), indent=1) + "\n", encoding="utf-8")


def stored() -> dict[str, Facts]:
    """The facts of all labs, by name."""
    return json.loads(FACTS.read_text(encoding="utf-8")) if FACTS.exists() else {}


# Pages


def write_pages() -> None:
    """Write all pages of the gallery."""
    for name, text in pages(stored()).items():
        (GALLERY / name).write_text(text, encoding="utf-8")


def pages(facts: Mapping[str, Facts]) -> dict[str, str]:
    """The gallery's pages by file name, as Markdown."""
    made = {"index.md": index(facts)}
    made |= {f"{number}.md": page(number, lecture, facts) for number, lecture in LECTURES.items()}
    return made


def index(facts: Mapping[str, Facts]) -> str:
    """The first page: all lectures, all labs."""
    whose = [
        f"| [{number}]({number}.md) | {markdown(lecture.title)} | {markdown(lecture.about)} |"
        for number, lecture in LECTURES.items()
    ]
    table = [
        f"| {', '.join(rows_of(entry['lecture']))} | [{entry['name']}]({place(entry)}) | {markdown(entry['summary'])} |"
        for entry in labs.catalogue()
        if entry["name"] in facts
    ]
    parts = [
        *opening("The lectures, running"),
        ABOUT,
        "| lecture | whose | about |\n| --- | --- | --- |\n" + "\n".join(whose),
        "## All labs",
        "| row | lab | what it shows |\n| --- | --- | --- |\n" + "\n".join(table),
        "## How these pages are made",
        "From the labs themselves, with their defaults; a test holds them to the labs' present files.",
        f"```console\n$ {REDO}            # runs the labs that have changed\n$ {REDO} --check    # tells which\n```",
    ]
    return "\n\n".join(parts) + "\n"


def page(number: str, lecture: Lecture, facts: Mapping[str, Facts]) -> str:
    """The page of a lecture."""
    parts = [*opening(f"{number}. {markdown(lecture.title)}"), markdown(lecture.about)]
    shown: set[str] = set()
    for row in in_lecture(number):
        here = [e for e in labs.catalogue() if row in rows_of(e["lecture"]) and e["name"] in facts.keys() - shown]
        shown |= {entry["name"] for entry in here}
        if here:
            parts.append(f"## {row}. {markdown(ROWS[row][0])}")
            parts += [part for entry in here for part in section(entry, facts[entry["name"]])]
    parts += [*systems(number), *slips(lecture)]
    return "\n\n".join(parts) + "\n"


def opening(title: str) -> list[str]:
    """A page's title, and how it is made, which only its source tells."""
    return [f"<!-- Made by `{REDO}` from the labs; do not edit. -->", f"# {title}"]


def section(entry: Mapping[str, str], facts: Facts) -> Iterator[str]:
    """What a page shows of a lab: formula, command, figure, what is seen, numbers."""
    name = entry["name"]
    module = labs.find(name)
    summary, _, prose = (inspect.getdoc(module) or "").partition("\n")
    yield f"### {name}"
    yield markdown(summary)
    yield f"```text\n{formula(name)}\n```"
    for file in facts["pictures"]:
        yield f"![{name}](img/{file})"
    yield markdown(facts["says"])
    yield f"```console\n$ {shlex.join(command(name, Path(facts['pictures'][-1]).suffix))}\n```"
    yield markdown(" ".join(prose.split()))
    yield from numbers(facts["values"])
    flags = ", ".join(f"`--{field.name} {field.default}`" for field in fields(module.Config))
    yield f"Its flags and their defaults: {flags}. Source: {linked(markdown(entry['source']))}."


def command(name: str, suffix: str = ".png") -> list[str]:
    """The words that draw a lab's picture."""
    return ["saddle", "lab", name, "--out", f"{name}{suffix}"]


def numbers(values: Mapping[str, Any]) -> Iterator[str]:
    """A lab's values as tables: rows with the same columns side by side, the rest one below the other."""
    single = [(key, value) for key, value in values.items() if not is_table(value)]
    if single:
        lines = [f"| {markdown(key)} | {word(value)} |" for key, value in flat(single)]
        yield "| number | value |\n| --- | --- |\n" + "\n".join(lines)
    for key, rows in values.items():
        if is_table(rows):
            columns = list(next(iter(rows.values())))
            head = f"| {' | '.join(markdown(name) for name in [key, *columns])} |\n|{' --- |' * (len(columns) + 1)}"
            body = [f"| {markdown(n)} | {' | '.join(word(row[c]) for c in columns)} |" for n, row in rows.items()]
            yield head + "\n" + "\n".join(body)


def is_table(value: Any) -> bool:
    """Whether it is rows by name, all with the same columns."""
    if not isinstance(value, Mapping) or not all(isinstance(row, Mapping) for row in value.values()):
        return False
    cells = [cell for row in value.values() for cell in row.values()]
    return len({tuple(row) for row in value.values()}) == 1 and not any(isinstance(cell, Mapping) for cell in cells)


def flat(pairs: list[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Values within values, under both names."""
    for key, value in pairs:
        if isinstance(value, Mapping):
            yield from flat([(f"{key}: {inner}", found) for inner, found in value.items()])
        else:
            yield key, value


def word(value: Any) -> str:
    """A value as a page shows it."""
    if isinstance(value, list):
        return ", ".join(word(inner) for inner in value)
    if isinstance(value, float):
        return f"{value:.4g}"
    return {"inf": "infinite", "": "–"}.get(str(value), markdown(str(value)))


def systems(number: str) -> Iterator[str]:
    """The lecture's objectives and systems that are recipes."""
    there = recipes.names()
    lines = []
    for row in in_lecture(number):
        links = [f"[{name}](../recipes/{name}.md)" for name in RECIPES.get(row, ()) if name in there]
        if links:
            lines.append(f"| {row} | {markdown(ROWS[row][0])} | {', '.join(links)} |")
    if lines:
        yield "## To train"
        yield "| row | what | recipes |\n| --- | --- | --- |\n" + "\n".join(lines)


def slips(lecture: Lecture) -> Iterator[str]:
    """What the lecture has wrong."""
    if lecture.slips:
        yield "## Slips in the lecture"
        yield "The right-hand formula is the one that saddle computes."
        lines = [f"| {markdown(said)} | {markdown(right)} | {where(link)} |" for said, right, link in lecture.slips]
        yield "| the lecture | right | see |\n| --- | --- | --- |\n" + "\n".join(lines)


def where(link: str) -> str:
    """A link to a recipe's page, or to a lab on the lecture's own page."""
    kind, _, name = link.partition(" ")
    return {"recipe": f"[{name}](../recipes/{name}.md)", "lab": f"[{name}](#{name})"}.get(kind, "")


def rows_of(lecture: str) -> list[str]:
    """The rows that a lab is of, those in the table above all."""
    return lecture.replace(",", " ").split()


def place(entry: Mapping[str, str]) -> str:
    """Where a lab is shown first."""
    number = next(n for n in LECTURES if set(in_lecture(n)) & set(rows_of(entry["lecture"])))
    return f"{number}.md#{entry['name']}"


if __name__ == "__main__":
    main()

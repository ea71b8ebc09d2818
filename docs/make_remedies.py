"""Write the tables of docs/remedies.md: the plain GAN under a protocol, and with one remedy after the other.

    python docs/make_remedies.py FOLDER...   takes bench.json and bench.png of these folders, then writes the page
    python docs/make_remedies.py             writes the page from docs/remedies/*.json

The rows of a picture stand side by side.
"""

import json
import math
import sys
from pathlib import Path
from typing import Any

from benches import keep, kept, ruled
from marks import filled
from PIL import Image

from saddle.app.bench.words import table
from saddle.app.compare.words import line

DOCS = Path(__file__).parent
PAGE, KEPT = DOCS / "remedies.md", DOCS / "remedies"
ACROSS = 3
"""Columns of rows that a picture is laid out in."""


def take(folder: Path) -> None:
    """Keep a bench's document and picture, named after its protocol."""
    document = kept(folder)
    name = document["protocol"].replace("/", "-")
    keep(document, KEPT / f"{name}.json")
    with Image.open(folder / "bench.png") as picture:
        side_by_side(picture, len(document["rows"])).save(DOCS / "img" / f"remedies-{name}.png", optimize=True)


def side_by_side(picture: Image.Image, rows: int) -> Image.Image:
    """The rows of a tall picture in `ACROSS` columns."""
    down = math.ceil(rows / ACROSS)
    height = round(picture.height * down / rows)
    found = Image.new("RGB", (ACROSS * picture.width, height), "white")
    for column in range(ACROSS):
        top = round(picture.height * column * down / rows)
        found.paste(
            picture.crop((0, top, picture.width, min(picture.height, top + height))), (column * picture.width, 0)
        )
    return found


def written(document: dict[str, Any]) -> str:
    """The rows of a document and its command."""
    head, parts = table(document)
    lines = ruled(head)
    for title, rows in parts:
        if title == "here":
            lines += [line([f"`{name}`", *cells]) for name, *cells in rows]
        elif title == "the data":
            lines += [line(row) for row in rows]
    return "\n".join([*lines, "", "```console", f"$ {document['command']}", "```"])


def main() -> None:
    """Take what is given, and write the page."""
    KEPT.mkdir(exist_ok=True)
    for folder in sys.argv[1:]:
        take(Path(folder))
    page = PAGE.read_text(encoding="utf-8")
    for path in sorted(KEPT.glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        page = filled(page, f"table {document['protocol']}", written(document))
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()

"""Write the tables of docs/stability.md from what saddle bench found.

    python docs/make_stability.py FOLDER...   takes bench.json and bench.png of these folders, then writes the page
    python docs/make_stability.py             writes the page from docs/stability/*.json

Folders of one protocol are parts of one table: each keeps its own number of rounds, which stands behind the row's name.
"""

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from benches import keep, kept, ruled
from marks import filled

from saddle.app.bench.words import table
from saddle.app.compare.words import line

DOCS = Path(__file__).parent
PAGE, KEPT = DOCS / "stability.md", DOCS / "stability"


def take(folder: Path) -> None:
    """Keep a bench's document and picture, named after its protocol and rows."""
    document = kept(folder)
    name = "-".join([document["protocol"].replace("/", "-"), *(row["name"] for row in document["rows"])])
    keep(document, KEPT / f"{name}.json")
    shutil.copy(folder / "bench.png", DOCS / "img" / f"bench-{name}.png")


def written(protocol: str) -> str:
    """A protocol's table, its differences from the paper's experiment, and the commands."""
    documents = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(KEPT.glob("*.json"))]
    parts = [document for document in documents if document["protocol"] == protocol]
    if not parts:
        return "Not run yet."
    rows = [row | {"name": f"{row['name']}, {length(part)}"} for part in parts for row in part["rows"]]
    head, blocks = table(parts[0] | {"rows": rows})
    lines = ruled(head)
    for title, cells in blocks:
        lines += [line([f"*{title}*", *[""] * (len(head) - 1)]), *map(line, cells)]
    lines += ["", "In what these runs are not the paper's:", ""]
    lines += [f"- {words}" for words in dict.fromkeys(words for part in parts for words in part["differences"])]
    lines += ["", "```console", *(f"$ {part['command']}" for part in parts), "```"]
    return "\n".join(lines)


def length(document: dict[str, Any]) -> str:
    """How long the runs of a document are."""
    target = document["settings"]["target"]
    return f"{target['rounds']:,} rounds" if "rounds" in target else str(target["budget"])


def main() -> None:
    """Take what is given, and write the page."""
    KEPT.mkdir(exist_ok=True)
    for folder in sys.argv[1:]:
        take(Path(folder))
    page = PAGE.read_text(encoding="utf-8")
    for protocol in re.findall(r"<!-- table (\S+) -->", page):
        page = filled(page, f"table {protocol}", written(protocol))
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()

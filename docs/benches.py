"""What saddle bench found, as the pages keep it and show it."""

import json
from pathlib import Path
from typing import Any

from saddle.app.compare.words import line

__all__ = ["keep", "kept", "ruled"]


def kept(folder: Path) -> dict[str, Any]:
    """The document of a bench's folder, without what only that folder has."""
    document = json.loads((folder / "bench.json").read_text(encoding="utf-8"))
    return {key: value for key, value in document.items() if key not in ("study", "picture")}


def keep(document: dict[str, Any], path: Path) -> None:
    """Write a document where a page finds it again."""
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def ruled(head: list[str]) -> list[str]:
    """The first two lines of a table."""
    return [line(head), line(["---"] * len(head))]

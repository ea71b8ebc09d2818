"""``saddle list``: the names there are, as a table or as JSON."""

import json
from collections.abc import Callable
from typing import Any

from saddle.app.parser import Parser
from saddle.config import choose

__all__ = ["main"]


def _recipes() -> list[dict[str, Any]]:
    from saddle.recipes import catalogue

    return list(catalogue())


def _data() -> list[dict[str, Any]]:
    from saddle.data import catalogue

    return list(catalogue())


def _labs() -> list[dict[str, Any]]:
    from saddle.theory.labs import catalogue

    return list(catalogue())


def _measures() -> list[dict[str, Any]]:
    from saddle.evaluation.table import catalogue

    return list(catalogue())


def _features() -> list[dict[str, Any]]:
    from saddle.evaluation.features.table import catalogue

    return list(catalogue())


def _remedies() -> list[dict[str, Any]]:
    from saddle.recipes.remedies import catalogue

    return list(catalogue())


def _protocols() -> list[dict[str, Any]]:
    from saddle.benchmarks import catalogue

    return list(catalogue())


KINDS: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "recipes": _recipes,
    "data": _data,
    "labs": _labs,
    "measures": _measures,
    "features": _features,
    "remedies": _remedies,
    "protocols": _protocols,
}


def main(argv: list[str]) -> int:
    """Print what there is of a kind: name, summary and source."""
    parser = Parser(prog="saddle list", description="The names that other commands take.")
    parser.add_argument("kind", help=f"one of {', '.join(KINDS)}")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    args = parser.parse_args(argv)
    entries = choose(args.kind, KINDS, "list")()
    if args.json:
        print(json.dumps({args.kind: entries}, indent=1))
        return 0
    from rich.console import Console
    from rich.table import Table

    table = Table("name", "what it is", "source", box=None, header_style="bold", pad_edge=False)
    for entry in entries:
        table.add_row(entry["name"], entry["summary"], entry["source"], style=None)
    Console().print(table)
    for told in dict.fromkeys(entry["licence"] for entry in entries if entry.get("licence")):
        names = ", ".join(entry["name"] for entry in entries if entry.get("licence") == told)
        print(f"\n{names}: {told}")
    return 0

"""The table of a bench in Markdown and in the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from saddle.app.compare.study import spell_target
from saddle.app.compare.words import line, spell_mean
from saddle.benchmarks.protocol import COLUMNS

__all__ = ["heading", "markdown", "printed", "show", "table"]

PERCENT = {"high_quality"}
"""Columns that are shares, and shown in percent."""

Document = Mapping[str, Any]


def table(document: Document) -> tuple[list[str], list[tuple[str, list[list[str]]]]]:
    """The head of the table, and its parts: a title and the lines of each."""
    columns = list(document["real"])
    head = ["", "seeds", "diverged", *(heading(column, _total(document, column)) for column in columns)]
    ours = [
        [row["name"], str(row["seeds"]), f"{row['diverged']} of {row['seeds']}"]
        + [_ours(row["values"][column], column) for column in columns]
        for row in document["rows"]
    ]
    real = document["real"]
    sets = f"{len(real['modes']['each'])} sets"
    data = [
        ["real samples", sets, "", *(_ours(real[column], column) for column in columns)],
        ["perfect generator", "", "", *(_best(document, column) for column in columns)],
    ]
    parts = [("here", ours), ("the data", data)]
    for source in dict.fromkeys(_source(row) for row in document["published"]):
        rows = [row for row in document["published"] if _source(row) == source]
        parts.append((source, [[row["name"], "", "", *(_theirs(row, column) for column in columns)] for row in rows]))
    return head, parts


def heading(column: str, total: int | None = None) -> str:
    """What stands above a column.

    >>> heading("high_quality"), heading("modes", 8)
    ('high quality, %', 'modes (of 8)')
    """
    most = "" if total is None else f" (of {total:,})"
    return f"{COLUMNS[column]}, %" if column in PERCENT else f"{COLUMNS[column]}{most}"


def printed(column: str, value: float, error: float | None) -> str:
    """A published value and what stands behind its ±.

    >>> printed("modes", 6.3, 0.5), printed("high_quality", 0.356, None)
    ('6.3 ± 0.5', '35.6')
    """
    times = 100 if column in PERCENT else 1
    return f"{times * value:g}" + ("" if error is None else f" ± {times * error:g}")


def markdown(document: Document) -> str:
    """The whole table as a page that needs nothing but the picture beside it."""
    head, parts = table(document)
    lines = [
        f"# {document['protocol']}",
        "",
        *_list([f"{name}: {text}" for name, text in document["card"].items()]),
        "",
    ]
    lines += [_about(document), "", line(head), line(["---"] * len(head))]
    for title, rows in parts:
        lines += [line([f"*{title}*", *[""] * (len(head) - 1)]), *map(line, rows)]
    lines += ["", "Differences from the published experiment:", "", *_list(document["differences"])]
    for title, notes in _notes(document):
        lines += ["", f"{title}:", "", *_list(notes)]
    lines += ["", "![Samples of every row and seed](bench.png)"] if "picture" in document else []
    return "\n".join([*lines, "", "```console", f"$ {document['command']}", "```", ""])


def show(document: Document) -> None:
    """Print the table."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console = console if console.is_terminal else Console(width=200)  # a file or a pipe has room
    head, parts = table(document)
    shown = Table(*head, box=None, header_style="bold")
    for title, rows in parts:
        shown.add_row(f"[dim italic]{title}[/]")
        for row in rows:
            shown.add_row(*row)
    console.print(f"{document['protocol']}. {_about(document)}", style="dim", highlight=False)
    console.print(shown)
    console.print("\nDifferences from the published experiment:", highlight=False)
    for words in document["differences"]:
        console.print(f"  {words}", highlight=False, markup=False)
    for title, notes in _notes(document):
        console.print(f"\n{title}:", style="red", highlight=False)
        for words in notes:
            console.print(f"  {words}", highlight=False, markup=False)
    console.print(f"\n{document['study']}: bench.md, bench.json, bench.png", highlight=False)


def _total(document: Document, column: str) -> int | None:
    return document["ceiling"][column] if column in ("modes", "modes_tenth") else None


def _ours(value: Mapping[str, Any], column: str) -> str:
    if value["infinite"]:
        return "∞"
    times = 100 if column in PERCENT else 1
    mean, stderr = value["mean"], value["stderr"]
    return spell_mean(None if mean is None else times * mean, None if stderr is None else times * stderr)


def _best(document: Document, column: str) -> str:
    best = document["ceiling"].get(column, document["floor"].get(column))
    return "" if best is None else f"{(100 if column in PERCENT else 1) * best:.4g}"


def _theirs(row: Mapping[str, Any], column: str) -> str:
    value = row["values"].get(column)
    return "" if value is None else printed(column, value["mean"], value["error"])


def _source(row: Mapping[str, Any]) -> str:
    words = {"se": ", ± standard error", "std": ", ± standard deviation", "": ""}
    return f"{row['source']}{words[row['error']]}"


def _about(document: Document) -> str:
    settings = document["settings"]
    runs = f"{settings['data']}, {spell_target(settings['target'])} on one thread"
    how = "Mean ± standard error over the seeds that did not diverge; divergences in nats"
    return f"{runs}; {settings['counting']}. {how}."


def _notes(document: Document) -> list[tuple[str, list[str]]]:
    lost = [f"{one['row']}, seed {one['seed']}: {one['where']}" for one in document["diverged"]]
    failed = [f"{one['recipe']}, seed {one['seed']}: {one['error']} ({one['run']})" for one in document["failed"]]
    named = [("Diverged, counted but in no mean", lost), ("Not finished, in no count", failed)]
    return [(title, notes) for title, notes in named if notes]


def _list(items: Sequence[str]) -> list[str]:
    return [f"- {item}" for item in items]

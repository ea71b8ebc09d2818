"""The table of a study in Markdown and in the terminal."""

import math
from collections.abc import Mapping
from typing import Any

from saddle.app.cards import spell
from saddle.app.compare.study import spell_target
from saddle.evaluation.table import MEASURES

__all__ = ["line", "markdown", "show", "spell_mean"]


def spell_mean(mean: float | None, stderr: float | None) -> str:
    """Mean and standard error, to two digits of the error.

    >>> spell_mean(0.123456, 0.00321), spell_mean(1234.5, 67.8), spell_mean(8.0, 0.0), spell_mean(None, None)
    ('0.1235 ± 0.0032', '1234 ± 68', '8 ± 0', '')
    """
    if mean is None:
        return ""
    if not stderr:
        return spell(mean) if stderr is None else f"{spell(mean)} ± 0"
    digits = min(12, max(0, 1 - math.floor(math.log10(stderr))))
    return f"{mean:.{digits}f} ± {stderr:.{digits}f}"


def markdown(document: Mapping[str, Any]) -> str:
    """The whole table as a page that needs nothing but the picture beside it."""
    lines = [f"# {document['settings']['data']}: {len(document['rows'])} arms", "", _about(document), ""]
    head, *rows = _cells(document)
    lines += [line(head), line(["---"] * len(head)), *map(line, rows), "", f"{_ranked(document)}:", ""]
    lines += [f"- {verdict}" for verdict in document["rank"]["verdicts"]]
    lines += ["", f"{document['rank']['note']}."] if document["rank"]["note"] else []
    lines += ["", "Not finished, or not measured:", ""] if document["failed"] else []
    lines += [f"- {_failure(failed)}" for failed in document["failed"]]
    lines += ["", "![Measures, curves and samples](compare.png)"] if "picture" in document else []
    return "\n".join([*lines, "", "```console", f"$ {document['settings']['command']}", "```", ""])


def show(document: Mapping[str, Any]) -> None:
    """Print the table."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console = console if console.is_terminal else Console(width=200)  # a file or a pipe has room
    head, *rows = _cells(document)
    table = Table(*head, box=None, header_style="bold")
    for row in rows:
        table.add_row(*row)
    console.print(_about(document), style="dim", highlight=False)
    console.print(table)
    console.print(f"\n{_ranked(document)}:", highlight=False)
    for verdict in document["rank"]["verdicts"]:
        console.print(f"  {verdict}", highlight=False)
    if document["rank"]["note"]:
        console.print(f"  {document['rank']['note']}", style="dim", highlight=False)
    for failed in document["failed"]:
        console.print(f"not in the table: {_failure(failed)}", style="red", highlight=False)
    console.print(f"\n{document['study']}: compare.md, compare.json, compare.png", highlight=False)


def _cells(document: Mapping[str, Any]) -> list[list[str]]:
    """The table with its head; arms in the order of their places."""
    rows = {row["recipe"]: row for row in document["rows"]}
    names = list(document["rows"][0]["measures"])
    found = [["place", "arm", "seeds", *(f"{name} {_arrow(name)}" for name in names)]]
    for place in document["rank"]["places"]:
        row, (first, last) = rows[place["recipe"]], (place["from"], place["to"])
        values = [spell_mean(row["measures"][name]["mean"], row["measures"][name]["stderr"]) for name in names]
        found.append([str(first) if first == last else f"{first} to {last}", row["recipe"], str(row["seeds"]), *values])
    return found


def _arrow(column: str) -> str:
    return {"up": "↑", "down": "↓", "target": "◎"}[MEASURES[column].direction] if column in MEASURES else "↑"


def _about(document: Mapping[str, Any]) -> str:
    settings = document["settings"]
    measured = settings["measured"]
    how = f"against {measured['n']:,} real samples in the features {measured['features']}; " if measured else ""
    return f"Each run {spell_target(settings['target'])} on one thread; {how}mean ± standard error over seeds."


def _ranked(document: Mapping[str, Any]) -> str:
    level = f"{100 * document['settings']['level']:g} %"
    return f"Ranked by {document['rank']['by']}; a difference is clear at p ≤ {level} after Holm's correction"


def _failure(failed: Mapping[str, Any]) -> str:
    return f"{failed['recipe']}, seed {failed['seed']}: {failed['error']} ({failed['run']})"


def line(cells: list[str]) -> str:
    """A line of a table in Markdown."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"

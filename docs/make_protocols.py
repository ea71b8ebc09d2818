"""Write the cards of docs/protocols.md from the protocols' files.

python docs/make_protocols.py
"""

from collections.abc import Iterable
from pathlib import Path

from saddle import benchmarks
from saddle.app.bench.words import heading, printed
from saddle.benchmarks.protocol import COLUMNS, Protocol

PAGE = Path(__file__).parent / "protocols.md"
HEADING = "## The protocols\n"
"""What follows it is written here."""


def cards() -> str:
    """A card for each protocol."""
    return "\n".join([HEADING, *(card(entry) for entry in benchmarks.catalogue())])


def card(entry: dict[str, str]) -> str:
    """What a protocol is, the rows that it has, what was published, and in what it differs."""
    protocol = benchmarks.find(entry["name"])
    lines = [f"### {entry['name']}", "", f"{entry['summary']} Source: {entry['source']}.", ""]
    lines += [f"- **{name}**: {text}" for name, text in protocol.card.items()]
    lines += [f"- **length**: {length(protocol)}", f"- **settings of all rows**: `{flags(protocol.settings)}`", ""]
    lines += table(["row", "recipe", "on top", "note"], (rows(protocol)))
    lines += ["", *published(protocol), "Differences from the paper, in all rows:", ""]
    return "\n".join([*lines, *(f"- {words}" for words in protocol.differences), ""])


def length(protocol: Protocol) -> str:
    """Rounds and runs, here and there."""
    rounds = "not stated" if protocol.published_rounds is None else f"{protocol.published_rounds:,}"
    seeds = "not stated" if protocol.published_seeds is None else str(protocol.published_seeds)
    return f"{protocol.rounds:,} rounds (paper: {rounds}), {protocol.seeds} runs of each row (paper: {seeds})"


def rows(protocol: Protocol) -> Iterable[list[str]]:
    """Name (those of the default in bold), recipe, settings, note."""
    for name, row in protocol.rows.items():
        shown = f"**{name}**" if name in protocol.default_rows else name
        yield [shown, row.recipe, f"`{flags(row.settings)}`" if row.settings else "", row.note]


def published(protocol: Protocol) -> list[str]:
    """The table that was printed; nothing if there is none."""
    if not protocol.published:
        return []
    columns = [column for column in COLUMNS if any(column in line.values for line in protocol.published)]
    head = ["published", *(heading(column) for column in columns), "source"]
    kinds = {"se": "; ± standard error", "std": "; ± standard deviation", "": ""}
    found = []
    for line in protocol.published:
        cells = [printed(column, *line.values[column]) if column in line.values else "" for column in columns]
        found.append([line.name, *cells, f"{line.source}{kinds[line.error]}"])
    return [*table(head, found), ""]


def flags(settings: object) -> str:
    """Settings as flags of ``saddle train``."""
    return " ".join(f"--{name} {value}" for name, value in dict(settings).items())  # type: ignore[call-overload]


def table(head: list[str], lines: Iterable[list[str]]) -> list[str]:
    """A table in Markdown."""
    return [f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *lines]]


def page(text: str) -> str:
    """The page with its cards made anew."""
    return text.partition(HEADING)[0] + cards()


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")

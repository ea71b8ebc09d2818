"""Progress on standard error: a live display in a terminal, a line now and then elsewhere."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import monotonic

from saddle.app.options import spell_duration

__all__ = ["Screen", "counting", "naming"]


@contextmanager
def counting(what: str, after: float = 2.0) -> Iterator[Callable[[int, int], None]]:
    """A ``progress(done, total)`` that shows a bar once the work has taken longer than ``after`` seconds."""
    from rich.console import Console
    from rich.progress import Progress

    start, bar = monotonic(), Progress(console=Console(stderr=True), transient=True)
    task = bar.add_task(what, total=None)

    def progress(done: int, total: int) -> None:
        if monotonic() - start > after:
            bar.start()
            bar.update(task, completed=done, total=total)

    try:
        yield progress
    finally:
        if bar.live.is_started:  # stopping one that never ran would print an empty line
            bar.stop()


@contextmanager
def naming(after: float = 2.0) -> Iterator[Callable[[str, int, int], None]]:
    """A ``progress(name, done, total)`` that shows which of several pieces of work runs, once they take long.

    Where standard error is not a terminal it prints a line for each piece after the first ``after`` seconds.
    """
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    start, bar = monotonic(), Progress(console=console, transient=True)
    task = bar.add_task("", total=None)

    def progress(name: str, done: int, total: int) -> None:
        bar.update(task, description=name, completed=done, total=total)
        if console.is_terminal:
            bar.start()
        elif name and monotonic() - start > after:
            print(f"{done + 1} of {total}: {name}", file=sys.stderr, flush=True)

    try:
        yield progress
    finally:
        if bar.live.is_started:
            bar.stop()


class Screen:
    """Shows a training run as it goes.

    Args:
        title: recipe and data.
        quiet_every: seconds between lines where standard error is not a terminal.
    """

    def __init__(self, title: str, quiet_every: float = 10.0) -> None:
        from rich.console import Console
        from rich.live import Live

        self._title, self._quiet_every, self._last = title, quiet_every, 0.0
        console = Console(stderr=True)
        self._live = Live(console=console, refresh_per_second=4) if console.is_terminal else None

    def __enter__(self) -> "Screen":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def say(self, line: str) -> None:
        """Print a line above what is shown."""
        if self._live is None:
            print(f"saddle: {line}", file=sys.stderr, flush=True)
        else:
            self._live.console.print(f"saddle: {line}", highlight=False, markup=False)

    def wants(self, seconds: float) -> bool:
        """Whether it is time to show new figures; reading them may wait for the device."""
        return seconds - self._last >= (0.25 if self._live else self._quiet_every)

    def show(self, done: float, seconds: float, round: int, images: int, terms: Mapping[str, float], note: str) -> None:
        """Show how far the run is (``done`` in [0, 1]) and its newest terms."""
        self._last = seconds
        left = seconds * (1 - done) / done if done > 0 else 0.0
        if self._live is None:
            figures = "  ".join(f"{name} {value:.3g}" for name, value in terms.items() if not name.endswith("gradient"))
            line = f"{done:4.0%}  {spell_duration(seconds)}  round {round}  {images:,} images  {figures}"
            print(line, file=sys.stderr, flush=True)
            return
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        head = Text.assemble(
            (self._title, "bold"), f"   round {round:,}   {images:,} images   {spell_duration(left)} left"
        )
        table = Table.grid(padding=(0, 2))
        for player in dict.fromkeys(name.split(".")[0] for name in terms):
            mine = {name.split(".", 1)[1]: value for name, value in terms.items() if name.split(".")[0] == player}
            table.add_row(Text(player, "bold"), *(f"{name} {value:8.3f}" for name, value in mine.items()))
        bar = ProgressBar(total=1.0, completed=min(1.0, done), width=60)
        self._live.update(Group(head, bar, table, Text(note, "dim")))

"""The work on a study that a command line asks for: which runs are due, whether they fit the time, a line for each."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saddle.app.compare.fleet import State, state, train
from saddle.app.compare.study import Entry, Study
from saddle.app.options import duration
from saddle.app.train import cores
from saddle.config import require

if TYPE_CHECKING:
    from saddle.app.compare.prepare import Prepared

__all__ = ["Work", "add_flags", "failure", "say", "tell_part"]


def add_flags(group: "argparse._ArgumentGroup") -> None:
    """The flags that `Work.of` reads."""
    group.add_argument("--jobs", type=int, help="runs at once (default: the number of cores; 1 on an accelerator)")
    group.add_argument("--within", metavar="TIME", help="refuse a study that would take longer")
    group.add_argument("--shard", metavar="I/N", help="train only part I of N; the same command without it gathers")
    group.add_argument("--retry", action="store_true", help="try runs again that failed")


@dataclass(frozen=True)
class Work:
    """What one call of the command does of a study."""

    jobs: int | None
    """Runs at once; None: as many as there are cores."""
    within: str | None
    """The time that it may take."""
    shard: str | None
    """Part/parts; None: all."""
    retry: bool
    """Whether failed runs are tried again."""

    def __post_init__(self) -> None:
        require(self.jobs is None or self.jobs >= 1, "jobs", self.jobs, "1 or more runs at once")
        if self.within is not None:
            duration(self.within, "within")
        _shard(self.shard)

    @classmethod
    def of(cls, args: argparse.Namespace) -> "Work":
        """As the flags say.

        Raises:
            ValueError: one of them cannot be meant.
        """
        return cls(args.jobs, args.within, args.shard, args.retry)

    def part(self, study: Study) -> list[Entry]:
        """The runs that this call is about."""
        first, step = _shard(self.shard)
        return study.entries()[first - 1 :: step]

    def train(self, prepared: "Prepared") -> bool:
        """Say how long it will take, write the study down, and train what is due.

        Returns:
            Whether it was interrupted.
        Raises:
            ValueError: it would take longer than it may, or a run of another study lies in the folder.
        """
        from saddle.app.compare.timetable import Timetable

        study, part = prepared.study, self.part(prepared.study)
        wanted = {"missing", "unfinished"} | ({"failed", "diverged"} if self.retry else set())
        todo = [entry for entry in part if state(study, entry).kind in wanted]
        jobs = self.jobs or (cores() if prepared.device == "cpu" else 1)
        times = Timetable.of(prepared, todo, jobs)
        if self.within is not None:
            times.check(self.within)
        say(times.words(len(part)))
        study.write()
        return bool(todo) and _train(study, todo, jobs)


def tell_part(
    study: Study, part: Sequence[Entry], shard: str, gather: str, as_json: bool, ended: Sequence[str] = ("finished",)
) -> int:
    """Print what a call has to say that trained only its part, and return the exit status.

    Args:
        study: the study.
        part: its runs that this call was about.
        shard: as given.
        gather: the command that gathers.
        as_json: whether to print a document.
        ended: kinds of `State` that are no failure.
    """
    states = [(entry, state(study, entry)) for entry in part]
    failed = [failure(entry, found.words) for entry, found in states if found.kind not in ended]
    document = {"study": str(study.folder), "shard": shard, "runs": len(part), "rows": []}
    if as_json:
        print(json.dumps(document | {"failed": failed}, indent=1))
    else:
        print(f"part {shard}: {len(part) - len(failed)} of {len(part)} runs are finished")
        print(f"when all parts are done: {gather}")
    return 1 if failed else 0


def failure(entry: Entry, reason: str) -> dict[str, Any]:
    """A run that is not in the table, for documents."""
    return {"recipe": entry.arm.name, "seed": entry.seed, "run": str(Path(entry.run)), "error": reason}


def say(line: str) -> None:
    """A line on standard error."""
    print(line, file=sys.stderr, flush=True)


def _train(study: Study, todo: Sequence[Entry], jobs: int) -> bool:
    done = 0

    def tell(entry: Entry, found: State) -> None:
        nonlocal done
        done += 1
        say(f"{done} of {len(todo)}: {entry.arm.name}, seed {entry.seed}: {found.words}")

    return train(study, todo, jobs, tell)


def _shard(text: str | None) -> tuple[int, int]:
    """Part and number of parts; without a text the whole."""
    if text is None:
        return 1, 1
    part, _, parts = text.partition("/")
    known = part.isdecimal() and parts.isdecimal() and len(text) < 20 and 1 <= int(part) <= int(parts)
    require(known, "shard", text, "part/parts, such as 1/4 to 4/4")
    return int(part), int(parts)

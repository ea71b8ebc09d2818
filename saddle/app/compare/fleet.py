"""The runs of a study as child processes of ``saddle train``, some at once: begun, resumed, interrupted, told apart."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from saddle.app.compare.study import Entry, Study
from saddle.app.options import duration, spell_duration
from saddle.app.runs import Run
from saddle.writing import write_text

__all__ = ["State", "state", "train"]

WAIT = 0.05
"""Seconds between two looks at the children."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@dataclass(frozen=True)
class State:
    """How far a run is."""

    kind: str
    """missing, unfinished, busy (another process trains it), finished, diverged (its numbers did) or failed."""
    words: str
    """The same for people, with what went wrong."""


def state(study: Study, entry: Entry) -> State:
    """What the folder says about a run.

    Raises:
        ValueError: a run of other settings lies there.
    """
    document = _document(entry)
    if not (entry.run / "config.json").is_file():
        failed = document.get("stopped") == "failed"  # before it had a folder
        return State("failed", str(document.get("error"))) if failed else State("missing", "not begun")
    run = Run.open(entry.run)
    _check_is_ours(study, entry, run)
    try:
        with run.locked():
            pass
    except ValueError:
        return State("busy", "another process trains it")
    if document.get("stopped") in study.target:
        seconds = spell_duration(document["seconds"])
        return State("finished", f"done, {document['rounds']:,} rounds, {document['images']:,} images, {seconds}")
    if document.get("stopped") == "failed":
        return State("diverged" if document.get("diverged") else "failed", str(document.get("error")))
    return State("unfinished", "interrupted before its end")


def train(study: Study, todo: Sequence[Entry], jobs: int, tell: Callable[[Entry, State], None]) -> bool:
    """Train runs, ``jobs`` at once, and write down how each ended.

    The first Ctrl-C or polite kill is handed to the children, which save everything; a second one ends them at once.

    Args:
        study: the study.
        todo: its runs to be made or gone on with.
        jobs: how many at once.
        tell: called as each ends.
    Returns:
        Whether it was interrupted.
    """
    waiting, playing = deque(todo), dict[Entry, subprocess.Popen[bytes]]()
    with _signals() as asked:
        told = 0
        try:
            while playing or (waiting and not asked):
                while waiting and len(playing) < jobs and not asked:
                    entry = waiting.popleft()
                    now = state(study, entry)  # another call may have trained it meanwhile
                    if now.kind in ("busy", "finished"):
                        tell(entry, now)
                    else:
                        playing[entry] = _begin(study, entry)
                for entry in [entry for entry, child in playing.items() if child.poll() is not None]:
                    _note_end(study, entry, playing.pop(entry).returncode, bool(asked))
                    tell(entry, state(study, entry))
                for _ in range(len(asked) - told):
                    told += 1
                    for child in playing.values():
                        child.send_signal(signal.SIGINT)
                time.sleep(WAIT)
        finally:
            for child in playing.values():  # only after an error of our own
                child.send_signal(signal.SIGINT)
                child.wait()
    return bool(asked)


def _begin(study: Study, entry: Entry) -> "subprocess.Popen[bytes]":
    entry.run.parent.mkdir(parents=True, exist_ok=True)
    words = [sys.executable, "-m", "saddle", "train", *_words(study, entry)]
    with entry.said.open("wb") as said, entry.told.open("ab") as told:
        # a session of its own: Ctrl-C in the terminal reaches the study alone, which hands it on once
        return subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=told,
            env=os.environ | ONE_THREAD,
            start_new_session=True,
        )


def _words(study: Study, entry: Entry) -> list[str]:
    """The command line of ``saddle train`` that begins a run, or goes on with it."""
    arm = entry.arm
    if not (entry.run / "config.json").is_file():
        every = [f"--evaluate_every={arm.evaluate_every}"] if arm.evaluate_every else []
        flags = [*arm.words, *study.flags(entry.seed), *study.targets(), *every]
        return [arm.recipe, *flags, f"--out={entry.run}", "--json"]
    changed = {}
    if "budget" in study.target:
        left = duration(study.target["budget"]) - _seconds_kept(Run.open(entry.run))
        changed["budget"] = f"{max(left, 0.01):.2f}s"
    return [f"--resume={entry.run}", *study.targets(**changed), "--json"]


def _seconds_kept(run: Run) -> float:
    """Time that the newest checkpoint was trained for: what the log has after it will be played again."""
    from saddle.game import checkpoint

    path, _ = checkpoint.newest(run.checkpoints)
    round = int(re.sub(r"\D", "", path.stem)) if path else 0
    return max((row["seconds"] for row in run.log() if row["round"] <= round), default=0.0)


def _note_end(study: Study, entry: Entry, status: int, asked: bool) -> None:
    """Where a child ended without a document, write down why."""
    if _document(entry) or asked:
        return
    lines = entry.told.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    last = next((line for line in reversed(lines) if line.startswith("saddle: ")), lines[-1] if lines else "")
    killed = f"killed by signal {-status}; out of memory, perhaps"
    error = killed if status < 0 else last.removeprefix("saddle: ") or f"exit status {status}"
    write_text(entry.said, json.dumps({"stopped": "failed", "error": error}) + "\n")


def _document(entry: Entry) -> dict[str, Any]:
    """What ``saddle train --json`` printed; nothing if it did not come to that."""
    try:
        held = json.loads(entry.said.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return held if isinstance(held, dict) else {}


def _check_is_ours(study: Study, entry: Entry, run: Run) -> None:
    settings, options = run.config["settings"], run.config["options"]
    found = {"recipe": run.config["recipe"], "seed": options.get("seed"), "data": run.config["data"]["fingerprint"]}
    ours = {"recipe": entry.arm.recipe, "seed": entry.seed, "data": study.fingerprint}
    wanted = ours | entry.arm.settings
    found |= {name: settings.get(name, options.get(name, wanted[name])) for name in entry.arm.settings}
    for name, value in wanted.items():
        if found[name] != value:
            told = f"{name}={found[name]} and not {value}, as this study has; move it away, or take another --out"
            raise ValueError(f"run={entry.run}: was trained with {told}")


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Ctrl-C and polite kills are noted in a list, and do nothing else."""
    asked: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    old = {number: signal.signal(number, lambda number, frame: asked.append(number)) for number in numbers}
    try:
        yield asked
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)

"""Flags and messages that the commands about latent space share; read without importing torch."""

import argparse
import sys
from pathlib import Path

from saddle.config import require

__all__ = ["add_common", "require_out", "say"]


def say(line: str) -> None:
    """A line for the user, on standard error."""
    print(f"saddle: {line}", file=sys.stderr, flush=True)


def add_common(parser: argparse.ArgumentParser, out: str, label: bool = True) -> None:
    """The flags that all these commands take.

    Args:
        parser: the command's.
        out: its default picture.
        label: whether ``--label`` is one of them.
    """
    parser.add_argument("run", help="the run's folder, such as runs/0001")
    if label:
        parser.add_argument("--label", help="a label's name or number, for runs that take labels (default: the first)")
    parser.add_argument("--seed", type=int, default=0, help="of all random numbers (default: 0)")
    parser.add_argument("--out", default=out, help=f"the picture (default: {out})")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def require_out(out: str, *suffixes: str) -> Path:
    """The picture's path.

    Raises:
        ValueError: another ending.
    """
    path = Path(out)
    valid = path.suffix in suffixes and bool(path.stem)
    require(valid, "out", out, f"a name ending in {' or '.join(suffixes)}")
    return path

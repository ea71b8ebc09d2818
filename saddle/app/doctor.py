"""``saddle doctor``: what is wrong with a run, in words, with the evidence and the flag to change."""

import json
from typing import TYPE_CHECKING

from saddle.app.parser import Parser

if TYPE_CHECKING:
    from saddle.app.examine import Examination
    from saddle.app.runs import Run
    from saddle.evaluation import Side
    from saddle.evaluation.health import Evidence

__all__ = ["held_out_side", "main"]


def main(argv: list[str]) -> int:
    """Examine a run and print the verdicts, the strongest first."""
    parser = Parser(
        prog="saddle doctor", description="Say what is wrong with a run, on what evidence, and which flag to change."
    )
    parser.add_argument("run", help="the run's folder, such as runs/0001: finished, failed or still going")
    parser.add_argument("--held-out", metavar="PATH", help="real samples that the run was not trained on")
    parser.add_argument(
        "--replay", metavar="TIME", help="train again for at most so long without a fifth of the data: 60s, 10m"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    args = parser.parse_args(argv)
    from saddle.app.examine import examine
    from saddle.app.options import duration
    from saddle.app.runs import Run
    from saddle.config import require

    either = args.held_out is None or args.replay is None
    require(either, "replay", args.replay, "no --held-out besides, which is what a replay stands in for")
    seconds = None if args.replay is None else duration(args.replay, "replay")
    run = Run.open(args.run)
    found = examine(run, None if args.held_out is None else held_out_side(run, args.held_out), seconds)
    if args.json:
        document = {
            "run": str(run.folder),
            "round": found.round,
            "verdicts": [verdict.document() for verdict in found.verdicts],
            "left_out": found.left_out,
        }
        print(json.dumps(document, indent=1, allow_nan=False))
    else:
        _show(run, found)
    return 0


def held_out_side(run: "Run", given: str) -> "Side":
    """Real samples that a run was not trained on, in the shape that it was trained at.

    Args:
        run: the run.
        given: what ``--held-out`` takes: a data set's name, a folder, a zip or a .npy file.
    Raises:
        ValueError: nothing there that can be used, or another shape.
    """
    from saddle.app.sides import Shape, side_of
    from saddle.config import require
    from saddle.evaluation.scoring import as_side

    spec = run.spec
    shape = Shape() if spec.points else Shape(spec.size, spec.channels)
    side = as_side(side_of(given, shape), "held out", None, 0)
    held = tuple(side.samples.shape[1:])
    require(held == spec.shape, "held-out", given, f"samples of shape {spec.shape}, as {run.folder} was trained on")
    return side


def _show(run: "Run", found: "Examination") -> None:
    from rich.console import Console
    from rich.table import Table

    from saddle.evaluation.health import CAUSES

    console = Console()
    console = console if console.is_terminal else Console(width=150)  # a file or a pipe has room
    console.print(f"[bold]{run.folder}[/bold], {found.round:,} rounds of {run.config['recipe']}\n", highlight=False)
    table = Table("verdict", "evidence", "what to change", box=None, header_style="bold", padding=(0, 2, 1, 0))
    for verdict in found.verdicts:
        evidence = "" if verdict.cause == "healthy" else "\n".join(map(_spell, verdict.evidence))
        table.add_row(f"[bold]{verdict.cause}[/bold]\n{CAUSES[verdict.cause]}", evidence, verdict.advice)
    console.print(table, highlight=False)
    for what, why in found.left_out.items():
        console.print(f"not looked at: {what} ({why})", style="dim", highlight=False)


def _spell(evidence: "Evidence") -> str:
    return f"{evidence.what}: {evidence.number:.3g} (threshold {evidence.threshold:.3g}, round {evidence.round:,})"

"""The command line of ``saddle bench``: what was asked for, and what is printed."""

import argparse
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from saddle.app.compare.work import Work, add_flags, failure, say, tell_part
from saddle.app.parser import Parser
from saddle.config import require
from saddle.writing import write_text

if TYPE_CHECKING:
    from saddle.app.compare.prepare import Prepared, Request
    from saddle.benchmarks.protocol import Protocol

__all__ = ["main"]

ENDED = ("finished", "diverged")
"""Runs that are results: a run that diverges is one, too."""


def main(argv: list[str]) -> int:
    """Train what is not trained, score what is not scored, and print the table beside the published one."""
    args = _parser().parse_args(argv)
    require(args.seeds is None or 1 <= args.seeds <= 1_000, "seeds", args.seeds, "1 to 1,000")
    from saddle import benchmarks

    work, protocol = Work.of(args), benchmarks.find(args.protocol)
    from saddle.app.compare.prepare import prepare

    prepared = prepare(_request(args, protocol))
    study = prepared.study
    again = shlex.join(["saddle", "bench", args.protocol, "--out", str(study.folder)])
    if work.train(prepared):
        say(f"interrupted, everything saved; go on with: {again}{f' --shard {args.shard}' if args.shard else ''}")
        return 1
    if args.shard:
        return tell_part(study, work.part(study), args.shard, again, args.json, ENDED)
    return _gather(prepared, protocol, args.json)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="saddle bench",
        usage="saddle bench PROTOCOL [--recipes ROW,ROW ...] [--seeds K] [--budget T | --rounds N] [...]",
        description="Run a published experiment as its paper has it, and print the table beside the paper's.",
        epilog="saddle list protocols lists the protocols. Runs are made by saddle train, one thread each, and those "
        "that are finished are kept: the same command with --out FOLDER goes on.",
    )
    parser.add_argument("protocol", metavar="PROTOCOL", help="a protocol's name, such as ring8/pacgan")
    runs = parser.add_argument_group("the runs")
    runs.add_argument(
        "--recipes",
        nargs="+",
        metavar="ROW",
        help="rows of the protocol or recipes, with commas; or in quotes one of them with flags of its own: "
        'gan,packing-2 "wgan-gp --n_critic 3" (default: a few of the rows)',
    )
    runs.add_argument("--seeds", type=int, help="runs of each row (default: the protocol's)")
    runs.add_argument("--seed", type=int, help="the first of the seeds (default: 0)")
    runs.add_argument("--rounds", type=int, help="train each run for so many rounds (default: the protocol's)")
    runs.add_argument("--budget", help="train each run for so long: 60s, 10m, 2h")
    runs.add_argument("--device", help="auto, cpu, cuda or mps (default: auto)")
    work = parser.add_argument_group("the work")
    work.add_argument("--out", help="the folder; one with the same study goes on (default: a new one in benchmarks/)")
    add_flags(work)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


def _request(args: argparse.Namespace, protocol: "Protocol") -> "Request":
    from saddle.app.bench.arms import arms
    from saddle.app.compare.prepare import Request
    from saddle.app.compare.study import Study
    from saddle.app.runs import next_free

    folder = Path(args.out or next_free(Path("benchmarks") / args.protocol.replace("/", "-")))
    old = Study.begun(folder)
    rows = args.recipes or ([] if old else list(protocol.default_rows))
    rounds = protocol.rounds if old is None and args.budget is None and args.rounds is None else args.rounds
    shared = {"data": protocol.data, "size": protocol.size, "rounds": rounds}
    shared |= {name: getattr(args, name) for name in ("seed", "device", "budget")}
    return Request(
        folder, old, arms(protocol, rows), shared, args.seeds, protocol.seeds, curves=False, protocol=args.protocol
    )


def _gather(prepared: "Prepared", protocol: "Protocol", as_json: bool) -> int:
    from saddle.app.bench.picture import save_picture
    from saddle.app.bench.results import collect
    from saddle.app.bench.scores import Scores
    from saddle.app.bench.words import markdown, show
    from saddle.app.compare.fleet import state

    study = prepared.study
    states = {entry: state(study, entry) for entry in study.entries()}
    scores = Scores.read(study, protocol)
    finished = [entry for entry, found in states.items() if found.kind == "finished"]
    refused = scores.measure(prepared.data, finished)
    lost = {entry: found.words for entry, found in states.items() if found.kind == "diverged"}
    lost |= {entry: "its samples are NaN or infinite" for entry in states if scores.diverged(entry)}
    failed = [failure(entry, found.words) for entry, found in states.items() if found.kind not in ENDED]
    failed += [failure(entry, reason) for entry, reason in refused.items()]
    document = collect(study, protocol, scores, lost, failed)
    picture = save_picture(study, prepared.data, protocol, scores, lost, study.folder / "bench.png")
    document |= {"picture": str(study.folder / "bench.png")} if picture else {}
    write_text(study.folder / "bench.md", markdown(document))
    write_text(study.folder / "bench.json", json.dumps(document, indent=1, allow_nan=False) + "\n")
    if as_json:
        print(json.dumps(document, indent=1, allow_nan=False))
    else:
        show(document)
    return 1 if failed else 0

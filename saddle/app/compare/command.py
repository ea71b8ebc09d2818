"""The command line of ``saddle compare``: what was asked for, whether it fits the time, and what is printed."""

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saddle.app.options import duration
from saddle.app.parser import Parser
from saddle.config import choose, require

if TYPE_CHECKING:
    from saddle.app.compare.fleet import State
    from saddle.app.compare.prepare import Prepared
    from saddle.app.compare.study import Entry

__all__ = ["main"]


def main(argv: list[str]) -> int:
    """Train what is not trained, measure what is not measured, and print the table."""
    cut = argv.index("--") if "--" in argv else len(argv)
    args = _parser().parse_intermixed_args(argv[:cut])
    _check(args)
    shard = _shard(args.shard)
    from saddle.app.compare.prepare import prepare
    from saddle.app.compare.scores import check_column

    prepared = prepare(args, argv[cut + 1 :])
    check_column(args.by, prepared.study.measures)
    part = prepared.study.entries()[shard[0] - 1 :: shard[1]]
    todo = _todo(prepared, part, args.retry)
    jobs = _jobs(args.jobs, prepared)
    _announce(prepared, part, todo, jobs, args.within)
    prepared.study.write()
    if todo and _train(prepared, todo, jobs):
        hint = shlex.join(["saddle", "compare", "--resume", str(prepared.study.folder)])
        _say(f"interrupted, everything saved; go on with: {hint}{f' --shard {args.shard}' if args.shard else ''}")
        return 1
    return _sharded(prepared, part, args) if args.shard else _gather(prepared, args)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="saddle compare",
        usage="saddle compare ARM ARM ... --data D --seeds K --budget T [...] [-- flags of all arms]\n"
        "       saddle compare --resume STUDY",
        description="Compare recipes, or one recipe under several settings, over seeds and under one budget.",
        epilog='An arm is a recipe\'s name, or in quotes a name with flags of its own: "gan --n_critic 5". Flags after '
        "-- go to all arms. Runs are made by saddle train, one thread each, and those that are finished are kept: the "
        "same command again goes on.",
    )
    parser.add_argument("arms", nargs="*", metavar="ARM", help='a recipe, or "RECIPE --flag value ..."')
    runs = parser.add_argument_group("the runs")
    runs.add_argument("--data", help="a data set's name or a path (default: mnist)")
    runs.add_argument("--size", type=int, help="side of the images (default: what suits the data and all arms)")
    runs.add_argument("--channels", type=int, choices=(1, 3), help="1 grey, 3 colour (default: as most images have)")
    runs.add_argument("--budget", help="train each run for so long: 60s, 10m, 2h (default: 2m)")
    runs.add_argument("--rounds", type=int, help="train each run for so many rounds")
    runs.add_argument("--images", type=int, help="train each run until it has seen so many real images")
    runs.add_argument("--seeds", type=int, help="runs of each arm (default: 3)")
    runs.add_argument("--seed", type=int, help="the first of the seeds (default: 0)")
    runs.add_argument("--device", help="auto, cpu, cuda or mps (default: auto)")
    runs.add_argument("--no-curves", action="store_true", help="do not measure during training")
    work = parser.add_argument_group("the work")
    work.add_argument("--out", help="the study's folder (default: the next number under comparisons/)")
    work.add_argument("--resume", metavar="STUDY", help="go on with this study; --seeds and arms may be added")
    work.add_argument("--jobs", type=int, help="runs at once (default: the number of cores; 1 on an accelerator)")
    work.add_argument("--within", metavar="TIME", help="refuse a study that would take longer")
    work.add_argument("--shard", metavar="I/N", help="train only part I of N; the same command without it gathers")
    work.add_argument("--retry", action="store_true", help="try runs again that failed")
    how = parser.add_argument_group("how they are measured")
    how.add_argument("--measures", help="names, with commas (default: by the data)")
    how.add_argument("--by", metavar="MEASURE", help="the measure that ranks (default: the first)")
    how.add_argument("--features", help="an extractor (saddle list features; default: by the data)")
    how.add_argument("--weights", help="the file of its weights, for extractors that need one")
    how.add_argument("-n", type=int, help="samples of each side (default: as in saddle evaluate)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


def _check(args: argparse.Namespace) -> None:
    require(args.seeds is None or args.seeds >= 1, "seeds", args.seeds, "1 or more")
    require(args.seeds is None or args.seeds <= 1_000, "seeds", args.seeds, "at most 1,000")
    require(args.jobs is None or args.jobs >= 1, "jobs", args.jobs, "1 or more runs at once")
    require(args.n is None or args.n >= 1, "n", args.n, "1 or more samples")
    both = args.out is not None and args.resume is not None
    require(not both, "out", args.out, "none with --resume: a study stays in its folder")
    if args.within is not None:
        duration(args.within, "within")
    if args.measures is not None:
        from saddle.evaluation.table import MEASURES

        for name in args.measures.split(","):
            choose(name.strip(), MEASURES, "measure")


def _shard(text: str | None) -> tuple[int, int]:
    """Part and number of parts; without a text the whole."""
    if text is None:
        return 1, 1
    part, _, parts = text.partition("/")
    known = part.isdecimal() and parts.isdecimal() and len(text) < 20 and 1 <= int(part) <= int(parts)
    require(known, "shard", text, "part/parts, such as 1/4 to 4/4")
    return int(part), int(parts)


def _todo(prepared: "Prepared", part: list["Entry"], retry: bool) -> list["Entry"]:
    from saddle.app.compare.fleet import state

    wanted = ("missing", "unfinished", "failed") if retry else ("missing", "unfinished")
    return [entry for entry in part if state(prepared.study, entry).kind in wanted]


def _jobs(asked: int | None, prepared: "Prepared") -> int:
    from saddle.app.train import cores

    return asked or (cores() if prepared.device == "cpu" else 1)


def _announce(prepared: "Prepared", part: list["Entry"], todo: list["Entry"], jobs: int, within: str | None) -> None:
    from saddle.app.compare.timetable import Timetable

    times = Timetable.of(prepared, todo, jobs)
    if within is not None:
        times.check(within)
    _say(times.words(len(part)))


def _train(prepared: "Prepared", todo: list["Entry"], jobs: int) -> bool:
    """Whether it was interrupted."""
    from saddle.app.compare.fleet import train

    done = 0

    def tell(entry: "Entry", found: "State") -> None:
        nonlocal done
        done += 1
        _say(f"{done} of {len(todo)}: {entry.arm.name}, seed {entry.seed}: {found.words}")

    return train(prepared.study, todo, jobs, tell)


def _sharded(prepared: "Prepared", part: list["Entry"], args: argparse.Namespace) -> int:
    """What a call prints that trained only its part."""
    from saddle.app.compare.fleet import state

    states = [(entry, state(prepared.study, entry)) for entry in part]
    failed = [_failure(entry, found.words) for entry, found in states if found.kind != "finished"]
    document = {"study": str(prepared.study.folder), "shard": args.shard, "runs": len(part), "rows": []}
    if args.json:
        print(json.dumps(document | {"failed": failed}, indent=1))
    else:
        print(f"part {args.shard}: {len(part) - len(failed)} of {len(part)} runs are finished")
        print(f"when all parts are done: saddle compare --resume {shlex.quote(str(prepared.study.folder))}")
    return 1 if failed else 0


def _gather(prepared: "Prepared", args: argparse.Namespace) -> int:
    from saddle.app.compare.fleet import state
    from saddle.app.compare.results import collect
    from saddle.app.compare.scores import Scores
    from saddle.app.compare.words import markdown, show
    from saddle.app.runs import write_text

    study = prepared.study
    states = [(entry, state(study, entry)) for entry in study.entries()]
    failed = [_failure(entry, found.words) for entry, found in states if found.kind != "finished"]
    finished = [entry for entry, found in states if found.kind == "finished"]
    scores = Scores.read(study)
    refused = scores.measure(prepared.data, finished, _say)
    failed += [_failure(entry, reason) for entry, reason in refused.items()]
    shown = [entry for entry in finished if entry not in refused]
    document = collect(study, scores, failed, args.by)
    if shown:
        from saddle.app.compare.picture import save_picture

        save_picture(study, prepared.data, scores, shown, study.folder / "compare.png")
        document["picture"] = str(study.folder / "compare.png")
    write_text(study.folder / "compare.md", markdown(document))
    write_text(study.folder / "compare.json", json.dumps(document, indent=1, allow_nan=False) + "\n")
    if args.json:
        print(json.dumps(document, indent=1, allow_nan=False))
    else:
        show(document)
    return 1 if failed else 0


def _failure(entry: "Entry", reason: str) -> dict[str, Any]:
    return {"recipe": entry.arm.name, "seed": entry.seed, "run": str(Path(entry.run)), "error": reason}


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

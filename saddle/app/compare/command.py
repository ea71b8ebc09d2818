"""The command line of ``saddle compare``: what was asked for, and what is printed."""

import argparse
import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from saddle.app.compare.work import Work, add_flags, failure, say, tell_part
from saddle.app.parser import Parser
from saddle.config import choose, require
from saddle.writing import write_text

if TYPE_CHECKING:
    from saddle.app.compare.prepare import Prepared, Request

__all__ = ["main"]


def main(argv: list[str]) -> int:
    """Train what is not trained, measure what is not measured, and print the table."""
    cut = argv.index("--") if "--" in argv else len(argv)
    args = _parser().parse_intermixed_args(argv[:cut])
    _check(args)
    from saddle.app.compare.prepare import prepare
    from saddle.app.compare.scores import check_column

    work = Work.of(args)
    prepared = prepare(_request(args, argv[cut + 1 :]))
    study = prepared.study
    check_column(args.by, study.measures)
    again = shlex.join(["saddle", "compare", "--resume", str(study.folder)])
    if work.train(prepared):
        say(f"interrupted, everything saved; go on with: {again}{f' --shard {args.shard}' if args.shard else ''}")
        return 1
    if args.shard:
        return tell_part(study, work.part(study), args.shard, again, args.json)
    return _gather(prepared, args)


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
    add_flags(work)
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
    require(args.n is None or args.n >= 1, "n", args.n, "1 or more samples")
    both = args.out is not None and args.resume is not None
    require(not both, "out", args.out, "none with --resume: a study stays in its folder")
    if args.measures is not None:
        from saddle.evaluation.table import MEASURES

        for name in args.measures.split(","):
            choose(name.strip(), MEASURES, "measure")


def _request(args: argparse.Namespace, common: Sequence[str]) -> "Request":
    from saddle.app.compare.prepare import SHARED, Request, arm_words
    from saddle.app.compare.study import Study
    from saddle.app.runs import next_free

    folder = Path(args.resume or args.out or next_free(Path("comparisons")))
    return Request(
        folder,
        Study.read(folder) if args.resume else Study.begun(folder),
        [arm_words(text, common) for text in args.arms],
        {name: getattr(args, name) for name in SHARED},
        args.seeds,
        fewest=2,
        curves=not args.no_curves,
        measuring={name: getattr(args, name) for name in ("measures", "features", "weights", "n")},
    )


def _gather(prepared: "Prepared", args: argparse.Namespace) -> int:
    from saddle.app.compare.fleet import state
    from saddle.app.compare.results import collect
    from saddle.app.compare.scores import Scores
    from saddle.app.compare.words import markdown, show

    study = prepared.study
    states = [(entry, state(study, entry)) for entry in study.entries()]
    failed = [failure(entry, found.words) for entry, found in states if found.kind != "finished"]
    finished = [entry for entry, found in states if found.kind == "finished"]
    scores = Scores.read(study)
    refused = scores.measure(prepared.data, finished, say)
    failed += [failure(entry, reason) for entry, reason in refused.items()]
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

"""``saddle evaluate``: generated samples against real ones, by any of the measures, as a table, JSON and a picture."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saddle.app.devices import LOOKS, device_of
from saddle.app.parser import Parser
from saddle.config import require
from saddle.writing import write_text

if TYPE_CHECKING:
    from rich.console import Console

    from saddle.evaluation import Scorecard

__all__ = ["main"]


def main(argv: list[str]) -> int:
    """Measure, print the card, and write what was asked for."""
    args = _parser().parse_args(argv)
    require(args.n is None or args.n >= 1, "n", args.n, "1 or more samples")
    require(0 <= args.seed < 2**63, "seed", args.seed, "a whole number from 0 to 2**63 - 1")
    require(args.size is None or 4 <= args.size <= 1024, "size", args.size, "a side of 4 to 1024 pixels")
    if args.answers:
        return _answers(args)
    require(args.fake is not None, "fake", None, "what is judged: --fake RUN, a folder, a zip or a .npy file")
    if args.human:
        return _human(args)
    out = None if args.out is None else Path(args.out)
    if out is not None:  # before anything is measured
        require(out.suffix in (".png", ".json", ""), "out", out, "a name ending in .png or .json, or a folder")
    before = None
    if args.compare:
        from saddle.evaluation import Incomparable, Scorecard

        before = Scorecard.read(args.compare)
    card = _measure(args)
    document, refused = card.document(), None
    if before is not None:
        try:
            document["compared"] = [vars(one) for one in card.compare(before)]
        except Incomparable as error:
            refused = error
    if args.json:
        print(json.dumps(document, indent=1, allow_nan=False), flush=True)
    else:
        _show(card, document.get("compared"))
    if out is not None:
        _write(card, document, out)
    if refused is not None:  # last: what was measured is not lost with the comparison
        raise refused
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="saddle evaluate",
        description="Measure generated samples against real ones.",
        epilog="A side is a data set's name (saddle list data), a folder or zip of images, a run's folder, a .npy file "
        "of images (N, C, H, W), or a .npy file of features (N, d), which are taken as they are.",
    )
    sides = parser.add_argument_group("what is compared")
    sides.add_argument("--real", help="the data (default: what the run was trained on)")
    sides.add_argument("--fake", help="what is judged")
    sides.add_argument("--held-out", help="real samples that no model saw (default: half of the real ones)")
    sides.add_argument("--against", nargs="+", default=[], metavar="RUN", help="other models, for measures that rank")
    sides.add_argument("-n", type=int, help="samples of each side (default: all, at most 10,000)")
    sides.add_argument("--size", type=int, help="side that images are read at (default: a run's, else their own)")
    sides.add_argument("--channels", type=int, choices=(1, 3), help="1 grey, 3 colour (default: likewise)")
    sides.add_argument("--seed", type=int, default=0, help="of all random numbers (default: 0)")
    how = parser.add_argument_group("how")
    how.add_argument("--measures", help="names, with commas (saddle list measures), or all (default: a fast set)")
    how.add_argument("--features", help="an extractor (saddle list features; default: by what is given)")
    how.add_argument("--weights", help="the file of its weights, for extractors that need one")
    how.add_argument("--resize", help="another way to bring images to its size")
    how.add_argument("--device", **LOOKS)
    people = parser.add_argument_group("asking people")
    people.add_argument("--human", metavar="OUT.html", help="write a page that asks people, instead of measuring")
    people.add_argument("--trials", type=int, default=120, help="questions on that page (default: 120)")
    people.add_argument("--answers", nargs="+", metavar="FILE", help="analyse what the page's raters downloaded")
    output = parser.add_argument_group("output")
    output.add_argument("--out", help="CARD.png, CARD.json, or a folder for both and the measures' own pictures")
    output.add_argument("--compare", metavar="CARD.json", help="say what changed since this card (refused if unlike)")
    output.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


def _measure(args: argparse.Namespace) -> "Scorecard":
    from saddle.app.progress import naming
    from saddle.app.sides import evaluate

    with naming() as progress:
        card: Scorecard = evaluate(
            args.real,
            args.fake,
            args.measures,
            args.features,
            held_out=args.held_out,
            rivals=args.against,
            size=args.size,
            channels=args.channels,
            n=args.n,
            seed=args.seed,
            weights=args.weights,
            resize=args.resize,
            device=device_of(args.device),
            progress=progress,
            say=_say,
        )
    return card


def _say(line: str) -> None:
    print(f"saddle: {line}", file=sys.stderr, flush=True)


def _write(card: "Scorecard", document: dict[str, Any], out: Path) -> None:
    from saddle.app.cards import save_card, save_pictures

    text = json.dumps(document, indent=1, allow_nan=False) + "\n"
    if out.suffix == ".json":
        out.parent.mkdir(parents=True, exist_ok=True)
        write_text(out, text)
    elif out.suffix == ".png":
        save_card(card, out)
    else:
        out.mkdir(parents=True, exist_ok=True)
        write_text(out / "card.json", text)
        save_card(card, out / "card.png")
        save_pictures(card, out)
    _say(f"wrote {out}")


def _show(card: "Scorecard", compared: list[dict[str, Any]] | None) -> None:
    from rich.table import Table

    from saddle.app.cards import reading, spell, spell_interval
    from saddle.evaluation.table import MEASURES

    console, c = _console(), card.context
    console.print(f"[bold]{c.fake}[/bold] ({c.n_fake:,}) against [bold]{c.real}[/bold] ({c.n_real:,})", highlight=False)
    weights = "" if c.weights == "none" else f", weights {c.weights[:12]}"
    console.print(f"features {c.features}{weights}, resize {c.resize}, seed {c.seed}\n", style="dim", highlight=False)
    table = Table("measure", "value", "95 % interval", "best", "how to read it", box=None, header_style="bold")
    for name, result in card.results.items():
        measure = MEASURES[name]
        best = {"up": "↑", "down": "↓", "target": "◎"}[measure.direction]
        best += "" if measure.ideal is None else f" {measure.ideal:g}"
        table.add_row(name, spell(result.value), spell_interval(result.interval), best, reading(name, result))
    console.print(table)
    for row in compared or []:
        verdict = {True: "better", False: "worse", None: "no clear change"}[row["better"]]
        console.print(f"{row['measure']}: {spell(row['before'])} -> {spell(row['after'])}, {verdict}", highlight=False)
    if card.skipped:
        console.print("\nnot measured:", style="dim")
        for name, reason in card.skipped.items():
            console.print(f"  {name}: {reason}", style="dim", highlight=False)


def _console() -> "Console":
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=150)  # a file or a pipe has room


def _human(args: argparse.Namespace) -> int:
    from saddle.app.sides import evaluate_inputs
    from saddle.evaluation.human import write_page

    path = Path(args.human)
    require(path.suffix == ".html", "human", args.human, "a name ending in .html")
    real, fake, rivals = evaluate_inputs(
        args.real, args.fake, args.against, args.size, args.channels, args.n, args.seed
    )
    write_page(path, real, [fake, *rivals], args.seed, args.trials)
    if args.json:
        print(json.dumps({"page": str(path), "models": [side.name for side in (fake, *rivals)], "trials": args.trials}))
    else:
        print(f"{path}: open it in a browser; then saddle evaluate --answers FILES that its raters downloaded")
    return 0


def _answers(args: argparse.Namespace) -> int:
    from PIL import Image

    from saddle.app.pictures import save_png
    from saddle.evaluation.human import analyse, read_answers, results

    answers = read_answers([Path(file) for file in args.answers])
    found = analyse(answers)
    if args.out is not None:
        folder = Path(args.out)
        require(folder.suffix == "", "out", args.out, "a folder")
        for measure, result in results(answers).items():
            for name, pixels in result.pictures.items():
                save_png(Image.fromarray(pixels.numpy()), folder / f"{measure}-{name}.png")
    if args.json:
        print(json.dumps(found, indent=1, allow_nan=False))
    else:
        _show_answers(found)
    return 0


def _show_answers(found: dict[str, Any]) -> None:
    from saddle.app.cards import spell, spell_interval

    console = _console()
    console.print(f"[bold]{found['raters']}[/bold] raters, {len(found['excluded'])} excluded", highlight=False)
    for name, entry in found["measures"].items():
        ends = entry["interval"]
        interval = "" if ends is None else f" ({spell_interval(tuple(ends))})"
        console.print(f"[bold]{name}[/bold]: {spell(entry['value'])}{interval}", highlight=False)
        for key, value in entry.items():
            if key not in ("value", "interval"):
                console.print(f"  {key}: {value}", style="dim", highlight=False)

"""``saddle report``: everything there is to see of a run on one page that needs nothing but itself."""

import json
import math
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saddle.app.options import TrainOptions, spell_duration
from saddle.app.parser import Parser
from saddle.writing import write_text

if TYPE_CHECKING:
    from saddle.data import Dataset
    from saddle.game import Game

__all__ = ["main", "repeat", "write_report"]

FRAMES = 12
"""Pictures over time that the page holds at most."""


def main(argv: list[str]) -> int:
    """Write the page of a run anew and print where it is."""
    parser = Parser(prog="saddle report", description="Write one self-contained page about a run.")
    parser.add_argument("run", help="the run's folder, such as runs/0001")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    args = parser.parse_args(argv)
    from saddle.app.runs import Run, load_game

    run = Run.open(args.run)
    game, data = load_game(run)
    path = write_report(run.folder, game, data, {})
    print(json.dumps({"run": str(run.folder), "report": str(path)}) if args.json else path)
    return 0


def write_report(folder: Path, game: "Game", dataset: "Dataset", summary: Mapping[str, Any]) -> Path:
    """Write ``folder/report.html`` from the game and from what the folder holds; what is missing is left out.

    Args:
        folder: the run's; ``config.json``, ``log.jsonl`` and ``samples/round-*.png`` are read where they are.
        game: as it is to be shown; is left as it was, bit for bit.
        dataset: what it plays on.
        summary: facts of the run, as ``saddle train --json`` prints them; those missing are taken from the folder.
    Returns:
        The page's path.
    Raises:
        ValueError: config.json is there and damaged.
        OSError: the page cannot be written; an older one is still there.
    """
    from saddle.app import gallery, page
    from saddle.app.runs import Run

    run = Run.open(folder) if (folder / "config.json").exists() else Run(folder, {})
    config, rows = run.config, run.log()
    known = {
        "recipe": config.get("recipe", "a game"),
        "data": dataset.name,
        "device": config.get("device", str(game.device)),
    }
    known |= {"seconds": rows[-1].get("seconds")} if rows else {}
    known |= {name: value for name, value in summary.items() if value is not None}
    title = f"{known['recipe']} on {Path(str(known['data'])).name}"
    top = page.facts(_facts(game, dataset, known, config))
    body = [
        f'<h1>{_escaped(title)}</h1>\n<p class="kind">{_escaped(_summary_line(str(known["recipe"])))}</p>\n',
        f'<div class="top"><div>{gallery.newest(game, dataset)}</div>{top}</div>\n',
        *gallery.sections(game, dataset, rows, _over_time(folder), run.scores()),
        page.section("settings", "Settings", *_settings(config)),
        page.section("commands", "Repeat, continue, sample", page.commands(_commands(folder, game, config))),
    ]
    text = page.page(f"{title} · saddle", body)
    path = folder / "report.html"
    write_text(path, text, errors="replace")  # a folder's name may not be UTF-8
    return path


def _escaped(text: str) -> str:
    from html import escape

    return escape(text)


def _summary_line(recipe: str) -> str:
    from saddle.recipes import names

    return names().get(recipe, "")


def _facts(
    game: "Game", dataset: "Dataset", known: Mapping[str, Any], config: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    spec = dataset.spec
    kind = f"points in {spec.channels} dimensions" if spec.points else f"images, {spec.size}×{spec.size}"
    kind += "" if spec.points else ", grey" if spec.channels == 1 else ", colour"
    yield "Data", f"{len(dataset):,} {kind}" if len(dataset) else f"endless {kind}"
    yield "Rounds", f"{game.round:,}"
    yield "Real images seen" if not spec.points else "Real points seen", f"{game.images:,}"
    if math.isfinite(seconds := float(known.get("seconds", math.nan))):
        yield "Time trained", spell_duration(seconds)
    threads = config.get("threads")
    yield "Device", f"{known['device']}, {threads} thread{'s' * (threads != 1)}" if threads else str(known["device"])
    for player in game.players:
        yield f"Parameters of {player.name}", f"{sum(p.numel() for p in player.parameters):,}"
    if known.get("stopped") in ("interrupted", "failed"):
        yield "Stopped", f"{known['stopped']} {known.get('error', '')}".strip()
    if "created" in config:
        yield "Begun", str(config["created"]).replace("T", " ").replace("+00:00", " UTC")


def _over_time(folder: Path) -> list[tuple[str, Path]]:
    """Captions and files of the pictures in ``samples/``: at most ``FRAMES``, evenly spread from first to last."""
    found = sorted((int(digits), p) for p in folder.glob("samples/round-*.png") if (digits := p.stem[6:]).isdecimal())
    if len(found) > FRAMES:
        found = [found[round(i * (len(found) - 1) / (FRAMES - 1))] for i in range(FRAMES)]
    return [(f"round {number:,}", path) for number, path in found]


def _settings(config: Mapping[str, Any]) -> Iterator[str]:
    from saddle.app import page

    if not config:
        yield page.note("The run has no config.json.")
        return
    yield page.note("Everything that config.json holds.")
    groups = {name: value for name, value in config.items() if isinstance(value, Mapping)}
    groups = {"run": {k: v for k, v in config.items() if k not in groups}} | groups
    tables = [f"<div><h3>{_escaped(name)}</h3>{page.table(page.flat(values))}</div>" for name, values in groups.items()]
    yield f'<div class="settings">{"".join(tables)}</div>'


def _commands(folder: Path, game: "Game", config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    run = shlex.quote(str(folder))
    if "recipe" in config:
        yield "Repeat it to the same round", repeat(game, config)
    yield "Go on for ten more minutes", f"saddle train --resume {run} --budget 10m"
    yield "Draw 64 samples as a picture", f"saddle sample {run} -n 64 --out samples.png"
    yield "Draw 10,000 as an array, float32 in [-1, 1]", f"saddle sample {run} -n 10000 --out samples.npy"
    yield "Write this page anew", f"saddle report {run}"


def repeat(game: "Game", config: Mapping[str, Any]) -> str:
    """The command that plays the same rounds again, with every setting that is not the default."""
    from saddle.recipes import find

    options: Mapping[str, Any] = config.get("options", {})
    ends = ("budget", "rounds", "images", "out", "resume", "threads", "data", "seed")
    changed = _not_default(TrainOptions, options, ends)
    try:
        changed |= _not_default(find(str(config["recipe"])).Config, config.get("settings", {}), ())
    except ValueError:  # a recipe that this version does not have
        changed |= dict(config.get("settings", {}))
    flags = {
        "data": options.get("data"),
        "seed": options.get("seed"),
        "rounds": game.round,
        "threads": config.get("threads"),
    }
    words = [f"--{name} {_flag(value)}" for name, value in (flags | changed).items() if value is not None]
    return " ".join([f"saddle train {config['recipe']}", *words])


def _not_default(settings: Callable[..., Any], given: Mapping[str, Any], but: tuple[str, ...]) -> dict[str, Any]:
    defaults = {field.name: field.default for field in fields(settings)}  # type: ignore[arg-type]  # a dataclass
    return {k: v for k, v in given.items() if k in defaults and k not in but and v != defaults[k]}


def _flag(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return shlex.quote(json.dumps(value) if isinstance(value, list) else str(value))

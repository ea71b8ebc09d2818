"""A run as it is handed on: weights, settings and a card in one folder, on the Hub or anywhere else."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from saddle.app.runs import WEIGHTS, Run, rebuild
from saddle.config import require
from saddle.writing import write_text

if TYPE_CHECKING:
    from PIL.Image import Image

    from saddle.game import Game

__all__ = ["CARD", "FILES", "PICTURE", "hub_name", "pack"]

CARD, PICTURE = "README.md", "samples.png"
"""The card and the picture in it."""
FILES = ("config.json", WEIGHTS, CARD, PICTURE)
"""What a run that is handed on consists of; of points there may be no picture."""
SHOWN = 64
"""Samples in the picture."""


def hub_name(name: str) -> bool:
    """Whether USER/NAME on the Hub is meant: no path, and no folder USER lies here.

    >>> hub_name("someone/digits"), hub_name("./someone/digits"), hub_name("digits"), hub_name("a/b/c")
    (True, False, False, False)
    """
    return bool(re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", name, re.ASCII)) and not Path(name).parent.exists()


def pack(run: Run, folder: Path, cards: Sequence[Mapping[str, Any]] = ()) -> list[Path]:
    """Write a run into a folder as it is handed on: see `FILES`.

    The data set's path and the run's own are left out of config.json, because they say where somebody's files lie.

    Args:
        run: at its newest whole checkpoint.
        folder: is made if it does not exist.
        cards: documents of scorecards, to be shown on the card.
    Returns:
        The files written.
    Raises:
        ValueError: no checkpoint is whole, or the run generates nothing.
        OSError: the folder cannot be written.
    """
    from saddle.app.pictures import save_png
    from saddle.game import checkpoint

    game = rebuild(run)
    require(game.sampler is not None, "run", run.folder, "a run that generates something")
    folder.mkdir(parents=True, exist_ok=True)
    config = _without_paths(run.config)
    write_text(folder / "config.json", json.dumps(config, indent=1, sort_keys=True) + "\n")
    checkpoint.save_weights(game, folder / WEIGHTS)
    picture = _picture(run, game)
    if picture is not None:
        save_png(picture, folder / PICTURE)
    write_text(folder / CARD, _card(run, game, config, cards, picture is not None))
    return [folder / name for name in FILES if (folder / name).is_file()]


def _without_paths(config: Mapping[str, Any]) -> dict[str, Any]:
    from saddle.data import names

    options = dict(config["options"])
    if options["data"] not in names():
        options["data"] = PurePath(options["data"].replace("\\", "/")).name or "data"
    return {**config, "options": options | {"out": None, "resume": None}}


def _picture(run: Run, game: "Game") -> "Image | None":
    """A grid of samples, with a row a label where there are labels; of points what the run drew at its end."""
    import torch
    from PIL import Image

    from saddle.app.pictures import grid, labelled_grid
    from saddle.game import sample

    if run.spec.points:
        kept = run.folder / PICTURE
        return Image.open(kept).convert("RGB") if kept.is_file() else None
    assert game.sampler is not None
    classes = min(game.sampler.classes, 16)
    if not classes:
        return grid(sample(game, SHOWN, seed=0)[0])
    names = run.spec.class_names if len(run.spec.class_names) == game.sampler.classes else ()
    rows = [(names[k] if names else str(k), sample(game, 8, seed=0, y=torch.full((8,), k))[0]) for k in range(classes)]
    return labelled_grid(rows)


def _card(run: Run, game: "Game", config: Mapping[str, Any], cards: Sequence[Mapping[str, Any]], picture: bool) -> str:
    """README.md: what it is, what it learnt from and how, how good it is, how to use it."""
    from saddle.app.report import repeat
    from saddle.recipes import catalogue

    recipe, data = next(entry for entry in catalogue() if entry["name"] == config["recipe"]), config["data"]
    kind = "points" if run.spec.points else f"images of {data['channels']}x{data['size']}x{data['size']}"
    head = ["---", "library_name: saddle", f"tags: [gan, {recipe['name']}]", "---"]
    licence = [f"The makers of the data ask for this line: {data['licence']}"] if data.get("licence") else []
    seen = f"{game.round:,} rounds, {game.images:,} {'points' if run.spec.points else 'images'} seen"
    count = f", {data['count']:,}" if data.get("count") else ""
    parts = [
        "\n".join(head),
        f"# {recipe['name']} on {data['name']}",
        *([f"![samples]({PICTURE})"] if picture else []),
        f"{recipe['summary']} ({recipe['source']})",
        f"**Data:** {data['name']}{count} {kind}{_labels(run)}.",
        *licence,
        f"**Training:** {seen}, on {config['device']}.",
        f"```console\n$ {repeat(game, config)}\n```",
        *_scores(run, cards),
        "## Use",
        "```console\n$ saddle pull NAME --out run\n$ saddle sample run -n 64\n```",
        "```python\nimport saddle\n\nx = saddle.load('run').sample(64, seed=0)\n```",
        f"Made by saddle {config.get('versions', {}).get('saddle', '')}. The weights are safetensors; nothing in here "
        "is a program.",
    ]
    return "\n\n".join(parts) + "\n"


def _labels(run: Run) -> str:
    names = ", ".join(run.spec.class_names[:20]) + ", ..." * (len(run.spec.class_names) > 20)
    return f", {run.spec.classes} labels{f' ({names})' if names else ''}" if run.spec.classes else ""


def _scores(run: Run, cards: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The last line of scores.jsonl and every scorecard, as tables."""
    rows = run.scores()
    if not rows and not cards:
        return
    yield "## Scores"
    if rows:
        last = rows[-1]
        shown = [(key, last[key], "") for key in ("fid", "kid", "precision", "recall") if key in last]
        what = f"At round {last['round']:,}, {last.get('n', 'all')} samples of each side"
        yield f"{what}, features {last.get('features', 'unknown')}:\n\n{_table(shown)}"
    for card in cards:
        entries = card["measures"].items()
        shown = [(name, entry["value"], _interval(entry.get("interval"))) for name, entry in entries]
        first: Mapping[str, Any] = next(iter(card["measures"].values()), {})
        what = f"{first.get('n_fake')} samples against {first.get('n_real')} of {card.get('real')}"
        yield f"{what}, features {first.get('features')}, seed {card.get('seed')}:\n\n{_table(shown)}"


def _interval(ends: Sequence[float] | None) -> str:
    return "" if ends is None else f"{ends[0]:.4g} to {ends[1]:.4g}"


def _table(rows: Sequence[tuple[str, float | None, str]]) -> str:
    lines = [f"| {name} | {'infinite' if value is None else f'{value:.4g}'} | {ends} |" for name, value, ends in rows]
    return "\n".join(["| measure | value | 95 % interval |", "| --- | --- | --- |", *lines])

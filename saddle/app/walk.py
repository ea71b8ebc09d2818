"""``saddle walk``: a way through latent space as a picture or a film."""

import argparse
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from saddle.app.asked import add_common, require_out
from saddle.app.parser import Parser
from saddle.config import choose, require

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from saddle.app.runs import Run
    from saddle.evaluation.side import Model

__all__ = ["WAYS", "Sheet", "main"]

MOST = 5000
"""Samples that one walk makes at most."""
PER_POINT = {".png": 8, ".gif": 16, ".mp4": 16}
"""Frames from one point to the next, where the user asks for none."""


def main(argv: list[str]) -> int:
    """Walk, draw, and say where the picture is."""
    args = _parser().parse_args(argv)
    require(2 <= args.points <= 100, "points", args.points, "2 to 100 points")
    require(args.frames is None or 2 <= args.frames <= MOST, "frames", args.frames, f"2 to {MOST:,} frames")
    way = choose(args.how, WAYS, "way to walk")
    out = require_out(args.out, *PER_POINT)
    from saddle.app.films import ready
    from saddle.app.latents import asked_label, model_of

    ready(out)
    run, model = model_of(args.run, args.seed)
    label = asked_label(model, args.label) if way is not _labels else None
    require(out.suffix == ".png" or not run.spec.points, "out", out, "X.png: these samples are points, not images")
    sheet = way(model, label, args)
    _write(sheet, out, run, args.fps)
    document = {"run": args.run, "how": args.how, "space": sheet.space, "label": label, "points": args.points}
    document |= {"frames": sheet.frames, "out": str(out), "seed": args.seed, "round": model.game.round}
    print(json.dumps(document) if args.json else f"{out}: {sheet.told}")
    return 0


@dataclass(frozen=True)
class Sheet:
    """Samples in rows and columns, and how a film goes through them."""

    x: "Tensor"
    """(rows * columns, ...), row by row."""
    columns: int
    """In a picture."""
    frames: int
    """In a film; each shows as many samples."""
    film: "Callable[[int], Tensor]"
    """Samples of a frame."""
    space: str
    """What was walked through."""
    told: str
    """What the picture shows, in a line."""


def _loop(model: "Model", label: int | None, args: argparse.Namespace) -> Sheet:
    import torch

    from saddle.latent import WALKS, open_space

    frames = _frames(args)
    arc = args.how != "lerp"
    require(
        not (arc and args.space == "w"), "how", args.how, "lerp in w: its law is no Gaussian's, so arcs mean little"
    )
    with open_space(model, args.space or ("z" if arc else None), label) as space:
        points = space.draw(args.points, torch.Generator().manual_seed(args.seed))
        x = _made(space.samples, WALKS[args.how](points, frames), args.seed)
    columns = math.ceil(frames / args.points)
    told = f"{frames} steps of a closed loop through {args.points} points of {space.name}, row by row"
    return Sheet(x, columns, frames, lambda i: x[i : i + 1], space.name, told)


def _truncation(model: "Model", label: int | None, args: argparse.Namespace) -> Sheet:
    import torch

    from saddle.latent import open_space, shrunk, truncated

    columns = args.frames or (9 if Path(args.out).suffix == ".png" else 32)
    with open_space(model, args.space, label) as space:
        rows = space.draw(args.points, torch.Generator().manual_seed(args.seed))
        if space.name == "w":
            centre, ends = space.centre(), "0 (the mean of w) to 1 (no truncation)"
            swept = [shrunk(rows, float(psi), centre) for psi in torch.linspace(0, 1, columns)]
        else:
            ends = "0 to 2 standard deviations"
            swept = [truncated(rows, float(t)) for t in torch.linspace(0, 2, columns)]
        x = _made(space.samples, torch.stack(swept, 1).flatten(0, 1), args.seed)
    told = f"{args.points} samples, a row each, truncated at {ends} of {space.name} in {columns} steps"
    return Sheet(x, columns, columns, lambda i: x[i::columns], space.name, told)


def _labels(model: "Model", label: int | None, args: argparse.Namespace) -> Sheet:
    import torch

    from saddle.latent import geodesic

    require(model.classes >= 2, "how", "labels", "a run that takes labels")
    points = model.prior(args.points, torch.Generator().manual_seed(args.seed))
    z = points if Path(args.out).suffix == ".png" else geodesic(points, _frames(args))
    n, y = len(z), torch.arange(model.classes)

    def make(place: "Tensor") -> "Tensor":
        with model.generator() as G, torch.no_grad():
            return G(z[place % n], y[place // n]).float()

    x = _made(make, torch.arange(n * model.classes), args.seed)
    told = f"a row for each of {model.classes} labels, the same {args.points} z down the columns"
    return Sheet(x, n, n, lambda i: x[i::n], "z", told)


def _mixing(model: "Model", label: int | None, args: argparse.Namespace) -> Sheet:
    import torch

    from saddle.app.pictures import LINE
    from saddle.latent import mixed, w_space
    from saddle.latent.spaces import require_styles

    net = require_styles(model)
    require(Path(args.out).suffix == ".png", "out", args.out, "X.png: style mixing is a table of samples, not a film")
    playing = getattr(net.synthesis, "playing", net.layers)  # fewer than all while the network grows
    cut = playing // 2 if args.cut is None else args.cut
    with w_space(model, label) as space:
        w = space.draw(2 * args.points, torch.Generator().manual_seed(args.seed))
        coarse, fine = w.chunk(2)
        n = args.points
        pairs = mixed(coarse.repeat_interleave(n, 0), fine.repeat(n, 1), cut, net.layers)  # (n * n, L, w_dim)
        sources, made = _made(space.samples, w, args.seed), _made(space.samples, pairs, args.seed)
    blank = torch.full_like(sources[:1], LINE / 127.5 - 1)  # the corner: no image
    lines = [torch.cat([sources[i : i + 1], made[i * n : (i + 1) * n]]) for i in range(n)]
    x = torch.cat([blank, sources[n:], *lines])
    told = f"styles of the left column up to layer {cut} of {playing}, of the top row from there on"
    return Sheet(x, n + 1, 1, lambda i: x, "w", told)


WAYS: "dict[str, Callable[[Model, int | None, argparse.Namespace], Sheet]]" = {
    "lerp": _loop,
    "slerp": _loop,
    "sphere": _loop,
    "truncation": _truncation,
    "labels": _labels,
    "mixing": _mixing,
}
"""Ways to walk, by name."""


def _frames(args: argparse.Namespace) -> int:
    return args.frames or args.points * PER_POINT[Path(args.out).suffix]


def _made(make: "Callable[[Tensor], Tensor]", rows: "Tensor", seed: int) -> "Tensor":
    """Samples of rows (N, ...), with a bar where it takes long; noise inside the generator is the same every time."""
    import torch

    from saddle.app.progress import counting

    require(len(rows) <= MOST, "frames", len(rows), f"at most {MOST:,} samples in a walk")
    parts: list[Tensor] = []
    with counting("walking") as progress:
        for part in rows.split(100):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                parts.append(make(part))
            progress(sum(map(len, parts)), len(rows))
    return torch.cat(parts)


def _write(sheet: Sheet, out: Path, run: "Run", fps: int) -> None:
    from saddle.app.films import save_film
    from saddle.app.latents import plotted
    from saddle.app.pictures import grid, save_png

    if run.spec.points:
        save_png(plotted(run, sheet.x), out)
    elif out.suffix == ".png":
        save_png(grid(sheet.x, columns=sheet.columns), out)
    else:
        frames: list[Image] = [grid(sheet.film(i)) for i in range(sheet.frames)]
        save_film(frames, out, fps)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="saddle walk", description="A way through latent space as a picture or a film.")
    add_common(parser, "walk.png")
    ways = "sphere (constant speed on the sphere of usual z), slerp or lerp through the points; truncation; labels (a "
    ways += "row each); mixing (of styles)"
    parser.add_argument("--how", default="sphere", metavar="|".join(WAYS), help=f"{ways} (default: sphere)")
    parser.add_argument("--points", type=int, default=9, help="points walked through, or samples (default: 9)")
    parser.add_argument("--frames", type=int, help="steps in all (default: 8 a point in a picture, 16 in a film)")
    parser.add_argument("--space", choices=("z", "w"), help="z, or w of generators with styles (default: by --how)")
    parser.add_argument("--cut", type=int, help="mixing: layers from the left column (default: half of those playing)")
    parser.add_argument("--fps", type=int, default=20, help="frames a second of a film (default: 20)")
    return parser

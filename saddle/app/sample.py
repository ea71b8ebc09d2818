"""``saddle sample``: draw from a trained run."""

import argparse
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

from saddle.app.devices import LOOKS, device_of
from saddle.app.parser import Parser
from saddle.config import require
from saddle.writing import replacing

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from saddle.app.runs import Run

__all__ = ["main"]

MOST_NUMBERS = 2**30
"""Numbers that one call makes at most: 4 GB of them."""
MOST_IN_A_PICTURE = 10_000
"""Samples in one .png."""


def main(argv: list[str]) -> int:
    """Write n samples as .npy (float32, images in [-1, 1] or points), one .png, or a folder of .png files."""
    args = _parser().parse_args(argv)
    require(args.n >= 1, "n", args.n, "1 or more samples")
    require(0 <= args.seed < 2**63, "seed", args.seed, "a whole number from 0 to 2**63 - 1")
    out = Path(args.out)
    valid = bool(out.name) and out.suffix in (".npy", ".png", "")
    require(valid, "out", args.out, "a name ending in .npy or .png, or a folder")
    from saddle.app.runs import Run, rebuild

    run = Run.open(args.run)
    from saddle.game import sample

    most = MOST_NUMBERS // math.prod(run.spec.shape) if out.suffix != ".png" else MOST_IN_A_PICTURE
    require(
        args.n <= most, "n", args.n, f"at most {most:,} samples at once; several calls with different seeds give more"
    )
    game = rebuild(run, device_of(args.device))
    y = None
    if args.label is not None and game.sampler:  # where there is none, `sample` says so
        from saddle.app.latents import all_of
        from saddle.evaluation.side import Model

        y = all_of(Model(game, run.spec), args.label, args.n)
    truncation = math.inf if args.truncation is None else args.truncation
    x, _ = sample(game, args.n, args.seed, y, averaged=not args.live, truncation=truncation)
    _write(x, out, run)
    shape = list(x.shape)
    if args.json:
        print(
            json.dumps({"run": str(args.run), "out": str(out), "shape": shape, "seed": args.seed, "round": game.round})
        )
    else:
        print(f"{out}: {' x '.join(map(str, shape))}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="saddle sample", description="Draw from a trained run.")
    parser.add_argument("run", help="the run's folder, such as runs/0001")
    parser.add_argument("-n", type=int, default=64, help="how many (default: 64)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same samples (default: 0)")
    parser.add_argument("--label", help="only the label of this name or number, for runs that take labels")
    told = "draw every number of z again that is larger (BigGAN's truncation): better samples, less variety"
    parser.add_argument("--truncation", type=float, metavar="T", help=told)
    parser.add_argument("--live", action="store_true", help="from the live weights, not from their moving average")
    parser.add_argument("--out", default="samples.png", help="X.npy, X.png or a folder (default: samples.png)")
    parser.add_argument("--device", **LOOKS)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


def _write(x: "Tensor", out: Path, run: "Run") -> None:
    import numpy as np

    from saddle.app.pictures import grid, save_png, single

    if out.suffix == ".npy":
        with replacing(out) as part, part.open("wb") as file:
            np.save(file, x.numpy(), allow_pickle=False)
    elif out.suffix == ".png":
        out.parent.mkdir(parents=True, exist_ok=True)
        save_png(_plot(x, run) if run.spec.points else grid(x), out)
    else:
        require(not run.spec.points, "out", out, "X.npy or X.png: these samples are points, not images")
        out.mkdir(parents=True, exist_ok=True)
        digits = len(str(len(x) - 1))
        for i, image in enumerate(x):
            save_png(single(image), out / f"{i:0{digits}d}.png")


def _plot(x: "Tensor", run: "Run") -> "Image":
    """Points among as many real ones."""
    import torch

    from saddle.app.runs import load_data
    from saddle.app.scatter import scatter

    real = load_data(run).sample(max(2, len(x)), torch.Generator().manual_seed(0))
    return scatter(real.x, x)

"""``saddle neighbours``: the training samples nearest to samples or to given images."""

import json
from typing import TYPE_CHECKING

from saddle.app.asked import add_common, require_out, say
from saddle.app.parser import Parser
from saddle.config import require

if TYPE_CHECKING:
    import argparse

    from torch import Tensor

    from saddle.app.runs import Run
    from saddle.evaluation.side import Model

__all__ = ["main"]

REAL = 100_000
"""Training samples that are looked through at most."""


def main(argv: list[str]) -> int:
    """Search, draw a row for each image, and tell places and distances."""
    args = _parser().parse_args(argv)
    require(1 <= args.n <= 64, "n", args.n, "1 to 64 samples")
    require(1 <= args.k <= 32, "k", args.k, "1 to 32 neighbours")
    out = require_out(args.out, ".png")
    import torch

    from saddle.app.latents import model_of
    from saddle.app.pictures import labelled_grid, save_png
    from saddle.app.progress import counting
    from saddle.app.runs import load_data
    from saddle.evaluation.features import extract, find
    from saddle.evaluation.nearest import nearest_rows
    from saddle.evaluation.side import Side, to_bytes

    run, model = model_of(args.run, args.seed)
    require(not run.spec.points, "run", args.run, "a run on images, because these samples are points")
    names, x = _looked_at(args, run, model)
    data = load_data(run)
    real = Side.of_data(data, min(REAL, len(data) or REAL))
    extractor = find(args.features, args.weights, say=say)
    with counting("looking through the data") as progress:
        there = extract(real, extractor, progress).rows
        here = extract(Side.of_images(to_bytes(x.clamp(-1, 1)), "given"), extractor).rows
        distances, index = nearest_rows(here, there, args.k)
    shown = [torch.cat([x[i : i + 1], real.take(index[i]).floats]) for i in range(len(x))]
    save_png(labelled_grid(list(zip(names, shown, strict=True))), out)
    rows = [
        {"image": name, "nearest": index[i].tolist(), "distances": distances[i].tolist()}
        for i, name in enumerate(names)
    ]
    if args.json:
        told = {"run": args.run, "images": rows, "features": extractor.name, "data": len(real), "out": str(out)}
        print(json.dumps(told | {"seed": args.seed, "round": model.game.round}))
    else:
        print(f"{out}: on the left what was looked at, then its {args.k} nearest of {len(real):,} training samples")
    return 0


def _looked_at(args: "argparse.Namespace", run: "Run", model: "Model") -> "tuple[list[str], Tensor]":
    from saddle.app.latents import all_of, given_images
    from saddle.game import sample

    if args.images:
        require(args.label is None, "label", args.label, "no label: the images are given")
        return given_images(args.images, model)
    y = all_of(model, args.label, args.n)
    return [f"sample {i}" for i in range(args.n)], sample(model.game, args.n, args.seed, y)[0]


def _parser() -> "argparse.ArgumentParser":
    parser = Parser(prog="saddle neighbours", description="The training samples nearest to samples or given images.")
    add_common(parser, "neighbours.png")
    parser.add_argument(
        "images", nargs="*", metavar="IMAGE", help="pictures or .npy files (default: samples of the run)"
    )
    parser.add_argument("-n", type=int, default=8, help="samples, where no images are given (default: 8)")
    parser.add_argument("-k", type=int, default=5, help="neighbours of each (default: 5)")
    told = "what distances are of: an extractor from saddle list features (default: pixels)"
    parser.add_argument("--features", default="pixels", help=told)
    parser.add_argument("--weights", help="the file of its weights, for extractors that need one")
    return parser

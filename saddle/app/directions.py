"""``saddle directions``: what a generator's strongest directions of latent space change."""

import json
from typing import TYPE_CHECKING

from saddle.app.asked import add_common, require_out
from saddle.app.parser import Parser
from saddle.config import choose, require

if TYPE_CHECKING:
    import argparse

__all__ = ["main"]


def main(argv: list[str]) -> int:
    """Find directions, and draw one sample moved along each."""
    args = _parser().parse_args(argv)
    require(1 <= args.k <= 64, "k", args.k, "1 to 64 directions")
    require(2 <= args.steps <= 64, "steps", args.steps, "2 to 64 steps")
    require(0 < args.far <= 100, "far", args.far, "a number of standard deviations, above 0 and at most 100")
    out = require_out(args.out, ".png")
    import torch

    from saddle.app.latents import opened, plotted
    from saddle.app.pictures import aside, labelled_grid, save_png
    from saddle.latent import METHODS, moves, open_space

    method = choose(args.method, METHODS, "method")
    run, model, label = opened(args)
    with open_space(model, args.space, label) as space, aside(model.game, args.seed):
        found = method(model, space, args.k, label)
        start = space.draw(1, torch.Generator().manual_seed(args.seed))[0]
        rows = moves(start, found, args.far, args.steps)  # (k, steps, d)
        x = space.samples(rows.flatten(0, 1))
    if run.spec.points:
        save_png(plotted(run, x), out)
    else:
        save_png(labelled_grid([(str(i + 1), part) for i, part in enumerate(x.split(args.steps))]), out)
    document = {
        "run": args.run,
        "method": args.method,
        "space": space.name,
        "label": label,
        "strengths": found.strengths.tolist(),
        "directions": found.rows.tolist(),
        "far": args.far,
        "out": str(out),
        "seed": args.seed,
        "round": model.game.round,
    }
    if args.json:
        print(json.dumps(document))
    else:
        what = "singular values" if args.method == "sefa" else "shares of variance"
        print(f"{out}: from -{args.far:g} to {args.far:g} along {args.k} directions of {space.name}")
        print(f"{what}: {', '.join(f'{value:.3g}' for value in document['strengths'])}")
    return 0


def _parser() -> "argparse.ArgumentParser":
    parser = Parser(
        prog="saddle directions", description="What a generator's strongest directions of latent space change."
    )
    add_common(parser, "directions.png")
    told = "sefa (the first layer's singular vectors) or ganspace (principal components of what it makes)"
    parser.add_argument("--method", default="sefa", metavar="sefa|ganspace", help=f"{told} (default: sefa)")
    parser.add_argument("-k", type=int, default=8, help="how many, the strongest first (default: 8)")
    parser.add_argument("--far", type=float, default=3.0, help="standard deviations each way (default: 3)")
    parser.add_argument("--steps", type=int, default=7, help="samples along each (default: 7)")
    parser.add_argument("--space", choices=("z", "w"), help="z, or w of generators with styles (default: w if any)")
    return parser

"""``saddle invert``: the latents whose samples come nearest to given images."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saddle.app.asked import add_common, require_out, say
from saddle.app.parser import Parser
from saddle.config import require
from saddle.writing import replacing

if TYPE_CHECKING:
    import argparse

    from torch import Tensor

    from saddle.app.runs import Run
    from saddle.evaluation.side import Model
    from saddle.latent import Found, Space
    from saddle.latent.inversion import Look

__all__ = ["main"]

MOST = 64
"""Images that are inverted at once."""


def main(argv: list[str]) -> int:
    """Invert, draw given and found, and keep the latents."""
    args = _parser().parse_args(argv)
    require(0 <= args.steps <= 100_000, "steps", args.steps, "0 to 100,000 steps")
    require(1 <= args.restarts <= 64, "restarts", args.restarts, "1 to 64 restarts")
    require(args.lr > 0, "lr", args.lr, "a step size above 0")
    require(args.weight >= 0, "weight", args.weight, "0 or more")
    require(bool(args.images) != bool(args.real), "images", args.images, "pictures, or --real N, one of the two")
    require(args.real is None or 1 <= args.real <= MOST, "real", args.real, f"1 to {MOST} training images")
    out = require_out(args.out, ".png")
    from saddle.app.latents import opened
    from saddle.app.pictures import aside
    from saddle.latent import open_space

    run, model, label = opened(args)
    require(not run.spec.points, "run", args.run, "a run on images, because these samples are points")
    names, x = _given(args, run, model)
    with open_space(model, args.space, label) as space, aside(model.game, args.seed):
        found, features, encoder = _invert(args, run, model, space, x)
    _draw(x, found, out)
    _keep(found.latents, out.with_suffix(".npy"))
    rows = _rows(names, found)
    if args.json:
        told: dict[str, Any] = {"run": args.run, "images": rows, "space": space.name, "label": label}
        told |= {"features": features, "encoder": encoder, "steps": args.steps, "restarts": args.restarts}
        told |= {"out": str(out), "latents": str(out.with_suffix(".npy")), "seed": args.seed}
        print(json.dumps(told | {"round": model.game.round}, allow_nan=False))
    else:
        for row in rows:
            length = f"length of {space.name} {row['length']:.2f}"
            print(f"{row['image']}: error {row['pixels']:.4f} ({row['psnr']:.1f} dB), {length}")
        print(f"{out}: given, found, error (white: wrong by the whole range); latents in {out.with_suffix('.npy')}")
    return 0


def _given(args: "argparse.Namespace", run: "Run", model: "Model") -> "tuple[list[str], Tensor]":
    import torch

    from saddle.app.latents import given_images
    from saddle.app.runs import load_data

    if args.real is not None:
        x = load_data(run).sample(args.real, torch.Generator().manual_seed(args.seed)).x
        return [f"real {i}" for i in range(len(x))], x
    names, x = given_images(args.images, model)
    require(len(x) <= MOST, "images", len(x), f"at most {MOST} at once")
    return names, x


def _invert(
    args: "argparse.Namespace", run: "Run", model: "Model", space: "Space", x: "Tensor"
) -> "tuple[Found, str, bool]":
    """What was found, the name of the features, and whether an encoder gave a start."""
    import torch

    from saddle.app.progress import counting
    from saddle.latent import encoder_of, invert

    look, name = _look(args, run, x)
    rng = torch.Generator().manual_seed(args.seed)
    starts = space.draw(args.restarts * len(x), rng).unflatten(0, (args.restarts, len(x)))
    encode = encoder_of(model) if space.name == "z" and not args.no_encoder else None
    if encode is not None:
        with torch.no_grad():
            starts = torch.cat([encode(x)[None], starts[1:]])
    with counting("inverting") as progress:
        found = invert(space.make, x, starts, args.steps, args.lr, look, args.weight, progress)
    return found, name, encode is not None


def _look(args: "argparse.Namespace", run: "Run", x: "Tensor") -> "tuple[Look | None, str]":
    from saddle.evaluation.features import default_for, find
    from saddle.evaluation.features.table import DIGITS
    from saddle.evaluation.side import Side, to_bytes
    from saddle.latent import looking

    side = Side.of_images(to_bytes(x), "given")
    name = args.features
    if name is None:
        name = "digits" if run.config["options"]["data"] in DIGITS else default_for(side, side)
    if name in ("none", "pixels"):  # pixels are the first term of the loss
        return None, "none"
    extractor = find(name, args.weights, say=say)
    require(extractor.name != "identity", "features", name, "an extractor that looks at images, or none")
    return looking(extractor), name


def _draw(x: "Tensor", found: "Found", out: Path) -> None:
    from saddle.app.pictures import labelled_grid, save_png

    error = (found.samples - x).abs() - 1  # from 0 to 2, drawn black to white
    rows = []
    for given, made, wrong in zip(x.split(10), found.samples.split(10), error.split(10), strict=True):
        rows += [("given", given), ("found", made), ("error", wrong)]
    save_png(labelled_grid(rows), out)


def _keep(latents: "Tensor", path: Path) -> None:
    import numpy as np

    with replacing(path) as part, part.open("wb") as file:
        np.save(file, latents.numpy(), allow_pickle=False)


def _rows(names: list[str], found: "Found") -> list[dict[str, Any]]:
    lengths = found.latents.norm(dim=1) / math.sqrt(found.latents.shape[1])  # about 1 for draws of N(0, I)
    return [
        {
            "image": name,
            "pixels": float(found.pixels[i]),
            "psnr": 10 * math.log10(4 / max(float(found.pixels[i]), 1e-12)),  # the range is 2
            "features": float(found.features[i]),
            "length": float(lengths[i]),
            "losses": found.losses[:, i].tolist(),
        }
        for i, name in enumerate(names)
    ]


def _parser() -> "argparse.ArgumentParser":
    parser = Parser(prog="saddle invert", description="The latents whose samples come nearest to given images.")
    add_common(parser, "invert.png")
    parser.add_argument("images", nargs="*", metavar="IMAGE", help="pictures, or .npy files that saddle sample wrote")
    parser.add_argument("--real", type=int, metavar="N", help="N training images, in place of pictures")
    parser.add_argument("--steps", type=int, default=500, help="of the optimiser (default: 500)")
    parser.add_argument("--restarts", type=int, default=4, help="starts an image; the best is kept (default: 4)")
    parser.add_argument("--lr", type=float, default=0.1, help="first step size; it falls to 0 (default: 0.1)")
    parser.add_argument(
        "--features", metavar="NAME|none", help="an extractor whose distance counts too (default: auto)"
    )
    parser.add_argument("--weights", help="the file of its weights, for extractors that need one")
    parser.add_argument("--weight", type=float, default=0.1, help="of the distance of features (default: 0.1)")
    parser.add_argument("--space", choices=("z", "w"), help="z, or w of generators with styles (default: w if any)")
    parser.add_argument("--no-encoder", action="store_true", help="start from random z even if the run has an encoder")
    return parser

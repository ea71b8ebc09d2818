"""How often `saddle doctor` names the right cause first: runs broken in each way, with many seeds.

    python bench/doctor.py                   seeds 0 to 9 of every cause, and healthy runs
    python bench/doctor.py --seeds 100:105   others: the thresholds were chosen on 100 to 104
    python bench/doctor.py --only oscillation

Each run is a small game of perceptrons, seconds on one thread. Where a cause has several ways to come about, the seeds
take them in turn.
"""

import argparse
import json
import math
import tempfile
from collections import Counter
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

from saddle.app.doctor import held_out_side
from saddle.app.examine import Examination, examine
from saddle.app.options import TrainOptions
from saddle.app.runs import Run
from saddle.app.train import Plan
from saddle.data import load
from saddle.game import NonFinite, checkpoint, play
from saddle.recipes import find

SMALL = {"hidden": 64, "batch": 64, "z_dim": 8}
EVEN = SMALL | {"lr_generator": 1e-3, "lr_critic": 1e-3}
LINEAR = {"layers": 0, "optimizer": "sgd", "n_critic": 1, "batch": 64, "z_dim": 4}


def eight_points(folder: Path, seed: int) -> tuple[Path, None]:
    """Eight points, about evenly on a circle: all that there is to learn."""
    rng = np.random.default_rng(seed)
    angle = 2 * math.pi * (np.arange(8) + rng.uniform()) / 8
    x = np.stack([np.cos(angle), np.sin(angle)], 1) * rng.uniform(1.8, 2.2, (8, 1))
    np.save(folder / "points.npy", x.astype(np.float32))
    return folder / "points.npy", None


def few_of_many(folder: Path, seed: int) -> tuple[Path, Path]:
    """64 points of a Gaussian in 32 dimensions to train on, and 200 more that are kept."""
    x = np.random.default_rng(seed).standard_normal((264, 32)).astype(np.float32)
    np.save(folder / "train.npy", x[:64])
    np.save(folder / "kept.npy", x[64:])
    return folder / "train.npy", folder / "kept.npy"


BROKEN = {
    "critic-too-strong": [
        ("gan", "ring8", 250, SMALL | {"lr_critic": 2e-2, "lr_generator": 2e-4, "n_critic": 10, "loss": "minimax"}),
        ("gan", "ring8", 250, SMALL | {"lr_critic": 2e-2, "lr_generator": 2e-4, "n_critic": 10}),
        ("gan", "digits", 200, SMALL | {"lr_critic": 1e-2, "lr_generator": 1e-4, "n_critic": 10}),
    ],
    "generator-exploiting": [
        ("gan", "ring8", 800, EVEN | {"lr_critic": 2e-6}),
        ("gan", "ring8", 800, EVEN | {"instance_noise": 30.0, "instance_noise_images": 10**9}),
    ],
    "oscillation": [
        (
            "wgan",
            "gaussian1d",
            2000,
            LINEAR | {"dynamics": "simultaneous", "clip": 20.0, "lr_generator": 3e-2, "lr_critic": 3e-2},
        ),
        ("wgan", "gaussian1d", 2000, LINEAR | {"clip": 5.0, "lr_generator": 3e-2, "lr_critic": 3e-2}),
        (
            "hinge-gan",
            "gaussian1d",
            2000,
            LINEAR | {"dynamics": "simultaneous", "lr_generator": 2e-2, "lr_critic": 2e-2},
        ),
    ],
    "mode-collapse": [
        ("hinge-gan", "ring8", 1000, EVEN | {"beta1": 0.9, "lr_generator": 5e-3, "lr_critic": 2e-3}),
        ("hinge-gan", "ring8", 1000, EVEN | {"beta1": 0.9, "lr_generator": 5e-3, "lr_critic": 1e-3}),
    ],
    "critic-overfitting": [
        ("gan", few_of_many, 500, SMALL | {"hidden": 128, "lr_critic": 2e-3, "lr_generator": 2e-4, "n_critic": 3}),
    ],
    "memorisation": [("gan", eight_points, 2000, EVEN)],
    "non-finite": [
        (
            "gan",
            "ring8",
            800,
            EVEN
            | {"loss": "maximum-likelihood", "optimizer": "sgd", "beta1": 0.9, "lr_generator": 1e-2, "lr_critic": 1e-2},
        ),
        ("gan", "ring8", 800, EVEN | {"optimizer": "sgd", "beta1": 0.9, "lr_generator": 1.0, "lr_critic": 1.0}),
    ],
    "learning-rate": [
        ("gan", "ring8", 300, EVEN | {"lr_generator": 10.0, "lr_critic": 10.0}),
        ("gan", "ring8", 300, EVEN | {"lr_generator": 1.0, "lr_critic": 1.0}),
        ("gan", "ring8", 300, EVEN | {"lr_generator": 1e-9, "lr_critic": 1e-9}),
        ("gan", "ring8", 3000, EVEN | {"lr_generator": 1e-6, "lr_critic": 1e-6}),
    ],
    "healthy": [
        ("gan", "ring8", 1500, EVEN),
        ("hinge-gan", "ring8", 1500, EVEN),
        ("r3gan", "ring8", 800, SMALL),
        ("gan", "grid25", 1500, EVEN),
        ("lsgan", "ring8", 1500, EVEN),
    ],
}
"""Recipe, data, rounds and settings of runs broken in each way."""


def train(folder: Path, recipe: str, data: str, rounds: int, settings: dict[str, object], seed: int) -> Run:
    """A run as `saddle train` leaves it, without pictures and pages."""
    module, log_every = find(recipe), 5
    options = TrainOptions(
        data=data, rounds=rounds, seed=seed, out=str(folder), threads="1", log_every=log_every, device="cpu"
    )
    plan = Plan(recipe, module, options, module.Config(**settings), load(data), "cpu", None, folder)
    game, run = plan.build(), Run.create(folder, plan.config(1))
    draw = plan.data.draw(plan.settings.batch, seed)
    with (folder / "log.jsonl").open("a", encoding="utf-8") as log:
        try:
            for report in play(game, draw, rounds):
                if report.round % log_every == 0 or report.round == 1:
                    row = {"round": report.round, "images": report.images, "seconds": 0.0} | report.values()
                    log.write(json.dumps(row) + "\n")
            checkpoint.save(game, run.checkpoints, draw.state_dict())
        except NonFinite:
            pass
    return run


def broken(cause: str, seed: int, root: Path) -> Examination:
    """Break a run in one of the ways and examine it."""
    recipe, data, rounds, settings = BROKEN[cause][seed % len(BROKEN[cause])]
    root.mkdir(parents=True)
    kept = None
    if callable(data):
        data, kept = data(root, seed)
    run = train(root / "run", recipe, str(data), rounds, settings, seed)
    return examine(run, None if kept is None else held_out_side(run, str(kept)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0:10", help="first:end")
    parser.add_argument("--only", nargs="+", default=list(BROKEN), choices=list(BROKEN))
    parser.add_argument("--verbose", action="store_true", help="a line for each run")
    args = parser.parse_args()
    torch.set_num_threads(1)
    first, end = map(int, args.seeds.split(":"))
    print(f"{'broken by':<22}{'named first':>12}   what was named first", flush=True)
    for cause in args.only:
        named: Counter[str] = Counter()
        start = perf_counter()
        for seed in range(first, end):
            with tempfile.TemporaryDirectory() as folder:
                found = broken(cause, seed, Path(folder) / "case")
            named[found.verdicts[0].cause] += 1
            if args.verbose:
                line = [f"{v.cause} {v.strength:.2f} {v.evidence[0].number:.3g}" for v in found.verdicts]
                print(f"  {cause} {seed}: {'; '.join(line)}", flush=True)
        others = ", ".join(f"{name} {count}" for name, count in named.most_common())
        seconds = (perf_counter() - start) / (end - first)
        print(f"{cause:<22}{named[cause]:>5} of {end - first:<4}   {others} ({seconds:.1f} s a run)", flush=True)


if __name__ == "__main__":
    main()

"""A CUDA device: what repeating every bit costs there, what bfloat16 gains, and how far ahead of the processor it is.

    python bench/device.py [--recipes dcgan,stylegan2] [--width 64] [--batch 64] [--pairs 12] [--json]

Three ratios for each convolution recipe on 32x32 images, from rounds that alternate in one process, as the median over
pairs and as the ratio of the minima: repeatable / free (`saddle.game.repeatable`, as the command trains, against
torch's own settings), bf16 / fp32, both repeatable, and device / processor, with as many threads as there are cores.
The device is waited for after each lap.
"""

import argparse
import json
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from statistics import median
from time import perf_counter

import torch
from games import SETTINGS, build, rounds

from saddle.game import Game, repeatable

RATIOS = {"repeatable / free": ("repeatable", "free"), "bf16 / fp32": ("bf16", "repeatable"),
          "device / cpu": ("repeatable", "cpu")}  # fmt: skip
"""The names of the ratios, and which ways of playing they compare."""


def ready(name: str, width: int | None, batch: int | None, way: str) -> tuple[Game, Iterator[object]]:
    """A recipe's game and its rounds on one batch of noise."""
    game = build(name, width, batch, "cpu" if way == "cpu" else "cuda")
    game.autocast = torch.bfloat16 if way == "bf16" else None
    return game, rounds(game, name, batch)


def settings(way: str) -> AbstractContextManager[None]:
    """Torch's settings for a way of playing."""
    return repeatable("cuda") if way in ("repeatable", "bf16") else nullcontext()


def lap(played: Iterator[object], count: int, way: str) -> float:
    """Seconds of a round, over so many, the device's last operation included."""
    with settings(way):
        start = perf_counter()
        for _ in range(count):
            next(played)
        if way != "cpu":
            torch.cuda.synchronize()
        return (perf_counter() - start) / count


def measure(name: str, width: int | None, batch: int | None, pairs: int) -> dict[str, object]:
    """The ratios of one recipe."""
    ways = sorted({way for pair in RATIOS.values() for way in pair})
    made = {way: ready(name, width, batch, way) for way in ways}
    for way, (game, played) in made.items():
        lap(played, 2 * game.period, way)
    rows = [{way: lap(played, game.period, way) for way, (game, played) in made.items()} for _ in range(pairs)]
    found: dict[str, object] = {"recipe": name, "width": width, "batch": batch}
    for told, (one, other) in RATIOS.items():
        fastest = min(row[one] for row in rows) / min(row[other] for row in rows)
        found[told] = [round(median(row[one] / row[other] for row in rows), 3), round(fastest, 3)]
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", default=",".join(SETTINGS))
    parser.add_argument("--width", type=int)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("bench/device.py: expected a machine with a CUDA device, and torch finds none here")
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    if not args.json:
        print(f"{torch.cuda.get_device_name()}, beside {torch.get_num_threads()} threads of the processor")
        print(f"{'recipe':<10}" + "".join(f"{told:>20}" for told in RATIOS))
    for name in args.recipes.split(","):
        row = measure(name, args.width, args.batch, args.pairs)
        told = [f"{row[told][0]:.2f} ({row[told][1]:.2f})" for told in RATIOS]  # type: ignore[index]
        print(json.dumps(row) if args.json else f"{name:<10}" + "".join(f"{t:>20}" for t in told), flush=True)


if __name__ == "__main__":
    main()

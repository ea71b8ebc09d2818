"""What bfloat16 and compiling gain: the time of each recipe's round, over that of the same round without.

    python bench/gains.py [--recipes dcgan,sngan] [--width 64] [--pairs 12] [--json]

Three ratios for each convolution recipe on 32x32 images, from rounds that alternate in one process: bf16 / fp32,
compiled / eager, and both / neither, each as the median over pairs and as the ratio of the minima. Below 1 is a gain.
A compiled game makes its programs before it is timed; the seconds that this took are printed too. A processor without
instructions for bfloat16 (AMX, or avx512_bf16) computes it by way of float32, and is then slower than with float32:
the first line says what this one has.
"""

import argparse
import json
import os
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import perf_counter

import torch
from games import SETTINGS, build, lap, rounds

from saddle.game import compiled

Made = tuple[Iterator[object], int, float]
WAYS = {
    "neither": (None, False),
    "bf16": (torch.bfloat16, False),
    "compiled": (None, True),
    "both": (torch.bfloat16, True),
}
"""Precision, and whether the networks are compiled."""


def ready(name: str, width: int | None, precision: torch.dtype | None, compiles: bool) -> Made:
    """Warm rounds of a recipe's game in one way, their period, and the seconds that warming up took."""
    game = build(name, width)
    game.autocast = precision
    played, count = rounds(compiled(game) if compiles else game, name), game.period
    start = perf_counter()
    for _ in range(2 * count):
        next(played)
    return played, count, perf_counter() - start


def measure(name: str, width: int | None, pairs: int) -> dict[str, object]:
    """The ratios of one recipe."""
    made = {way: ready(name, width, *settings) for way, settings in WAYS.items()}
    rows = [{way: lap(played, count) for way, (played, count, _) in made.items()} for _ in range(pairs)]
    found: dict[str, object] = {"recipe": name, "width": width}
    for way in ("bf16", "compiled", "both"):
        ratio = median(row[way] / row["neither"] for row in rows)
        fastest = min(row[way] for row in rows) / min(row["neither"] for row in rows)
        found |= {f"{way}_median": round(ratio, 3), f"{way}_of_minima": round(fastest, 3)}
    return found | {"compiling_seconds": round(made["compiled"][2] + made["both"][2], 1)}


def abilities() -> str:
    """What the processor can do with bfloat16, as Linux tells it."""
    told = Path("/proc/cpuinfo")
    flags = set(told.read_text(encoding="utf-8").split()) if told.exists() else set()
    return ", ".join(sorted({"amx_bf16", "avx512_bf16"} & flags)) or "nothing that is known of"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", default=",".join(SETTINGS))
    parser.add_argument("--width", type=int)
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    if not args.json:
        print(f"for bfloat16 this processor has: {abilities()}; {torch.get_num_threads()} threads")
        print(f"{'recipe':<10}{'bf16/fp32':>18}{'compiled/eager':>18}{'both/neither':>18}{'compiling':>12}")
    for name in args.recipes.split(","):
        row = measure(name, args.width, args.pairs)
        told = [f"{row[f'{way}_median']:.2f} ({row[f'{way}_of_minima']:.2f})" for way in ("bf16", "compiled", "both")]
        line = f"{name:<10}" + "".join(f"{text:>18}" for text in told) + f"{row['compiling_seconds']:>10} s"
        print(json.dumps(row) if args.json else line, flush=True)


if __name__ == "__main__":
    main()

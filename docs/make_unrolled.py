"""Where the samples of a GAN lie through time, by how many steps of its critic the generator foresees.

    python docs/make_unrolled.py                 plays all rows (about half an hour on one core), then draws
    python docs/make_unrolled.py gan unroll-10   plays these rows only
    python docs/make_unrolled.py --picture-only  draws docs/img/unrolled.png from docs/stability/unrolled-*.npy

It is figure 2 of Metz et al. 2017, arXiv:1611.02163, with the settings of the protocol ring8/unrolled.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from saddle.app.pictures import save_png
from saddle.app.scatter import GREY, new_figure, picture
from saddle.benchmarks import find
from saddle.data import load
from saddle.game import play, sample
from saddle.recipes import find as find_recipe

DOCS = Path(__file__).parent
PROTOCOL = "ring8/unrolled"
ROWS = {"gan": "no unrolling", "unroll-5": "5 steps", "unroll-10": "10 steps"}
EVERY, TIMES, SAMPLES = 5_000, 6, 2_000
REACH, CELLS = 3.0, 120
"""Half of the picture's side, and its pixels."""


def follow(name: str) -> np.ndarray:
    """Samples (TIMES, SAMPLES, 2) of one row at the start and after each EVERY rounds."""
    protocol = find(PROTOCOL)
    row, data = protocol.rows[name], load(protocol.data)
    recipe = find_recipe(row.recipe)
    config = recipe.Config(**protocol.settings | dict(row.settings))
    torch.set_num_threads(1)
    torch.manual_seed(0)
    game = recipe.build(config, data.spec).seed(0)
    found = [sample(game, SAMPLES, seed=0)[0].numpy()]
    for report in play(game, data.draw(config.batch, seed=0), rounds=EVERY * (TIMES - 1)):
        if report.round % EVERY == 0:
            found.append(sample(game, SAMPLES, seed=0)[0].numpy())
            print(name, report.round, flush=True)
    return np.stack(found)


def heat(x: np.ndarray) -> np.ndarray:
    """How many samples lie where, smoothed over two pixels: (CELLS, CELLS)."""
    counts, _, _ = np.histogram2d(x[:, 1], x[:, 0], bins=CELLS, range=[[-REACH, REACH]] * 2)
    return gaussian_filter(counts, 2.0)


def draw() -> None:
    """The picture of all rows that were played."""
    torch.manual_seed(0)
    data = load(find(PROTOCOL).data).sample(SAMPLES, torch.Generator().manual_seed(0)).x.numpy()
    played = [name for name in ROWS if file_of(name).is_file()]
    figure = new_figure(1.5 * (TIMES + 1), 1.6 * len(played) + 0.3)
    axes = figure.subplots(len(played), TIMES + 1, squeeze=False)
    for line, name in zip(axes, played, strict=True):
        for place, x in zip(line, [*np.load(file_of(name)), data], strict=True):
            place.imshow(np.sqrt(heat(x)), origin="lower", cmap="viridis", extent=[-REACH, REACH] * 2)
            place.set(xticks=[], yticks=[])
        line[0].set_ylabel(ROWS[name], color=GREY)
    for k, place in enumerate(axes[0]):
        place.set_title("data" if k == TIMES else f"round {k * EVERY:,}", color=GREY, fontsize=9)
    save_png(picture(figure), DOCS / "img" / "unrolled.png")


def file_of(name: str) -> Path:
    """Where a row's samples are kept."""
    return DOCS / "stability" / f"unrolled-{name}.npy"


def main() -> None:
    """Play what was asked for, then draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", help=f"of {', '.join(ROWS)}; all by default")
    parser.add_argument("--picture-only", action="store_true", help="draw what was played before")
    args = parser.parse_args()
    (DOCS / "stability").mkdir(exist_ok=True)
    if not args.picture_only:
        for name in args.rows or ROWS:
            np.save(file_of(name), follow(name).astype(np.float32))
    draw()


if __name__ == "__main__":
    main()

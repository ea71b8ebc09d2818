"""What the commands about latent space share: opening a run, its labels by name, and given images."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from saddle.app.asked import say
from saddle.app.runs import Run, load_data, rebuild
from saddle.config import choose, require
from saddle.data.dataset import to_floats
from saddle.data.pixels import open_picture, resize_all, square
from saddle.evaluation.side import Model

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["asked_label", "captions", "given_images", "label_of", "model_of", "opened", "plotted"]


def model_of(path: str, seed: int) -> tuple[Run, Model]:
    """A run and its model at the newest whole checkpoint.

    Raises:
        ValueError: no run there, nothing that generates, or a seed out of range.
    """
    require(0 <= seed < 2**63, "seed", seed, "a whole number from 0 to 2**63 - 1")
    run = Run.open(path)
    game = rebuild(run)
    require(game.sampler is not None, "run", path, "a game that generates something")
    return run, Model(game, run.spec, path)


def opened(args: argparse.Namespace) -> tuple[Run, Model, int | None]:
    """A run, its model, and the label that was asked for.

    Raises:
        ValueError: as in `model_of` and `asked_label`.
    """
    run, model = model_of(args.run, args.seed)
    return run, model, asked_label(model, args.label)


def asked_label(model: Model, word: str | None) -> int | None:
    """The label asked for by name or number; the first, said to the user, where the run needs one and none was.

    Raises:
        ValueError: no such label, or a run that takes none.
    """
    if not model.classes:
        require(word is None, "label", word, "no label: this run does not take any")
        return None
    if word is None:
        say(f"samples of the label {captions(model)[0]}; --label asks for another")
        return 0
    return label_of(model, word)


def all_of(model: Model, word: str | None, n: int) -> Tensor | None:
    """The label of that name or number n times (n,); None where none was asked for, so that they are drawn.

    Raises:
        ValueError: no such label, or a run that takes none.
    """
    require(word is None or model.classes > 0, "label", word, "no label: this run does not take any")
    return None if word is None else torch.full((n,), label_of(model, word))


def captions(model: Model) -> list[str]:
    """The labels that a generator is asked for: the data's names of them, or numbers where there are none."""
    names = model.spec.class_names if model.labels_of_data else ()
    return list(names) or [str(k) for k in range(model.classes)]


def label_of(model: Model, word: str) -> int:
    """The label of that name or number.

    Raises:
        ValueError: there is none; the closest is offered.
    """
    known = {str(k): k for k in range(model.classes)} | {name: k for k, name in enumerate(captions(model))}
    return choose(word, known, "label")


def given_images(paths: Sequence[str], model: Model) -> tuple[list[str], Tensor]:
    """Pictures from files, cut and resized as training images are, with their names: (n, C, S, S) in [-1, 1].

    A ``.npy`` file may hold several, (n, C, S, S) in [-1, 1], as ``saddle sample`` writes them.

    Raises:
        ValueError: a file that is no picture, or images of another shape.
    """
    names, parts = [], []
    for path in map(Path, paths):
        x = _array(path, model) if path.suffix == ".npy" else _picture(path, model)
        names += [path.name] if len(x) == 1 else [f"{path.name}:{i}" for i in range(len(x))]
        parts.append(x)
    return names, torch.cat(parts)


def plotted(run: Run, x: Tensor) -> "Image":
    """Generated points (N, d) among as many real ones."""
    from saddle.app.scatter import scatter

    return scatter(load_data(run).sample(max(500, len(x)), torch.Generator().manual_seed(0)).x, x)


def _array(path: Path, model: Model) -> Tensor:
    try:
        held = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"{path}: expected a .npy file of images ({error})") from error
    shape = ("n", *model.spec.shape)
    fits = isinstance(held, np.ndarray) and held.shape[1:] == model.spec.shape and held.dtype.kind == "f"
    require(fits, str(path), getattr(held, "shape", "no array"), f"floats {shape} in [-1, 1], as saddle sample writes")
    x = torch.from_numpy(held).float()
    within = len(x) > 0 and bool(x.isfinite().all()) and float(x.abs().max()) <= 1.001
    require(within, str(path), "no images, or numbers out of range", "numbers in [-1, 1]")
    return x


def _picture(path: Path, model: Model) -> Tensor:
    require(path.is_file(), "image", path, "a picture's file, or a .npy file of images")
    try:
        with path.open("rb") as file:
            pixels = square(open_picture(file), model.spec.size)
    except Exception as error:  # what Pillow makes of damaged bytes is nearly anything
        raise ValueError(f"image={path}: expected a picture ({error})") from error
    held = resize_all(pixels[None], model.spec.size, model.spec.channels)  # (1, S, S, C)
    return to_floats(torch.from_numpy(held.copy()).permute(0, 3, 1, 2))

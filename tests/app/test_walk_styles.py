"""Walks through real runs of generators with styles, trained by the command: what each picture must show."""

import numpy as np
import pytest
import torch
from PIL import Image

from saddle.app.cli import main
from saddle.app.latents import model_of
from saddle.app.pictures import GAP, LEGIBLE
from saddle.latent import label_space, mixed, w_space
from saddle.latent.spaces import require_styles

SIDE = 16 * round(LEGIBLE / 16)
"""Of one image in a picture, in pixels."""
RUNS = {
    "stylegan": ("stylegan", "--first", "16"),
    "growing": ("stylegan", "--first", "4", "--stable_images", "1000"),
    "stylegan2": ("stylegan2",),
}
"""Full-grown at 16 pixels; still at 4 of them; full-grown."""
TOLD = ("stylegan2", "--conditional", "true")
"""With labels, a and b."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory, images):
    root = tmp_path_factory.mktemp("styles")
    images(root / "pictures", n=24)
    tiny = ["--size", "16", "--threads", "1", "--batch", "8", "--z_dim", "4", "--w_dim", "4", "--width", "4"]
    tiny += ["--widest", "8", "--rounds", "6", "--lr_generator", "0.02", "--mapping_speed", "1"]
    for name, (recipe, *flags) in {**RUNS, "told": TOLD}.items():
        words = ["train", recipe, "--data", str(root / "pictures"), *tiny, *flags, "--out", str(root / name)]
        assert main(words) == 0
    return root


def tiles(path, columns):
    """The images of a picture, row by row, (N, SIDE, SIDE, 3)."""
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    step = SIDE + GAP
    rows = (pixels.shape[0] - GAP) // step
    assert pixels.shape[:2] == (rows * step + GAP, columns * step + GAP)
    places = [(GAP + i // columns * step, GAP + i % columns * step) for i in range(rows * columns)]
    return np.stack([pixels[top : top + SIDE, left : left + SIDE] for top, left in places])


def all_differ(images):
    """Whether no two of some images (N, ...) are the same but for rounding."""
    flat = images.reshape(len(images), -1)
    return all(np.abs(one - other).max() > 1 for i, one in enumerate(flat) for other in flat[:i])


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_rows_and_columns_of_mixed_styles_end_in_their_sources(saddle, runs, name):
    """No layer from the left column: every row repeats the top one. All of them: every column the left one."""
    for cut in (0, 6):
        flags = ("--how", "mixing", "--points", 3, "--cut", cut, "--out", f"cut{cut}.png")
        assert saddle("walk", runs / name, *flags).status == 0
        shown = tiles(f"cut{cut}.png", columns=4).reshape(4, 4, SIDE, SIDE, 3)
        top, left, made = shown[:1, 1:], shown[1:, :1], shown[1:, 1:]
        assert np.abs(made - (top if cut == 0 else left)).max() <= 1
        assert all_differ(np.concatenate([top[0], left[:, 0]]))
    assert saddle("walk", runs / name, "--how", "mixing", "--points", 3, "--out", "between.png").status == 0
    between = tiles("between.png", columns=4).reshape(4, 4, SIDE, SIDE, 3)[1:, 1:]
    assert all_differ(between.reshape(9, SIDE, SIDE, 3))


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_the_ways_of_a_real_run_begin_at_the_same_samples(saddle, runs, name):
    """Lines in w and arcs in z pass through one draw; a sweep in w goes from one sample to that of each row."""
    for how in ("lerp", "slerp"):
        flags = ("--how", how, "--space", "w" if how == "lerp" else "z", "--points", 3, "--frames", 9)
        assert saddle("walk", runs / name, *flags, "--out", f"{how}.png").status == 0
    lerp, slerp = (tiles(f"{how}.png", columns=3).reshape(3, 3, -1) for how in ("lerp", "slerp"))
    assert np.abs(lerp[:, 0] - slerp[:, 0]).max() <= 1  # the three points themselves
    flags = ("--how", "truncation", "--points", 3, "--frames", 4, "--out", "psi.png")
    assert saddle("walk", runs / name, *flags).status == 0
    swept = tiles("psi.png", columns=4).reshape(3, 4, -1)
    assert np.abs(swept[:, 0] - swept[:1, 0]).max() == 0
    assert np.abs(swept[:, -1] - lerp[:, 0]).max() <= 1
    said = saddle("walk", runs / name, "--how", "labels")
    assert (said.status, "a run that takes labels" in said.err) == (2, True)


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_samples_of_w_are_those_of_the_game(runs, name):
    """Of its size and within [-1, 1], also while the network is smaller, and with a way for gradients."""
    _, model = model_of(str(runs / name), 0)
    net = require_styles(model)
    z = model.prior(5, torch.Generator().manual_seed(1))
    with w_space(model) as space:
        w = net.mapping(z).detach().requires_grad_()
        x = space.make(w)
        assert torch.equal(space.samples(w), x)
        assert torch.equal(space.samples(mixed(w, w.flip(0), 6, net.layers)), x)
    with model.generator() as G:
        assert torch.allclose(G(z, None), x, atol=1e-6)
    assert x.shape == (5, 3, 16, 16)
    assert float(x.detach().abs().max()) <= 1
    (gradient,) = torch.autograd.grad(x.square().sum(), w)
    assert float(gradient.abs().sum()) > 0


@pytest.mark.slow
def test_a_run_that_is_told_labels_is_walked_under_one_of_them(saddle, runs):
    """In w and in z a label's ways begin at the label's samples, which a row of the labels' table shows as well."""
    for label in "ab":
        for how, space in (("lerp", "w"), ("slerp", "z")):
            flags = ("--how", how, "--space", space, "--points", 3, "--frames", 9, "--label", label)
            assert saddle("walk", runs / "told", *flags, "--out", f"{how}-{label}.png").status == 0
    begun = {name: tiles(f"{name}.png", columns=3)[::3] for name in ("lerp-a", "lerp-b", "slerp-a", "slerp-b")}
    assert saddle("walk", runs / "told", "--how", "labels", "--points", 3).status == 0
    rows = tiles("walk.png", columns=3).reshape(2, 3, SIDE, SIDE, 3)
    for row, label in zip(rows, "ab", strict=True):
        assert np.abs(begun[f"lerp-{label}"] - row).max() <= 1
        assert np.abs(begun[f"slerp-{label}"] - row).max() <= 1
    assert all_differ(rows.reshape(6, SIDE, SIDE, 3))
    assert saddle("walk", runs / "told", "--how", "mixing", "--points", 3, "--cut", 0, "--label", "b").status == 0
    mixed_of_b = tiles("walk.png", columns=4).reshape(4, 4, SIDE, SIDE, 3)
    assert np.abs(mixed_of_b[1:, 1:] - mixed_of_b[:1, 1:]).max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize("method", ["sefa", "ganspace"])
def test_directions_and_inversion_of_a_run_that_is_told_labels(saddle, runs, method):
    flags = ("--method", method, "-k", 2, "--steps", 3, "--label", "b", "--json")
    assert np.array(saddle("directions", runs / "told", *flags).json["directions"]).shape == (2, 4)
    flags = ("--features", "none", "--steps", 2, "--restarts", 1, "--label", "b", "--json")
    assert len(saddle("invert", runs / "told", "--real", 2, *flags).json["images"]) == 2


@pytest.mark.slow
def test_labels_are_added_up_beside_z(saddle, runs):
    """Latents hold their label: a space that was opened for another one makes the same samples of them."""
    said = saddle("arithmetic", runs / "told", "a - b + b", "-n", 2, "--json")
    assert said.json["space"] == "z and label"
    _, model = model_of(str(runs / "told"), 0)
    with label_space(model, 0) as space:
        rows = space.draw(5, torch.Generator().manual_seed(1))
        made = space.samples(rows)
    with model.generator() as G:
        z = model.prior(5, torch.Generator().manual_seed(1))
        assert torch.allclose(G(z, torch.zeros(5, dtype=torch.int64)), made, atol=1e-5)
    with label_space(model, 1) as other:
        assert torch.allclose(other.samples(rows), made, atol=1e-5)

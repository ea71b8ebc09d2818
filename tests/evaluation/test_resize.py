"""Resizers: each against Pillow or a loop that says what it does, on its own and without any network."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from saddle.data import pixels
from saddle.evaluation.features.resize import RESIZERS, fit, resize, to_colour, to_grey

PILLOW = {
    "bilinear-aa": Image.Resampling.BILINEAR,
    "bicubic-aa": Image.Resampling.BICUBIC,
    "lanczos-aa": Image.Resampling.LANCZOS,
}
SIZES = [(32, 32, 299), (64, 64, 128), (96, 96, 32), (512, 512, 299), (40, 57, 33), (1, 3, 5)]


def noise(height: int, width: int, count: int = 2) -> torch.Tensor:
    """Bytes as float32 (count, 3, H, W): the hardest picture to resize."""
    rng = torch.Generator().manual_seed(height * 1000 + width)
    return torch.randint(0, 256, (count, 3, height, width), generator=rng).float()


def by_hand(x: torch.Tensor, size: int, place) -> torch.Tensor:
    """Two by two pixels round src = place(dst, scale), one output at a time, float64."""
    height, width = x.shape[-2:]
    x, out = x.double(), torch.empty(*x.shape[:2], size, size, dtype=torch.float64)
    for i in range(size):
        for j in range(size):
            v = min(max(place(i, height / size), 0.0), height - 1.0)
            u = min(max(place(j, width / size), 0.0), width - 1.0)
            top, left = int(v), int(u)
            low, right = min(top + 1, height - 1), min(left + 1, width - 1)
            above = x[..., top, left] * (1 - u + left) + x[..., top, right] * (u - left)
            below = x[..., low, left] * (1 - u + left) + x[..., low, right] * (u - left)
            out[..., i, j] = above * (1 - v + top) + below * (v - top)
    return out


GRIDS = {"tf1-bilinear": lambda i, scale: i * scale, "bilinear": lambda i, scale: (i + 0.5) * scale - 0.5}


@pytest.mark.parametrize("name", PILLOW)
@pytest.mark.parametrize("height, width, size", SIZES)
def test_antialiased_resizers_equal_pillows_in_floats(name, height, width, size):
    x = noise(height, width)
    wanted = [
        [np.asarray(Image.fromarray(channel.numpy()).resize((size, size), PILLOW[name])) for channel in image]
        for image in x
    ]
    found = resize(x, size, name)
    torch.testing.assert_close(found, torch.tensor(np.array(wanted)).clamp(0, 255), atol=5e-3, rtol=0)


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("height, width, size", [(32, 32, 47), (64, 64, 21), (9, 14, 11), (1, 3, 5)])
def test_plain_resizers_take_two_by_two_pixels_on_their_grid(name, height, width, size):
    x = noise(height, width, 1)
    torch.testing.assert_close(resize(x, size, name).double(), by_hand(x, size, GRIDS[name]), atol=5e-3, rtol=0)


@pytest.mark.parametrize("source", [32, 64, 256])
def test_the_grids_differ_by_half_a_pixel_less_half_a_step(source):
    """On a ramp a resizer shows its src: TensorFlow 1 lies (1 - scale) / 2 pixels beside the half-pixel grid."""
    ramp = torch.arange(source, dtype=torch.float32).expand(1, 1, source, source)
    scale, inner = source / 299, slice(20, 270)
    shift = resize(ramp, 299, "tf1-bilinear") - resize(ramp, 299, "bilinear")
    torch.testing.assert_close(
        shift[..., inner], torch.full_like(shift[..., inner], (1 - scale) / 2), atol=1e-4, rtol=0
    )


@pytest.mark.parametrize("name", RESIZERS)
def test_at_equal_size_all_are_the_identity(name):
    x = noise(299, 299, 1)
    assert torch.equal(resize(x, 299, name), x)


@pytest.mark.parametrize("name", RESIZERS)
def test_a_zone_plate_fades_only_with_antialiasing(name):
    """Rings finer than the new pixels must turn grey; without antialiasing they come back as false rings."""
    axis = torch.linspace(-1, 1, 512)
    rings = 127.5 + 127.5 * torch.cos(torch.pi * 64 * (axis[:, None] ** 2 + axis**2))  # period 4 pixels at the edges
    small = resize(rings.expand(1, 1, 512, 512).contiguous(), 64, name)[0, 0]
    edges = torch.cat([small[:6].flatten(), small[-6:].flatten()])
    assert edges.std() < 15 if name.endswith("-aa") else edges.std() > 40


@pytest.mark.parametrize("name", RESIZERS)
@settings(max_examples=20, deadline=None)
@given(side=st.integers(1, 40), size=st.integers(1, 40), level=st.integers(0, 255))
def test_a_plain_picture_stays_plain(name, side, size, level):
    x = torch.full((1, 1, side, side), float(level))
    torch.testing.assert_close(resize(x, size, name), torch.full((1, 1, size, size), float(level)), atol=1e-3, rtol=0)


@pytest.mark.parametrize("name", RESIZERS)
def test_results_stay_within_the_bytes(name):
    """Cubic and Lanczos weights are partly negative: at an edge they shoot over."""
    x = torch.zeros(1, 1, 16, 16)
    x[..., 8:] = 255
    found = resize(x, 50, name)
    assert float(found.min()) >= 0 and float(found.max()) <= 255


def test_nothing_is_rounded():
    x = noise(20, 20)
    assert all(bool((resize(x, 31, name).frac() != 0).any()) for name in RESIZERS)


def test_an_unknown_resizer_is_named_with_the_nearest():
    with pytest.raises(ValueError, match=r"no resize is called 'bicubic'\. Did you mean 'bicubic-aa'"):
        resize(torch.zeros(1, 1, 4, 4), 8, "bicubic")


def test_grey_is_the_same_as_the_data_sets_own():
    x = noise(16, 16).to(torch.uint8)
    wanted = pixels.to_grey(x.permute(0, 2, 3, 1).numpy())
    assert torch.equal(to_grey(x).permute(0, 2, 3, 1), torch.from_numpy(wanted))


def test_grey_made_colour_and_back_is_itself():
    x = noise(16, 16)[:, :1].to(torch.uint8)
    assert torch.equal(to_grey(to_colour(x)), x)


def test_fit_brings_bytes_to_size_and_channels():
    x = noise(16, 16).to(torch.uint8)
    assert fit(x, 1, 24, "bilinear").shape == (2, 1, 24, 24)
    assert torch.equal(fit(x, 0, 0, "none"), x.float())

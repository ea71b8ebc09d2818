"""Low-level statistics: spectra of known noise, kurtosis, components counted by hand, and planted changes."""

import math

import pytest
import torch
from scipy.stats import wasserstein_distance
from torch import Tensor

from saddle.evaluation.features import Identity
from saddle.evaluation.measures.low_level import (
    component_areas,
    filter_responses,
    grey,
    kurtosis,
    low_level_statistics,
    radial_spectrum,
    spectral_slope,
    wasserstein_1d,
    weibull,
)
from saddle.evaluation.side import Side
from saddle.evaluation.study import Study


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def coloured_noise(n: int, side: int, exponent: float) -> Tensor:
    """Gaussian images whose power falls as frequency to this exponent."""
    white = torch.randn(n, side, side, generator=seeded(), dtype=torch.float64)
    ticks = torch.fft.fftfreq(side, dtype=torch.float64)
    radius = (ticks[:, None].square() + ticks.square()).sqrt().clamp_min(1 / side)
    return torch.fft.ifft2(torch.fft.fft2(white) * radius ** (exponent / 2)).real


@pytest.mark.parametrize("exponent", [0.0, -1.0, -2.0])
@pytest.mark.proves("low-level-statistics", "closed form")
def test_the_slope_of_noise_is_the_exponent_it_was_made_with(exponent):
    slope = spectral_slope(radial_spectrum(coloured_noise(200, 64, exponent)))
    assert slope == pytest.approx(exponent, abs=0.12)  # whole radii and the window bend it by up to 0.1 (2 %: -1.91)


def test_white_noise_has_equal_power_at_every_radius():
    """Under the Hann window, whose mean square is 3/8 on each axis, the power of unit noise is (3 S / 8)² a place."""
    side = 32
    x = torch.randn(4000, side, side, generator=seeded(), dtype=torch.float64)
    spectrum = radial_spectrum(x).mean(0)[2:]  # near 0 the image's mean was taken away
    torch.testing.assert_close(spectrum, torch.full_like(spectrum, (3 * side / 8) ** 2), rtol=0.05, atol=0)


def test_a_checkerboard_has_its_power_at_the_highest_radius():
    side = 16
    place = torch.arange(side)
    stripes = (place % 2).double().expand(1, side, side)
    assert int(radial_spectrum(stripes)[0].argmax()) == side // 2


def test_gaussian_images_have_kurtosis_three_under_any_filter_and_sparse_ones_more():
    gauss = filter_responses(coloured_noise(200, 32, -2.0), seeded(1))
    assert kurtosis(gauss).mean() == pytest.approx(3.0, abs=0.1)
    sparse = (torch.rand(200, 32, 32, generator=seeded(), dtype=torch.float64) < 0.01).double()
    assert kurtosis(filter_responses(sparse, seeded(1))).min() > 4


def test_filters_do_not_see_the_mean():
    x = torch.rand(5, 16, 16, generator=seeded(), dtype=torch.float64)
    torch.testing.assert_close(filter_responses(x + 7, seeded(1)), filter_responses(x, seeded(1)))


def test_components_are_counted_with_diagonal_neighbours():
    image = torch.zeros(8, 8)
    image[0, 0] = image[1, 1] = 1  # touch at a corner
    image[5:7, 5] = 1
    assert sorted(component_areas(image[None]).tolist()) == [2.0, 2.0]


def test_quantiles_give_the_distance_that_scipy_gives():
    a, b = torch.randn(500, generator=seeded(1)), 1 + 2 * torch.randn(500, generator=seeded(2))
    assert wasserstein_1d(a, b, 500) == pytest.approx(wasserstein_distance(a.numpy(), b.numpy()), rel=1e-6)


def test_weibull_recovers_its_parameters():
    u = torch.rand(20_000, generator=seeded(), dtype=torch.float64)
    shape, scale = weibull(0.3 * (-u.log()) ** (1 / 1.5))
    assert (shape, scale) == (pytest.approx(1.5, rel=0.03), pytest.approx(0.3, rel=0.03))


def test_grey_weights_are_those_of_bt601():
    white = torch.full((1, 3, 2, 2), 255, dtype=torch.uint8)
    red = white * torch.tensor([1, 0, 0], dtype=torch.uint8).view(1, 3, 1, 1)
    assert float(grey(white).mean()) == pytest.approx(1.0)
    assert float(grey(red).mean()) == pytest.approx(0.299)


def photos(n: int, seed: int) -> Tensor:
    """Smooth random images as bytes."""
    x = torch.nn.functional.interpolate(
        torch.rand(n, 1, 5, 5, generator=seeded(seed)), size=(24, 24), mode="bicubic", align_corners=False
    )
    return (255 * x.clamp(0, 1)).to(torch.uint8)


def measured(real: Tensor, fake: Tensor):
    return low_level_statistics(Study(Side.of_images(real, "real"), Side.of_images(fake, "fake"), Identity()))


def test_equal_sides_differ_by_nothing_and_the_same_law_by_as_much_as_halves():
    real = photos(200, 1)
    assert measured(real, real).value == 0.0
    found = measured(real, photos(200, 2))
    assert found.value < 3 * found.details["baseline_of_halves"]


@pytest.mark.proves("low-level-statistics", "planted defect")
def test_the_part_that_was_changed_is_the_part_that_moves():
    """Noise moves the Laplacian most; a darker copy moves the mean; what a blur does is undo gradients."""
    real, other = photos(300, 1), photos(300, 2)
    base = measured(real, other).details["parts"]
    noise = (25 * torch.randn(other.shape, generator=seeded(3))).round()
    noisy = (other.float() + noise).clamp(0, 255).to(torch.uint8)
    dark = (other.float() * 0.6).to(torch.uint8)
    moved = {"noisy": measured(real, noisy), "dark": measured(real, dark)}
    assert moved["noisy"].details["parts"]["laplacian"] > 0.2 > 10 * base["laplacian"]
    assert moved["dark"].details["parts"]["mean"] > 5 * base["mean"]
    for found in moved.values():
        low, high = found.interval
        assert 0 < low < found.value < high


def test_the_divergence_is_at_most_the_logarithm_of_two():
    black, white = (torch.full((10, 1, 16, 16), level, dtype=torch.uint8) for level in (0, 255))
    found = measured(black, white)
    assert found.details["parts"]["level"] == pytest.approx(math.log(2))
    assert found.value <= math.log(2)


def test_colour_is_compared_where_there_is_colour():
    rng = seeded()
    grey_noise = torch.randint(0, 256, (50, 1, 12, 12), generator=rng, dtype=torch.uint8).expand(50, 3, 12, 12)
    colour_noise = torch.randint(0, 256, (50, 3, 12, 12), generator=rng, dtype=torch.uint8)
    parts = measured(grey_noise.contiguous(), colour_noise).details["parts"]
    assert parts["colour"] > 0.3


@pytest.mark.parametrize("shape", [(4, 1, 6, 6), (4, 1, 16, 12)])
def test_images_that_have_no_square_spectrum_are_refused(shape):
    x = torch.zeros(shape, dtype=torch.uint8)
    with pytest.raises(ValueError, match="squares of 8 or more"):
        measured(x, x)

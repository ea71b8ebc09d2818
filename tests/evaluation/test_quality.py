"""SSIM and its kin: closed forms, golden values, parity with scikit-image, and the diversity of a side."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from saddle.evaluation.features import Identity
from saddle.evaluation.measures.quality import image_quality, ms_ssim, psnr, sharpness_difference, ssim
from saddle.evaluation.side import Side
from saddle.evaluation.study import Study


@pytest.fixture
def pair() -> tuple[Tensor, Tensor]:
    rs = np.random.RandomState(7)
    a = rs.rand(64, 64)
    b = np.clip(a + 0.05 * rs.randn(64, 64), 0, 1)
    return torch.from_numpy(a)[None, None], torch.from_numpy(b)[None, None]


@pytest.mark.proves("image-quality", "golden")
def test_golden_values_of_a_noisy_pair(pair):
    x, y = pair
    assert float(ssim(x, y)) == pytest.approx(0.985560549651, rel=1e-9)
    assert float(psnr(x, y)) == pytest.approx(26.350049193369, rel=1e-9)
    assert float(sharpness_difference(x, y)) == pytest.approx(11.184396897590, rel=1e-9)


def test_ssim_of_constants_is_the_luminance_term():
    x, y = (torch.full((1, 3, 12, 12), value, dtype=torch.float64) for value in (0.4, 0.6))
    assert float(ssim(x, y)) == pytest.approx(0.9230917131320899, rel=1e-12)
    assert float(psnr(x, y)) == pytest.approx(13.9794000867, rel=1e-10)


def test_equal_images_are_alike_in_every_way(pair):
    x, _ = pair
    assert float(ssim(x, x)) == pytest.approx(1.0, rel=1e-12)
    assert float(ms_ssim(x, x, scales=3)) == pytest.approx(1.0, rel=1e-12)
    assert float(psnr(x, x)) == math.inf
    exact = (x * 4).round() / 4  # quarters add without rounding
    assert float(sharpness_difference(exact, exact + 0.25)) == math.inf


def test_ssim_and_psnr_equal_scikit_image(pair):
    metrics = pytest.importorskip("skimage.metrics")
    x, y = (image[0, 0].numpy() for image in pair)
    _, full = metrics.structural_similarity(
        x, y, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )
    assert float(ssim(*pair)) == pytest.approx(full[5:-5, 5:-5].mean(), rel=1e-9)
    assert float(psnr(*pair)) == pytest.approx(metrics.peak_signal_noise_ratio(x, y, data_range=1.0), rel=1e-12)


def test_ms_ssim_of_one_scale_is_ssim_and_equals_torchmetrics_at_five():
    rng = torch.Generator().manual_seed(0)
    x = torch.rand(2, 1, 192, 192, generator=rng, dtype=torch.float64)
    y = (x + 0.1 * torch.randn(x.shape, generator=rng, dtype=torch.float64)).clamp(0, 1)
    torch.testing.assert_close(ms_ssim(x, y, scales=1), ssim(x, y))
    functional = pytest.importorskip("torchmetrics.functional.image")
    theirs = functional.multiscale_structural_similarity_index_measure(x, y, data_range=1.0, reduction="none")
    torch.testing.assert_close(ms_ssim(x, y), theirs, rtol=5e-3, atol=0)  # theirs reflects at the border


def test_the_measures_are_symmetric_and_scale_with_the_range(pair):
    x, y = pair
    for measure in (ssim, psnr, sharpness_difference):
        torch.testing.assert_close(measure(x, y), measure(y, x))
    torch.testing.assert_close(ssim(255 * x, 255 * y, 255.0), ssim(x, y))
    torch.testing.assert_close(psnr(255 * x, 255 * y, 255.0), psnr(x, y))


def test_negative_structure_gives_zero_and_not_nan():
    x = torch.rand(1, 1, 44, 44, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = ms_ssim(x, 1 - x, scales=3)
    assert float(found) == 0.0


@pytest.mark.parametrize(
    "shape, scales, words", [((1, 1, 10, 64), 1, "at least 11"), ((1, 1, 100, 100), 5, "at least 176")]
)
def test_images_too_small_are_refused(shape, scales, words):
    x = torch.zeros(shape)
    with pytest.raises(ValueError, match=words):
        ms_ssim(x, x, scales=scales)


def side(images: Tensor, name: str) -> Side:
    return Side.of_images(images, name)


@pytest.mark.proves("image-quality", "planted defect")
def test_a_side_of_one_image_is_more_alike_than_the_data():
    """Odena's use: collapse raises the mean SSIM of pairs; the data's own pairs stand beside it."""
    rng = torch.Generator().manual_seed(0)
    real = torch.randint(0, 256, (40, 1, 16, 16), generator=rng, dtype=torch.uint8)
    found = image_quality(Study(side(real, "real"), side(real[:1].repeat(40, 1, 1, 1), "one"), Identity()))
    assert found.value == pytest.approx(1.0)
    assert found.details["fake"]["equal_pairs"] == found.details["pairs"]
    assert abs(found.details["real"]["ssim"]) < 0.1


def test_pairs_are_of_one_label_where_there_are_labels():
    """Two labels, each of one image: pairs within a label are equal, pairs across are not."""
    images = torch.stack([torch.zeros(1, 16, 16), torch.eye(16)[None]]).mul(255).to(torch.uint8).repeat(10, 1, 1, 1)
    labelled = Side.of_images(images, "two", torch.arange(20) % 2, 2)
    plain = Side.of_images(images, "two")
    assert image_quality(Study(labelled, labelled, Identity())).value == pytest.approx(1.0)
    assert image_quality(Study(plain, plain, Identity())).value < 0.9

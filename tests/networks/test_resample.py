"""Doubling and halving through any filter."""

import pytest
import torch
import torch.nn.functional as F

from saddle.networks.resample import BILINEAR, Blur, Down2, FilteredUpConv, Up2, kernel_of

TAPS = [(1, 1), BILINEAR, (1, 2, 3, 4), (1, 5, 10, 10, 5, 1)]


@pytest.mark.parametrize("taps", TAPS)
def test_up_is_four_times_the_adjoint_of_down(taps):
    """<Up a, b> = 4 <a, Down b> for all a and b, lopsided filters included."""
    a, b = torch.randn(2, 3, 4, 6, dtype=torch.float64), torch.randn(2, 3, 8, 12, dtype=torch.float64)
    assert (Up2(taps)(a) * b).sum().item() == pytest.approx(4 * (a * Down2(taps)(b)).sum().item(), rel=1e-6)


@pytest.mark.parametrize("taps", TAPS)
def test_down_is_the_filter_at_every_second_place(taps):
    x = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(Down2(taps)(x), Blur(taps, padding=len(taps) // 2 - 1)(x)[..., ::2, ::2])


def test_two_taps_are_nearest_neighbour_and_the_mean():
    x = torch.randn(2, 3, 6, 6)
    torch.testing.assert_close(Up2((1, 1))(x), F.interpolate(x, scale_factor=2, mode="nearest"))
    torch.testing.assert_close(Down2((1, 1))(x), F.avg_pool2d(x, 2))
    torch.testing.assert_close(Down2((1, 1))(Up2((1, 1))(x)), x)


def test_bilinear_is_nearest_neighbour_blurred():
    """And the mean of a blurred map: [1, 3, 3, 1] = [1, 1] * [1, 2, 1]."""
    x, blur = torch.randn(2, 3, 6, 6), Blur((1, 2, 1))
    torch.testing.assert_close(Up2()(x), blur(Up2((1, 1))(x)))
    torch.testing.assert_close(Down2()(x)[..., 1:-1, 1:-1], Down2((1, 1))(blur(x))[..., 1:-1, 1:-1])


@pytest.mark.parametrize("taps, cut", [((1, 1), 0), (BILINEAR, 2)])
def test_doubling_and_convolution_in_one_are_one_after_the_other(taps, cut):
    x, weight = torch.randn(2, 3, 5, 5), torch.randn(4, 3, 3, 3)
    apart = F.conv2d(Up2(taps)(x), weight.flip(2, 3), padding=1)
    inside = (..., slice(cut, 10 - cut), slice(cut, 10 - cut))
    torch.testing.assert_close(FilteredUpConv(taps)(x, weight)[inside], apart[inside], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("layer", [Up2(), Down2(), Blur(), Up2((1, 1))])
def test_derivatives_of_derivatives(layer):
    """Of the cube of what comes out, since the layers are linear."""
    x = torch.randn(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: layer(x) ** 3, x)


def test_a_filter_has_sum_one():
    assert kernel_of((1, 2, 3)).sum().item() == pytest.approx(1)
    with pytest.raises(ValueError, match="sum is not 0"):
        kernel_of((1, -1))
    with pytest.raises(ValueError, match="even number of taps"):
        Up2((1, 2, 1))

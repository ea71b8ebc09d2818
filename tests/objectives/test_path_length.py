"""Path lengths of maps whose Jacobian is known."""

import math

import pytest
import torch

from saddle.objectives.path_length import path_length_penalty, path_lengths


def linear(A, w):
    """g(w) = A w as images of 1x4x4."""
    return (w @ A.T).unflatten(1, (1, 4, 4))


def test_of_a_linear_map_it_is_the_length_of_its_transpose():
    """J_w = A, so |J_w^T y| = |A^T y|, with y of standard deviation 1 / r."""
    A, w = torch.randn(16, 3), torch.randn(5, 3, requires_grad=True)
    found = path_lengths(linear(A, w), w, torch.Generator().manual_seed(1))
    y = torch.randn(5, 1, 4, 4, generator=torch.Generator().manual_seed(1)).flatten(1) / 4
    torch.testing.assert_close(found, (y @ A).norm(dim=1))


def test_their_mean_square_is_the_jacobian_s_norm():
    """E|A^T y|^2 = |A|_F^2 / r^2."""
    A, w = torch.randn(16, 3), torch.zeros(20_000, 3, requires_grad=True)
    lengths = path_lengths(linear(A, w), w, torch.Generator().manual_seed(0))
    assert lengths.square().mean().item() == pytest.approx(A.square().sum().item() / 16, rel=0.03)


def test_rows_for_several_layers_count_together():
    A, w = torch.randn(16, 3), torch.randn(5, 2, 3, requires_grad=True)
    found = path_lengths(linear(A, w.sum(1)), w, torch.Generator().manual_seed(1))
    single = path_lengths(linear(A, v := torch.zeros(5, 3, requires_grad=True)), v, torch.Generator().manual_seed(1))
    torch.testing.assert_close(found, math.sqrt(2) * single)


def test_the_penalty_draws_the_map_to_the_mean_length():
    """On c w in one dimension lengths are c |y|, and the penalty's slope in c is 2 E[(c |y| - a) |y|]."""
    c = torch.tensor(2.0, requires_grad=True)
    w = torch.zeros(6, 1, requires_grad=True)
    lengths = path_lengths((c * w)[:, :, None, None], w, torch.Generator().manual_seed(3))
    y = torch.randn(6, generator=torch.Generator().manual_seed(3)).abs()
    path_length_penalty(lengths, torch.tensor(0.7)).backward()
    assert c.grad.item() == pytest.approx((2 * (2 * y - 0.7) * y).mean().item(), rel=1e-5)


def test_where_nothing_changes_the_slope_is_no_nan():
    c, w = torch.zeros((), requires_grad=True), torch.zeros(2, 1, requires_grad=True)
    lengths = path_lengths((c * w)[:, :, None, None], w, torch.Generator())
    path_length_penalty(lengths, torch.tensor(1.0)).backward()
    assert c.grad.isfinite()

"""The penalty on filters that are not orthogonal."""

import pytest
import torch

from saddle.networks.layers import filters
from saddle.objectives import off_orthogonal


@pytest.mark.parametrize("shape", [(4, 3, 2, 2), (9, 5), (10, 5), (300, 2)])
def test_value_and_gradient_are_the_closed_form(shape):
    """|W W^T * (1 - I)|^2 and 4 (W W^T * (1 - I)) W, which the published program halves, of few rows and of many."""
    W = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    value = off_orthogonal([W])
    (found,) = torch.autograd.grad(value, W)
    rows = W.detach().flatten(1)
    off = (rows @ rows.T) * (1 - torch.eye(len(rows), dtype=torch.float64))
    torch.testing.assert_close(value.detach(), off.square().sum())
    torch.testing.assert_close(found, (4 * off @ rows).view_as(W))


def test_one_row_of_many_that_is_not_zero_costs_nothing():
    """There is no other filter, and rounding leaves nothing beneath 0."""
    W = torch.zeros(40, 3)
    W[7] = torch.tensor([1e3, 1 / 3, 1e-3])
    assert off_orthogonal([W]).item() == pytest.approx(0, abs=1e-6 * 1e12)
    assert off_orthogonal([W]).item() >= 0


def test_lengths_are_free():
    """Rows of an orthogonal matrix, each of its own length, cost nothing."""
    Q, _ = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64))
    assert off_orthogonal([Q * torch.arange(1.0, 7.0)[:, None]]).item() == pytest.approx(0, abs=1e-20)
    assert off_orthogonal([Q[:, :2]]).item() > 0.1  # six filters in two dimensions


def test_weights_add_up_and_scale_with_the_fourth_power():
    a, b = torch.randn(3, 5), torch.randn(2, 4)
    assert off_orthogonal([a, b]).item() == pytest.approx((off_orthogonal([a]) + off_orthogonal([b])).item(), rel=1e-5)
    assert off_orthogonal([2 * a]).item() == pytest.approx(16 * off_orthogonal([a]).item(), rel=1e-5)


def test_nothing_to_weigh_is_refused():
    with pytest.raises(ValueError, match="weights=none"):
        off_orthogonal(filters(torch.nn.Embedding(3, 2)))

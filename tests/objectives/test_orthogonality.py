"""The penalty on filters that are not orthogonal."""

import pytest
import torch

from saddle.networks.layers import filters
from saddle.objectives import off_orthogonal


def test_its_gradient_is_the_closed_form():
    """4 (W W^T * (1 - I)) W, which the published program halves."""
    W = torch.randn(4, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    (found,) = torch.autograd.grad(off_orthogonal([W]), W)
    rows = W.detach().flatten(1)
    off = (rows @ rows.T) * (1 - torch.eye(4, dtype=torch.float64))
    torch.testing.assert_close(found, (4 * off @ rows).view_as(W))


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

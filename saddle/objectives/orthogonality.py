"""A penalty that keeps a network's filters apart, so that it stays smooth where training has hardly been."""

from collections.abc import Iterable

import torch
from torch import Tensor

from saddle.config import require

__all__ = ["off_orthogonal"]


def off_orthogonal(weights: Iterable[Tensor]) -> Tensor:
    r"""Sum over the weights of |W W^T * (1 - I)|_F^2: inner products of different filters; their lengths are free.

    The paper writes W^T W, with filters as columns. The published program descends half of this gradient.

    Args:
        weights: of layers, outputs first: (outputs, ...) each.
    Returns:
        Scalar in [0, inf), before the weight beta (1e-4 in the paper); 0 where all filters are orthogonal.
    Raises:
        ValueError: there are no weights.
    Source: Brock et al. 2019 (BigGAN), eq. 3, arXiv:1809.11096.

    >>> off_orthogonal([torch.tensor([[1.0, 0.0], [3.0, 2.0]])])  # the product 3, in two places
    tensor(18.)
    """
    matrices = [weight.flatten(1) for weight in weights]  # (outputs, rest)
    total = [(_by_inputs if len(rows) >= 2 * rows.shape[1] else _by_outputs)(rows) for rows in matrices]
    require(bool(total), "weights", "none", "the weights of at least one layer")
    return torch.stack(total).sum()


def _by_outputs(rows: Tensor) -> Tensor:
    """As the formula has it: the products of all pairs of rows (N, d), an N x N matrix, without its diagonal."""
    products = rows @ rows.T
    own = torch.eye(len(rows), dtype=torch.bool, device=rows.device)
    return products.masked_fill(own, 0.0).square().sum()


def _by_inputs(rows: Tensor) -> Tensor:
    """The same by a d x d matrix, for many rows (N, d) of few numbers: |W W^T|_F^2 = |W^T W|_F^2, less the diagonal.

    With N >= 2 d rows of equal length the whole is at least twice the diagonal (Welch 1974), so that little is lost in
    the difference; rounding must not leave it beneath 0, as it may where one row is far longer than all others.
    """
    return ((rows.T @ rows).square().sum() - rows.square().sum(1).square().sum()).clamp(min=0)

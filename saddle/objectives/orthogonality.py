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
    total: list[Tensor] = []
    for weight in weights:
        rows = weight.flatten(1)  # (outputs, rest)
        products = rows @ rows.T
        own = torch.eye(len(rows), dtype=torch.bool, device=rows.device)
        total.append(products.masked_fill(own, 0.0).square().sum())
    require(bool(total), "weights", "none", "the weights of at least one layer")
    return torch.stack(total).sum()

r"""Several critics: how a generator weighs what each of them says."""

import torch
from torch import Tensor

from saddle.config import require

__all__ = ["soft_maximum"]


def soft_maximum(values: Tensor, sharpness: float) -> Tensor:
    r"""sum_i w_i V_i with w = softmax(lambda V): the mean for lambda = 0, the maximum as lambda grows.

    The weights have a gradient too, so the slope in V_i is w_i (1 + lambda (V_i - mean)): a critic whose loss lies more
    than 1 / lambda below the mean pushes the other way.

    Args:
        values: V, the generator's loss by each of M critics, (M,).
        sharpness: lambda, 0 or more and finite.
    Returns:
        Scalar between the mean and the maximum of the values.
    Raises:
        ValueError: ``values`` is no vector, or ``sharpness`` is negative or not finite.
    Source: Durugkar et al. 2017 (GMAN), section 4, arXiv:1611.01673.

    >>> soft_maximum(torch.tensor([1.0, 3.0]), sharpness=0.0)
    tensor(2.)
    """
    require(values.dim() == 1 and len(values) > 0, "values.shape", tuple(values.shape), "(M,), a loss for each critic")
    require(0 <= sharpness < float("inf"), "sharpness", sharpness, "a finite number of 0 or more")
    return (torch.softmax(sharpness * values, dim=0) * values).sum()

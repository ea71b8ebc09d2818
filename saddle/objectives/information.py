r"""Codes that a sample shall tell: InfoGAN's bound on the mutual information of codes and samples.

Of c ~ P(c) and x = G(z, c), an approximate posterior Q gives the bound

    I(c; x) >= E[log Q(c | x)] + H(c),

where H(c) is a constant. Q and the generator both minimise -E[log Q(c | x)], the code's description given the sample.
"""

from torch import Tensor

from saddle.config import require
from saddle.objectives.likelihood import gaussian_nll
from saddle.objectives.semi_supervised import supervised

__all__ = ["code_description"]


def code_description(logits: Tensor, c: Tensor, mean: Tensor, u: Tensor) -> dict[str, Tensor]:
    r"""-E[log Q(c | x)] of a categorical code and of continuous ones, for which Q is a Gaussian with variance 1.

    Args:
        logits: Q's for the categories, (N, K).
        c: the categories that the samples were made of, (N,) int64 in [0, K).
        mean: Q's means for the continuous codes, (N, m); m may be 0.
        u: the continuous codes that the samples were made of, (N, m).
    Returns:
        ``category`` in [0, inf), log K for samples that do not tell it; and ``continuous``, at least m/2 log(2 pi).
        Both in nats, before weights.
    Raises:
        ValueError: shapes that do not fit, or a category outside [0, K).
    Source: Chen et al. 2016, eq. 5, arXiv:1606.03657; the variance of 1 from its published program.

    >>> import torch
    >>> code_description(torch.zeros(2, 10), torch.tensor([3, 7]), torch.zeros(2, 1), torch.ones(2, 1))
    {'category': tensor(2.3026), 'continuous': tensor(1.4189)}
    """
    shapes = (tuple(mean.shape), tuple(u.shape))
    require(mean.shape == u.shape, "shapes of mean and u", shapes, "equal ones, a number for each code")
    return {"category": supervised(logits, c), "continuous": gaussian_nll(mean, u, sigma=1.0).mean()}

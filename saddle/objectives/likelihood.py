r"""Likelihoods for autoencoders with a latent density: closed-form KL, reconstruction costs, the evidence lower bound.

All values are per sample, summed over every dimension but the first, in nats. Averaging over the batch is left to the
caller, who may want the values for their own sake.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from saddle.config import require

__all__ = ["bernoulli_nll", "elbo", "gaussian_kl", "gaussian_nll"]


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    r"""KL(N(mu, diag sigma^2) || N(0, I)) = 1/2 sum_j (sigma_j^2 + mu_j^2 - 1 - log sigma_j^2).

    The factor 1/2 belongs to the formula; lecture 001 leaves it out (and its Sigma stands for sigma).

    Args:
        mean: mu, (N, ...).
        log_variance: log sigma^2, the same shape.
    Returns:
        (N,) in [0, inf), in nats; 0 exactly where mu = 0 and sigma = 1.
    Source: Kingma and Welling 2014, appendix B, arXiv:1312.6114.

    >>> gaussian_kl(torch.tensor([[0.0, 0.0], [1.0, 2.0]]), torch.zeros(2, 2))
    tensor([0.0000, 2.5000])
    """
    excess = torch.expm1(log_variance) - log_variance  # sigma^2 - 1 - log sigma^2, without cancellation near sigma = 1
    return (mean.square() + excess).flatten(1).sum(1) / 2


def bernoulli_nll(logits: Tensor, x: Tensor) -> Tensor:
    r"""-log p(x) for independent Bernoulli pixels, -sum_j x_j log sigma(l_j) + (1 - x_j) log(1 - sigma(l_j)).

    For grey values between 0 and 1 this is a cross-entropy and no likelihood; its minimum is the pixels' entropy.

    Args:
        logits: the decoder's output, (N, ...).
        x: values in [0, 1], the same shape. Images in [-1, 1] must be mapped by (x + 1) / 2 first.
    Returns:
        (N,) in [0, inf), in nats.
    Source: Kingma and Welling 2014, appendix C.1, arXiv:1312.6114.

    >>> bernoulli_nll(torch.zeros(1, 3), torch.tensor([[0.0, 0.5, 1.0]]))  # 3 log 2
    tensor([2.0794])
    """
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(1)


def gaussian_nll(mean: Tensor, x: Tensor, sigma: float) -> Tensor:
    r"""-log N(x; mean, sigma^2 I) = sum_j (x_j - mean_j)^2 / (2 sigma^2) + log sigma + 1/2 log(2 pi).

    Args:
        mean: the decoder's output, (N, ...).
        x: the sample, the same shape.
        sigma: standard deviation > 0 of every dimension, in the unit of x.
    Returns:
        (N,) in nats; a density, so it may be negative where sigma is small.
    Raises:
        ValueError: ``sigma`` is not positive.
    Source: Kingma and Welling 2014, appendix C.2, arXiv:1312.6114.

    >>> gaussian_nll(torch.zeros(1, 2), torch.zeros(1, 2), sigma=1.0)  # log(2 pi)
    tensor([1.8379])
    """
    require(sigma > 0, "sigma", sigma, "a standard deviation above 0")
    constant = math.log(sigma) + math.log(2 * math.pi) / 2
    return (((x - mean) / sigma).square() / 2 + constant).flatten(1).sum(1)


def elbo(nll: Tensor, kl: Tensor) -> Tensor:
    r"""Evidence lower bound, E_q[log p(x|z)] - KL(q(z|x) || p(z)) <= log p(x), with one draw of z per sample.

    Args:
        nll: -log p(x|z) at a z drawn from q(z|x), (N,), in nats.
        kl: KL(q(z|x) || p(z)), (N,), in nats.
    Returns:
        (N,), in nats; the model maximises its mean.
    Source: Kingma and Welling 2014, eq. 7, arXiv:1312.6114.

    >>> elbo(torch.tensor([80.0]), torch.tensor([20.0]))
    tensor([-100.])
    """
    return -(nll + kl)

r"""Path-length regularisation: a step of fixed length in w changes the image by a fixed amount, everywhere.

With the generator g: w -> image, its Jacobian J_w = dg/dw and white images y, the penalty is

    E_{w, y} (|J_w^T y|_2 - a)^2,     a the mean of |J_w^T y|_2 over the past,

which is least where J_w is orthogonal up to a factor.
Source: Karras et al. 2020 (StyleGAN2), eq. 4 and appendix C, arXiv:1912.04958.
"""

import math

import torch
from torch import Tensor

__all__ = ["path_length_penalty", "path_lengths"]


def path_lengths(images: Tensor, w: Tensor, rng: torch.Generator) -> Tensor:
    """|J_w^T y|_2 for each sample, y ~ N(0, I / (H W)), by J_w^T y = grad_w (g(w) · y): no Jacobian is made.

    The paper has y ~ N(0, I). Divided by the side of the image, lengths do not depend on the resolution.

    Args:
        images: g(w), (N, C, H, W), with the graph to w; each image depends on its own row only.
        w: rows (N, ...) that the images were made of; the norm is over all numbers of a row.
        rng: draws y.
    Returns:
        (N,), 0 or more, with the graph that leads to g's weights.

    >>> w = torch.ones(2, 3, requires_grad=True)
    >>> path_lengths(0 * w[:, :, None, None], w, torch.Generator())
    tensor([0., 0.])
    """
    y = torch.randn(images.shape, generator=rng, device=rng.device, dtype=images.dtype).to(images.device)
    side = math.sqrt(images.shape[2] * images.shape[3])
    (gradient,) = torch.autograd.grad((images * y).sum() / side, w, create_graph=True)  # (N, ...)
    squared = gradient.flatten(1).square().sum(1)
    positive = squared > 0
    return torch.where(positive, torch.where(positive, squared, 1.0).sqrt(), 0.0)  # a root has no slope at 0


def path_length_penalty(lengths: Tensor, a: Tensor) -> Tensor:
    """E(|J_w^T y|_2 - a)^2, before its weight: ln 2 / (ln r - ln 2) at r pixels a side in the units of `path_lengths`.

    The paper's weight is ln 2 / (r^2 (ln r - ln 2)) for y ~ N(0, I), whose lengths are r times ours.

    Args:
        lengths: of `path_lengths`, (N,).
        a: the mean of past lengths, (), without gradient.
    Returns:
        Scalar, 0 or more.

    >>> path_length_penalty(torch.tensor([1.0, 3.0]), torch.tensor(2.0))
    tensor(1.)
    """
    return (lengths - a).square().mean()

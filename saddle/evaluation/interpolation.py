"""Lines and arcs between draws of z."""

import torch
from torch import Tensor
from torch.nn.functional import normalize

__all__ = ["lerp", "slerp"]


def lerp(a: Tensor, b: Tensor, t: float | Tensor) -> Tensor:
    """Points (1 - t) a + t b on the line. For latents whose law is not a Gaussian's, such as StyleGAN's w.

    >>> lerp(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), 0.5)
    tensor([0.5000, 0.5000])
    """
    return (1 - t) * a + t * b


def slerp(a: Tensor, b: Tensor, t: float | Tensor) -> Tensor:
    r"""Points on the arc from a to b, which keep to the lengths that a Gaussian's draws have.

    $$\frac{\sin((1 - t)\theta)}{\sin \theta}\, a + \frac{\sin(t\theta)}{\sin \theta}\, b, \qquad
    \cos\theta = \frac{a \cdot b}{|a||b|}$$

    Args:
        a: (..., d).
        b: (..., d).
        t: in [0, 1].
    Returns:
        (..., d). Where a and b are parallel, the line; where they are opposite there are many arcs: the line, too.
    Source: Shoemake 1985; White 2016, arXiv:1609.04468.

    >>> slerp(torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0]), 0.5)
    tensor([1.4142, 1.4142])
    """
    u, v = normalize(a, dim=-1), normalize(b, dim=-1)
    w = 2 * torch.atan2((u - v).norm(dim=-1, keepdim=True), (u + v).norm(dim=-1, keepdim=True))  # acos fails near 0, pi
    straight = w.sin() < 1e-5
    w = w.masked_fill(straight, 1.0)
    arc = ((1 - t) * w).sin() / w.sin() * a + (t * w).sin() / w.sin() * b
    return torch.where(straight, lerp(a, b, t), arc)

"""Walks through latent space: closed loops over points, on lines, arcs and the sphere, and sweeps of truncation."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from saddle.config import require
from saddle.evaluation.interpolation import lerp, slerp

__all__ = ["WALKS", "arcs", "geodesic", "lines", "on_sphere", "shrunk", "truncated"]


def on_sphere(z: Tensor) -> Tensor:
    """Rows (n, d) brought to length sqrt(d), where nearly all draws of N(0, I) lie.

    >>> on_sphere(torch.tensor([[3.0, 4.0]])).square().sum()
    tensor(2.)
    """
    return z * (math.sqrt(z.shape[-1]) / z.norm(dim=-1, keepdim=True))


def lines(points: Tensor, frames: int) -> Tensor:
    """A closed loop of straight lines from each point to the next, in equal times.

    For latents whose law is not a Gaussian's, such as StyleGAN's w: between draws of a Gaussian a line passes through
    lengths that are never drawn.

    Args:
        points: (k, d), k at least 2.
        frames: rows wanted; the last one is a step short of the first, so that a film of them repeats without a jerk.
    Returns:
        (frames, d).

    >>> lines(torch.tensor([[0.0], [1.0]]), 4).flatten()
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _loop(points, frames, lerp)


def arcs(points: Tensor, frames: int) -> Tensor:
    """A closed loop of arcs from each point to the next, in equal times: it passes through the points themselves.

    Args:
        points: (k, d), k at least 2.
        frames: rows wanted, as in `lines`.
    Returns:
        (frames, d). Its speed and the distance from the origin differ from arc to arc.
    Source: White 2016, arXiv:1609.04468.
    """
    return _loop(points, frames, slerp)


def geodesic(points: Tensor, frames: int) -> Tensor:
    r"""A closed loop of shortest ways on the sphere of radius sqrt(d), through k points at one constant speed.

    With unit vectors u_i and angles w_i from each to the next, frame j lies at the angle $j \sum w_i / \text{frames}$.

    Args:
        points: (k, d), k at least 2, not 0; they are first brought to the sphere.
        frames: rows wanted, as in `lines`.
    Returns:
        (frames, d), each of length sqrt(d).
    Raises:
        ValueError: fewer than 2 points or frames, or a point opposite to the next: no way between them is shortest.

    >>> geodesic(torch.tensor([[1.0, 0.0], [0.0, 3.0]]), 4)[1]  # half way, at sqrt(2) from the origin
    tensor([1., 1.])
    """
    _check(points, frames)
    u = on_sphere(points)
    after = u.roll(-1, 0)
    angles = 2 * torch.atan2((u - after).norm(dim=1), (u + after).norm(dim=1)).double()  # exact near 0 and pi
    opposite = bool((angles > math.pi - 1e-3).any())
    require(not opposite, "points", "a point and the next are opposite", "points with one shortest way between them")
    require(float(angles.sum()) > 0, "points", "all in one direction", "points of different directions")
    ends = angles.cumsum(0)  # (k,)
    s = torch.arange(frames, dtype=torch.float64) * (ends[-1] / frames)
    segment = torch.searchsorted(ends, s, right=True).clamp(max=len(points) - 1)
    t = ((s - (ends - angles)[segment]) / angles[segment].clamp_min(1e-300)).clamp(0, 1).to(points.dtype)
    return on_sphere(slerp(u[segment], after[segment], t[:, None]))


WALKS: dict[str, Callable[[Tensor, int], Tensor]] = {"lerp": lines, "slerp": arcs, "sphere": geodesic}
"""Closed loops through points by name: points (k, d), frames -> (frames, d)."""


def shrunk(z: Tensor, psi: float, centre: Tensor | None = None) -> Tensor:
    """centre + psi (z - centre): StyleGAN's truncation, at the mean of w; at 0 for z.

    Args:
        z: (n, d).
        psi: 1 leaves rows as they are, 0 makes all the centre.
        centre: (d,); None: 0.
    Returns:
        (n, d): less various the smaller psi is, and for many generators each sample better.
    Source: Karras et al. 2019, arXiv:1812.04948, appendix B.

    >>> shrunk(torch.tensor([[2.0]]), 0.5, torch.tensor([1.0]))
    tensor([[1.5000]])
    """
    return psi * z if centre is None else lerp(centre, z, psi)


def truncated(z: Tensor, threshold: float) -> Tensor:
    r"""N(0, I) brought to the truncated normal law on [-threshold, threshold] in each coordinate, by its quantiles.

    $$\Phi^{-1}\big(\Phi(-t) + \Phi(z)\,(\Phi(t) - \Phi(-t))\big)$$

    The law is that of BigGAN's truncation, which draws numbers beyond the threshold anew; here each z moves smoothly
    with the threshold, so that samples can be followed.

    Args:
        z: (n, d), draws of N(0, I).
        threshold: t, 0 or more; infinite: z itself.
    Returns:
        (n, d), within the threshold.
    Source: Brock et al. 2019, arXiv:1809.11096, section 3.1.

    >>> truncated(torch.tensor([[-9.0, 0.0, 9.0]]), 2.0)
    tensor([[-2.0000, 0.0000, 2.0000]])
    """
    require(threshold >= 0, "threshold", threshold, "0 or more")
    low, high = torch.special.ndtr(torch.tensor([-threshold, threshold], dtype=torch.float64, device=z.device))
    # the half below 0 and its mirror image, because probabilities near 1 have no digits left for the tail
    tail = low + torch.special.ndtr(-z.double().abs()) * (high - low)
    return (-torch.special.ndtri(tail) * z.sign()).clamp(-threshold, threshold).to(z.dtype)


def _loop(points: Tensor, frames: int, way: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Tensor:
    _check(points, frames)
    done = torch.arange(frames) * len(points)
    segment, t = done // frames, (done % frames).to(points.dtype) / frames
    return way(points[segment], points.roll(-1, 0)[segment], t[:, None])


def _check(points: Tensor, frames: int) -> None:
    require(points.ndim == 2 and len(points) >= 2, "points", tuple(points.shape), "2 or more points (k, d)")
    require(frames >= 2, "frames", frames, "2 or more frames")

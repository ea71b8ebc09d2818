"""A manifold whose distance is known: images of convex polygons, on which precision and recall can be measured."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from saddle.config import require
from saddle.evaluation.measures.reconstruction import nearest, recover

__all__ = ["DELTA", "PolygonScore", "distances", "f1", "polygon_score", "random_polygons", "render", "vertices"]

DELTA = 0.75
"""Euclidean distance, pixels in [0, 1], within which an image counts as met."""
STARTS = 6
"""Nearest of the known polygons, or samples, from which each search sets out."""
MARGIN = 0.15
"""Least distance between a polygon's circle and the picture's edge, in halves of its side."""


@dataclass(frozen=True)
class PolygonScore:
    """How well a generator covers the polygons."""

    precision: float
    """Share of generated images within delta of some polygon."""
    recall: float
    """Share of held-out polygons within delta of what the generator can make; too low where the search in z fails."""
    f1: float
    """Harmonic mean of the two."""


def vertices(theta: Tensor, corners: int) -> Tensor:
    """Corners of polygons inscribed in a circle, which are always convex; any triangle is one.

    Args:
        theta: (N, 4 + corners): the circle's centre (2), logarithm of its radius (1), angle of the first corner (1),
            and logits of the arcs between neighbours.
        corners: K, 3 or more.
    Returns:
        (N, K, 2), counterclockwise in coordinates x to the right and y upwards; the picture is [-1, 1]^2.
    Raises:
        ValueError: fewer than 3 corners, or another width of theta.
    """
    require(corners >= 3, "corners", corners, "3 or more")
    require(theta.shape[1] == 4 + corners, "theta", tuple(theta.shape), f"(N, {4 + corners})")
    centre, radius, first = theta[:, None, :2], theta[:, 2, None, None].exp(), theta[:, 3, None]
    arcs = 2 * math.pi * theta[:, 4:].softmax(1)
    angle = first + arcs.cumsum(1) - arcs  # (N, K)
    return centre + radius * torch.stack([angle.cos(), angle.sin()], 2)


def render(corners: Tensor, size: int) -> Tensor:
    """White convex polygons on black, with edges one pixel wide; gradients flow to the corners.

    A pixel's brightness is its signed distance to the nearest side's line, in pixels, plus 1/2, cut to [0, 1].

    Args:
        corners: (N, K, 2), counterclockwise, in the picture [-1, 1]^2 with y upwards.
        size: S, pixels to a side.
    Returns:
        (N, 1, S, S) in [0, 1].
    """
    t = (torch.arange(size, dtype=corners.dtype) + 0.5) * (2 / size) - 1
    y, x = torch.meshgrid(-t, t, indexing="ij")  # row 0 is the top
    points = torch.stack([x, y], 2).view(1, -1, 1, 2)
    side = corners.roll(-1, 1) - corners  # (N, K, 2)
    normal = torch.stack([-side[..., 1], side[..., 0]], 2)  # to the left, which is inwards
    normal = normal / normal.norm(dim=2, keepdim=True).clamp_min(1e-12)
    inside = ((points - corners[:, None]) * normal[:, None]).sum(3).amin(2)  # (N, S * S)
    return (inside * (size / 2) + 0.5).clamp(0, 1).view(-1, 1, size, size)


def random_polygons(n: int, rng: torch.Generator, corners: int = 3) -> Tensor:
    """theta (n, 4 + corners), float32, of random polygons within the picture; arcs are spacings of uniform points."""
    radius = 0.35 + 0.35 * torch.rand(n, 1, generator=rng)
    centre = (1 - MARGIN - radius) * (2 * torch.rand(n, 2, generator=rng) - 1)
    first = 2 * math.pi * torch.rand(n, 1, generator=rng)
    arcs = 0.3 - torch.rand(n, corners, generator=rng).clamp_min(1e-6).log()  # 0.3: no needles
    return torch.cat([centre, radius.log(), first, arcs.log()], 1)


def distances(images: Tensor, corners: int, rng: torch.Generator, pool: int = 2000, steps: int = 60) -> Tensor:
    """Euclidean distance of each image from the nearest polygon, found by descent in theta.

    Args:
        images: (N, 1, S, S) in [0, 1], float32.
        corners: of the polygons.
        rng: draws the polygons from which the search starts.
        pool: how many of them, at least `STARTS`: each search sets out from the nearest.
        steps: evaluations for each start.
    Returns:
        float64 (N,), [0, inf): an upper bound, far off where the search fails, as it does for about one in fifty.
    Raises:
        ValueError: another shape, or numbers outside [0, 1].
    """
    shape = tuple(images.shape)
    require(images.ndim == 4 and shape[1] == 1 and shape[2] == shape[3], "images", shape, "(N, 1, S, S)")
    require(pool >= STARTS, "pool", pool, f"{STARTS} or more polygons to start from")
    require(bool(((images >= 0) & (images <= 1)).all()), "images", "outside [0, 1]", "numbers in [0, 1]")
    theta, size = random_polygons(pool, rng, corners).to(images.dtype), shape[2]
    drawn = torch.cat([render(vertices(part, corners), size) for part in theta.split(250)])
    starts = theta[nearest(images, drawn, STARTS)]
    found = recover(lambda theta, _: render(vertices(theta, corners), size), images, starts, steps)
    return (found.errors * size * size).sqrt()


def f1(precision: float, recall: float) -> float:
    """Harmonic mean, 0 where both are 0.

    >>> f1(1.0, 0.5)
    0.6666666666666666
    """
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def polygon_score(
    generate: Callable[[Tensor], Tensor],
    z: Tensor,
    held_out: Tensor,
    corners: int,
    rng: torch.Generator,
    delta: float = DELTA,
) -> PolygonScore:
    """Precision, recall and F1 of a generator of polygons.

    Args:
        generate: z (n, z_dim) -> images (n, 1, S, S) in [0, 1]; gradients flow through z.
        z: draws from the prior (n, z_dim): judged for precision, and the pool of starts for recall.
        held_out: images of polygons (m, 1, S, S) in [0, 1] that the generator never saw.
        corners: of the polygons.
        rng: see `distances`.
        delta: within which distance an image counts as met.
    Returns:
        Shares in [0, 1].
    Raises:
        ValueError: see `distances`.
    Source: Lucic et al. 2018, arXiv:1711.10337, section 5.
    """
    with torch.no_grad():
        made = torch.cat([generate(part) for part in z.split(250)])
    precision = float((distances(made, corners, rng) < delta).double().mean())
    starts = z[nearest(held_out, made, min(STARTS, len(z)))]
    found = recover(lambda z, _: generate(z), held_out, starts)
    error = (found.errors * held_out[0].numel()).sqrt()
    recall = float((error < delta).double().mean())
    return PolygonScore(precision, recall, f1(precision, recall))

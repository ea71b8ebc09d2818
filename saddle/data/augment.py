"""DiffAugment: random changes of colour, place and completeness of images through which gradients pass.

Both what is real and what is generated go through the same random policy before the critic, in its moves and in the
generator's, so that the critic cannot learn a small data set by heart and the generator does not learn the changes.
Images are (N, C, H, W) in [-1, 1]; results are not cut to that range. All steps are made of differentiable operations
with derivatives of any order.

Source: Zhao et al. 2020, section 3, arXiv:2006.10738.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from saddle.config import choose, require

__all__ = ["POLICIES", "color", "cutout", "diff_augment", "translation"]


def diff_augment(x: Tensor, policy: str, rng: torch.Generator) -> Tensor:
    """Each image changed by the policy's steps in turn, with random numbers of its own.

    Args:
        x: images, (N, C, H, W) in [-1, 1].
        policy: names from ``POLICIES`` with commas between; "" returns x itself and draws nothing.
        rng: draws the changes.
    Returns:
        Images of the same shape.
    Raises:
        ValueError: an unknown step, or x are no images.
    Source: Zhao et al. 2020, arXiv:2006.10738; "translation,cutout" and "color,translation,cutout" are its policies.

    >>> x = torch.zeros(2, 3, 8, 8)
    >>> diff_augment(x, "", torch.Generator()) is x
    True
    >>> diff_augment(x, "color,translation,cutout", torch.Generator()).shape
    torch.Size([2, 3, 8, 8])
    """
    steps = [choose(name.strip(), POLICIES, "augmentation") for name in policy.split(",")] if policy.strip() else []
    require(not steps or x.dim() == 4, "shape", tuple(x.shape), "images (N, C, H, W) to augment")
    for step in steps:
        x = step(x, rng)
    return x


def color(x: Tensor, rng: torch.Generator) -> Tensor:
    """Brightness + U(-1/2, 1/2); saturation times U(0, 2), around each pixel's grey; contrast times U(1/2, 3/2).

    Args:
        x: images, (N, C, H, W).
        rng: draws three numbers for each image.
    Returns:
        Images of the same shape. Contrast is around the image's mean.
    """
    brightness, saturation, contrast = uniform((3, len(x), 1, 1, 1), x, rng)
    x = x + brightness - 0.5
    grey = x.mean(1, keepdim=True)  # (N, 1, H, W)
    x = grey + 2 * saturation * (x - grey)
    mean = x.mean((1, 2, 3), keepdim=True)  # (N, 1, 1, 1)
    return mean + (contrast + 0.5) * (x - mean)


def translation(x: Tensor, rng: torch.Generator) -> Tensor:
    """A shift by whole pixels, uniform up to an eighth of the side in both directions; zeros come in.

    Args:
        x: images, (N, C, H, W).
        rng: draws two numbers for each image.
    Returns:
        Images of the same shape. Zero is mid-grey.
    """
    N, _, H, W = x.shape
    most_y, most_x = (H + 4) // 8, (W + 4) // 8  # an eighth, rounded
    down, right = _integers(N, -most_y, most_y, rng, x.device), _integers(N, -most_x, most_x, rng, x.device)
    padded = F.pad(x, (most_x, most_x, most_y, most_y))
    rows = torch.arange(H, device=x.device) + most_y - down[:, None]  # (N, H), where each row comes from
    columns = torch.arange(W, device=x.device) + most_x - right[:, None]  # (N, W)
    samples = torch.arange(N, device=x.device)[:, None, None]
    moved = padded.movedim(1, 3)[samples, rows[:, :, None], columns[:, None, :]]  # (N, H, W, C)
    return moved.movedim(3, 1)


def cutout(x: Tensor, rng: torch.Generator) -> Tensor:
    """A rectangle with half the image's sides set to zero; its centre is uniform over the image, overhang is lost.

    Args:
        x: images, (N, C, H, W).
        rng: draws two numbers for each image.
    Returns:
        Images of the same shape.
    """
    hidden = (
        _within(len(x), x.shape[2], rng, x.device)[:, :, None] & _within(len(x), x.shape[3], rng, x.device)[:, None]
    )
    return x * ~hidden[:, None]  # (N, 1, H, W)


POLICIES: dict[str, Callable[[Tensor, torch.Generator], Tensor]] = {
    "color": color,
    "translation": translation,
    "cutout": cutout,
}
"""The steps that a policy may name, by their published names."""


def uniform(shape: tuple[int, ...], like: Tensor, rng: torch.Generator) -> Tensor:
    """U[0, 1), drawn where ``rng`` lives, so that a seed means the same numbers whatever the images' device."""
    return torch.rand(shape, generator=rng, device=rng.device, dtype=like.dtype).to(like.device)


def _integers(n: int, low: int, high: int, rng: torch.Generator, device: torch.device) -> Tensor:
    return torch.randint(low, high + 1, (n,), generator=rng, device=rng.device).to(device)


def _within(n: int, side: int, rng: torch.Generator, device: torch.device) -> Tensor:
    """Which of ``side`` places the half-long stretch covers, (n, side)."""
    length = (side + 1) // 2
    centre = _integers(n, 0, side - length % 2, rng, device)  # an even stretch has its centre between two places
    place = torch.arange(side, device=device) - (centre - length // 2)[:, None]
    return (place >= 0) & (place < length)

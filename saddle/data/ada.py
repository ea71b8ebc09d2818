r"""ADA: augmentation whose probability p follows how far the critic has begun to learn the data by heart.

Each image goes through a chain of transformations, each of them applied with probability p, and p rises while
r_t = E[sign(D(x))] over real training images is above a target. While p stays below about 0.8 the changes do not leak
into the generated images. Images are (N, C, H, W) in [-1, 1] with one or three channels.

Written from the paper's appendix B: the pixel blits, the geometry and the colour changes that its experiments settle on
(not the filters and corruptions, which they drop). Where this differs: pixels between pixels are found by bilinear
interpolation, where the paper resamples through a wavelet filter at twice the resolution, so strong reductions alias
more; and p does not exceed 1. The border is mirrored, as in the paper. Sampling is written with gathers, which, unlike
``grid_sample``, have second derivatives: gradient penalties need them.

Source: Karras et al. 2020, arXiv:2006.06676.
"""

import math

import torch
from torch import Tensor, nn

from saddle.config import require
from saddle.data.augment import uniform

__all__ = ["AdaptiveStrength", "ada_augment", "recolour", "warp"]


class AdaptiveStrength(nn.Module):
    r"""The control of p: every so many batches p moves by +-(images since the last time) / ramp towards r_t = target.

    Buffers: ``p`` in [0, 1], the probability now; ``r``, the last r_t in [-1, 1] (-1: real images taken for generated
    ones; 0: chance; 1: all known); ``seen`` (3,), the sum of signs, images and batches since p last moved.

    Args:
        target: r_t wanted, in (-1, 1); 0.6 in the paper.
        ramp: images in which p can go from 0 to 1; 500,000 in the paper.
        every: batches between two moves; 4 in the paper.
    Source: Karras et al. 2020, section 3, arXiv:2006.06676.

    >>> strength = AdaptiveStrength(target=0.6, ramp=100, every=1)
    >>> strength.update(torch.ones(10))
    >>> strength.p, strength.r
    (tensor(0.1000), tensor(1.))
    """

    p: Tensor
    r: Tensor
    seen: Tensor

    def __init__(self, target: float = 0.6, ramp: float = 500_000, every: int = 4) -> None:
        super().__init__()
        require(-1 < target < 1, "target", target, "a mean sign in (-1, 1)")
        require(ramp > 0, "ramp", ramp, "a positive number of images")
        require(every >= 1, "every", every, "1 or more batches")
        self.target, self.ramp, self.every = target, ramp, every
        self.register_buffer("p", torch.zeros(()))
        self.register_buffer("r", torch.zeros(()))
        self.register_buffer("seen", torch.zeros(3))

    @torch.no_grad()
    def update(self, real: Tensor) -> None:
        """Take note of the critic's outputs on one batch of real, augmented images; every so often move p.

        Args:
            real: outputs in training, any shape, whose sign says real (+) or generated (-): logits, hinge values.
        """
        self.seen += torch.stack([real.sign().sum(), real.new_tensor(real.numel()), real.new_ones(())]).to(self.seen)
        signs, images, batches = self.seen
        due = batches >= self.every  # a tensor: an accelerator need not wait for it
        r = signs / images
        step = (r - self.target).sign() * images / self.ramp
        self.p.copy_(torch.where(due, (self.p + step).clamp(0, 1), self.p))
        self.r.copy_(torch.where(due, r, self.r))
        self.seen.mul_(~due)


def ada_augment(x: Tensor, p: Tensor | float, rng: torch.Generator) -> Tensor:
    """Each image through blits, geometry and colour, each transformation with probability p.

    Args:
        x: images, (N, C, H, W) in [-1, 1], C 1 or 3, sides of 2 pixels or more.
        p: probability in [0, 1], a number or a scalar tensor such as ``AdaptiveStrength.p``; 0 changes nothing.
        rng: draws the transformations; as many numbers whatever p is.
    Returns:
        Images of the same shape, not cut to [-1, 1].
    Raises:
        ValueError: x are no such images.
    Source: Karras et al. 2020, appendix B, arXiv:2006.06676.

    >>> x = torch.randn(2, 3, 8, 8)
    >>> torch.equal(ada_augment(x, 0.0, torch.Generator()), x)
    True
    """
    require(x.dim() == 4 and x.shape[1] in (1, 3), "shape", tuple(x.shape), "images (N, C, H, W) of 1 or 3 channels")
    dice = _Dice(len(x), torch.as_tensor(p, dtype=torch.float64, device=x.device), rng)
    geometry = _geometry(dice, x.shape[2], x.shape[3])
    return recolour(warp(x, geometry), _colour(dice))


def warp(x: Tensor, matrix: Tensor) -> Tensor:
    """Images moved by affine maps of the plane, bilinear between pixels, mirrored at the border pixels' centres.

    Args:
        x: (N, C, H, W), H and W at least 2.
        matrix: (N, 3, 3), takes a place (right, down, 1) in pixels from the image's centre to where it goes.
    Returns:
        (N, C, H, W); linear in x.
    Raises:
        ValueError: a side of one pixel.
    """
    C, H, W = x.shape[1:]
    require(min(H, W) >= 2, "shape", tuple(x.shape), "images of at least 2 by 2 pixels")
    centre = matrix.new_tensor([(W - 1) / 2, (H - 1) / 2])
    down, right = torch.meshgrid(torch.arange(H).to(centre), torch.arange(W).to(centre), indexing="ij")
    places = torch.stack([right - centre[0], down - centre[1], torch.ones_like(right)]).flatten(1)  # (3, H W)
    source = torch.linalg.inv(matrix)[:, :2] @ places + centre[:, None]  # (N, 2, H W): where each pixel comes from
    column, row = _mirrored(source[:, 0], W), _mirrored(source[:, 1], H)  # (N, H W)
    left, top = column.floor().clamp(max=W - 2), row.floor().clamp(max=H - 2)
    a, b = (column - left).to(x.dtype)[:, None], (row - top).to(x.dtype)[:, None]  # (N, 1, H W) in [0, 1]
    first = (top * W + left).long()[:, None].expand(-1, C, -1)
    pixels = x.flatten(2)
    upper = (1 - a) * pixels.gather(2, first) + a * pixels.gather(2, first + 1)
    lower = (1 - a) * pixels.gather(2, first + W) + a * pixels.gather(2, first + W + 1)
    return ((1 - b) * upper + b * lower).unflatten(2, (H, W))


def recolour(x: Tensor, matrix: Tensor) -> Tensor:
    """Affine maps of each image's colours.

    Args:
        x: (N, 3, H, W), or (N, 1, H, W): grey is taken as three equal channels, and their mean after the map.
        matrix: (N, 4, 4), acts on (red, green, blue, 1).
    Returns:
        Images of the same shape.
    """
    linear, shift = matrix[:, :3, :3].to(x.dtype), matrix[:, :3, 3:].to(x.dtype)
    if x.shape[1] == 1:
        linear, shift = linear.sum((1, 2), keepdim=True) / 3, shift.mean(1, keepdim=True)
    return (linear @ x.flatten(2) + shift).view_as(x)


class _Dice:
    """Random numbers for N images, each replaced by its neutral value with probability 1 - p."""

    def __init__(self, n: int, p: Tensor, rng: torch.Generator) -> None:
        self.n, self.p, self.rng = n, p, rng

    def uniform(self, low: float, high: float) -> Tensor:
        return low + (high - low) * uniform((self.n,), self.p, self.rng)  # (N,)

    def normal(self) -> Tensor:
        drawn = torch.randn(self.n, generator=self.rng, device=self.rng.device, dtype=self.p.dtype)
        return drawn.to(self.p.device)

    def sometimes(self, *values: Tensor, p: Tensor | None = None) -> list[Tensor]:
        """The values, or 0 for images that are spared; several values share their fate."""
        spared = self.uniform(0, 1) >= (self.p if p is None else p)
        return [value.masked_fill(spared, 0.0) for value in values]


def _geometry(dice: _Dice, H: int, W: int) -> Tensor:
    """The product of all geometric transformations of one image, later ones on the left, (N, 3, 3)."""
    (flip,) = dice.sometimes(dice.uniform(0, 2).floor())  # 0 or 1
    (quarter,) = dice.sometimes(dice.uniform(0, 4).floor())  # 0 to 3 quarter turns
    whole = dice.sometimes((dice.uniform(-0.125, 0.125) * W).round(), (dice.uniform(-0.125, 0.125) * H).round())
    (size,) = dice.sometimes(dice.normal() * 0.2)  # log2 of the factor
    half = 1 - (1 - dice.p).sqrt()  # two turns: with probability p at least one of them
    (before,) = dice.sometimes(dice.uniform(-math.pi, math.pi), p=half)
    (stretch,) = dice.sometimes(dice.normal() * 0.2)
    (after,) = dice.sometimes(dice.uniform(-math.pi, math.pi), p=half)
    part = dice.sometimes(dice.normal() * 0.125 * W, dice.normal() * 0.125 * H)
    blits = _shift(*whole) @ _quarters(quarter) @ _scale(1 - 2 * flip, torch.ones_like(flip))
    general = (
        _turn(after) @ _scale(stretch.exp2(), (-stretch).exp2()) @ _turn(before) @ _scale(size.exp2(), size.exp2())
    )
    return _shift(*part) @ general @ blits


def _colour(dice: _Dice) -> Tensor:
    """The product of all changes of colour of one image, later ones on the left, (N, 4, 4)."""
    (brightness,) = dice.sometimes(dice.normal() * 0.2)
    (contrast,) = dice.sometimes(dice.normal() * 0.5)  # log2 of the factor
    (flip,) = dice.sometimes(dice.uniform(0, 2).floor())  # 0 or 1
    (hue,) = dice.sometimes(dice.uniform(-math.pi, math.pi))
    (saturation,) = dice.sometimes(dice.normal())  # log2 of the factor
    one = torch.eye(3).to(brightness)
    luma = torch.full_like(one, 1 / 3)  # v v^T for the grey axis v = (1, 1, 1) / sqrt(3)
    cross = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]]).to(one) / math.sqrt(3)  # h -> v x h
    cos, sin, f = hue.cos()[:, None, None], hue.sin()[:, None, None], flip[:, None, None]
    spin = one + (cos - 1) * (one - luma) + sin * cross  # Rodrigues' rotation about v
    linear = one + (saturation.exp2()[:, None, None] - 1) * (one - luma)
    linear = linear @ spin @ (one - 2 * f * luma) * contrast.exp2()[:, None, None]
    shift = linear @ brightness[:, None, None].expand(-1, 3, 1)  # brightness comes first
    affine = torch.cat([linear, shift], dim=2)  # (N, 3, 4)
    return torch.cat([affine, affine.new_tensor([0, 0, 0, 1]).expand(len(affine), 1, 4)], dim=1)


def _mirrored(place: Tensor, side: int) -> Tensor:
    """Places on the line folded into [0, side - 1], as between two mirrors."""
    most = side - 1
    return most - (place.remainder(2 * most) - most).abs()


def _rows(*rows: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """(N, 3, 3) of two rows with entries (N,), and (0, 0, 1) beneath."""
    zero = torch.zeros_like(rows[0][0])
    return torch.stack([torch.stack(row, dim=1) for row in (*rows, (zero, zero, zero + 1))], dim=1)


def _shift(right: Tensor, down: Tensor) -> Tensor:
    zero = torch.zeros_like(right)
    return _rows((zero + 1, zero, right), (zero, zero + 1, down))


def _scale(across: Tensor, along: Tensor) -> Tensor:
    zero = torch.zeros_like(across)
    return _rows((across, zero, zero), (zero, along, zero))


def _turn(angle: Tensor) -> Tensor:
    zero = torch.zeros_like(angle)
    return _rows((angle.cos(), -angle.sin(), zero), (angle.sin(), angle.cos(), zero))


def _quarters(count: Tensor) -> Tensor:
    return _turn(count * (math.pi / 2)).round()  # exact zeros and ones, so that pixels land on pixels

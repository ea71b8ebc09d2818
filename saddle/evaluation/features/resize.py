"""Resizing and colour: images brought to a network's size and channels, each way exactly as one family of tools does.

The names say what they do, since the same word means different grids elsewhere:

- ``tf1-bilinear``: two by two pixels round src = dst * scale, an asymmetric grid, so everything moves up and left a
  little; no antialiasing. TensorFlow 1, torch-fidelity, StyleGAN2-ADA.
- ``bilinear``: the same on the half-pixel grid src = (dst + 1/2) * scale - 1/2. pytorch-fid.
- ``bilinear-aa``: a triangle as wide as the scale when shrinking. Pillow, torchmetrics.
- ``bicubic-aa``: cubic convolution (a = -1/2) as wide as the scale. Pillow, clean-fid.
- ``lanczos-aa``: three lobes as wide as the scale. Pillow, StudioGAN.

All work in float32, clip to [0, 255] and round nothing. At equal size all are the identity, so a comparison of tools
at 299 pixels says nothing about their resizing.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from saddle.config import choose

__all__ = ["RESIZERS", "fit", "resize", "to_colour", "to_grey"]


def resize(images: Tensor, size: int, name: str) -> Tensor:
    """Images at another size; height and width are scaled apart, as every tool does.

    Args:
        images: float32 (B, C, H, W) in [0, 255].
        size: side wanted, in pixels.
        name: a key of `RESIZERS`.
    Returns:
        float32 (B, C, size, size) in [0, 255]; the images themselves where they have that size.
    Raises:
        ValueError: no such resizer.

    >>> resize(torch.tensor([[[[0.0, 100.0], [0.0, 100.0]]]]), 4, "tf1-bilinear")[0, 0, 0]
    tensor([  0.,  50., 100., 100.])
    >>> resize(torch.tensor([[[[0.0, 100.0], [0.0, 100.0]]]]), 4, "bilinear")[0, 0, 0]
    tensor([  0.,  25.,  75., 100.])
    """
    bring = choose(name, RESIZERS, "resize")
    return images if images.shape[-2:] == (size, size) else bring(images, size).clamp_(0, 255)


def fit(images: Tensor, channels: int, size: int, name: str) -> Tensor:
    """Bytes (B, C, H, W) as float32 (B, channels, size, size) in [0, 255]; 0 channels or size: as they are."""
    x = to_colour(images) if channels == 3 else to_grey(images) if channels == 1 else images
    return resize(x.float(), size, name) if size else x.float()


def to_colour(images: Tensor) -> Tensor:
    """Grey (B, 1, H, W) repeated into three channels; colour as it is."""
    return images if images.shape[1] == 3 else images.expand(-1, 3, -1, -1)


def to_grey(images: Tensor) -> Tensor:
    """Bytes (B, C, H, W) to (B, 1, H, W): 0.299 R + 0.587 G + 0.114 B, rounded as `saddle.data.pixels.to_grey` does.

    >>> to_grey(torch.tensor([255, 0, 0, 9, 9, 9], dtype=torch.uint8).view(2, 3, 1, 1)).flatten().tolist()
    [76, 9]
    """
    if images.shape[1] == 1:
        return images
    shares = torch.tensor([19595, 38470, 7471], dtype=torch.int32, device=images.device).view(3, 1, 1)  # of 65536
    return ((images.int() * shares).sum(1, keepdim=True, dtype=torch.int32) + 32768 >> 16).to(torch.uint8)


def _tf1_bilinear(x: Tensor, size: int) -> Tensor:
    for axis in (3, 2):
        length = x.shape[axis]
        place = torch.arange(size, dtype=torch.float64, device=x.device) * (length / size)  # src = dst * scale
        low = place.long().clamp_(max=length - 1)
        share = (place - low).float()  # (size,)
        lower, upper = x.index_select(axis, low), x.index_select(axis, (low + 1).clamp_(max=length - 1))
        x = lower.lerp(upper, share if axis == 3 else share[:, None])
    return x


def _bilinear(x: Tensor, size: int) -> Tensor:
    return interpolate(x, (size, size), mode="bilinear", align_corners=False)


def _bilinear_aa(x: Tensor, size: int) -> Tensor:
    return interpolate(x, (size, size), mode="bilinear", align_corners=False, antialias=True)


def _bicubic_aa(x: Tensor, size: int) -> Tensor:
    return interpolate(x, (size, size), mode="bicubic", align_corners=False, antialias=True)


def _lanczos_aa(x: Tensor, size: int) -> Tensor:
    across, down = (_lanczos_weights(length, size).to(x) for length in (x.shape[3], x.shape[2]))
    return down @ (x @ across.T)


def _lanczos_weights(length: int, size: int) -> Tensor:
    """(size, length): how much of every pixel goes into each; rows sum to one."""
    scale = length / size
    wide = max(scale, 1.0)
    centre = (torch.arange(size, dtype=torch.float64)[:, None] + 0.5) * scale
    reach = (centre - 3 * wide + 0.5).floor(), (centre + 3 * wide + 0.5).floor()  # pixels whose middle is within
    pixel = torch.arange(length, dtype=torch.float64)
    t = (pixel + 0.5 - centre) / wide
    weights = torch.where(t.abs() < 3, torch.sinc(t) * torch.sinc(t / 3), 0.0)
    weights = weights * (pixel >= reach[0]) * (pixel < reach[1])
    return weights / weights.sum(1, keepdim=True)


RESIZERS: Mapping[str, Callable[[Tensor, int], Tensor]] = {
    "tf1-bilinear": _tf1_bilinear,
    "bilinear": _bilinear,
    "bilinear-aa": _bilinear_aa,
    "bicubic-aa": _bicubic_aa,
    "lanczos-aa": _lanczos_aa,
}
"""The resizers by name: float32 (B, C, H, W) in [0, 255] and a side -> the same at that side, not yet clipped."""

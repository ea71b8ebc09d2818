"""Inversion: the latent whose sample comes nearest to a given image, by optimisation, with or without an encoder.

Source: Zhu et al. 2016, arXiv:1609.03552, for projection onto a generator's range; its encoder start is ours too.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from saddle.config import require
from saddle.evaluation.features import Extractor
from saddle.evaluation.side import Model
from saddle.networks import Bidirectional, GaussianEncoder

__all__ = ["Found", "Look", "encoder_of", "invert", "looking"]

Look = Callable[[Tensor], Tensor]
"""x (N, ...) in [-1, 1] -> features (N, d); gradients flow through."""
ROWS = 64
"""Latents that are moved at a time."""


@dataclass(frozen=True)
class Found:
    """The best of all restarts for each given sample."""

    latents: Tensor
    """(n, d)."""
    samples: Tensor
    """(n, ...), what the generator makes of them."""
    pixels: Tensor
    """(n,), mean squared error over the numbers of a sample."""
    features: Tensor
    """(n,), squared distance of features over the squared length of the given sample's; 0 without an extractor."""
    losses: Tensor
    """(restarts, n), where each restart ended."""


def invert(
    make: Callable[[Tensor], Tensor],
    x: Tensor,
    starts: Tensor,
    steps: int = 500,
    lr: float = 0.1,
    look: Look | None = None,
    weight: float = 0.1,
    progress: Callable[[int, int], None] | None = None,
) -> Found:
    r"""Minimise, for each sample x and each start by itself,

    $$\frac{1}{D}|G(z) - x|^2 + \lambda\,\frac{|f(G(z)) - f(x)|^2}{|f(x)|^2}$$

    by Adam, whose step size falls to 0 along half a cosine.

    Args:
        make: G, rows (n, d) -> samples, each of its own row alone.
        x: given samples (n, ...), in [-1, 1] where they are images.
        starts: (restarts, n, d); the restart that ends lowest is taken.
        steps: of Adam; 0 leaves the starts as they are.
        lr: its first step size, in units of the latents.
        look: f; None: the second term is left out.
        weight: lambda.
        progress: called with the steps done and the steps to do.
    Raises:
        ValueError: shapes that do not fit, or a loss that is not finite.
    """
    fits = starts.ndim == 3 and starts.shape[1] == len(x) and len(starts) >= 1
    require(fits, "starts", tuple(starts.shape), f"(restarts, {len(x)}, d)")
    require(steps >= 0 and lr > 0 and weight >= 0, "steps", (steps, lr, weight), "steps, lr and weight of 0 or more")
    restarts, n, _ = starts.shape
    of = torch.arange(n).repeat(restarts).split(ROWS)  # which sample each row is for
    ends = []
    for place, (rows, index) in enumerate(zip(starts.flatten(0, 1).split(ROWS), of, strict=True)):
        errors = _Errors(make, x[index], look, weight)
        rows = rows.clone().requires_grad_(True)
        for step in _adam(rows, errors, steps, lr):
            if progress is not None:
                progress(place * steps + step, len(of) * steps)
        with torch.no_grad():
            ends.append((rows.detach(), *errors(rows)))
    latents, made, pixels, features = (torch.cat(parts) for parts in zip(*ends, strict=True))
    losses = (pixels + weight * features).view(restarts, n)
    require(bool(losses.isfinite().all()), "lr", lr, "a smaller step size: the loss is not finite")
    best = losses.argmin(0) * n + torch.arange(n)
    return Found(latents[best], made[best], pixels[best], features[best], losses)


def looking(extractor: Extractor) -> Look:
    """An extractor as a differentiable map of images in [-1, 1]."""

    def look(x: Tensor) -> Tensor:
        pixels = 127.5 * x + 127.5
        if extractor.channels == 1 and x.shape[1] == 3:  # extractors round luma to bytes, which has no slope
            pixels = (pixels * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(1, keepdim=True)
        return extractor(pixels)[0]

    return look


def encoder_of(model: Model) -> Look | None:
    """x -> z of a model with an encoder: BiGAN's and its kin, and the mean of a variational autoencoder's q(z|x).

    None where there is no encoder, or none whose codes are draws of z (ae's are not).
    """
    for net in model.game.nets(averaged=True).values():
        if isinstance(net, Bidirectional):
            return net.encode
        inner = net["encoder"] if isinstance(net, nn.ModuleDict) and "encoder" in net else None
        if isinstance(inner, GaussianEncoder):
            return lambda x, inner=inner: inner(x)[0]  # type: ignore[misc]
    return None


class _Errors:
    """How far the samples of some rows are from what they are for."""

    def __init__(self, make: Callable[[Tensor], Tensor], x: Tensor, look: Look | None, weight: float) -> None:
        self._make, self._x, self._look, self._weight = make, x, look, weight
        self._f = None if look is None else look(x).detach()  # (N, d)

    def __call__(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Samples (N, ...), and both errors (N,)."""
        made = self._make(rows)
        pixels = (made - self._x).square().flatten(1).mean(1)
        if self._look is None or self._f is None:
            return made, pixels, torch.zeros_like(pixels)
        away = (self._look(made) - self._f).square().sum(1)
        return made, pixels, away / self._f.square().sum(1).clamp_min(1e-12)

    def loss(self, rows: Tensor) -> Tensor:
        """Summed over rows, which stay apart: Adam scales each number by its own gradients."""
        _, pixels, features = self(rows)
        return (pixels + self._weight * features).sum()


def _adam(rows: Tensor, errors: _Errors, steps: int, lr: float) -> Iterator[int]:
    adam = torch.optim.Adam([rows], lr)
    for step in range(steps):
        adam.param_groups[0]["lr"] = lr * (1 + math.cos(math.pi * step / steps)) / 2
        (rows.grad,) = torch.autograd.grad(errors.loss(rows), [rows])
        adam.step()
        yield step + 1

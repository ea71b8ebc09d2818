"""What the StyleGANs share: the mapping from z to w, styles by layer, noise, and the generator made of these.

A synthesis network takes one row w for each of its layers, so that layers can be given styles of different z (mixing)
or of means (truncation). ``rng`` given means training: noise and mixing are drawn from it and the mean of w follows.
Without it an image is a function of z alone, made with noise that is kept beside the weights.
Source: Karras et al. 2019 (StyleGAN), arXiv:1812.04948.
"""

import torch
from torch import Tensor, nn

from saddle.config import require
from saddle.data.spec import checked
from saddle.networks.equalised import EqualLinear, LeakyReLU, PixelNorm, pixel_norm

__all__ = ["LabelledMapping", "Mapping", "Noise", "StyleGenerator", "Synthesis", "each_layer"]


class Mapping(nn.Sequential):
    """z (N, z_dim) -> w (N, w_dim): z normalised, then fully connected layers with leaky ReLU.

    Args:
        z_dim: length of a latent row.
        w_dim: length of a style row.
        layers: 8 in the papers.
        speed: factor on the learning rate; 0.01 in the papers.
    Raises:
        ValueError: no layers.
    """

    def __init__(self, z_dim: int, w_dim: int, layers: int = 8, speed: float = 0.01) -> None:
        require(layers >= 1, "layers", layers, "1 or more")
        inputs = [z_dim] + [w_dim] * (layers - 1)
        rows = [layer for n in inputs for layer in (EqualLinear(n, w_dim, speed=speed), LeakyReLU())]
        super().__init__(PixelNorm(), *rows)


class LabelledMapping(nn.Module):
    """z (N, z_dim), y (N,) -> w (N, w_dim): each normalised, y as a learned row, side by side, then a `Mapping`.

    Args:
        mapping: for rows of length z_dim + embedding.
        classes: number of labels.
        embedding: length of a label's row, N(0, 1) at first.
    Source: the class-conditional runs of Karras et al. 2020, arXiv:2006.06676.
    """

    def __init__(self, mapping: Mapping, classes: int, embedding: int) -> None:
        super().__init__()
        self.mapping, self.classes = mapping, classes
        self.embed = nn.Embedding(classes, embedding)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """Raises ValueError for a label outside 0 .. classes - 1."""
        row = pixel_norm(self.embed(checked(y, self.classes)))
        w: Tensor = self.mapping(torch.cat([pixel_norm(z), row], dim=1))
        return w


class Noise(nn.Module):
    """One map of N(0, 1) a sample, (N, 1, side, side): drawn where random numbers are given, else always the same.

    Args:
        side: of the map.
    """

    steady: Tensor

    def __init__(self, side: int) -> None:
        super().__init__()
        self.register_buffer("steady", torch.randn(1, 1, side, side))

    def forward(self, samples: int, rng: torch.Generator | None) -> Tensor:
        if rng is None:
            return self.steady  # (1, 1, side, side)
        return torch.randn(samples, *self.steady.shape[1:], generator=rng, device=rng.device)


class Synthesis(nn.Module):
    """What a `StyleGenerator` asks of its second half: styles (N, L, w_dim), random numbers -> images."""

    layers: int
    """L, rows of w that it takes."""

    @property
    def playing(self) -> int:
        """How many of them matter now; all, unless the network grows."""
        return self.layers

    def forward(self, styles: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Styles (N, L, w_dim), or one w for all layers (N, w_dim), -> images (N, channels, S, S)."""
        raise NotImplementedError


class StyleGenerator(nn.Module):
    """z (N, z_dim), y (N,) if it has labels -> x (N, channels, S, S), by way of w = mapping(z) and synthesis(w).

    Args:
        mapping: z (N, z_dim) -> w (N, w_dim), or with labels z, y -> w.
        synthesis: styles (N, L, w_dim) or (N, w_dim) -> images.
        mixing: share of samples that get the styles of a second z from a random layer on; 0.9 in the papers.
        decay: of the running mean of w, a training batch; 0.995 in the published programs.
    Raises:
        ValueError: ``mixing`` or ``decay`` is no share.
    """

    w_mean: Tensor

    def __init__(
        self, mapping: Mapping | LabelledMapping, synthesis: Synthesis, mixing: float = 0.9, decay: float = 0.995
    ) -> None:
        super().__init__()
        require(0 <= mixing <= 1, "mixing", mixing, "a share in [0, 1]")
        require(0 <= decay < 1, "decay", decay, "a weight in [0, 1)")
        self.mapping, self.synthesis, self.mixing, self.decay = mapping, synthesis, mixing, decay
        (*_, last) = (layer for layer in mapping.modules() if isinstance(layer, EqualLinear))
        self.register_buffer("w_mean", torch.zeros(last.out_features))

    @property
    def layers(self) -> int:
        """L, rows of w that the synthesis takes, from coarse to fine."""
        return self.synthesis.layers

    def forward(self, z: Tensor, *y: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Images; with ``rng`` as in training."""
        images: Tensor = self.synthesis(self.mapping(z, *y) if rng is None else self.styles(z, *y, rng=rng), rng)
        return images

    def styles(self, z: Tensor, *y: Tensor, rng: torch.Generator) -> Tensor:
        """z (N, z_dim) -> rows of w (N, L, w_dim), mixed with those of other z of the same labels; w's mean follows."""
        w: Tensor = self.mapping(z, *y)
        with torch.no_grad():
            self.w_mean.lerp_(w.detach().mean(0).to(self.w_mean), 1 - self.decay)
        if self.mixing == 0:
            return each_layer(w, self.layers)
        other: Tensor = self.mapping(torch.randn(z.shape, generator=rng, device=rng.device), *y)
        cut = torch.randint(1, self.synthesis.playing, (len(z), 1, 1), generator=rng, device=rng.device)
        mixed = torch.rand(len(z), 1, 1, generator=rng, device=rng.device) < self.mixing
        second = mixed & (torch.arange(self.layers, device=z.device)[:, None] >= cut)  # (N, L, 1)
        return torch.where(second, other[:, None], w[:, None])

    def truncated(self, w: Tensor, psi: float, layers: int | None = None) -> Tensor:
        """w (N, w_dim) -> rows (N, L, w_dim): w_mean + psi (w - w_mean) in the first ``layers``, w in the others.

        Args:
            w: of the mapping.
            psi: 1 leaves w as it is, 0 makes the one mean image; 0.7 in the papers' pictures.
            layers: how many are truncated; by default all. StyleGAN's pictures have the first 8.
        Source: Karras et al. 2019, appendix B, arXiv:1812.04948.
        """
        chosen = torch.arange(self.layers, device=w.device)[:, None] < (self.layers if layers is None else layers)
        near = torch.lerp(self.w_mean.to(w), w, psi)
        return torch.where(chosen, near[:, None], w[:, None])


def each_layer(w: Tensor, layers: int) -> Tensor:
    """One row for all layers as a row for each; rows for each stay as they are."""
    return w[:, None].expand(-1, layers, -1) if w.dim() == 2 else w

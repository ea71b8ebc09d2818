"""BigGAN's generator: one embedding of the label and a piece of z tell every residual block its gains and biases.

Its critic is ``ResNetCritic`` with ``wide`` and attention, behind ``ProjectionCritic``.
Source: Brock et al. 2019, arXiv:1809.11096, appendix B, and the authors' published program.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from saddle.config import require
from saddle.data.spec import checked
from saddle.networks.attention import SelfAttention
from saddle.networks.dcgan import Project
from saddle.networks.layers import channels_last, orthogonal_weights
from saddle.networks.normalise import batch_norm, linear_batch_norm
from saddle.networks.resnet_gan import GeneratorBlock, Told, doubled

__all__ = ["BigGANGenerator", "pieces"]


def pieces(z_dim: int, count: int) -> list[int]:
    """Lengths of the pieces that a latent row is cut into, as equal as can be, the longer ones first.

    Args:
        z_dim: length of the row.
        count: how many pieces.
    Raises:
        ValueError: the row is too short to give each a number.

    >>> pieces(120, 6), pieces(8, 3)
    ([20, 20, 20, 20, 20, 20], [3, 3, 2])
    """
    require(z_dim >= count, "z_dim", z_dim, f"{count} or more: a number for the first layer and for each block")
    return [z_dim // count + (k < z_dim % count) for k in range(count)]


class BigGANGenerator(nn.Module):
    """z (N, z_dim), y (N,) -> x (N, channels, S, S) in (-1, 1), S = 4 * 2 ** (len(widths) - 1).

    The first piece of z makes the 4x4 map. Block k is told c_k = [e(y), z_k], the label's shared row and its own piece
    of z, of which linear layers without bias make each norm's gain 1 + A c_k and bias B c_k.

    Args:
        z_dim: length of a latent row; 120 for images of 128 pixels in the paper.
        widths: channels of each map, the 4x4 one first; 1536, 1536, 768, 384, 192, 96 there.
        channels: of the images.
        classes: labels.
        embedding: length of a label's shared row; 128 in the paper.
        attention: side of the map behind which the layer of self-attention stands; 64 in the paper; 0: there is none.

    Weights are orthogonal at the start, biases 0. The published program cuts pieces of equal length and drops the rest.
    Raises:
        ValueError: fewer than two widths, attention at a side that no map has, or a z too short for its pieces.
    """

    def __init__(
        self,
        z_dim: int,
        widths: Sequence[int],
        channels: int,
        classes: int,
        embedding: int = 128,
        attention: int = 0,
    ) -> None:
        super().__init__()
        sides = doubled(widths, attention)
        self.classes = classes
        self.lengths = pieces(z_dim, len(widths))
        self.shared = nn.Embedding(classes, embedding)
        self.project = Project(self.lengths[0], widths[0], bias=True)
        self.stages = nn.ModuleList()
        for side, length, (inputs, outputs) in zip(sides, self.lengths[1:], pairwise(widths), strict=True):
            block = GeneratorBlock(inputs, outputs, linear_batch_norm(embedding + length))
            self.stages.append(Told(block, *([SelfAttention(outputs)] if side == attention else [])))
        self.last = nn.Sequential(batch_norm(widths[-1]), nn.ReLU(inplace=True))
        self.to_image = nn.Conv2d(widths[-1], channels, 3, padding=1)
        orthogonal_weights(self)
        channels_last(self)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """Samples of the given labels. Raises ValueError for a label outside 0 .. classes - 1."""
        first, *rest = z.split(self.lengths, dim=1)
        row = self.shared(checked(y, self.classes))  # (N, embedding)
        h = self.project(first)  # (N, widths[0], 4, 4)
        for stage, piece in zip(self.stages, rest, strict=True):
            h = stage(h, torch.cat([row, piece], dim=1))  # (N, C / 2, 2H, 2W)
        x: Tensor = self.to_image(self.last(h))
        return x.tanh()  # (N, channels, S, S)

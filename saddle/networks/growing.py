"""Networks that grow: all layers are there from the start, and a depth says how many of them play.

At depth d the stages 0 to ceil(d) play, of which stage k has images of side 4 * 2**k. A depth between two whole numbers
fades the last stage in: its weight is alpha = d - (ceil(d) - 1), and 1 - alpha that of the stage before it, doubled by
nearest neighbour. So depth 1.25 is 16 pixels, a quarter of the way from 8.
Source: Karras et al. 2018 (ProGAN), section 2 and figure 2, arXiv:1710.10196.
"""

import math

import torch
from torch import Tensor, nn

from saddle.config import require

__all__ = ["Growing", "enlarged", "pooled", "shown", "side_at"]


def side_at(depth: float) -> int:
    """The side in pixels of what plays at this depth.

    >>> side_at(0), side_at(1), side_at(1.25)
    (4, 8, 16)
    """
    return int(4 * 2 ** math.ceil(depth))


def pooled(x: Tensor, side: int) -> Tensor:
    """Images (N, C, S, S) -> (N, C, side, side): the means of blocks of pixels; x itself where it has that side."""
    if x.shape[-1] == side:
        return x
    block = x.shape[-1] // side
    return x.unflatten(3, (side, block)).unflatten(2, (side, block)).mean((3, 5))


def enlarged(x: Tensor, side: int) -> Tensor:
    """Images (N, C, S, S) -> (N, C, side, side): each pixel a block; x itself where it has that side."""
    if x.shape[-1] == side:
        return x
    block = side // x.shape[-1]
    blocks = x[:, :, :, None, :, None].expand(-1, -1, -1, block, -1, block)
    return blocks.flatten(4, 5).flatten(2, 3)


def shown(x: Tensor, depth: float) -> Tensor:
    """Real images as a critic of this depth is shown them: pooled, and while it fades blended as the generator's are.

    Args:
        x: images (N, C, S, S), S at least the side at this depth.
        depth: of the critic.
    """
    x = pooled(x, side_at(depth))
    alpha = depth - (math.ceil(depth) - 1)
    if alpha == 1:
        return x
    side = x.shape[-1]
    return torch.lerp(enlarged(pooled(x, side // 2), side), x, alpha)


class Growing(nn.Module):
    """A network of several stages, whose depth is saved with its weights.

    Args:
        stages: how many there are; the depth is at first that of all of them.
    """

    def __init__(self, stages: int) -> None:
        super().__init__()
        require(stages >= 1, "stages", stages, "at least the one of 4x4")
        self.stages, self.depth = stages, float(stages - 1)

    @property
    def top(self) -> int:
        """The last stage that plays."""
        return math.ceil(self.depth)

    @property
    def alpha(self) -> float:
        """Its share of the whole, in (0, 1]."""
        return self.depth - (self.top - 1)

    def grow(self, depth: float) -> None:
        """Play at this depth from now on.

        Raises:
            ValueError: it has not so many stages.
        """
        require(0 <= depth <= self.stages - 1, "depth", depth, f"0 to {self.stages - 1}")
        self.depth = float(depth)

    def get_extra_state(self) -> Tensor:
        """The depth as a tensor, for checkpoints; in use it is a number, so that no device is asked for it."""
        return torch.tensor(self.depth, dtype=torch.float64, device="cpu")

    def set_extra_state(self, state: Tensor) -> None:
        """The depth from a checkpoint."""
        self.grow(float(state))

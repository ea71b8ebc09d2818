"""Self-attention over the places of a map, which lets distant parts of an image be made to fit."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from saddle.config import require

__all__ = ["SelfAttention"]


class SelfAttention(nn.Module):
    r"""x (N, C, H, W) -> x + gamma o(x), with gamma = 0 at first, so that the layer starts as the identity.

    beta_ij = softmax over i of f(x_i) · g(x_j),   o_j = v(sum_i beta_ij h(x_i)).

    Args:
        channels: C, at least 8.

    f, g, h, v are 1x1 convolutions without bias; queries g and keys f have C / 8 channels, values h have C / 2. Keys
    and values are halved in both directions by max pooling (an odd last row or column is a block of its own), which
    divides the cost by 4. This is the authors' published program. Their text has no pooling and values of C channels;
    products are not divided by sqrt(C / 8) in either. The softmax is written out, because the fused attention has no
    second derivative, which gradient penalties need. The paper has ``spectral_norm`` on the convolutions too.
    Source: Zhang et al. 2019 (SAGAN), section 3, arXiv:1805.08318.

    >>> x = torch.randn(2, 16, 4, 4)
    >>> torch.equal(SelfAttention(16)(x), x)
    True
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        require(channels >= 8, "channels", channels, "8 or more, of which queries and keys get an eighth")
        self.f = nn.Conv2d(channels, channels // 8, 1, bias=False)
        self.g = nn.Conv2d(channels, channels // 8, 1, bias=False)
        self.h = nn.Conv2d(channels, channels // 2, 1, bias=False)
        self.v = nn.Conv2d(channels // 2, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        queries = self.g(x).flatten(2)  # (N, C / 8, H W)
        keys = F.max_pool2d(self.f(x), 2, ceil_mode=True).flatten(2)  # (N, C / 8, H W / 4)
        values = F.max_pool2d(self.h(x), 2, ceil_mode=True).flatten(2)  # (N, C / 2, H W / 4)
        beta = (keys.transpose(1, 2) @ queries).softmax(1)  # (N, H W / 4, H W)
        o: Tensor = self.v((values @ beta).unflatten(2, x.shape[2:]))  # (N, C, H, W)
        return x + self.gamma * o

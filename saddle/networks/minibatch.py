"""Layers that let a critic compare the samples of a batch, so that a batch without variety gives itself away.

Both append to each sample what it has in common with others and pass the sample itself on untouched. They couple the
samples of a batch as batch norm does: real and generated samples must come in batches of their own, an output depends
on the company its sample came in, and a gradient penalty on such a critic is one on the batch, not on the sample.
"""

import torch
from torch import Tensor, nn

from saddle.config import require

__all__ = ["MinibatchDiscrimination", "MinibatchStdDev"]


class MinibatchDiscrimination(nn.Module):
    r"""f (N, A) -> [f, o] (N, A + B): beside each row how close it is to the other rows, in B learned projections.

    M_i = f_i T in R^(B x C),  o_b(i) = sum_{j != i} exp(-|M_ib - M_jb|_1).

    Args:
        inputs: A, features of a row.
        kernels: B, similarities computed; 100 in the published code.
        dims: C, numbers compared in each; 5 in the published code.

    The sum leaves out j = i, as the published code does; the paper's includes this constant 1. The code's bias on o is
    the next layer's. T starts as N(0, 1/A), columns of length 1 in expectation; `match_scale` fits it to features.
    Memory grows as N² B C. Source: Salimans et al. 2016, section 3.2, arXiv:1606.03498.

    >>> MinibatchDiscrimination(8, kernels=3, dims=2)(torch.ones(4, 8))[0, 8:]  # three others, all the same
    tensor([3., 3., 3.], grad_fn=...)
    """

    def __init__(self, inputs: int, kernels: int = 100, dims: int = 5) -> None:
        super().__init__()
        for name, value in (("inputs", inputs), ("kernels", kernels), ("dims", dims)):
            require(value >= 1, name, value, "1 or more")
        self.T = nn.Parameter(torch.randn(inputs, kernels, dims) / inputs**0.5)

    def forward(self, f: Tensor) -> Tensor:
        near = torch.exp(-self._distances(f))  # (N, N, B)
        others = ~torch.eye(len(f), dtype=torch.bool, device=f.device)  # subtracting 1 would cancel small sums
        return torch.cat([f, (near * others[..., None]).sum(1)], dim=1)  # (N, A + B)

    @torch.no_grad()
    def match_scale(self, f: Tensor, distance: float = 0.5) -> None:
        """Rescale each kernel of T so that a row's nearest other row is this far on average, as the published code.

        Where distances are large all similarities are 0 and nothing is learned.

        Args:
            f: rows that the layer sees at the start, (N, A), N >= 2.
            distance: wanted mean of the smallest distance, > 0; 0.5 in the published code.
        Raises:
            ValueError: fewer than two rows, rows that are all alike, or a distance that is not positive.
        """
        require(len(f) >= 2, "rows", len(f), "at least 2, of which distances can be taken")
        require(distance > 0, "distance", distance, "a distance above 0")
        alone = torch.eye(len(f), device=f.device)[..., None]
        nearest = (self._distances(f) + torch.where(alone > 0, torch.inf, 0.0)).amin(1).mean(0)  # (B,)
        require(bool((nearest > 0).all()), "rows", "all alike", "rows that differ")
        self.T.mul_((distance / nearest)[:, None])

    def _distances(self, f: Tensor) -> Tensor:
        m = torch.einsum("na,abc->nbc", f, self.T)  # (N, B, C)
        return (m[:, None] - m[None]).abs().sum(3)  # (N, N, B); torch.cdist has no second derivative


class MinibatchStdDev(nn.Module):
    r"""x (N, C, ...) -> (N, C + 1, ...): a constant map with the mean standard deviation over a group of samples.

    sigma = mean over channels and places of sqrt(var over the group + 1e-8), one number for each group, differentiable.

    Args:
        group: samples in a group, 1 or more; 4 in the published code.

    With M = max(1, N // group) groups, sample n is in group n mod M. Where the group size divides N this is the
    published reshaping; where it does not, groups differ by one sample in place of an error. Rows (N, d) get a column.
    Source: Karras et al. 2018, section 3, arXiv:1710.10196, with the groups of its published code.

    >>> MinibatchStdDev(group=2)(torch.tensor([[1.0], [5.0], [3.0], [5.0]]))  # groups {1, 3} and {5, 5}
    tensor([[1.0000e+00, 1.0000e+00],
            [5.0000e+00, 1.0000e-04],
            [3.0000e+00, 1.0000e+00],
            [5.0000e+00, 1.0000e-04]])
    """

    def __init__(self, group: int = 4) -> None:
        super().__init__()
        require(group >= 1, "group", group, "1 or more samples")
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        groups = max(1, len(x) // self.group)  # M
        member = torch.arange(len(x), device=x.device) % groups  # (N,)
        none = x.new_zeros(groups, *x.shape[1:])
        size = none.new_zeros(groups).index_add(0, member, x.new_ones(len(x)))
        size = size.view(-1, *(1 for _ in x.shape[1:]))  # (M, 1, ...)
        mean = none.index_add(0, member, x) / size
        apart = (x - mean[member]).square().to(x.dtype)  # a square is float32 under autocast on some devices
        variance = none.index_add(0, member, apart) / size  # (M, C, ...)
        sigma = (variance + 1e-8).sqrt().flatten(1).mean(1)  # (M,)
        column = sigma[member].view(-1, *(1 for _ in x.shape[1:])).expand(-1, 1, *x.shape[2:])
        return torch.cat([x, column], dim=1)

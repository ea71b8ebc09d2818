"""Batch normalisation by a fixed reference batch, so that samples do not depend on the company they come in.

A network is run on the reference batch and the samples together, the reference first; each norm in it takes its
statistics from the first rows. `referenced` makes such a network of one with batch norm. The layers hold no statistics:
these follow the weights at every step, gradients reach the weights through them, and training and rest are the same.

Source: Salimans et al. 2016, section 3.5, arXiv:1606.03498.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from saddle.config import require

__all__ = ["ReferenceNorm", "Referenced", "VirtualNorm", "referenced"]

BatchNorms = (nn.BatchNorm1d, nn.BatchNorm2d)


class ReferenceNorm(nn.Module):
    """x (R + N, C, ...) -> gain (x - mean) / sqrt(var + eps) + bias, mean and variance of the first R rows.

    For the reference rows this is batch norm. The variance is divided by the number of values, not one less.

    Args:
        channels: C.
        reference: R, rows of the reference batch at the front of each batch.
        eps: keeps the root away from 0.
    Source: the reference batch normalisation that virtual batch norm improves on, Salimans et al. 2016, section 3.5.
    """

    weight: nn.Parameter | None
    bias: nn.Parameter | None

    def __init__(self, channels: int, reference: int, eps: float = 1e-5) -> None:
        super().__init__()
        require(reference >= 1, "reference", reference, "1 or more rows in the reference batch")
        self.reference, self.eps = reference, eps
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        mean, var = _moments(x[: self.reference], over_rows=True)
        return _normalised(x, mean, var, self)


class VirtualNorm(nn.Module):
    """As `ReferenceNorm`, but a sample counts as one more row beside the R of the reference batch.

    For sample i, m_i = (R mean_ref + mean_i) / (R + 1), and the variance around m_i is weighted likewise, where mean_i
    runs over the sample's own places. A sample far from the reference is thus not scaled beyond sqrt(R + 1). Reference
    rows are normalised by the reference batch alone.

    Args:
        channels: C.
        reference: R, rows of the reference batch at the front of each batch.
        eps: keeps the root away from 0.
    Source: Salimans et al. 2016, section 3.5, arXiv:1606.03498, with the weights of its published code.
    """

    weight: nn.Parameter | None
    bias: nn.Parameter | None

    def __init__(self, channels: int, reference: int, eps: float = 1e-5) -> None:
        super().__init__()
        require(reference >= 1, "reference", reference, "1 or more rows in the reference batch")
        self.reference, self.eps = reference, eps
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        R = self.reference
        mean, var = _moments(x[:R], over_rows=True)  # (1, C, 1, ...)
        own_mean, own_var = _moments(x[R:], over_rows=False)  # (N, C, 1, ...)
        joint_mean = (R * mean + own_mean) / (R + 1)
        spread = R * (var + (mean - joint_mean).square()) + own_var + (own_mean - joint_mean).square()
        samples = _normalised(x[R:], joint_mean, spread / (R + 1), self)
        return torch.cat([_normalised(x[:R], mean, var, self), samples])


class Referenced(nn.Module):
    """x (N, ...), rest -> net of the reference batch and x together, the reference's outputs left out.

    Args:
        net: a network whose norms take the first R rows as their reference.
        reference: the batch it always sees first, one tensor (R, ...) for each input: real samples for a critic, latent
            rows for a generator, labels behind them where the network takes labels. Kept in buffers ``reference0``, ...
    Raises:
        ValueError: no reference, or tensors of different lengths.
    """

    def __init__(self, net: nn.Module, *reference: Tensor) -> None:
        super().__init__()
        sizes = [len(part) for part in reference]
        require(len(set(sizes)) == 1 and sizes[0] > 0, "reference", sizes, "one batch of 1 or more rows for each input")
        self.net, self.size = net, sizes[0]
        for i, part in enumerate(reference):
            self.register_buffer(f"reference{i}", part.detach().clone())

    def forward(self, *inputs: Tensor) -> Tensor:
        both = [torch.cat([self.get_buffer(f"reference{i}"), x]) for i, x in enumerate(inputs)]
        out: Tensor = self.net(*both)
        return out[self.size :]


def referenced(
    net: nn.Module, *reference: Tensor, norm: Callable[[int, int, float], nn.Module] = VirtualNorm
) -> Referenced:
    """The network with a reference batch in place of batch norm's own statistics.

    Args:
        net: a network with batch norms, which are replaced in place and hand on gain, bias and eps.
        reference: one tensor (R, ...) for each input of the network, drawn once and kept.
        norm: (channels, R, eps) -> layer: ``VirtualNorm`` or ``ReferenceNorm``.

    One without gain and bias of its own, as within a `ConditionalBatchNorm`, becomes a norm without.
    Raises:
        ValueError: the network has no batch norm.

    >>> net = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4))
    >>> D = referenced(net, torch.randn(8, 2))
    >>> x = torch.randn(5, 2)
    >>> torch.allclose(D(x)[:1], D(x[:1]), atol=1e-6)  # alone or in company
    True
    """
    found = [(name, layer) for name, layer in net.named_modules() if isinstance(layer, BatchNorms)]
    require(bool(found), "net", type(net).__name__, "a network with batch norms inside")
    wrapped = Referenced(net, *reference)
    for name, layer in found:
        new = norm(layer.num_features, wrapped.size, layer.eps)
        new.weight, new.bias = layer.weight, layer.bias
        path, _, attribute = name.rpartition(".")
        setattr(net.get_submodule(path), attribute, new)
    return wrapped


def _moments(x: Tensor, over_rows: bool) -> tuple[Tensor, Tensor]:
    """Mean and variance over places, and over rows too if asked: (1 or N, C, 1, ...)."""
    over = ([0] if over_rows else []) + list(range(2, x.dim()))
    if not over:
        return x, torch.zeros_like(x)
    mean = x.mean(over, keepdim=True)
    return mean, (x - mean).square().mean(over, keepdim=True)


def _normalised(x: Tensor, mean: Tensor, var: Tensor, layer: ReferenceNorm | VirtualNorm) -> Tensor:
    if layer.weight is None or layer.bias is None:
        return (x - mean) * (var + layer.eps).rsqrt()
    shape = (-1, *(1 for _ in x.shape[2:]))
    return layer.weight.view(shape) * (x - mean) * (var + layer.eps).rsqrt() + layer.bias.view(shape)

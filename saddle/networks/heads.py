"""Critics that say more than one thing of a sample: what its features or logits tell beside the verdict.

A critic is asked once. Its output goes where a critic's output goes, through whatever wraps it (noise, augmentation, a
remedy's layers), and :func:`overheard` keeps what one of its parts made on the way.
"""

from typing import Any

import torch
from torch import Tensor, nn

from saddle.networks.layers import he_linear

__all__ = ["ClassCritic", "Critics", "Headed", "features", "overheard", "with_head"]

FEATURES = ("summary", "body")
"""What critics call the part whose output their last layer reads: of the two the first that they have."""


def overheard(critic: nn.Module, part: nn.Module, *args: Tensor) -> tuple[Tensor, Tensor]:
    """What a critic says, and what a part of it put out on the way: ``critic(*args), part(...)`` in one pass.

    Args:
        critic: the whole, with its wrappers.
        part: one of its modules, which it calls.
        args: the samples, and what comes with them.

    >>> first, second = nn.Linear(3, 5), nn.Linear(5, 1)
    >>> out, inner = overheard(nn.Sequential(first, second), first, torch.zeros(2, 3))
    >>> out.shape, inner.shape
    (torch.Size([2, 1]), torch.Size([2, 5]))
    """
    heard: list[Tensor] = []

    def keep(_: nn.Module, inputs: Any, out: Tensor) -> None:
        heard.append(out)

    with part.register_forward_hook(keep):
        out: Tensor = critic(*args)
    return out, heard[-1]


def features(net: nn.Module) -> int:
    """How many numbers a critic's last layer reads of a sample: the length of what `FEATURES` put out, flattened."""
    return [layer for layer in net.modules() if isinstance(layer, nn.Linear)][-1].in_features


class Headed(nn.Module):
    """x -> net(x), with a head that reads the features which ``net`` is about to judge by; see :func:`with_head`.

    Args:
        net: a critic, of whose parts one of `FEATURES` makes what its last layer reads.
        outputs: numbers that the head gives for a sample.
        hidden: units of a hidden layer of the head, with batch norm and LeakyReLU 0.2; 0: it is linear.

    The head is initialised with ``layers.he_linear``.
    """

    def __init__(self, net: nn.Module, outputs: int, hidden: int = 0) -> None:
        super().__init__()
        self.net = net
        self.part = next(name for name in FEATURES if hasattr(net, name))
        layers: list[nn.Module] = [nn.Flatten()]
        if hidden:
            layers += [he_linear(features(net), hidden), nn.BatchNorm1d(hidden), nn.LeakyReLU(0.2)]
        self.head = nn.Sequential(*layers, he_linear(hidden or features(net), outputs, gain=1.0))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.net(x)
        return out


def with_head(critic: nn.Module, headed: Headed, x: Tensor) -> tuple[Tensor, Tensor]:
    """The verdict on x and what the head says, (N,) and (N, outputs), of one look at x.

    Args:
        critic: ``headed``, with what wraps it.
        headed: the critic with the head.
        x: samples (N, ...).
    """
    out, seen = overheard(critic, headed.net.get_submodule(headed.part), x)
    told: Tensor = headed.head(seen)
    return out, told


class ClassCritic(nn.Module):
    """x -> log sum_k exp(l_k) (N,), the logit of being real, of a net that gives K class logits l.

    Args:
        net: x -> l (N, K); :func:`overheard` gives them beside the verdict.
    Source: Salimans et al. 2016, section 5, arXiv:1606.03498.

    >>> ClassCritic(nn.Flatten())(torch.zeros(2, 10)).exp()  # ten classes, of weight 1 each
    tensor([10., 10.])
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.net(x)
        return logits.logsumexp(1)


class Critics(nn.Module):
    """x (N, ...) -> the outputs of M critics that share nothing, (N, M).

    Args:
        nets: each x -> (N,).
    Source: Durugkar et al. 2017, arXiv:1611.01673.
    """

    def __init__(self, *nets: nn.Module) -> None:
        super().__init__()
        self.nets = nn.ModuleList(nets)

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([net(x) for net in self.nets], dim=1)

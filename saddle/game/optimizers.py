"""Optimisers by name: torch's own, in the form that runs fastest for a player's few tensors."""

from collections.abc import Callable

import torch
from torch import nn

from saddle.config import choose, require

__all__ = ["OPTIMIZERS", "adam", "make_optimizer", "rmsprop", "sgd"]


def adam(module: nn.Module, lr: float, beta1: float = 0.5, beta2: float = 0.999) -> torch.optim.Optimizer:
    """Adam (arXiv:1412.6980), fused into one kernel a tensor. GANs want a small ``beta1``: DCGAN 0.5, later ones 0."""
    return torch.optim.Adam(module.parameters(), lr=lr, betas=(beta1, beta2), fused=True)


def rmsprop(module: nn.Module, lr: float, beta1: float = 0.0, beta2: float = 0.99) -> torch.optim.Optimizer:
    """RMSProp with decay ``beta2`` and momentum ``beta1``: WGAN with weight clipping uses it, momentum 0."""
    return torch.optim.RMSprop(module.parameters(), lr=lr, alpha=beta2, momentum=beta1)


def sgd(module: nn.Module, lr: float, beta1: float = 0.0, beta2: float = 0.0) -> torch.optim.Optimizer:
    """Gradient descent with momentum ``beta1``, which may be negative; ``beta2`` is not used."""
    optimizer = torch.optim.SGD(module.parameters(), lr=lr)
    optimizer.param_groups[0]["momentum"] = beta1  # torch's constructor refuses Gidel's negative momentum
    return optimizer


OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {"adam": adam, "rmsprop": rmsprop, "sgd": sgd}
"""The optimisers by name."""


def make_optimizer(
    name: str, module: nn.Module, lr: float, beta1: float = 0.5, beta2: float = 0.999
) -> torch.optim.Optimizer:
    """The optimiser called ``name`` over all parameters of ``module``.

    Args:
        name: ``adam``, ``rmsprop`` or ``sgd``.
        module: whose parameters it steps.
        lr: step size, > 0.
        beta1: weight of the last gradients' mean (Adam), or momentum (the others), in [0, 1).
        beta2: weight of the last squared gradients' mean, in [0, 1).
    Raises:
        ValueError: unknown name, or a value out of its range.

    >>> make_optimizer("sgd", torch.nn.Linear(2, 1), lr=0.1, beta1=0.0).param_groups[0]["lr"]
    0.1
    """
    require(lr > 0, "lr", lr, "a step size above 0")
    require(-1 < beta1 < 1, "beta1", beta1, "a weight in [0, 1) (negative momentum is allowed with sgd)")
    require(0 <= beta2 < 1, "beta2", beta2, "a weight in [0, 1)")
    return choose(name, OPTIMIZERS, "optimiser")(module, lr, beta1, beta2)

"""The inside of a critic, for remedies that put layers into one."""

import inspect

import torch
from torch import nn

from saddle.config import require
from saddle.networks import (
    CGANCritic,
    DCGANCritic,
    DigitsCritic,
    MaxoutCritic,
    MLPCritic,
    PacGANCritic,
    ProGANCritic,
    R3GANCritic,
    ResNetCritic,
    RingCritic,
    StyleGAN2Critic,
)
from saddle.networks.dcgan import ToLogit
from saddle.recipes.common import Energy

__all__ = ["LASTS", "PENALISED", "core", "final", "insert", "last", "penalised", "single"]

LASTS: dict[type[nn.Module], str] = {
    CGANCritic: "to_logit",
    DCGANCritic: "to_logit",
    DigitsCritic: "to_logit",
    MLPCritic: "output",
    MaxoutCritic: "body.5",
    PacGANCritic: "output",
    ProGANCritic: "to_logit",
    R3GANCritic: "linear",
    ResNetCritic: "linear",
    RingCritic: "output",
    StyleGAN2Critic: "to_logit",
}
"""Where each network has its last layer, a linear one: what goes into it are the critic's features."""
PENALISED = ("gp_weight", "gamma_end", "r1_weight", "r1_gamma")
"""Settings by which recipes weigh a penalty of their own on the critic's slope."""


def core(D: nn.Module, remedy: str) -> nn.Module:
    """The network of ``LASTS`` that a critic is, or holds within its wrappers.

    Raises:
        ValueError: there is none, as in an autoencoder whose error is an energy; names the remedy.
    """
    energy = any(isinstance(module, Energy) for module in D.modules())  # its encoder may be built like a critic
    found = [] if energy else [module for module in D.modules() if type(module) in LASTS]
    known = ", ".join(kind.__name__ for kind in LASTS)
    require(len(found) == 1, "remedies", remedy, f"a critic that ends in a linear layer: {known}")
    return found[0]


def last(D: nn.Module, remedy: str) -> nn.Module:
    """The critic's last layer, with whatever remedies put before it: its input are the features (N, ...)."""
    net = core(D, remedy)
    return net.get_submodule(LASTS[type(net)])


def final(D: nn.Module, remedy: str) -> nn.Linear:
    """The linear layer that makes the critic's outputs."""
    layer = last(D, remedy)
    layer = layer[-1] if isinstance(layer, nn.Sequential) else layer
    linear = layer.linear if isinstance(layer, ToLogit) else layer
    assert isinstance(linear, nn.Linear)
    return linear


def insert(D: nn.Module, layer: nn.Module, extra: int, remedy: str) -> None:
    """Put a layer that appends features before the critic's last one, in place.

    The last layer's new weights are drawn with the standard deviation of those that are there, which stay.

    Args:
        D: the critic.
        layer: features (N, A, ...) -> (N, A + extra, ...).
        extra: numbers that it appends to a row, or maps to maps.
        remedy: whose layer it is.
    """
    net, old, linear = core(D, remedy), last(D, remedy), final(D, remedy)
    parts = [*old] if isinstance(old, nn.Sequential) else [old]
    places = parts[-1].side ** 2 if isinstance(parts[-1], ToLogit) else 1
    weight = linear.weight.detach().unflatten(1, (places, -1))  # (outputs, places, A)
    new = weight.std() * torch.randn(len(weight), places, extra)
    linear.weight = nn.Parameter(torch.cat([weight, new], dim=2).flatten(1))
    linear.in_features = linear.weight.shape[1]
    path, _, attribute = LASTS[type(net)].rpartition(".")
    setattr(net.get_submodule(path), attribute, nn.Sequential(*parts[:-1], layer, parts[-1]))


def single(D: nn.Module, remedy: str) -> nn.Module:
    """The network of ``LASTS`` that a critic is, which judges samples by nothing but themselves.

    Raises:
        ValueError: it is none, is wrapped, or is shown labels or anything else beside the samples; names the remedy.
    """
    net = core(D, remedy)
    alone = net is D and len(inspect.signature(net.forward).parameters) == 1
    require(alone, "remedies", remedy, "a critic of samples alone, without labels or other inputs and outputs")
    return net


def penalised(config: object) -> bool:
    """Whether a recipe's settings ask for a penalty on the critic's slope already."""
    return any(getattr(config, name, 0) for name in PENALISED)

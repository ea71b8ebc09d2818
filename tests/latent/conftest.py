"""Games whose generators are so simple that everything about their latents is known."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from saddle.data.spec import Spec
from saddle.evaluation.side import Model
from saddle.game import Game, Player, Sampler


@pytest.fixture
def model_of():
    """``model_of(net, z_dim, spec)``: the model of a game that does nothing but generate."""

    def make(net, z_dim, spec, classes=0):
        player = Player("G", net, torch.optim.SGD(net.parameters(), lr=0.1))
        sampler = Sampler(
            prior=lambda n, rng: torch.randn(n, z_dim, generator=rng),
            generate=(lambda nets, z, y: nets["G"](z, y)) if classes else (lambda nets, z, y: nets["G"](z)),
            classes=classes,
        )
        return Model(Game([player], [], sampler), spec, "tiny")

    return make


@pytest.fixture
def linear(model_of):
    """``linear(A)``: G(z) = A z + 1/2 on points, with its matrix."""

    def make(A):
        net = nn.Linear(A.shape[1], A.shape[0])
        with torch.no_grad():
            net.weight.copy_(A)
            net.bias.fill_(0.5)
        return model_of(net, A.shape[1], Spec(channels=A.shape[0]))

    return make


class Halves(nn.Module):
    """w = M z and x = sum over layers of A_l w_l: a generator with styles in which all is linear."""

    def __init__(self, z_dim, w_dim, outputs, layers):
        super().__init__()
        self.mapping = nn.Linear(z_dim, w_dim)
        self.synthesis = Sum(w_dim, outputs, layers)
        self.layers = layers

    def forward(self, z):
        return self.synthesis(self.mapping(z).unsqueeze(1).expand(-1, self.layers, -1))


class Sum(nn.Module):
    def __init__(self, w_dim, outputs, layers):
        super().__init__()
        self.affine = nn.ModuleList(nn.Linear(w_dim, outputs) for _ in range(layers))
        self.last = nn.Linear(outputs, outputs)  # reads no w

    def forward(self, w):
        return self.last(sum(layer(w[:, i]) for i, layer in enumerate(self.affine)))


@pytest.fixture
def halves(model_of):
    """A model with styles, and its network."""
    torch.manual_seed(0)
    net = Halves(z_dim=3, w_dim=4, outputs=5, layers=3)
    return SimpleNamespace(net=net, model=model_of(net, 3, Spec(channels=5)))

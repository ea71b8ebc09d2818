"""The wrapper that augments what a critic sees."""

import pytest
import torch
from torch import nn

from saddle.data import ada_augment, diff_augment
from saddle.networks import Augmented
from saddle.objectives import r1


class Sum(nn.Module):
    def forward(self, x, y=0):
        return x.flatten(1).sum(1) + y


def shift(x, rng):
    return x + torch.rand(len(x), 1, 1, 1, generator=rng)


def test_augmented_in_training_only_and_rest_handed_on():
    D, x = Augmented(Sum(), shift), torch.zeros(2, 1, 2, 2)
    torch.manual_seed(1)
    expected = 4 * torch.rand(2)
    torch.manual_seed(1)
    torch.testing.assert_close(D(x, 3), expected + 3)
    assert torch.equal(D.eval()(x, 3), torch.tensor([3.0, 3.0]))


@pytest.mark.parametrize(
    "augment",
    [
        lambda x, rng: diff_augment(x, "color,translation,cutout", rng),
        lambda x, rng: ada_augment(x, torch.tensor(0.8), rng),
    ],
    ids=["diff", "ada"],
)
def test_a_gradient_penalty_goes_through_an_augmentation(augment):
    """Second derivatives reach the weights, and the images are those before the augmentation."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 6 * 6, 4), nn.Tanh(), nn.Linear(4, 1))
    D, x = Augmented(net, augment), torch.randn(3, 3, 6, 6)
    value = r1(D, x)
    gradients = torch.autograd.grad(value, [net[1].weight, net[3].weight])
    assert all(g.isfinite().all() and g.abs().max() > 0 for g in gradients)


def test_the_generator_learns_through_an_augmentation():
    D = Augmented(Sum(), lambda x, rng: diff_augment(x, "translation", rng))
    x = torch.zeros(50, 1, 8, 8, requires_grad=True)
    (slope,) = torch.autograd.grad(D(x).sum(), x)
    assert set(slope.unique().tolist()) == {0.0, 1.0}  # what was shifted out gets none
    assert (slope[:, :, 1:-1, 1:-1] == 1).all()

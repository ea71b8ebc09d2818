"""Spectral normalisation: the largest singular value, the slope it bounds, and what must carry its state."""

import pytest
import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

from saddle.data import Batch
from saddle.game import Average, Game, Move, Player, make_optimizer, play
from saddle.game.checkpoint import restore, save, state
from saddle.networks import DCGANCritic, DCGANGenerator, MLPCritic, spectral_norm
from saddle.networks.edges import ExitConv
from saddle.objectives import gradient_penalty, hinge_critic

X = torch.randn(16, 2, generator=torch.Generator().manual_seed(3))


def largest(weight, axis=0):
    return torch.linalg.matrix_norm(weight.detach().movedim(axis, 0).flatten(1), 2).item()


@pytest.mark.parametrize(
    ("layer", "axis"),
    [
        (nn.Linear(7, 5), 0),
        (nn.Linear(7, 1), 0),
        (nn.Conv2d(3, 5, 3), 0),
        (nn.Conv1d(3, 5, 3), 0),
        (nn.ConvTranspose2d(3, 5, 4), 1),
        (ExitConv(6, 2), 1),
    ],
)
def test_largest_singular_value_becomes_one(layer, axis):
    before = layer.weight.detach().clone()
    sigma = largest(before, axis)
    spectral_norm(layer, iterations=100)
    assert largest(layer.weight, axis) == pytest.approx(1.0, rel=1e-5)
    torch.testing.assert_close(layer.weight.detach(), before / sigma, rtol=1e-5, atol=1e-7)


def test_one_iteration_a_use_gets_there_in_training_and_stays_at_rest():
    layer = spectral_norm(nn.Linear(20, 20))
    for _ in range(300):
        layer(torch.zeros(1, 20))
    assert largest(layer.weight) == pytest.approx(1.0, rel=1e-4)
    layer.eval()
    u = layer.parametrizations.weight[0].u.clone()
    assert torch.equal(layer.weight, layer.weight)
    assert torch.equal(layer.parametrizations.weight[0].u, u)


def test_a_network_of_linear_layers_is_one_lipschitz():
    """Linear layers of norm 1 between LeakyReLUs; unnormalised it is far steeper."""
    plain = MLPCritic((2,), (64, 64)).double()
    with torch.no_grad():
        for p in plain.parameters():
            p.mul_(3.0)
    x, y = 5 * torch.randn(2, 500, 2, dtype=torch.float64)
    rise = (plain(x) - plain(y)).abs() / (x - y).norm(dim=1)
    assert rise.max() > 1.5
    D = spectral_norm(plain, iterations=200)
    assert ((D(x) - D(y)).abs() <= (x - y).norm(dim=1) * (1 + 1e-9)).all()


def test_a_convolution_is_bounded_up_to_the_side_of_its_kernel():
    """|W * x| <= k |x| with k x k places at stride 1; the bound is met when all places hold the same."""
    layer = spectral_norm(nn.Conv2d(3, 4, 3, padding=1, bias=False), iterations=100)
    x = torch.randn(200, 3, 6, 6)
    assert (layer(x).flatten(1).norm(dim=1) <= 3 * x.flatten(1).norm(dim=1)).all()


def test_all_layers_of_a_network_are_normalised_and_keep_their_class_and_order():
    torch.manual_seed(0)
    for net in (DCGANGenerator(8, 16, 1, 4), DCGANCritic(16, 1, 4)):
        before = [p.shape for p in net.parameters()]
        kinds = [type(m) for m in net.modules() if isinstance(m, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d))]
        spectral_norm(net, iterations=50)
        layers = [m for m in net.modules() if isinstance(m, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d))]
        assert all(isinstance(m, kind) for m, kind in zip(layers, kinds, strict=True))
        assert len(layers) == sum("original" in name for name, _ in net.named_parameters())
        assert sorted(p.shape for p in net.parameters()) == sorted(before)
        for m in layers:
            assert largest(m.weight, int(isinstance(m, nn.ConvTranspose2d))) == pytest.approx(1.0, rel=1e-2)


def test_gradient_is_that_of_the_exact_quotient():
    """d(W / sigma)/dW with sigma's own derivative, here by torch's SVD."""
    layer = spectral_norm(nn.Linear(4, 3, bias=False).double(), iterations=500)
    direction = torch.randn(3, 4, dtype=torch.float64)
    W = layer.parametrizations.weight.original
    (ours,) = torch.autograd.grad((layer.weight * direction).sum(), W)
    exact = W.detach().clone().requires_grad_(True)
    (theirs,) = torch.autograd.grad((exact / torch.linalg.matrix_norm(exact, 2) * direction).sum(), exact)
    torch.testing.assert_close(ours, theirs)
    assert (ours * W).sum().abs() < 1e-12  # scaling W changes nothing


def test_gradient_penalty_goes_through_it():
    """Second derivatives against finite differences, in the weights, with singular vectors that have settled."""
    D = spectral_norm(nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1), nn.Flatten(0)).double(), 200).eval()
    x, rng = torch.randn(5, 2, dtype=torch.float64), torch.Generator()
    names = list(dict(D.named_parameters()))

    def penalty(*weights):
        net = lambda x: functional_call(D, dict(zip(names, weights, strict=True)), (x,))  # noqa: E731
        return gradient_penalty(net, x, x + 1, rng.manual_seed(0))

    weights = [p.detach().clone().requires_grad_(True) for p in D.parameters()]
    assert torch.autograd.gradcheck(penalty, weights)


def game(seed):
    torch.manual_seed(seed)
    D = spectral_norm(MLPCritic((2,), (8,)))

    def loss(batch, rng):
        fake = torch.randn(batch.x.shape, generator=rng)
        return hinge_critic(D(batch.x), D(fake)) | {"penalty": gradient_penalty(D, batch.x, fake, rng)}

    player = Player("D", D, make_optimizer("adam", D, lr=1e-2), Average(D, half_life=20))
    return Game([player], [Move("D", loss)]).seed(seed)


def test_a_restored_game_goes_on_bit_for_bit(tmp_path):
    ours = game(1)
    list(play(ours, lambda: Batch(X), rounds=3))
    path = save(ours, tmp_path)
    list(play(ours, lambda: Batch(X), rounds=6))
    theirs = game(2)
    restore(theirs, path)
    list(play(theirs, lambda: Batch(X), rounds=6))
    first, second = state(ours)[0], state(theirs)[0]
    assert any(name.endswith("parametrizations.weight.0.u") for name in first)
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


def test_a_moving_average_is_normalised_by_its_own_weights():
    """Means of weights and of vectors u: not of unit length, and a good start all the same."""
    played = game(1)
    list(play(played, lambda: Batch(X), rounds=100))
    average = played["D"].average.module
    for layer in (m for m in average.modules() if isinstance(m, nn.Linear)):
        assert largest(layer.weight) == pytest.approx(1.0, rel=0.02)
        assert not torch.equal(layer.weight, layer.parametrizations.weight.original)


def test_many_seeds_at_once():
    """vmap over stacked weights and buffers: each network as alone, and each u moves on."""
    nets = [spectral_norm(MLPCritic((2,), (8,))) for _ in range(3)]
    parameters, buffers = stack_module_state(nets)
    before = {name: value.clone() for name, value in buffers.items()}
    together = vmap(lambda p, b: functional_call(nets[0], (p, b), (X,)))(parameters, buffers)
    assert all(not torch.equal(before[name], buffers[name]) for name in before if before[name].shape[1] > 1)
    with torch.no_grad():
        for name, value in before.items():
            for i, net in enumerate(nets):
                net.get_buffer(name).copy_(value[i])
    torch.testing.assert_close(together, torch.stack([net(X) for net in nets]))


def test_what_cannot_be_normalised_is_refused():
    with pytest.raises(ValueError, match="all zeros"):
        spectral_norm(nn.utils.skip_init(nn.Linear, 2, 2).apply(lambda m: nn.init.zeros_(m.weight)))
    with pytest.raises(ValueError, match="linear layers or convolutions"):
        spectral_norm(nn.ReLU())
    with pytest.raises(ValueError, match="not yet parametrised"):
        spectral_norm(spectral_norm(nn.Linear(2, 2)))
    with pytest.raises(ValueError, match="iterations=0"):
        spectral_norm(nn.Linear(2, 2), iterations=0)

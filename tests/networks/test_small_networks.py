"""MLP, maxout, labels and instance noise."""

import pytest
import torch
from torch import nn

from saddle import networks as nets
from saddle.networks.condition import one_hot


class Pass(nn.Module):
    def forward(self, x, *rest):
        return x


@pytest.mark.parametrize(("shape", "bounded"), [((2,), False), ((1, 8, 8), True), ((3, 4, 4), True)])
def test_mlp_shapes_and_range(shape, bounded):
    generator = nets.MLPGenerator(3, shape, (16,), bounded)
    x = generator(100 * torch.randn(64, 3))
    assert x.shape == (64, *shape)
    assert (x.abs().max() <= 1) == bounded
    assert nets.MLPCritic(shape, (16,))(x).shape == (64,)
    assert nets.MLPCritic(shape, (16,), outputs=5)(x).shape == (64, 5)


def test_mlp_keeps_the_second_moment_through_depth():
    """He's rule for the generator: what enters the output layer has E[h²] = E[z²] = 1 up to the biases' part."""
    torch.manual_seed(0)
    h = nets.MLPGenerator(512, (1,), (512,) * 6).body(torch.randn(64, 512))
    assert h.square().mean().item() == pytest.approx(1.0, rel=0.25)


def test_maxout_is_the_largest_affine_piece():
    layer = nets.Maxout(inputs=4, units=3, pieces=2).double()
    x = torch.randn(5, 4, dtype=torch.float64)
    weight, bias = layer.linear.weight.view(3, 2, 4), layer.linear.bias.view(3, 2)
    for n in range(5):
        for i in range(3):
            direct = max((weight[i, j] @ x[n] + bias[i, j]).item() for j in range(2))
            assert layer(x)[n, i].item() == pytest.approx(direct, rel=1e-12)


def test_maxout_is_convex():
    layer = nets.Maxout(4, 8, 5).double()
    a, b = torch.randn(2, 100, 4, dtype=torch.float64)
    assert (layer((a + b) / 2) <= (layer(a) + layer(b)) / 2 + 1e-12).all()


@pytest.mark.parametrize(("place", "keep"), [(0, 0.8), (2, 0.5), (4, 0.5)])
def test_dropout_keeps_and_scales_as_published(place, keep):
    """Kept values are divided by the probability to be kept, so the mean stays."""
    torch.manual_seed(0)
    dropped = nets.MaxoutCritic().body[place](torch.ones(200_000))
    assert dropped.unique().tolist() == [0.0, pytest.approx(1 / keep)]
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.01)


def test_maxout_critic_drops_in_training_only():
    critic, x = nets.MaxoutCritic((1, 8, 8), units=16), torch.rand(4, 1, 8, 8)
    assert not torch.equal(critic(x), critic(x))
    critic.eval()
    assert torch.equal(critic(x), critic(x))


def test_goodfellow_initial_weights_are_uniform_with_the_published_bounds():
    torch.manual_seed(0)
    for net, bound in [(nets.GoodfellowGenerator(), 0.05), (nets.MaxoutCritic(), 0.005)]:
        for weight in (m.weight for m in net.modules() if isinstance(m, nn.Linear)):
            assert weight.abs().max() <= bound
            assert weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.1)


def test_matched_marginals_give_the_mean_image():
    x = torch.tensor([0.0, 1.0, 1.0, 1.0]).view(4, 1, 1, 1).expand(4, 1, 2, 2) * 2 - 1
    generator = nets.GoodfellowGenerator(2, (1, 2, 2), hidden=8)
    generator.match_marginals(x)
    nn.init.zeros_(generator.output.weight)
    torch.testing.assert_close(generator(torch.randn(3, 2)), torch.full((3, 1, 2, 2), 0.5))
    with pytest.raises(ValueError, match="x="):
        generator.match_marginals(torch.zeros(4, 1, 3, 3))


@pytest.mark.parametrize("keep", [0.0, 1.5])
def test_dropout_probabilities_are_checked(keep):
    with pytest.raises(ValueError, match="input_keep"):
        nets.MaxoutCritic(input_keep=keep)
    with pytest.raises(ValueError, match="hidden_keep"):
        nets.MaxoutCritic(hidden_keep=keep)


def test_conditional_mlps_use_both_inputs():
    torch.manual_seed(0)
    generator, critic = nets.CGANGenerator(3, 4, (1, 8, 8)).eval(), nets.CGANCritic(3, (1, 8, 8)).eval()
    z, y = torch.randn(1, 4).expand(3, -1), torch.arange(3)
    x = generator(z, y)
    assert x.shape == (3, 1, 8, 8)
    assert x.abs().max() < 1
    assert len(x.flatten(1).unique(dim=0)) == 3
    assert critic(x[:1].expand(3, -1, -1, -1), y).unique().numel() == 3
    assert critic(torch.rand(3, 1, 8, 8), y[:1].expand(3)).unique().numel() == 3


def test_labelled_generator_puts_a_learned_row_beside_z():
    generator = nets.LabelledGenerator(Pass(), classes=3, embedding=2)
    z, y = torch.randn(4, 5), torch.tensor([2, 0, 1, 2])
    out = generator(z, y)
    assert torch.equal(out[:, :5], z)
    assert torch.equal(out[:, 5:], generator.embed.weight[y])
    out[:, 5:].sum().backward()
    assert torch.equal(generator.embed.weight.grad[:, 0], torch.tensor([1.0, 1.0, 2.0]))


def test_labelled_generator_draws_another_image_for_another_label():
    generator = nets.LabelledGenerator(nets.DCGANGenerator(6, 16, 1, 4, "none"), classes=3, embedding=2)
    x = generator(torch.randn(1, 4).expand(3, -1), torch.arange(3))
    assert len(x.flatten(1).unique(dim=0)) == 3


@pytest.mark.parametrize(("size", "shape"), [(4, (2, 1, 4, 4)), (0, (2, 3))])
def test_labelled_critic_puts_one_hot_maps_beside_x(size, shape):
    x, y = torch.randn(shape), torch.tensor([1, 0])
    out = nets.LabelledCritic(Pass(), classes=2, size=size)(x, y)
    assert torch.equal(out[:, : shape[1]], x)
    maps = out[:, shape[1] :].flatten(2) if size else out[:, shape[1] :, None]
    assert torch.equal(maps, torch.eye(2)[y][:, :, None].expand_as(maps))


def test_label_dot_critic_is_a_product_with_the_label_row():
    critic = nets.LabelDotCritic(nets.MLPCritic((2,), (8,), outputs=4), classes=3, outputs=4)
    x, y = torch.randn(5, 2), torch.tensor([0, 1, 2, 2, 1])
    direct = torch.stack([critic.net(x)[n] @ critic.embed.weight[y[n]] for n in range(5)])
    torch.testing.assert_close(critic(x, y), direct)


def test_the_equalised_label_dot_critic_has_rows_and_scores_of_unit_variance():
    """Of features N(0, 1): the product is a sum of as many terms of variance 1 as the root divides by."""
    torch.manual_seed(0)
    critic = nets.EqualLabelDotCritic(Pass(), classes=4000, outputs=50)
    assert critic.embed.weight.std().item() == pytest.approx(1, abs=0.01)
    features, y = torch.randn(4000, 50), torch.arange(4000)
    scores = critic(features, y)
    assert scores[7].item() == pytest.approx((features[7] @ critic.embed.weight[7]).item() / 50**0.5, rel=1e-5)
    assert scores.std().item() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("label", [-1, 3])
def test_labels_out_of_range_are_refused(label):
    y, z, x = torch.tensor([0, label]), torch.zeros(2, 4), torch.zeros(2, 1, 4, 4)
    calls = [
        lambda: one_hot(y, 3),
        lambda: nets.LabelledGenerator(Pass(), 3, 2)(z, y),
        lambda: nets.LabelledCritic(Pass(), 3, 4)(x, y),
        lambda: nets.LabelDotCritic(Pass(), 3, 4)(z, y),
        lambda: nets.EqualLabelDotCritic(Pass(), 3, 4)(z, y),
        lambda: nets.LabelledMapping(nets.Mapping(6, 5), 3, 2)(z, y),
        lambda: nets.CGANGenerator(3, 4, (1, 4, 4))(z, y),
        lambda: nets.CGANCritic(3, (1, 4, 4))(x, y),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=rf"labels=\[{label}\]: expected 0 to 2"):
            call()


def test_instance_noise_has_the_stated_spread_in_training_only():
    torch.manual_seed(0)
    noisy, x = nets.InstanceNoise(Pass(), sigma=0.3), torch.ones(100_000)
    noise = noisy(x) - x
    assert noise.std().item() == pytest.approx(0.3, rel=0.02)
    assert abs(noise.mean().item()) < 0.005
    assert noisy.eval()(x) is x


def test_instance_noise_of_zero_draws_nothing():
    noisy, x = nets.InstanceNoise(Pass()), torch.ones(3)
    before = torch.get_rng_state()
    assert noisy(x) is x
    assert torch.equal(torch.get_rng_state(), before)


def test_instance_noise_hands_labels_on():
    torch.manual_seed(0)
    critic = nets.LabelledCritic(nets.MLPCritic((4,), (8,)), classes=2)
    x, y = torch.randn(3, 2), torch.tensor([0, 1, 1])
    assert torch.equal(nets.InstanceNoise(critic)(x, y), critic(x, y))


def test_weight_norm_is_torchs():
    """w = g v / |v|: the same outputs and gradients as the package's parametrisation of a linear layer."""
    torch.manual_seed(0)
    ours, theirs = nets.WeightNormLinear(5, 3).double(), nn.Linear(5, 3).double()
    with torch.no_grad():
        ours.length.mul_(torch.tensor([0.5, 1.0, 2.0]))
        ours.bias.normal_()
        theirs.weight.copy_(ours.weight)
        theirs.bias.copy_(ours.bias)
    theirs = nn.utils.parametrizations.weight_norm(theirs, dim=0)
    with torch.no_grad():
        theirs.parametrizations.weight.original1.copy_(ours.direction)
    x = torch.randn(7, 5, dtype=torch.float64)
    torch.testing.assert_close(ours(x), theirs(x))
    ours(x).square().sum().backward()
    theirs(x).square().sum().backward()
    g, v = theirs.parametrizations.weight.original0, theirs.parametrizations.weight.original1
    torch.testing.assert_close(ours.length.grad, g.grad.flatten())
    torch.testing.assert_close(ours.direction.grad, v.grad)
    assert (ours.direction * ours.direction.grad).sum(1).abs().max() < 1e-12  # the length of v changes nothing


def test_the_noisy_critic_has_the_published_noise_in_training_only():
    """0.3 on pixels in [0, 1], 0.5 behind each hidden layer, on top of what is there."""
    torch.manual_seed(0)
    critic = nets.NoisyMLPCritic((1, 8, 8), 10, hidden=(16, 16))
    added = []
    for noisy in (m for m in critic.modules() if isinstance(m, nets.InstanceNoise)):
        noisy.register_forward_pre_hook(lambda _, inputs: added.append(-inputs[0]))
        noisy.module.register_forward_pre_hook(lambda _, inputs: added[-1].add_(inputs[0]))
    with torch.no_grad():
        critic(torch.rand(5000, 1, 8, 8) * 2 - 1)
    assert [round(noise.std().item(), 2) for noise in added] == [0.3, 0.5, 0.5]
    assert all(abs(noise.mean().item()) < 0.01 for noise in added)
    critic = nets.NoisyMLPCritic((1, 8, 8), 10, hidden=(16, 16))
    x = torch.rand(4, 1, 8, 8) * 2 - 1
    assert not torch.equal(critic(x), critic(x))
    critic.eval()
    assert torch.equal(critic(x), critic(x))
    seen = []
    critic.body[0].module.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    critic(x)
    torch.testing.assert_close(seen[0], (x.flatten(1) + 1) / 2)


def test_the_softplus_generator_fills_the_range_of_pixels():
    """Its sigmoid's 0 and 1 are the images' -1 and 1, and its middle grey 0."""
    generator = nets.SoftplusGenerator(4, (1, 8, 8), hidden=8)
    with torch.no_grad():
        generator.output.length.zero_()
        generator.output.bias.copy_(torch.linspace(-30, 30, 64))
    x = generator(torch.randn(5, 4)).flatten(1)
    torch.testing.assert_close(x, (torch.linspace(-30, 30, 64) / 2).tanh().expand(5, -1))

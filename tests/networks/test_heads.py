"""Critics that say more than one thing, and networks of pairs and mixtures: shapes, sharing and one look."""

import pytest
import torch
from torch import nn

from saddle.networks import (
    Bidirectional,
    ClassCritic,
    Critics,
    DCGANCritic,
    DCGANGenerator,
    Headed,
    InstanceNoise,
    JointCritic,
    MixtureGenerator,
    MLPCritic,
    MLPGenerator,
    R3GANCritic,
    overheard,
    with_head,
)
from saddle.networks.vae import GaussianEncoder


@pytest.mark.parametrize("hidden", [0, 6])
@pytest.mark.parametrize("net, shape", [(MLPCritic((2,), (8,)), (2,)), (DCGANCritic(16, 1, 4), (1, 16, 16))])
def test_a_head_reads_the_features_of_the_one_look(net, shape, hidden):
    """The head's answer is that of the body's output, for a noisy x the same noise as the verdict's."""
    headed, x = Headed(net, 3, hidden).eval(), torch.randn(5, *shape)
    verdict, told = with_head(headed, headed, x)
    assert verdict.shape == (5,)
    assert torch.equal(verdict, net(x))
    assert torch.equal(told, headed.head(net.body(x)))
    calls = []
    with net.body.register_forward_hook(lambda *_: calls.append(1)):
        with_head(InstanceNoise(headed, 0.5), headed, x)
    assert len(calls) == 1


def test_what_is_overheard_is_the_last_call():
    part = nn.Linear(2, 2)
    twice = nn.Sequential(part, part)
    x = torch.randn(3, 2)
    out, heard = overheard(twice, part, x)
    assert torch.equal(out, heard)
    assert not part._forward_hooks


def test_a_class_critic_is_the_logit_of_any_class_against_the_last():
    """sigmoid(log Z) = Z / (Z + 1), the K classes' share of K + 1."""
    logits = torch.randn(4, 5, dtype=torch.float64)
    all_classes = torch.cat([logits, torch.zeros(4, 1, dtype=torch.float64)], dim=1).softmax(1)
    torch.testing.assert_close(ClassCritic(nn.Identity())(logits).sigmoid(), all_classes[:, :5].sum(1))


@pytest.mark.parametrize("critic", [MLPCritic((3, 16, 16), (8,), outputs=7), DCGANCritic(16, 3, 4, outputs=7)])
def test_a_critic_can_have_several_outputs(critic):
    assert critic(torch.randn(5, 3, 16, 16)).shape == (5, 7)


def test_a_head_reads_what_the_last_layer_reads():
    net, read = R3GANCritic([16, 8], 1, channels=2), []
    net.linear.register_forward_pre_hook(lambda layer, args: read.append(args[0]))
    headed = Headed(net, 3)
    _, told = with_head(headed, headed, torch.randn(5, 2, 8, 8))
    assert torch.allclose(told, headed.head(read[0]))


def test_critics_stand_side_by_side():
    nets = [MLPCritic((2,), (4,)) for _ in range(3)]
    x = torch.randn(5, 2)
    assert torch.equal(Critics(*nets)(x), torch.stack([net(x) for net in nets], dim=1))


def test_a_joint_critic_judges_the_pair():
    D = JointCritic(MLPCritic((2,), (8,), outputs=6), z_dim=3, hidden=6)
    x, z = torch.randn(5, 2), torch.randn(5, 3)
    assert D(x, z).shape == (5,)
    assert (D(x, z) != D(x, z.roll(1, 0))).all()
    assert (D(x, z) != D(x.roll(1, 0), z)).all()


def test_a_gaussian_code_has_the_encoders_moments():
    fixed = GaussianEncoder(nn.Linear(2, 4))
    with torch.no_grad():
        fixed.net.weight.zero_()
        fixed.net.bias.copy_(torch.tensor([1.0, -1.0, 0.0, 2 * torch.tensor(3.0).log()]))  # sigma 1 and 3
        net = Bidirectional(nn.Identity(), fixed)
        z = net.draw(torch.zeros(20_000, 2), torch.Generator().manual_seed(0))
    assert torch.allclose(z.mean(0), torch.tensor([1.0, -1.0]), atol=0.1)
    assert torch.allclose(z.std(0), torch.tensor([1.0, 3.0]), rtol=0.03)
    assert torch.equal(net.encode(torch.zeros(1, 2)), torch.tensor([[1.0, -1.0]]))


@pytest.mark.parametrize(
    "make", [lambda: MLPGenerator(3, (2,), (8, 8)), lambda: DCGANGenerator(3, 16, 1, 4)], ids=["mlp", "dcgan"]
)
def test_a_row_is_made_by_the_generator_that_it_names(make):
    """As if the others were not there; each is named equally often."""
    torch.manual_seed(0)
    nets = [make() for _ in range(4)]
    mixture = MixtureGenerator(*nets).eval()
    z = torch.randn(4000, 4, generator=torch.Generator().manual_seed(0))
    which = mixture.which(z)
    assert torch.allclose(torch.bincount(which, minlength=4) / 4000, torch.full((4,), 0.25), atol=0.03)
    z, which = z[:20], which[:20]
    for row, k in zip(z, which, strict=True):
        alone = mixture.rest(mixture.firsts[k](row[None, :3]))
        assert torch.allclose(mixture(z)[torch.all(z == row, dim=1)], alone, atol=1e-5)


def test_the_end_of_the_line_still_names_a_generator():
    mixture = MixtureGenerator(*(MLPGenerator(1, (2,), (4,)) for _ in range(3)))
    assert mixture.which(torch.tensor([[0.0, -40.0], [0.0, 0.0], [0.0, 40.0]])).tolist() == [0, 1, 2]


def test_one_generator_is_no_mixture():
    with pytest.raises(ValueError, match="generators=1: expected 2 or more"):
        MixtureGenerator(MLPGenerator(1, (2,), (4,)))

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from saddle.networks import Down2, R3GANCritic, R3GANGenerator, Up2
from saddle.networks.residual import Patterned, ResidualBlock

SMALL = (64, 64, 64, 64)


@pytest.mark.parametrize("resample", [Up2(), Down2()])
def test_a_constant_stays_constant_inside(resample):
    x = torch.full((1, 2, 8, 8), 3.0)
    inside = resample(x)[:, :, 1:-1, 1:-1]
    torch.testing.assert_close(inside, torch.full_like(inside, 3.0))


def test_up_is_four_times_the_adjoint_of_down():
    """<Up a, b> = 4 <a, Down b> for all a and b."""
    a, b = torch.randn(2, 3, 4, 4, dtype=torch.float64), torch.randn(2, 3, 8, 8, dtype=torch.float64)
    assert (Up2()(a) * b).sum().item() == pytest.approx(4 * (a * Down2()(b)).sum().item(), rel=1e-6)


def test_doubling_is_bilinear_interpolation_inside():
    x = torch.randn(2, 3, 6, 6)
    bilinear = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    torch.testing.assert_close(Up2()(x)[:, :, 1:-1, 1:-1], bilinear[:, :, 1:-1, 1:-1])


def test_resampling_commutes_with_mirroring():
    x = torch.randn(2, 3, 8, 8)
    for resample in (Up2(), Down2()):
        torch.testing.assert_close(resample(x.flip(3)), resample(x).flip(3))


def test_a_block_starts_as_the_identity_and_can_leave_it():
    block, x = ResidualBlock(16, depth=8), torch.randn(2, 16, 4, 4)
    assert torch.equal(block(x), x)
    block(x).square().sum().backward()
    assert block.residue[-1].weight.grad.abs().max() > 0


def test_initial_gains():
    torch.manual_seed(0)
    first, _, grouped, _, last = ResidualBlock(64, depth=16).residue
    gain = (2 / 1.04) ** 0.5 / 2  # 16 ** (-1/4) = 1/2
    assert first.weight.std().item() == pytest.approx(gain / 64**0.5, rel=0.05)
    assert grouped.weight.std().item() == pytest.approx(gain / (16 * 9) ** 0.5, rel=0.05)
    assert not last.weight.any()


def test_a_network_of_identity_blocks_is_linear_at_the_start():
    """All that is left of both networks is linear: doubling z doubles the image, doubling x doubles the logit."""
    generator, critic = R3GANGenerator(8, SMALL, 1, 3), R3GANCritic(SMALL, 1, 3)
    z = torch.randn(2, 8)
    torch.testing.assert_close(generator(2 * z), 2 * generator(z))
    x = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(critic(2 * x), 2 * critic(x))


@pytest.mark.parametrize("widths", [SMALL, (32, 32, 16), (32,)])
def test_scaled_down_sizes(widths):
    side = 4 * 2 ** (len(widths) - 1)
    x = R3GANGenerator(8, widths, 2, 1)(torch.randn(2, 8))
    assert x.shape == (2, 1, side, side)
    assert x.is_contiguous(memory_format=torch.channels_last)
    assert R3GANCritic(widths, 2, 1)(x).shape == (2,)
    assert R3GANCritic(widths, 2, 1, outputs=5)(x).shape == (2, 5)


def test_gradient_penalty_reaches_every_weight_once_blocks_have_moved():
    torch.manual_seed(0)
    critic = R3GANCritic((32, 32, 16), 1, 1)
    for weight in critic.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    x = torch.randn(2, 1, 16, 16, requires_grad=True)
    (slope,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    slope.square().sum().backward()
    for name, weight in critic.named_parameters():
        if not name.endswith("bias"):  # a bias only moves the kinks, where the slope jumps
            assert torch.isfinite(weight.grad).all()
            assert weight.grad.abs().max() > 0


def test_group_sizes_and_widths_are_checked():
    with pytest.raises(ValueError, match=r"group_size=48: expected a divisor .* 128"):
        R3GANGenerator(8, SMALL, 2, 3, group_size=48)
    with pytest.raises(ValueError, match="widths="):
        R3GANCritic((), 2, 3)


def test_the_critics_summary_is_a_depthwise_convolution():
    """The same numbers, and the same gradients of first and second order."""
    torch.manual_seed(0)
    ours = Patterned(6, 4).double()
    theirs = nn.Conv2d(6, 6, 4, groups=6, bias=False).double()
    theirs.load_state_dict(ours.state_dict())
    found = []
    for layer in (ours, theirs):
        x = torch.linspace(-1, 1, 2 * 6 * 16, dtype=torch.float64).view(2, 6, 4, 4).requires_grad_()
        out = layer(x).flatten(1)
        (slope,) = torch.autograd.grad(out.pow(3).sum(), x, create_graph=True)
        found.append([out, slope, *torch.autograd.grad(slope.square().sum(), [x, layer.weight])])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b)

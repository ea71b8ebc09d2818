import pytest
import torch
import torch.nn.functional as F
from torch import nn

from saddle.networks import NORMS, DCGANCritic, DCGANGenerator
from saddle.networks.dcgan import Project, ToLogit

SIZES = [16, 32, 64, 128]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_inside_the_unit_range_and_scored_one_by_one(size, channels):
    generator, critic = DCGANGenerator(8, size, channels, width=4), DCGANCritic(size, channels, width=4)
    x = generator(torch.randn(3, 8))
    assert x.shape == (3, channels, size, size)
    assert x.abs().max() < 1
    assert critic(x).shape == (3,)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_map_and_every_gradient_of_a_map_is_channels_last(channels, norm):
    """From a latent row to the logits and back, with images that arrive in the ordinary layout."""
    seen = []

    def channels_last(map):  # dense, or a view cropped out of a dense one
        return map.is_contiguous(memory_format=torch.channels_last) or map.stride(1) == 1

    def look(module, inputs, output):
        if output.dim() == 4:
            seen.append(channels_last(output))
            output.register_hook(lambda g: seen.append(channels_last(g)))

    generator, critic = DCGANGenerator(8, 32, channels, 4, norm), DCGANCritic(32, channels, 4, norm)
    for module in [*generator.modules(), *critic.modules()]:
        if not list(module.children()) and not getattr(module, "inplace", False):
            module.register_forward_hook(look)
    x = generator(torch.randn(3, 8))
    (critic(x) - critic(torch.rand(3, channels, 32, 32))).square().sum().backward()
    assert x.is_contiguous(memory_format=torch.channels_last)
    assert len(seen) >= 8
    assert all(seen)


def test_projection_is_the_transposed_convolution_of_a_single_pixel():
    project = Project(z_dim=5, channels=3)
    z = torch.randn(2, 5)
    weight = project.linear.weight.view(4, 4, 3, 5).permute(3, 2, 0, 1)  # (z_dim, C, 4, 4)
    torch.testing.assert_close(project(z), F.conv_transpose2d(z[:, :, None, None], weight))


def test_initial_weights_have_the_published_spread():
    torch.manual_seed(0)
    generator, critic = DCGANGenerator(100, 32, 3), DCGANCritic(32, 3)
    for module in [*generator.modules(), *critic.modules()]:
        if isinstance(module, nn.BatchNorm2d):
            torch.testing.assert_close(module.weight.mean(), torch.tensor(1.0), atol=0.01, rtol=0)
            assert not module.bias.any()
        elif hasattr(module, "weight"):
            assert module.weight.std().item() == pytest.approx(0.02, rel=0.1)
            assert module.bias is None


@pytest.mark.parametrize("norm", ["group", "layer", "none"])
def test_critics_without_batch_norm_score_a_sample_alone_as_in_company(norm):
    critic, x = DCGANCritic(16, 3, 4, norm), torch.randn(4, 3, 16, 16)
    torch.testing.assert_close(critic(x)[:1], critic(x[:1]))


def test_batch_norm_couples_the_samples():
    critic, x = DCGANCritic(16, 3, 4, "batch"), torch.randn(4, 3, 16, 16)
    with torch.no_grad():
        critic.to_logit.linear.weight.mul_(1000)
    assert not torch.allclose(critic(x)[:1], critic(x[:1]), rtol=1e-2)


@pytest.mark.parametrize("norm", ["group", "layer", "none"])
def test_gradient_penalty_can_be_differentiated(norm):
    """d/dw of |dD/dx|², against a central difference along a random direction of the weights, in double precision."""
    torch.manual_seed(0)
    critic = DCGANCritic(16, 1, 4, norm).double()
    weights = list(critic.parameters())
    for weight in weights:
        nn.init.normal_(weight, std=0.3)
    x = torch.randn(3, 1, 16, 16, dtype=torch.float64, requires_grad=True)

    def penalty():
        (slope,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
        return slope.square().sum(dim=(1, 2, 3)).mean()

    direction = [torch.randn_like(w) for w in weights]
    gradients = torch.autograd.grad(penalty(), weights, allow_unused=True)
    along = sum((g * d).sum() for g, d in zip(gradients, direction, strict=True) if g is not None)

    def moved(step):
        with torch.no_grad():
            for w, d in zip(weights, direction, strict=True):
                w.add_(d, alpha=step)
        return penalty().item()

    up, down = moved(1e-7), moved(-2e-7)
    assert along.item() == pytest.approx((up - down) / 2e-7, rel=1e-4)
    assert torch.isfinite(along)


@pytest.mark.parametrize("size", [8, 28, 48, 0, -16])
@pytest.mark.parametrize("build", [lambda s: DCGANGenerator(8, s, 1), lambda s: DCGANCritic(s, 1)])
def test_other_sizes_are_refused_with_advice(size, build):
    with pytest.raises(ValueError, match=rf"^size={size}: expected a power of two from 16 .*pass --size"):
        build(size)


def test_unknown_norm_is_refused():
    with pytest.raises(ValueError, match=r"no norm is called 'bach'\. Did you mean 'batch'"):
        DCGANCritic(16, 1, norm="bach")


def test_the_logit_is_the_convolution_with_a_kernel_as_large_as_the_map():
    to_logit, h = ToLogit(channels=3), torch.randn(2, 3, 4, 4)
    weight = to_logit.linear.weight.view(1, 4, 4, 3).permute(0, 3, 1, 2)  # (1, C, 4, 4)
    torch.testing.assert_close(to_logit(h), F.conv2d(h, weight).flatten())

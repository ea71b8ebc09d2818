"""Styles: mapping, mixing, noise, truncation, and the layers that they act in."""

import pytest
import torch
import torch.nn.functional as F

from saddle.networks import LabelledMapping, Mapping, StyleGAN2Synthesis, StyleGANSynthesis, StyleGenerator
from saddle.networks.modulated import demodulation, modulated_conv, modulated_conv_grouped
from saddle.networks.stylegan import adain
from saddle.networks.stylegan2 import Layer

WIDTHS = (6, 5, 4)
SYNTHESES = {"stylegan": StyleGANSynthesis, "stylegan2": StyleGAN2Synthesis}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(params=SYNTHESES)
def generator(request):
    torch.manual_seed(0)
    return StyleGenerator(Mapping(7, 5, 2), SYNTHESES[request.param](5, WIDTHS, 3), mixing=0.9)


def noisy(generator):
    for name, p in generator.named_parameters():
        if name.endswith("strength"):
            torch.nn.init.constant_(p, 0.3)
    return generator


def test_an_image_is_the_synthesis_of_the_mapping(generator):
    z = torch.randn(4, 7)
    w = generator.mapping(z)
    assert w.shape == (4, 5)
    x = generator(z)
    assert x.shape == (4, 3, 16, 16)
    assert torch.equal(generator.synthesis(w), x)
    assert torch.equal(generator.synthesis(w[:, None].expand(-1, generator.layers, -1)), x)


def test_every_row_of_w_changes_the_image_and_coarse_ones_change_more_sizes(generator):
    rows = generator.mapping(torch.randn(2, 7))[:, None].repeat(1, generator.layers, 1)
    plain = generator.synthesis(rows)
    for k in range(generator.layers):
        changed = rows.clone()
        changed[:, k] += 1
        assert not torch.allclose(generator.synthesis(changed), plain)


def test_noise_is_steady_without_random_numbers_and_drawn_from_the_seed_with_them(generator):
    z = torch.randn(2, 7)
    assert torch.equal(generator(z), generator(z))
    one, same, other = (noisy(generator)(z, rng=seeded(s)) for s in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.allclose(one, other)


def test_at_first_noise_does_nothing(generator):
    generator.mixing = 0.0
    z = torch.randn(2, 7)
    torch.testing.assert_close(generator(z, rng=seeded(1)), generator(z))


def test_mixing_gives_finer_layers_the_styles_of_another_z(generator):
    """Each row comes whole from one of two w; coarse ones from the first, and nine in ten samples change over."""
    z = torch.randn(2000, 7)
    w, rows = generator.mapping(z), generator.styles(z, rng=seeded())
    own = (rows == w[:, None]).all(2)  # (N, L)
    assert own[:, 0].all()
    assert (own.int().diff(dim=1) <= 0).all()
    assert (~own).any(1).float().mean().item() == pytest.approx(0.9, abs=0.03)
    cuts = own.sum(1)[(~own).any(1)]
    assert torch.bincount(cuts, minlength=6)[1:].float().div(len(cuts)).numpy() == pytest.approx(1 / 5, abs=0.04)
    generator.mixing = 0.0
    assert (generator.styles(z, rng=seeded()) == w[:, None]).all()


def test_a_label_enters_the_mapping_as_a_row_of_its_own_length_one():
    """Neither a longer z nor a longer row changes w; mixed styles are of the sample's own label."""
    torch.manual_seed(0)
    mapping = LabelledMapping(Mapping(7 + 3, 5, 2, speed=1.0), classes=4, embedding=3)
    z, y = torch.randn(6, 7), torch.tensor([0, 1, 2, 3, 0, 1])
    w = mapping(z, y)
    rows = F.normalize(mapping.embed.weight[y]) * 3**0.5
    torch.testing.assert_close(w, mapping.mapping(torch.cat([F.normalize(z) * 7**0.5, rows], 1)))
    with torch.no_grad():
        mapping.embed.weight.mul_(5)
    torch.testing.assert_close(mapping(2 * z, y), w)
    generator = StyleGenerator(mapping, StyleGAN2Synthesis(5, WIDTHS, 3), mixing=1.0)
    mixed, rng = generator.styles(z, y, rng=seeded(3)), seeded(3)
    other = mapping(torch.randn(z.shape, generator=rng), y)
    torch.testing.assert_close(mixed[:, 0], w)
    torch.testing.assert_close(mixed[:, -1], other)


def test_the_mean_of_w_follows_training_only(generator):
    z = torch.randn(50, 7)
    generator(z)
    assert not generator.w_mean.any()
    generator(z, rng=seeded())
    torch.testing.assert_close(generator.w_mean, 0.005 * generator.mapping(z).mean(0))


def test_truncation_draws_w_to_its_mean(generator):
    generator.w_mean.normal_()
    w = generator.mapping(torch.randn(3, 7))
    assert torch.equal(generator.truncated(w, 1.0), w[:, None].expand(-1, 6, -1))
    assert torch.equal(generator.truncated(w, 0.0)[2, 3], generator.w_mean)
    some = generator.truncated(w, 0.7, layers=2)
    torch.testing.assert_close(some[:, 1], generator.w_mean + 0.7 * (w - generator.w_mean))
    assert torch.equal(some[:, 2], w)


def test_adain_sets_mean_and_deviation():
    x, scale, bias = 3 * torch.randn(2, 4, 6, 6) + 1, torch.randn(2, 4), torch.randn(2, 4)
    y = adain(x, scale, bias)
    torch.testing.assert_close(y.mean((2, 3)), bias)
    torch.testing.assert_close(y.std((2, 3), correction=0), scale.abs())


def test_a_style_of_zeros_is_instance_norm():
    x = torch.randn(2, 4, 6, 6)
    torch.testing.assert_close(adain(x, torch.ones(2, 4), torch.zeros(2, 4), eps=1e-5), F.instance_norm(x))


def explicit(x, weight, style):
    """Each sample by itself, with weights written out."""
    out = []
    for one, s in zip(x, style, strict=True):
        w = weight * s[None, :, None, None]
        out.append(F.conv2d(one[None], w / (w.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt(), padding=1))
    return torch.cat(out)


@pytest.mark.parametrize("form", [modulated_conv, modulated_conv_grouped])
def test_a_modulated_convolution_is_one_with_scaled_weights_for_each_sample(form):
    x, weight, style = torch.randn(3, 4, 5, 5), torch.randn(6, 4, 3, 3), torch.randn(3, 4)
    torch.testing.assert_close(form(x, weight, style), explicit(x, weight, style), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("form", [modulated_conv, modulated_conv_grouped])
def test_it_has_derivatives_of_derivatives(form):
    x, weight, style = torch.randn(2, 2, 3, 3), torch.randn(2, 2, 3, 3), torch.randn(2, 2)
    assert torch.autograd.gradgradcheck(form, [t.double().requires_grad_() for t in (x, weight, style)], atol=1e-4)


def test_demodulated_outputs_have_unit_variance():
    """For white input, whatever the style."""
    torch.manual_seed(0)
    x, weight, style = (
        torch.randn(2, 64, 40, 40),
        torch.randn(16, 64, 3, 3),
        torch.tensor([[0.1], [30.0]]).expand(2, 64),
    )
    out = modulated_conv(x, weight, style)[..., 1:-1, 1:-1]
    assert out.std((1, 2, 3)).numpy() == pytest.approx(1, rel=0.03)


def test_a_style_s_scale_does_not_matter():
    style, weight = torch.rand(2, 4) + 0.5, torch.randn(3, 4, 3, 3)
    torch.testing.assert_close(demodulation(weight, 5 * style), demodulation(weight, style) / 5)


def test_a_layer_is_noise_and_bias_after_the_modulated_convolution():
    layer, x, w = Layer(4, 6, 8, 5), torch.randn(3, 4, 8, 8), torch.randn(3, 5)
    torch.nn.init.normal_(layer.bias)
    torch.nn.init.constant_(layer.strength, 0.4)
    inner = modulated_conv(x, layer.weight / 6, layer.affine(w)) + 0.4 * layer.noise.steady + layer.bias
    torch.testing.assert_close(layer(x, w, None), 2**0.5 * F.leaky_relu(inner, 0.2), atol=1e-5, rtol=1e-4)


def test_an_image_is_the_sum_of_its_skips():
    """With all but the first image layer at zero, it is that layer's image doubled twice."""
    net = StyleGAN2Synthesis(5, WIDTHS, 3)
    for layer in net.to_image[1:]:
        torch.nn.init.zeros_(layer.weight)
    w = torch.randn(2, 5)
    h = net.convolutions[0](net.constant.expand(2, -1, -1, -1), w, None)
    torch.testing.assert_close(net(w), net.up(net.up(net.to_image[0](h, w))))

import pytest
import torch

from saddle import networks as nets

SIZES = [8, 16, 32, 64]


def autoencoders(size):
    return {
        "conv": nets.ConvAutoencoder(size, 3, width=4, code=5, norm="none"),
        "began": nets.BEGANAutoencoder(size, 3, width=4, code=5),
        "mlp": nets.MLPAutoencoder((3, size, size), (8,), code=5),
    }


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["conv", "began", "mlp"])
def test_forward_is_decode_after_encode(size, name):
    net, x = autoencoders(size)[name], torch.rand(2, 3, size, size)
    code = net.encode(x)
    assert code.shape == (2, 5)
    assert net(x).shape == x.shape
    assert torch.equal(net(x), net.decode(code))


@pytest.mark.parametrize("name", ["conv", "began", "mlp"])
def test_the_code_depends_on_every_pixel_and_every_pixel_on_the_code(name):
    torch.manual_seed(0)
    net, x = autoencoders(16)[name].double(), torch.rand(1, 3, 16, 16, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(net.encode(x).square().sum(), x)
    assert (slope != 0).all()
    code = torch.randn(1, 5, dtype=torch.float64)
    assert (net.decode(code) != net.decode(-code)).all()


def test_code_of_one_number():
    net = nets.MLPAutoencoder((2,), (8,), code=1, bounded=False)
    assert net.encode(torch.zeros(4, 2)).shape == (4, 1)
    assert net(torch.zeros(4, 2)).shape == (4, 2)


@pytest.mark.parametrize("name", ["conv", "began"])
def test_decoded_images_are_channels_last(name):
    x = autoencoders(32)[name].decode(torch.randn(2, 5))
    assert x.is_contiguous(memory_format=torch.channels_last)


def test_ebgan_maps_at_64_pixels():
    """Convolutions of 64, 128 and 256 channels down to 8x8, as published."""
    with torch.device("meta"):
        h = nets.ConvEncoder(64, 3).body[:-1](torch.empty(2, 3, 64, 64))
        widths = [m.out_channels for m in nets.ConvEncoder(64, 3).body if isinstance(m, torch.nn.Conv2d)]
    assert h.shape == (2, 256, 8, 8)
    assert widths == [64, 128, 256]


def test_a_small_autoencoder_learns_the_identity_on_a_line():
    """Points on a line need one number: the reconstruction error of a linear code of 1 goes to 0."""
    torch.manual_seed(0)
    net = nets.MLPAutoencoder((2,), (), code=1, bounded=False)
    x = torch.randn(64, 1) * torch.tensor([0.6, -0.8])
    optimiser = torch.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(400):
        optimiser.zero_grad()
        (net(x) - x).square().mean().backward()
        optimiser.step()
    assert (net(x) - x).square().mean() < 1e-4


@pytest.mark.parametrize("size", [4, 28])
@pytest.mark.parametrize(
    "build",
    [
        lambda s: nets.ConvAutoencoder(s, 1),
        lambda s: nets.BEGANAutoencoder(s, 1),
        lambda s: nets.conv_encoder(s, 1, 2),
        lambda s: nets.conv_decoder(2, s, 1),
    ],
)
def test_other_sizes_are_refused(size, build):
    with pytest.raises(ValueError, match=f"size={size}: expected a power of two from 8"):
        build(size)


@pytest.mark.parametrize("size", SIZES)
def test_conv_vae_shapes(size):
    mean, log_variance = nets.conv_encoder(size, 3, z_dim=2, width=4)(torch.rand(5, 3, size, size))
    assert mean.shape == log_variance.shape == (5, 2)
    assert nets.conv_decoder(2, size, 3, width=4)(mean).shape == (5, 3, size, size)


@pytest.mark.parametrize("decoder", [nets.mlp_decoder(2, (1, 8, 8)), nets.conv_decoder(2, 8, 1, width=4)])
def test_decoders_give_logits_and_not_pixels(decoder):
    """Nothing bounds the output: with the last layer's bias at 5 logits exceed 1."""
    with torch.no_grad():
        [m for m in decoder.modules() if getattr(m, "bias", None) is not None][-1].bias.fill_(5.0)
    assert decoder(torch.zeros(3, 2)).min() > 1


def test_gaussian_encoder_reads_mean_then_log_variance():
    encoder = nets.GaussianEncoder(torch.nn.Identity())
    mean, log_variance = encoder(torch.tensor([[1.0, 2.0, 3.0, 4.0]]))
    assert torch.equal(mean, torch.tensor([[1.0, 2.0]]))
    assert torch.equal(log_variance, torch.tensor([[3.0, 4.0]]))


def test_a_sample_is_encoded_alone_as_in_company():
    encoder, x = nets.conv_encoder(16, 1, z_dim=2, width=4), torch.rand(4, 1, 16, 16)
    torch.testing.assert_close(encoder(x)[0][:1], encoder(x[:1])[0])

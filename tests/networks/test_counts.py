"""Parameter counts of the published sizes, built on the meta device: nothing is allocated."""

from itertools import pairwise

import pytest
import torch

from saddle import networks as nets


def count(net):
    return sum(p.numel() for p in net.parameters())


@pytest.fixture(autouse=True)
def _meta():
    with torch.device("meta"):
        yield


def test_goodfellow():
    g = (100 + 1) * 1200 + (1200 + 1) * 1200 + (1200 + 1) * 784
    d = (784 + 1) * 240 * 5 + (240 + 1) * 240 * 5 + 240 + 1
    assert (g, d) == (2_503_984, 1_231_441)
    assert (count(nets.GoodfellowGenerator()), count(nets.MaxoutCritic())) == (g, d)


def test_salimans():
    """Each weight-normalised row has a length beside its direction; softplus layers have batch norm and no biases."""
    g = 100 * 500 + 500 * 500 + 2 * (2 * 500) + (500 + 2) * 784
    widths = [784, 1000, 500, 250, 250, 250, 10]
    d = sum((a + 2) * b for a, b in pairwise(widths))
    assert (count(nets.SoftplusGenerator(100, (1, 28, 28))), count(nets.NoisyMLPCritic((1, 28, 28), 10))) == (g, d)


def test_conditional_gan():
    g = (100 + 1) * 200 + (10 + 1) * 1000 + (1200 + 1) * 1200 + (1200 + 1) * 784
    d = (784 + 1) * 240 * 5 + (10 + 1) * 50 * 5 + (240 + 50 + 1) * 240 * 4 + 240 + 1
    assert (count(nets.CGANGenerator()), count(nets.CGANCritic())) == (g, d)


def test_dcgan_at_64_pixels():
    """4x4 kernels without bias, and a gain and a bias per normalised channel."""
    g_convolutions = 4 * 4 * (100 * 512 + 512 * 256 + 256 * 128 + 128 * 64 + 64 * 3)
    d_convolutions = 4 * 4 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512 * 1)
    g = g_convolutions + 2 * (512 + 256 + 128 + 64)
    d = d_convolutions + 2 * (128 + 256 + 512)
    assert (g, d) == (3_576_704, 2_765_568)
    assert count(nets.DCGANGenerator(z_dim=100, size=64, channels=3)) == g
    assert count(nets.DCGANCritic(size=64, channels=3)) == d


@pytest.mark.parametrize("norm", ["group", "layer"])
def test_norms_that_see_one_sample_have_as_many_parameters_as_batch_norm(norm):
    assert count(nets.DCGANCritic(size=64, channels=3, norm=norm)) == 2_765_568


def test_dcgan_without_norm_has_biases_instead():
    critic = count(nets.DCGANCritic(size=64, channels=3, norm="none"))
    assert critic == 2_765_568 - 2 * (128 + 256 + 512) + (64 + 128 + 256 + 512 + 1)


R3GAN = {
    "StackedMNIST": ((768,) * 4, 16, 0, 20_732_160, 20_683_776),
    "CIFAR-10": ((768,) * 4, 16, 10, 20_781_952, 21_280_512),
    "FFHQ-256": ((768,) * 4 + (384, 192, 96), 16, 0, 23_057_952, 23_009_568),
    "FFHQ-64": ((768,) * 4 + (384,), 16, 0, 22_429_824, 22_381_440),
    "ImageNet-32": ((1536,) * 4, 32, 1000, 82_914_304, 86_548_992),
    "ImageNet-64": ((1536,) * 5, 32, 1000, 103_570_432, 107_205_120),
}


@pytest.mark.parametrize("name", R3GAN)
def test_r3gan(name):
    """The paper's table 9. ImageNet's 96 groups on 3072 channels are groups of 32."""
    widths, group_size, classes, g, d = R3GAN[name]
    embedding = 64 if classes else 0
    generator = nets.R3GANGenerator(64 + embedding, widths, 2, 3, group_size)
    critic = nets.R3GANCritic(widths, 2, 3, group_size, outputs=widths[0] if classes else 1)
    if classes:
        generator = nets.LabelledGenerator(generator, classes, embedding)
        critic = nets.LabelDotCritic(critic, classes, widths[0])
    assert (count(generator), count(critic)) == (g, d)
    x = generator(torch.empty(2, 64), *([torch.zeros(2, dtype=torch.int64)] if classes else []))
    assert x.shape == (2, 3, 4 * 2 ** (len(widths) - 1), 4 * 2 ** (len(widths) - 1))


def test_vae_of_kingma_and_welling():
    assert count(nets.mlp_encoder((1, 28, 28), z_dim=20)) == (784 + 1) * 500 + (500 + 1) * 2 * 20
    assert count(nets.mlp_decoder(20, (1, 28, 28))) == (20 + 1) * 500 + (500 + 1) * 784


def test_began_at_64_pixels():
    n, code = 128, 64
    square = 9 * n * n + n
    decoder = (code + 1) * 8 * 8 * n + 4 * 2 * square + 9 * n * 3 + 3
    wider = sum(9 * i * n * (i + 1) * n + 9 * (i + 1) ** 2 * n * n + 2 * (i + 1) * n for i in (1, 2, 3))
    strided = sum(9 * i * i * n * n + i * n for i in (1, 2, 3))
    encoder = 9 * 3 * n + n + 2 * square + wider + strided + 8 * 8 * 4 * n * code + code
    assert count(nets.BEGANDecoder(code, 64, 3, n)) == decoder
    assert count(nets.BEGANAutoencoder(64, 3, n, code)) == encoder + decoder

"""Parameter counts of ProGAN and the StyleGANs at their published sizes, on the meta device."""

from itertools import pairwise

import pytest
import torch

from saddle.data.spec import Spec
from saddle.networks import ProGANCritic, ProGANGenerator
from saddle.recipes.deep import progan, stylegan, stylegan2

AT_1024 = [512] * 4 + [256, 128, 64, 32, 16]
"""4x4 first, 32x32 the last of 512: min(8192 / 2^stage, 512)."""


def count(net):
    return sum(p.numel() for p in net.parameters())


@pytest.fixture(autouse=True)
def _meta():
    with torch.device("meta"):
        yield


def pairs(widths):
    return list(pairwise(widths))


def test_progan_at_1024_pixels():
    """By hand from the paper's table 2, which says 23.1 million each; image layers of all nine sizes."""
    G, D = progan.networks(progan.PRESETS["published"], Spec(3, 1024))
    dense = 512 * 8192 + 512
    pair = sum(9 * i * o + o + 9 * o * o + o for i, o in pairs(AT_1024))
    images = sum(3 * c + 3 for c in AT_1024)
    assert count(G) == dense + 9 * 512 * 512 + 512 + pair + images == 23_079_115
    down = sum(9 * i * i + i + 9 * i * o + o for o, i in pairs(AT_1024))
    end = 9 * 513 * 512 + 512 + 8192 * 512 + 512 + 512 + 1
    assert count(D) == down + end + sum(4 * c for c in AT_1024) == 23_087_249
    assert round(count(G) / 1e6, 1) == round(count(D) / 1e6, 1) == 23.1


def test_stylegan_at_1024_pixels():
    """The paper's section 2: 26.2 million, against 23.1 in the traditional generator."""
    G, D = stylegan.networks(stylegan.PRESETS["published"], Spec(3, 1024))
    mapping = 8 * (512 * 512 + 512)
    convolutions = 9 * 512 * 512 + sum(9 * i * o + 9 * o * o for i, o in pairs(AT_1024))
    layers = 2 * sum(2 * c + 512 * 2 * c + 2 * c for c in AT_1024)  # noise and bias, affine
    assert count(G) == mapping + 512 * 16 + convolutions + layers + sum(3 * c + 3 for c in AT_1024) == 26_219_627
    assert round(count(G) / 1e6, 1) == 26.2
    assert count(D) == 23_087_249


def test_stylegan2_at_256_pixels():
    """FFHQ-256 as R3GAN's configuration A: 24.767 and 24.001 million in its table 2."""
    G, D = stylegan2.networks(stylegan2.PRESETS["ffhq-256"], Spec(3, 256), 0)
    assert (count(G), count(D)) == (24_767_458, 24_001_089)


def test_stylegan2_at_1024_pixels():
    """Configuration F, by hand: twice as wide as ProGAN from 64 pixels up."""
    widths = [512] * 5 + [256, 128, 64, 32]
    G, D = stylegan2.networks(stylegan2.PRESETS["published"], Spec(3, 1024), 0)
    mapping = 8 * (512 * 512 + 512)

    def layer(i, o):
        return 512 * i + i + 9 * i * o + 1 + o  # affine, weights, noise, bias

    convolutions = layer(512, 512) + sum(layer(i, o) + layer(o, o) for i, o in pairs(widths))
    images = sum(512 * c + c + 3 * c + 3 for c in widths)
    assert count(G) == mapping + 512 * 16 + convolutions + images == 30_370_060
    blocks = sum(9 * i * i + i + 9 * i * o + o + i * o for o, i in pairs(widths))
    assert count(D) == 4 * 32 + blocks + 9 * 513 * 512 + 512 + 8192 * 512 + 512 + 513 == 29_012_513


def test_the_cifar_size_of_progan():
    """At most 128 channels at 32 pixels."""
    widths = [128] * 4
    assert count(ProGANGenerator(128, widths, 3)) == 128 * 2048 + 128 + 7 * (9 * 128 * 128 + 128) + 4 * (3 * 128 + 3)
    end = 9 * 129 * 128 + 128 + 2048 * 128 + 128 + 129
    assert count(ProGANCritic(widths, 3)) == 6 * (9 * 128 * 128 + 128) + end + 4 * 4 * 128

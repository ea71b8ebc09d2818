"""The two networks of a variational autoencoder: x -> a diagonal Gaussian over z, and z -> logits of pixels.

Source: Kingma and Welling 2014, section 5 and appendix C, arXiv:1312.6114.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from saddle.networks.autoencoder import ConvDecoder, ConvEncoder
from saddle.networks.layers import Reshape, normal_weights

__all__ = ["GaussianEncoder", "conv_decoder", "conv_encoder", "mlp_decoder", "mlp_encoder"]


class GaussianEncoder(nn.Module):
    """x (N, ...) -> mean (N, z_dim), log variance (N, z_dim) of q(z | x), a Gaussian with independent coordinates.

    Args:
        net: x (N, ...) -> (N, 2 z_dim); the first half is read as the mean, the second as the log variance.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = torch.chunk(self.net(x), 2, dim=1)
        return mean, log_variance


def mlp_encoder(shape: Sequence[int], z_dim: int, hidden: int = 500) -> GaussianEncoder:
    """Kingma and Welling's encoder: one tanh layer. For images of any size, and for points.

    Args:
        shape: of one sample: (C, S, S) or (d,).
        z_dim: length of a latent row; 2 to 200 in the paper.
        hidden: width of the tanh layer; 500 for MNIST.

    Weights N(0, 0.01), which is a standard deviation of 0.1, and zero biases.

    >>> mean, log_variance = mlp_encoder((1, 28, 28), z_dim=2)(torch.zeros(5, 1, 28, 28))
    >>> mean.shape, log_variance.shape
    (torch.Size([5, 2]), torch.Size([5, 2]))
    """
    net = nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), hidden), nn.Tanh(), nn.Linear(hidden, 2 * z_dim))
    normal_weights(net, std=0.1)
    return GaussianEncoder(net)


def mlp_decoder(z_dim: int, shape: Sequence[int], hidden: int = 500) -> nn.Module:
    """Kingma and Welling's decoder: one tanh layer, z (N, z_dim) -> (N, *shape), unbounded.

    The output is the logits of pixels in [0, 1] under a Bernoulli likelihood; for points it serves as the mean of a
    Gaussian one. The arguments and the initialisation are ``mlp_encoder``'s.
    """
    net = nn.Sequential(nn.Linear(z_dim, hidden), nn.Tanh(), nn.Linear(hidden, math.prod(shape)), Reshape(*shape))
    normal_weights(net, std=0.1)
    return net


def conv_encoder(size: int, channels: int, z_dim: int, width: int = 64, norm: str = "group") -> GaussianEncoder:
    """A convolutional encoder, ``ConvEncoder`` with 2 z_dim outputs.

    Args:
        size: side of the images in pixels, a power of two from 8 up.
        channels: of the images.
        z_dim: length of a latent row.
        width: channels of the first map.
        norm: a name from ``normalise.NORMS``; with "batch" a sample's bound would depend on its batch.
    Raises:
        ValueError: a size or a norm that is not offered.
    """
    return GaussianEncoder(ConvEncoder(size, channels, width, 2 * z_dim, norm))


def conv_decoder(z_dim: int, size: int, channels: int, width: int = 64, norm: str = "group") -> nn.Module:
    """A convolutional decoder, ``ConvDecoder`` without the tanh: z (N, z_dim) -> logits (N, channels, size, size).

    The arguments and errors are ``conv_encoder``'s.
    """
    return ConvDecoder(z_dim, size, channels, width, norm, bounded=False)

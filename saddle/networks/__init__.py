"""What the players are: generators, critics and autoencoders, one architecture a file."""

from saddle.networks.attention import SelfAttention
from saddle.networks.augmented import Augmented
from saddle.networks.autoencoder import (
    Autoencoder,
    BEGANAutoencoder,
    BEGANDecoder,
    BEGANEncoder,
    ConvAutoencoder,
    ConvDecoder,
    ConvEncoder,
    MLPAutoencoder,
)
from saddle.networks.cgan_mlp import CGANCritic, CGANGenerator
from saddle.networks.condition import LabelDotCritic, LabelledCritic, LabelledGenerator
from saddle.networks.dcgan import DCGANCritic, DCGANGenerator
from saddle.networks.edges import ExitConv
from saddle.networks.instance_noise import InstanceNoise
from saddle.networks.layers import normal_weights
from saddle.networks.maxout import GoodfellowGenerator, Maxout, MaxoutCritic
from saddle.networks.minibatch import MinibatchDiscrimination, MinibatchStdDev
from saddle.networks.mlp import MLPCritic, MLPGenerator
from saddle.networks.normalise import NORMS
from saddle.networks.packing import Packed, pack, unpack
from saddle.networks.reference_norm import Referenced, ReferenceNorm, VirtualNorm, referenced
from saddle.networks.resample import Down2, Up2
from saddle.networks.residual import R3GANCritic, R3GANGenerator
from saddle.networks.spectral import SpectralNorm, spectral_norm
from saddle.networks.vae import GaussianEncoder, conv_decoder, conv_encoder, mlp_decoder, mlp_encoder

__all__ = [
    "NORMS",
    "Augmented",
    "Autoencoder",
    "BEGANAutoencoder",
    "BEGANDecoder",
    "BEGANEncoder",
    "CGANCritic",
    "CGANGenerator",
    "ConvAutoencoder",
    "ConvDecoder",
    "ConvEncoder",
    "DCGANCritic",
    "DCGANGenerator",
    "Down2",
    "ExitConv",
    "GaussianEncoder",
    "GoodfellowGenerator",
    "InstanceNoise",
    "LabelDotCritic",
    "LabelledCritic",
    "LabelledGenerator",
    "MLPAutoencoder",
    "MLPCritic",
    "MLPGenerator",
    "Maxout",
    "MaxoutCritic",
    "MinibatchDiscrimination",
    "MinibatchStdDev",
    "Packed",
    "R3GANCritic",
    "R3GANGenerator",
    "ReferenceNorm",
    "Referenced",
    "SelfAttention",
    "SpectralNorm",
    "Up2",
    "VirtualNorm",
    "conv_decoder",
    "conv_encoder",
    "mlp_decoder",
    "mlp_encoder",
    "normal_weights",
    "pack",
    "referenced",
    "spectral_norm",
    "unpack",
]

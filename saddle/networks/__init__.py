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
from saddle.networks.biggan import BigGANGenerator
from saddle.networks.cgan_mlp import CGANCritic, CGANGenerator
from saddle.networks.condition import EqualLabelDotCritic, LabelDotCritic, LabelledCritic, LabelledGenerator
from saddle.networks.dcgan import DCGANCritic, DCGANGenerator
from saddle.networks.edges import ExitConv
from saddle.networks.fused import DownConv, UpConv
from saddle.networks.heads import ClassCritic, Critics, Headed, overheard, with_head
from saddle.networks.instance_noise import InstanceNoise
from saddle.networks.joint import Bidirectional, JointCritic
from saddle.networks.layers import normal_weights, orthogonal_weights
from saddle.networks.maxout import GoodfellowGenerator, Maxout, MaxoutCritic
from saddle.networks.metz import DigitsCritic, DigitsGenerator, RingCritic, RingGenerator
from saddle.networks.minibatch import MinibatchDiscrimination, MinibatchStdDev
from saddle.networks.mixture import MixtureGenerator
from saddle.networks.mlp import MLPCritic, MLPGenerator
from saddle.networks.noisy_mlp import NoisyMLPCritic, SoftplusGenerator, WeightNormLinear
from saddle.networks.normalise import NORMS, ConditionalBatchNorm
from saddle.networks.pacgan import PacGANCritic, PacGANGenerator
from saddle.networks.packing import Packed, pack, unpack
from saddle.networks.pairs import PAIRS, Pair
from saddle.networks.progan import ProGANCritic, ProGANGenerator
from saddle.networks.reference_norm import Referenced, ReferenceNorm, VirtualNorm, referenced
from saddle.networks.resample import Down2, Up2
from saddle.networks.residual import R3GANCritic, R3GANGenerator
from saddle.networks.resnet_gan import ProjectionCritic, ResNetCritic, ResNetGenerator
from saddle.networks.spectral import SpectralNorm, spectral_norm
from saddle.networks.stylegan import StyleGANSynthesis
from saddle.networks.stylegan2 import StyleGAN2Critic, StyleGAN2Synthesis
from saddle.networks.styles import LabelledMapping, Mapping, StyleGenerator
from saddle.networks.vae import GaussianEncoder, conv_decoder, conv_encoder, mlp_decoder, mlp_encoder

__all__ = [
    "NORMS",
    "PAIRS",
    "Augmented",
    "Autoencoder",
    "BEGANAutoencoder",
    "BEGANDecoder",
    "BEGANEncoder",
    "Bidirectional",
    "BigGANGenerator",
    "CGANCritic",
    "CGANGenerator",
    "ClassCritic",
    "ConditionalBatchNorm",
    "ConvAutoencoder",
    "ConvDecoder",
    "ConvEncoder",
    "Critics",
    "DCGANCritic",
    "DCGANGenerator",
    "DigitsCritic",
    "DigitsGenerator",
    "Down2",
    "DownConv",
    "EqualLabelDotCritic",
    "ExitConv",
    "GaussianEncoder",
    "GoodfellowGenerator",
    "Headed",
    "InstanceNoise",
    "JointCritic",
    "LabelDotCritic",
    "LabelledCritic",
    "LabelledGenerator",
    "LabelledMapping",
    "MLPAutoencoder",
    "MLPCritic",
    "MLPGenerator",
    "Mapping",
    "Maxout",
    "MaxoutCritic",
    "MinibatchDiscrimination",
    "MinibatchStdDev",
    "MixtureGenerator",
    "NoisyMLPCritic",
    "PacGANCritic",
    "PacGANGenerator",
    "Packed",
    "Pair",
    "ProGANCritic",
    "ProGANGenerator",
    "ProjectionCritic",
    "R3GANCritic",
    "R3GANGenerator",
    "ReferenceNorm",
    "Referenced",
    "ResNetCritic",
    "ResNetGenerator",
    "RingCritic",
    "RingGenerator",
    "SelfAttention",
    "SoftplusGenerator",
    "SpectralNorm",
    "StyleGAN2Critic",
    "StyleGAN2Synthesis",
    "StyleGANSynthesis",
    "StyleGenerator",
    "Up2",
    "UpConv",
    "VirtualNorm",
    "WeightNormLinear",
    "conv_decoder",
    "conv_encoder",
    "mlp_decoder",
    "mlp_encoder",
    "normal_weights",
    "orthogonal_weights",
    "overheard",
    "pack",
    "referenced",
    "spectral_norm",
    "unpack",
    "with_head",
]

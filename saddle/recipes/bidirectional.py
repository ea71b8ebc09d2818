"""What the games of inference share: a generator with an encoder, and a critic of pairs (x, z)."""

from dataclasses import dataclass, replace

from torch import Tensor, nn

from saddle.config import require
from saddle.data.spec import Spec
from saddle.game import Game, Loss, Nets
from saddle.networks import Bidirectional, ConvEncoder, DCGANCritic, GaussianEncoder, JointCritic, MLPCritic
from saddle.recipes import common

__all__ = ["Inference", "assemble", "gaussian", "plain", "players"]


@dataclass(frozen=True)
class Inference(common.Adversarial):
    """Settings of a game of generator and encoder against a critic of pairs."""

    z_dim: int = 64
    """Dimensions of the latent vector z ~ N(0, I), and of a sample's code; 2 suits points in the plane."""
    network: str = "auto"
    """All three networks: dcgan (images), mlp, or auto: dcgan for images of 16 pixels or more, else mlp."""
    hidden: int = 128
    """Units in each hidden layer of the mlp networks, and of the critic's layers that see x and z together."""


def plain(config: Inference, spec: Spec) -> nn.Module:
    """x -> z (N, z_dim): EBGAN's strided convolutions beside DCGAN's generator, else leaky ReLU layers."""
    return _encoder(config, spec, config.z_dim)


def gaussian(config: Inference, spec: Spec) -> GaussianEncoder:
    """x -> mean and log variance of z, by the same networks as `plain`."""
    return GaussianEncoder(_encoder(config, spec, 2 * config.z_dim))


def players(config: Inference, spec: Spec, encoder: nn.Module) -> tuple[Bidirectional, nn.Module]:
    """The generator with its encoder, and the critic of pairs, with what the settings' remedies do to G and D.

    Raises:
        ValueError: networks without a form for pairs.
    """
    kind = _kind(config, spec)
    if kind == "mlp":
        tower: nn.Module = MLPCritic(spec.shape, (config.hidden,) * config.layers, outputs=config.hidden)
    else:
        tower = DCGANCritic(spec.size, spec.channels, config.width, outputs=config.hidden)
    G, D = common.generator(config, spec), JointCritic(tower, config.z_dim, config.hidden)
    G, treated = common.treated(config, spec, G, D)
    return Bidirectional(G, encoder), treated


def assemble(config: Inference, GE: Bidirectional, D: nn.Module, critic_loss: Loss, generator_loss: Loss) -> Game:
    """Algorithm 1, in which a sample is judged beside its code and reconstructed from it."""

    def both(nets: Nets) -> Bidirectional:
        net = nets["G"]
        assert isinstance(net, Bidirectional)
        return net

    def score(nets: Nets, x: Tensor, y: Tensor | None) -> Tensor:
        logits: Tensor = nets["D"](x, both(nets).encode(x))
        return logits

    game = common.adversaries(config, GE, D, critic_loss, generator_loss, score=score)
    assert game.sampler is not None
    game.sampler = replace(game.sampler, reconstruct=lambda nets, x: both(nets).reconstruct(x))
    return game


def _kind(config: Inference, spec: Spec) -> str:
    name = common.network_of(config, spec)
    require(
        name in ("mlp", "dcgan"), "network", name, "mlp or dcgan: this critic judges pairs of a sample and its code"
    )
    return name


def _encoder(config: Inference, spec: Spec, outputs: int) -> nn.Module:
    if _kind(config, spec) == "mlp":
        return MLPCritic(spec.shape, (config.hidden,) * config.layers, outputs)
    return ConvEncoder(spec.size, spec.channels, config.width, outputs)

"""Inference beside generation: a generator with an encoder, and a critic of pairs (x, z).

Source: Dumoulin et al. 2017 (ALI), arXiv:1606.00704; Donahue et al. 2017 (BiGAN), arXiv:1605.09782.
"""

import torch
from torch import Tensor, nn

from saddle.networks.layers import he_linear
from saddle.networks.vae import GaussianEncoder

__all__ = ["Bidirectional", "JointCritic"]


class Bidirectional(nn.Module):
    """z (N, z_dim) -> x by the generator, and back by the encoder: two networks that move as one player.

    Args:
        generator: z -> x.
        encoder: x -> z (N, z_dim), or a `GaussianEncoder`, which gives a mean and a log variance.
    """

    def __init__(self, generator: nn.Module, encoder: nn.Module) -> None:
        super().__init__()
        self.generator, self.encoder = generator, encoder

    def forward(self, z: Tensor) -> Tensor:
        x: Tensor = self.generator(z)
        return x

    def encode(self, x: Tensor) -> Tensor:
        """The z of a sample: the mean, where the encoder is a Gaussian."""
        found = self.encoder(x)
        z: Tensor = found[0] if isinstance(self.encoder, GaussianEncoder) else found
        return z.reshape(len(x), -1)  # (N, z_dim)

    def draw(self, x: Tensor, rng: torch.Generator) -> Tensor:
        """A draw of z for each sample: mean + sigma * noise where the encoder is a Gaussian, else `encode`."""
        if not isinstance(self.encoder, GaussianEncoder):
            return self.encode(x)
        mean, log_variance = self.encoder(x)
        noise = torch.randn(mean.shape, generator=rng, device=rng.device)
        z: Tensor = mean + (log_variance / 2).exp() * noise
        return z  # (N, z_dim)

    def reconstruct(self, x: Tensor) -> Tensor:
        """What the generator makes of a sample's z, G(E(x))."""
        return self.forward(self.encode(x))


class JointCritic(nn.Module):
    """x (N, ...), z (N, z_dim) -> logits (N,) of pairs: a tower for each, and two layers that see both.

    Args:
        tower: x -> (N, hidden).
        z_dim: length of a latent row.
        hidden: outputs of the towers and units of the joint layer, with LeakyReLU 0.2.

    Source: the shape of ALI's critic for images, arXiv:1606.00704, appendix; the layers are initialised with
    ``layers.he_linear``.
    """

    def __init__(self, tower: nn.Module, z_dim: int, hidden: int) -> None:
        super().__init__()
        gain = nn.init.calculate_gain("leaky_relu", 0.2)
        self.from_x = nn.Sequential(tower, nn.LeakyReLU(0.2))
        self.from_z = nn.Sequential(he_linear(z_dim, hidden, gain), nn.LeakyReLU(0.2))
        self.joint = nn.Sequential(he_linear(2 * hidden, hidden, gain), nn.LeakyReLU(0.2))
        self.to_logit = he_linear(hidden, 1, gain=1.0)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        h = self.joint(torch.cat([self.from_x(x), self.from_z(z)], dim=1))  # (N, hidden)
        logits: Tensor = self.to_logit(h)
        return logits.squeeze(1)

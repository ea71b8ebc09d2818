r"""Relativistic pairing losses: the critic compares one real with one generated sample instead of judging each alone.

Only the difference ``D(x) - D(G(z))`` counts, so the losses are not separable: smoothing one side has no meaning here.
"""

import torch.nn.functional as F
from torch import Tensor

from saddle.config import require

__all__ = ["relativistic_critic", "relativistic_generator"]


def relativistic_critic(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    r"""Critic of the pairing game, E[softplus(-(D(x) - D(G(z))))]: -log of the probability to tell which one is real.

    Args:
        real: critic logits of real samples, any shape.
        fake: critic logits of generated samples, the same shape; the i-th real sample is paired with the i-th fake.
    Returns:
        ``pair``, a scalar in (0, inf), in nats; log 2 for a critic that cannot tell.
    Raises:
        ValueError: the shapes differ.
    Source: Jolicoeur-Martineau 2018, arXiv:1807.00734; as in R3GAN, Huang et al. 2024, arXiv:2501.05441.

    >>> import torch
    >>> relativistic_critic(torch.tensor([3.0, 7.0]), torch.tensor([3.0, 7.0]))
    {'pair': tensor(0.6931)}
    """
    return {"pair": F.softplus(-_margin(real, fake)).mean()}


def relativistic_generator(real: Tensor, fake: Tensor) -> Tensor:
    r"""Generator of the pairing game, E[softplus(-(D(G(z)) - D(x)))]: the critic's loss with the samples exchanged.

    Args:
        real: critic logits of real samples, any shape.
        fake: critic logits of generated samples, the same shape.
    Returns:
        Scalar in (0, inf), in nats.
    Raises:
        ValueError: the shapes differ.
    Source: Huang et al. 2024 (R3GAN), arXiv:2501.05441, in the non-saturating form of its training code.

    >>> import torch
    >>> relativistic_generator(torch.tensor([0.0]), torch.tensor([2.0]))
    tensor(0.1269)
    """
    return F.softplus(_margin(real, fake)).mean()


def _margin(real: Tensor, fake: Tensor) -> Tensor:
    shapes = (tuple(real.shape), tuple(fake.shape))
    require(real.shape == fake.shape, "shapes of real and fake", shapes, "equal ones, one fake for each real")
    return real - fake

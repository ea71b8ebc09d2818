r"""Adversarial inference: generator and encoder together against a critic of pairs (x, z).

The critic's "real" pairs are (x, E(x)) with x from the data, its "generated" ones (G(z), z) with z from the prior; it
minimises :func:`~saddle.objectives.adversarial.minimax_critic`, or another separable loss. Where the two kinds have one
distribution, G and E are each other's inverse.
"""

from torch import Tensor

from saddle.objectives.adversarial import non_saturating_generator

__all__ = ["inference_generator"]


def inference_generator(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    r"""Generator and encoder, -E[log(1 - D(x, E(x)))] - E[log D(G(z), z)]: the critic's loss with the kinds exchanged.

    Args:
        real: critic logits of pairs of real samples and their codes, any shape.
        fake: critic logits of pairs of generated samples and the codes they are made of, any shape.
    Returns:
        ``encoder``, which moves E, and ``adversarial``, which moves G: scalars in (0, inf), in nats.
    Source: Dumoulin et al. 2017, algorithm 1, arXiv:1606.00704; Donahue et al. 2017, arXiv:1605.09782.

    >>> import torch
    >>> inference_generator(torch.zeros(4), torch.zeros(4))
    {'encoder': tensor(0.6931), 'adversarial': tensor(0.6931)}
    """
    return {"encoder": non_saturating_generator(-real), "adversarial": non_saturating_generator(fake)}

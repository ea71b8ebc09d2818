r"""Training with labels: a critic with a class for each label and one more for generated samples; and many generators.

A critic with K outputs l_1 .. l_K is one with K + 1 classes whose last logit is fixed at 0, since a softmax has a logit
to spare: p(k|x) = exp(l_k) / (1 + Z) and p(K+1|x) = 1 / (1 + Z), Z = sum_k exp(l_k). "Real" is thus a logit of its own,

    a(x) = log Z = logsumexp(l),   D(x) = 1 - p(K+1|x) = sigmoid(a),

and every separable loss of `saddle.objectives.adversarial` can be taken of it.
"""

import torch.nn.functional as F
from torch import Tensor

from saddle.config import require
from saddle.data.spec import checked
from saddle.objectives.adversarial import minimax_critic

__all__ = ["generator_identity", "real_logit", "semi_supervised_critic", "supervised"]


def real_logit(logits: Tensor) -> Tensor:
    r"""The logit of being real, a = log sum_k exp(l_k), of a critic with K classes.

    Args:
        logits: (N, K).
    Returns:
        (N,). The generator's loss is taken of it, or `feature_matching`, which the paper finds to serve the classifier.
    Raises:
        ValueError: ``logits`` is no matrix.
    Source: Salimans et al. 2016, section 5, arXiv:1606.03498.

    >>> real_logit(torch.zeros(1, 10)).sigmoid()  # ten of eleven equal classes are real
    tensor([0.9091])
    """
    require(logits.dim() == 2, "logits.shape", tuple(logits.shape), "(N, K), a column for each class")
    return logits.logsumexp(1)


def supervised(logits: Tensor, y: Tensor) -> Tensor:
    r"""Cross-entropy of the label among the real classes, -E[log p(y | x, y <= K)] = E[log sum_k exp(l_k) - l_y].

    Args:
        logits: of labelled real samples, (N, K).
        y: labels, (N,) int64 in [0, K).
    Returns:
        Scalar in [0, inf), in nats; log K for a critic that cannot tell.
    Raises:
        ValueError: not one label for each row, or one outside [0, K).
    Source: Salimans et al. 2016, section 5, arXiv:1606.03498.

    >>> supervised(torch.zeros(3, 10), torch.tensor([0, 4, 9]))  # log 10
    tensor(2.3026)
    """
    require(logits.dim() == 2 and y.shape == logits.shape[:1], "y.shape", tuple(y.shape), "a label for each row")
    return F.cross_entropy(logits, checked(y, logits.shape[1]))


def semi_supervised_critic(labelled: Tensor, y: Tensor, unlabelled: Tensor, fake: Tensor) -> dict[str, Tensor]:
    r"""Critic with K + 1 classes: `supervised` on labelled samples, and real against generated on the others.

    -E[log p(y|x, y <= K)] - E[log(1 - p(K+1|x))] - E[log p(K+1|G(z))], the last two being `minimax_critic` of a.

    Args:
        labelled: logits of labelled real samples, (L, K).
        y: their labels, (L,) int64 in [0, K).
        unlabelled: logits of real samples whose labels are not used, (N, K).
        fake: logits of generated samples, (M, K).
    Returns:
        ``supervised``, ``real`` and ``fake``, scalars in [0, inf), in nats.
    Raises:
        ValueError: shapes or labels that do not fit.
    Source: Salimans et al. 2016, section 5, arXiv:1606.03498.

    >>> zero = torch.zeros(2, 1)  # one class: the original critic
    >>> semi_supervised_critic(zero, torch.tensor([0, 0]), zero, zero)
    {'supervised': tensor(0.), 'real': tensor(0.6931), 'fake': tensor(0.6931)}
    """
    return {"supervised": supervised(labelled, y)} | minimax_critic(real_logit(unlabelled), real_logit(fake))


def generator_identity(logits: Tensor, which: Tensor) -> Tensor:
    r"""MGAN's term for classifier and generators, -E[log C_k(G_k(z))]: which of K generators made a sample?

    The classifier minimises it, and so do the generators, with a weight beta: they help it by making different things.

    Args:
        logits: of the classifier on generated samples, (N, K).
        which: the generator of each sample, (N,) int64 in [0, K).
    Returns:
        Scalar in [0, inf), in nats, before the weight; log K when all generators make the same.
    Raises:
        ValueError: not one index for each row, or one outside [0, K).
    Source: Hoang et al. 2018 (MGAN), section 3, arXiv:1708.02556.

    >>> generator_identity(torch.zeros(4, 4), torch.arange(4))  # log 4
    tensor(1.3863)
    """
    return supervised(logits, which)

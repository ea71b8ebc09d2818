r"""Energy-based losses of EBGAN and BEGAN: the critic is an autoencoder and its output a reconstruction error.

An energy is low for what the critic takes for real, so its sign is opposite to that of a logit. Energies are averaged
over all elements, whatever their shape.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from saddle.config import require

__all__ = [
    "began_balance",
    "began_convergence",
    "began_critic",
    "began_generator",
    "ebgan_critic",
    "ebgan_generator",
    "pull_away",
]


def ebgan_critic(real_energy: Tensor, fake_energy: Tensor, margin: float) -> dict[str, Tensor]:
    r"""Critic of EBGAN, E[D(x)] + E[max(0, m - D(G(z)))].

    Args:
        real_energy: reconstruction errors of real samples, any shape, >= 0.
        fake_energy: reconstruction errors of generated samples, any shape, >= 0.
        margin: m > 0, the energy beyond which a generated sample is let go, in the unit of the energies.
    Returns:
        ``real`` in [0, inf) and ``fake`` in [0, m].
    Raises:
        ValueError: ``margin`` is not positive.
    Source: Zhao et al. 2017, eq. 1, arXiv:1609.03126.

    >>> ebgan_critic(torch.tensor([0.5]), torch.tensor([1.0, 30.0]), margin=10.0)
    {'real': tensor(0.5000), 'fake': tensor(4.5000)}
    """
    require(margin > 0, "margin", margin, "an energy above 0")
    return {"real": real_energy.mean(), "fake": torch.relu(margin - fake_energy).mean()}


def ebgan_generator(fake_energy: Tensor) -> Tensor:
    r"""Generator of EBGAN, E[D(G(z))].

    Args:
        fake_energy: reconstruction errors of generated samples, any shape, >= 0.
    Returns:
        Scalar in [0, inf), in the unit of the energies.
    Source: Zhao et al. 2017, eq. 2, arXiv:1609.03126.

    >>> ebgan_generator(torch.tensor([1.0, 2.0]))
    tensor(1.5000)
    """
    return fake_energy.mean()


def pull_away(codes: Tensor) -> Tensor:
    r"""Pulling-away term, 1/(N (N - 1)) sum_{i != j} cos(s_i, s_j)^2: small when the codes of a batch are orthogonal.

    The generator adds it, weighted by 0.1 in the paper, so that its batch does not collapse to one direction.

    Args:
        codes: encoder outputs of one generated batch, (N, d), N >= 2. A zero code is orthogonal to everything.
    Returns:
        Scalar in [0, 1]: 0 for orthogonal codes, 1 for parallel ones.
    Raises:
        ValueError: ``codes`` is no matrix of at least two rows.
    Source: Zhao et al. 2017, section 2.4, arXiv:1609.03126.

    >>> pull_away(torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]]))  # one parallel pair of three
    tensor(0.3333)
    """
    require(codes.dim() == 2 and len(codes) >= 2, "codes.shape", tuple(codes.shape), "(N, d) with N at least 2")
    directions = F.normalize(codes, dim=1)  # (N, d)
    squared = (directions @ directions.T).square()  # (N, N)
    n = len(codes)
    return (squared.sum() - squared.diagonal().sum()) / (n * (n - 1))


def began_critic(real_energy: Tensor, fake_energy: Tensor, k: Tensor | float) -> dict[str, Tensor]:
    r"""Critic of BEGAN, L(x) - k_t L(G(z)).

    Args:
        real_energy: L1 reconstruction errors of real samples, any shape, >= 0.
        fake_energy: L1 reconstruction errors of generated samples, any shape, >= 0.
        k: the control variable in [0, 1], a scalar; see :func:`began_balance`.
    Returns:
        ``real`` in [0, inf) and ``fake`` in (-inf, 0].
    Source: Berthelot et al. 2017, section 3.4, arXiv:1703.10717.

    >>> began_critic(torch.tensor([2.0]), torch.tensor([3.0]), k=0.5)
    {'real': tensor(2.), 'fake': tensor(-1.5000)}
    """
    return {"real": real_energy.mean(), "fake": -k * fake_energy.mean()}


def began_generator(fake_energy: Tensor) -> Tensor:
    r"""Generator of BEGAN, L(G(z)).

    Args:
        fake_energy: L1 reconstruction errors of generated samples, any shape, >= 0.
    Returns:
        Scalar in [0, inf), in the unit of the energies.
    Source: Berthelot et al. 2017, section 3.4, arXiv:1703.10717.

    >>> began_generator(torch.tensor([1.0, 2.0]))
    tensor(1.5000)
    """
    return fake_energy.mean()


def began_balance(k: Tensor, real_energy: Tensor, fake_energy: Tensor, gamma: float, rate: float) -> Tensor:
    r"""The next control variable, k_{t+1} = clip(k_t + rate (gamma L(x) - L(G(z))), 0, 1). Proportional control.

    It steers towards E[L(G(z))] = gamma E[L(x)]: k grows while the generator is ahead of that, so that the critic
    spends more of its effort on telling samples apart.

    Args:
        k: the present value in [0, 1], a scalar; not changed.
        real_energy: L1 reconstruction errors of real samples, any shape; no gradient is taken through them.
        fake_energy: L1 reconstruction errors of generated samples, any shape; no gradient either.
        gamma: diversity ratio in [0, 1]; lower values give sharper and less varied samples. The paper uses 0.3 to 0.7.
        rate: gain > 0, called lambda_k in the paper, which uses 0.001.
    Returns:
        A new scalar in [0, 1], without graph.
    Raises:
        ValueError: ``gamma`` outside [0, 1] or ``rate`` not positive.
    Source: Berthelot et al. 2017, section 3.4, arXiv:1703.10717.

    >>> began_balance(torch.tensor(0.0), torch.tensor([2.0]), torch.tensor([0.5]), gamma=0.5, rate=0.1)
    tensor(0.0500)
    """
    require(0 <= gamma <= 1, "gamma", gamma, "a ratio in [0, 1]")
    require(rate > 0, "rate", rate, "a gain above 0")
    error = gamma * real_energy.detach().mean() - fake_energy.detach().mean()
    return (k.detach() + rate * error).clamp(0, 1)


def began_convergence(real_energy: Tensor, fake_energy: Tensor, gamma: float) -> Tensor:
    r"""BEGAN's global measure of convergence, M = L(x) + |gamma L(x) - L(G(z))|; lower is better.

    Args:
        real_energy: L1 reconstruction errors of real samples, any shape, >= 0.
        fake_energy: L1 reconstruction errors of generated samples, any shape, >= 0.
        gamma: diversity ratio in [0, 1].
    Returns:
        Scalar in [0, inf), in the unit of the energies; a quantity to watch, not to minimise.
    Raises:
        ValueError: ``gamma`` outside [0, 1].
    Source: Berthelot et al. 2017, section 3.4.1, arXiv:1703.10717.

    >>> began_convergence(torch.tensor([2.0]), torch.tensor([3.0]), gamma=0.5)
    tensor(4.)
    """
    require(0 <= gamma <= 1, "gamma", gamma, "a ratio in [0, 1]")
    real = real_energy.mean()
    return real + (gamma * real - fake_energy.mean()).abs()

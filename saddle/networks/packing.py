"""PacGAN: a critic that judges several samples at once, all real or all generated."""

from torch import Tensor, nn

from saddle.config import require

__all__ = ["Packed", "pack", "unpack"]


def pack(x: Tensor, m: int) -> Tensor:
    """m samples that follow each other become one with m times the channels, (N, C, ...) -> (N // m, m C, ...).

    The last N mod m samples, which fill no pack, are left out. Rows (N, d) become (N // m, m d).

    Args:
        x: samples in random order.
        m: samples in a pack, 1 or more.
    Raises:
        ValueError: ``m`` is below 1 or more than N.
    Source: Lin et al. 2018, section 2, arXiv:1712.04086.

    >>> pack(torch.arange(10).view(5, 2), 2)
    tensor([[0, 1, 2, 3],
            [4, 5, 6, 7]])
    """
    require(m >= 1, "m", m, "1 or more samples in a pack")
    require(len(x) >= m, "samples", len(x), f"{m} or more, which fill a pack")
    return x[: len(x) // m * m].reshape(len(x) // m, m * x.shape[1], *x.shape[2:])


def unpack(x: Tensor, m: int) -> Tensor:
    """The inverse of :func:`pack`, (N, m C, ...) -> (N m, C, ...).

    Raises:
        ValueError: the channels are not m times something.
    """
    require(m >= 1 and x.shape[1] % m == 0, "m", m, f"a divisor of the {x.shape[1]} channels of a pack")
    return x.reshape(len(x) * m, x.shape[1] // m, *x.shape[2:])


class Packed(nn.Module):
    """x (N, C, ...) -> critic(pack(x)): one output for each pack of m samples, (N // m, ...).

    Mode collapse is easier to see in m samples side by side than in one: the critic compares the product densities p^m
    and p_g^m. The generator is left as it is, its samples are packed like real ones, and a loss takes the mean over
    packs. The last N mod m samples are not looked at, so a batch that m divides wastes none.

    Args:
        critic: made for m C channels, or for m d dimensions.
        m: samples in a pack; 2 to 4 in the paper.
    Raises:
        ValueError: at construction if ``m`` is below 1; at a call with fewer than m samples.
    Source: Lin et al. 2018, arXiv:1712.04086.

    >>> Packed(nn.Linear(6, 1), m=3)(torch.zeros(10, 2)).shape
    torch.Size([3, 1])
    """

    def __init__(self, critic: nn.Module, m: int) -> None:
        super().__init__()
        require(m >= 1, "m", m, "1 or more samples in a pack")
        self.critic, self.m = critic, m

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.critic(pack(x, self.m))
        return out

"""How far raters agree beyond chance: Krippendorff's alpha and Fleiss' kappa."""

from collections.abc import Callable

import torch
from torch import Tensor

from saddle.config import require

__all__ = ["fleiss_kappa", "interval", "krippendorff_alpha", "nominal", "ordinal", "ratio"]

Difference = Callable[[Tensor, Tensor], Tensor]


def nominal(values: Tensor, counts: Tensor) -> Tensor:
    """0 for equal values, 1 for others: names."""
    return (values[:, None] != values).double()


def ordinal(values: Tensor, counts: Tensor) -> Tensor:
    """Square of how many ratings lie from one value to the other, half of those at each end: ranks."""
    up = counts.cumsum(0) - counts / 2  # (V,) middle rank of each value
    return (up[:, None] - up) ** 2


def interval(values: Tensor, counts: Tensor) -> Tensor:
    """Square of the difference: numbers."""
    return (values[:, None] - values) ** 2


def ratio(values: Tensor, counts: Tensor) -> Tensor:
    """Square of the difference over the sum: numbers of at least 0, with a true zero."""
    total = values[:, None] + values
    return torch.where(total > 0, (values[:, None] - values) / total.clamp(min=1e-300), torch.zeros_like(total)) ** 2


def krippendorff_alpha(ratings: Tensor, difference: Difference = nominal) -> float:
    r"""Agreement of any number of raters, with missing entries.

    $$\alpha = 1 - \frac{D_o}{D_e}, \quad
    D_o = \frac{1}{n}\sum_{c,k} o_{ck}\,\delta^2_{ck}, \quad
    D_e = \frac{1}{n(n-1)}\sum_{c,k} n_c n_k\,\delta^2_{ck}, \quad
    o_{ck} = \sum_u \frac{\text{pairs (c, k) in } u}{m_u - 1}$$

    Args:
        ratings: (R, U), a row a rater and a column an item; NaN where there is none. Items rated once are left out.
        difference: (values (V,) in rising order, their counts (V,)) -> delta² (V, V): `nominal`, `ordinal`,
            `interval`, `ratio`.
    Returns:
        1 for agreement, 0 as by chance, below 0 for systematic disagreement.
    Raises:
        ValueError: another shape, infinite entries, no item that two rated, or only one value ever given, which leaves
            alpha undefined.
    Source: Krippendorff 2011, Computing Krippendorff's Alpha-Reliability.

    >>> krippendorff_alpha(torch.tensor([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]))
    1.0
    """
    held = ratings.double()
    require(held.ndim == 2, "ratings", tuple(held.shape), "(raters, items)")
    require(not bool(held.isinf().any()), "ratings", "infinite", "finite numbers, NaN where missing")
    values = held[~held.isnan()].unique()  # (V,)
    given = (held[..., None] == values).double().sum(0)  # (U, V) how often each item got each value
    m = given.sum(1)
    given, m = given[m >= 2], m[m >= 2]
    require(len(m) >= 1, "ratings", "no item rated twice", "1 or more items that two raters rated")
    o = torch.einsum("uc,uk,u->ck", given, given, 1 / (m - 1))
    o -= torch.diag((given / (m - 1)[:, None]).sum(0))  # a rating is no pair with itself
    counts = o.sum(1)  # (V,)
    n = float(counts.sum())
    delta = difference(values, counts)
    expected = float((torch.outer(counts, counts) * delta).sum()) / (n * (n - 1))
    require(expected > 0, "ratings", "one value only", "2 or more values: without them agreement is undefined")
    return 1 - float((o * delta).sum()) / n / expected


def fleiss_kappa(counts: Tensor) -> float:
    r"""Agreement on names of a fixed number of raters an item.

    $$\kappa = \frac{\bar P - \bar P_e}{1 - \bar P_e}, \quad
    \bar P = \frac{1}{U}\sum_u \frac{\sum_k n_{uk}(n_{uk} - 1)}{m(m-1)}, \quad
    \bar P_e = \sum_k \Big(\frac{\sum_u n_{uk}}{U m}\Big)^2$$

    Args:
        counts: (U, K), how many raters put item u into category k; each row of the same sum m >= 2.
    Returns:
        1 for agreement, 0 as by chance.
    Raises:
        ValueError: another shape, unequal sums, or one category only.
    Source: Fleiss 1971, Psychological Bulletin 76.

    >>> fleiss_kappa(torch.tensor([[3.0, 0.0], [0.0, 3.0]]))
    1.0
    """
    n = counts.double()
    require(n.ndim == 2 and len(n) >= 1, "counts", tuple(n.shape), "(items, categories)")
    require(bool((n.isfinite() & (n >= 0)).all()), "counts", "negative or not finite", "numbers of at least 0")
    m = float(n[0].sum())
    require(m >= 2 and bool((n.sum(1) == m).all()), "counts", n.sum(1).tolist(), "the same number of raters, 2 or more")
    by_chance = float((n.sum(0) / n.sum()).square().sum())
    require(by_chance < 1, "counts", "one category only", "2 or more: without them agreement is undefined")
    observed = float((n * (n - 1)).sum()) / (len(n) * m * (m - 1))
    return (observed - by_chance) / (1 - by_chance)

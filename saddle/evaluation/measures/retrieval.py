"""Image retrieval performance: how near held-out real samples find something among the generated ones."""

from typing import Any

import torch
from scipy.stats import norm, wilcoxon
from torch import Tensor

from saddle.config import require
from saddle.evaluation.result import Interval, Result
from saddle.evaluation.study import Study

__all__ = ["closer", "nearest_distances", "relative_distance", "retrieval"]

DEEPEST = 5
"""Nearest neighbours looked at; the value takes the first."""

QUERIES = 1000
"""Held-out real samples that search, at most."""


def nearest_distances(queries: Tensor, among: Tensor, k: int = 1) -> Tensor:
    """Distances d_ij from each query i to its j-th nearest sample, j = 1 ... k.

    Args:
        queries: (n, d).
        among: (m, d).
        k: 1 to m.
    Returns:
        float64 (n, k), ascending: found in the expanded form, then computed again by subtraction.
    Raises:
        ValueError: k out of range.
    """
    require(1 <= k <= len(among), "k", k, f"1 to {len(among)}, the samples searched")
    queries, among = queries.double(), among.double()
    centre = among.mean(0)
    near = torch.cat(
        [torch.cdist(q - centre, among - centre).topk(k, largest=False).indices for q in queries.split(512)]
    )
    exact = [(queries - among[near[:, j]]).norm(dim=1) for j in range(k)]  # (n,) each
    return torch.stack(exact, 1).sort(1).values


def relative_distance(fake: Tensor, train: Tensor) -> tuple[float, Interval | None]:
    r"""How much farther the generated set is than a training set of the same size.

    dhat_j = (mean_i d_ij(fake) - mean_i d_ij(train)) / mean_i d_ij(train), and its interval over i by the influence
    function of a ratio, (d_ij(fake) - (dhat_j + 1) d_ij(train)) / mean_i d_ij(train).

    Args:
        fake: d_ij from held-out samples to their j-th nearest generated one, (n,).
        train: d_ij to their j-th nearest training sample, (n,).
    Returns:
        dhat_j in [-1, inf), and a 95 % interval; None for one held-out sample, or where dhat_j is infinite because
        all held-out samples are training samples.
    Source: Wang, Zhang and van de Weijer 2016, arXiv:1607.05387, section 3.

    >>> relative_distance(torch.tensor([1.1, 2.2]), torch.tensor([1.0, 2.0]))[0]
    0.100
    """
    fake, train = fake.double(), train.double()
    base = float(train.mean())
    if base == 0:
        return (0.0, None) if float(fake.mean()) == 0 else (float("inf"), None)
    found = float(fake.mean()) / base - 1
    if len(fake) < 2:
        return found, None
    influence = (fake - (found + 1) * train) / base
    reach = float(norm.ppf(0.975) * influence.std() / len(fake) ** 0.5)
    return found, (max(-1.0, found - reach), found + reach)


def closer(first: Tensor, second: Tensor) -> dict[str, Any]:
    """Wilcoxon's signed-rank test of which of two models comes nearer to the same held-out samples.

    Args:
        first: distances to the first model's nearest samples, (n,).
        second: to the second's, (n,).
    Returns:
        ``statistic`` W, the smaller sum of ranks; ``p_value``, two-sided, 1 where no distance differs;
        ``share_closer``, of samples nearer to the first, ties counted half.
    Source: Wang, Zhang and van de Weijer 2016, arXiv:1607.05387, measure 1; Wilcoxon 1945.
    """
    apart = (first - second).double()
    share = float((apart < 0).double().mean() + (apart == 0).double().mean() / 2)
    if not bool(apart.any()):
        return {"statistic": 0.0, "p_value": 1.0, "share_closer": share}
    found = wilcoxon(apart.numpy())
    return {"statistic": float(found.statistic), "p_value": float(found.pvalue), "share_closer": share}


def retrieval(study: Study) -> Result:
    """Adapter. Value: dhat_1 of the generated side; interval over held-out real samples.

    Details: ``by_neighbour``, dhat_j for j = 1 ... 5; mean distances; sizes; and for each rival its own dhat_1 and
    Wilcoxon's test between it and the generated side (``share_closer``: of held-out samples nearer to the latter).
    Copies of the training data score exactly 0: read it beside authenticity or C_T.
    """
    rng = study.rng("retrieval")
    fit, kept = study.half_features
    sets = {"train": fit, "fake": study.fake_features}
    rivals = {side.name: study.features_of(side).rows for side in study.rivals}
    m = min(map(len, (*sets.values(), *rivals.values())))  # distances shrink with size: compare equal sizes only

    def some(x: Tensor, n: int) -> Tensor:
        return x if len(x) <= n else x[torch.randperm(len(x), generator=rng)[:n]]

    queries, k = some(kept, QUERIES), min(DEEPEST, m)
    train, fake = (nearest_distances(queries, some(x, m), k) for x in sets.values())  # (n, k)
    value, interval = relative_distance(fake[:, 0], train[:, 0])
    against = {}
    for name, x in rivals.items():
        other = nearest_distances(queries, some(x, m))[:, 0]
        against[name] = {"value": relative_distance(other, train[:, 0])[0], **closer(fake[:, 0], other)}
    details = {
        "by_neighbour": [relative_distance(fake[:, j], train[:, j])[0] for j in range(k)],
        "mean_distance_fake": float(fake[:, 0].mean()),
        "mean_distance_train": float(train[:, 0].mean()),
        "queries": len(queries),
        "searched": m,
        "rivals": against,
        "interval_over": "held-out real samples",
    }
    return Result(value, interval, details)

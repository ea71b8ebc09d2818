"""Bins: golden z, p and divergences, null calibration, planted mode drops, precision-recall of distributions."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from saddle.evaluation.features import Identity
from saddle.evaluation.measures.bins import (
    benjamini_hochberg,
    bin_centres,
    f_beta,
    g_test,
    histogram,
    jensen_shannon,
    ndb,
    prd_curve,
    prd_scores,
    two_proportions,
)
from saddle.evaluation.side import Side
from saddle.evaluation.study import Study

P = torch.tensor([600, 600, 400, 400])
Q = torch.tensor([350, 280, 220, 150])


def blobs(n: int, modes: int, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    which = torch.randint(modes, (n,), generator=rng)
    return 10 * torch.eye(10, dtype=torch.float64)[which] + torch.randn(n, 10, generator=rng, dtype=torch.float64)


def study(real: Tensor, fake: Tensor) -> Study:
    return Study(Side.of_features(real), Side.of_features(fake), Identity())


@pytest.mark.proves("ndb", "golden")
def test_golden() -> None:
    z, chance = two_proportions(P, Q)
    assert z.tolist() == pytest.approx([-2.77528058, 1.13421753, -1.27532625, 3.33642405], rel=1e-8)
    assert chance.tolist() == pytest.approx([0.00551541, 0.25670331, 0.20219379, 0.00084864], rel=1e-5)
    assert int((chance < 0.05).sum()) == 2
    assert jensen_shannon(P, Q) == pytest.approx(0.003164960531948, rel=1e-9)


def test_bins_that_are_empty_differ_in_nothing() -> None:
    """The reference code gives NaN there."""
    z, chance = two_proportions(torch.tensor([0, 50, 0]), torch.tensor([0, 40, 10]))
    assert z[0] == 0.0
    assert chance[0] == 1.0
    assert bool(z.isfinite().all() and chance.isfinite().all())


def test_small_counts_get_the_exact_test() -> None:
    """Three of ten against none of twelve: hypergeometric, not normal."""
    chance = two_proportions(torch.tensor([3, 7]), torch.tensor([0, 12]))[1]
    exact = stats.hypergeom.pmf(3, 22, 3, 10)  # the other tail, 0 of 3 in the first set, is likelier than this
    assert chance.tolist() == pytest.approx([exact, exact], rel=1e-9)


def test_g_statistic_is_scipys_over_williams_correction() -> None:
    found = g_test(P, Q)
    expected = stats.chi2_contingency(torch.stack([P, Q]).numpy(), lambda_="log-likelihood")
    total, columns = 3000, (P + Q).double()
    williams = 1 + (1.5 + 3.0 - 1) * (total * float((1 / columns).sum()) - 1) / (6 * total * 3)
    assert found.statistic == pytest.approx(expected.statistic / williams, rel=1e-10)
    assert found.freedom == expected.dof == 3
    assert g_test(torch.tensor([5, 0]), torch.tensor([9, 0])).p_value == 1.0


def test_adjusted_p_values_are_scipys() -> None:
    chances = torch.rand(40, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) ** 2
    assert benjamini_hochberg(chances).tolist() == pytest.approx(
        stats.false_discovery_control(chances.numpy()).tolist()
    )


def test_p_values_are_uniform_under_the_null() -> None:
    """200 pairs of multinomial histograms of one law."""
    rng = np.random.default_rng(0)
    shares = np.full(10, 0.1)
    draws = [
        (torch.from_numpy(rng.multinomial(400, shares)), torch.from_numpy(rng.multinomial(300, shares)))
        for _ in range(200)
    ]
    omnibus = [g_test(p, q).p_value for p, q in draws]
    single = [float(two_proportions(p, q)[1][0]) for p, q in draws]
    assert stats.kstest(omnibus, "uniform").pvalue > 0.01
    assert stats.kstest(single, "uniform").pvalue > 0.01


def test_one_law_gives_five_percent_of_bins() -> None:
    """The bins' fitting half is not counted, so the data have no advantage."""
    shares, chances = [], []
    for seed in range(40):
        rows = torch.randn(900, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        found = ndb(study(rows[:600], rows[600:]))
        shares.append(found.value)
        chances.append(found.details["g_test"]["p_value"])
    assert float(np.mean(shares)) == pytest.approx(0.05, abs=0.015)
    assert stats.kstest(chances, "uniform").pvalue > 0.01


@pytest.mark.proves("ndb", "planted defect")
def test_dropped_modes_are_counted() -> None:
    found = ndb(study(blobs(1000, 10), blobs(1000, 5, 1)))
    assert found.value > 0.5
    assert found.details["different_bins"] >= found.details["different_bins_fdr"] > 0.4 * found.details["bins"]
    assert found.details["g_test"]["p_value"] < 1e-10
    assert found.details["baseline"] < 0.2
    assert found.details["jensen_shannon"] > 0.15 > found.details["baseline_jensen_shannon"]


@pytest.mark.parametrize("n", [2, 3, 20])
def test_few_or_equal_samples_give_a_number(n: int) -> None:
    assert ndb(study(torch.ones(n, 3), torch.ones(5, 3))).value == 0.0
    assert 0.0 <= ndb(study(blobs(n, 2), blobs(5, 2, 1))).value <= 1.0


@given(counts=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=2, max_size=12))
def test_order_and_sides_of_histograms(counts: list[tuple[int, int]]) -> None:
    p, q = (torch.tensor(column) + torch.eye(len(counts), dtype=torch.int64)[0] for column in zip(*counts, strict=True))
    z, chance = two_proportions(p, q)
    back, other = two_proportions(q.flip(0), p.flip(0))
    torch.testing.assert_close(z, -back.flip(0))
    torch.testing.assert_close(chance, other.flip(0))
    assert g_test(p, q).p_value == pytest.approx(g_test(q.flip(0), p.flip(0)).p_value)
    assert 0.0 <= jensen_shannon(p, q) <= math.log(2)
    assert jensen_shannon(p, p) == pytest.approx(0.0, abs=1e-12)


def test_every_row_falls_into_its_nearest_bin() -> None:
    rows = blobs(200, 10) + 1000.0
    centres = bin_centres(rows, 10, seed=3, starts=10)
    counts = histogram(rows, centres)
    assert counts.sum() == 200
    assert sorted(counts.tolist()) == sorted(torch.bincount(torch.cdist(rows, centres).argmin(1)).tolist())
    assert sorted((centres - 1000.0).argmax(1).tolist()) == list(range(10))
    assert torch.equal(centres, bin_centres(rows, 10, seed=3, starts=10))


def best(reference: list[float], evaluated: list[float]) -> list[float]:
    precision, recall = prd_curve(torch.tensor(reference), torch.tensor(evaluated))
    return [float(f_beta(precision, recall, beta).max()) for beta in (8.0, 1 / 8)]


def test_precision_recall_of_distributions_golden() -> None:
    assert best([1.0, 0.0], [0.5, 0.5]) == pytest.approx([0.98482888, 0.50386319], rel=1e-7)
    assert best([0.5, 0.5], [1.0, 0.0]) == pytest.approx([0.50386319, 0.98482888], rel=1e-7)
    assert best([0.5, 0.3, 0.2], [0.2, 0.3, 0.5]) == pytest.approx([0.97740375, 0.97740375], rel=1e-6)
    precision, recall = prd_curve(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 0.0]))
    assert float(precision.max()) == float(recall.max()) == 0.0
    assert float(f_beta(precision, recall, 8.0).max()) == 0.0


def test_precision_recall_of_distributions_sees_what_is_dropped_and_what_is_added() -> None:
    real = blobs(600, 10)
    dropped = prd_scores(real, blobs(600, 5, 1), seed=0)
    added = prd_scores(blobs(600, 5), blobs(600, 10, 1), seed=0)
    same = prd_scores(real, blobs(600, 10, 1), seed=0)
    assert dropped["f_8"] < 0.7 < 0.9 < dropped["f_1_8"]
    assert added["f_1_8"] < 0.7 < 0.9 < added["f_8"]
    assert min(same.values()) > 0.93
    assert prd_scores(real, real + 1000.0, seed=0) == {"f_8": 0.0, "f_1_8": 0.0}

"""Vendi scores: golden values, every order, closed forms, invariances and the error over samples."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from saddle.evaluation.features import Identity
from saddle.evaluation.measures.vendi import vendi, vendi_error, vendi_of_kernel, vendi_score
from saddle.evaluation.side import Side
from saddle.evaluation.study import Study


def rows(n: int, d: int, seed: int = 0) -> Tensor:
    return torch.randn(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.proves("vendi", "golden")
def test_golden(arrays: dict[str, Tensor]) -> None:
    points = torch.tensor([0.0, 0.0, 10.0, 10.0, 20.0, 20.0]).double()
    assert vendi_of_kernel((-(points[:, None] - points).abs()).exp()) == pytest.approx(2.99999999588, rel=1e-9)
    kernel = torch.tensor([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    assert vendi_of_kernel(kernel) == pytest.approx(2.15730048337, rel=1e-9)
    assert vendi_score(arrays["R"]) == pytest.approx(15.6680165137, rel=1e-9)
    assert vendi_score(arrays["R"], 2.0) == pytest.approx(15.3637217075, rel=1e-9)
    assert vendi_score(arrays["R"], math.inf) == pytest.approx(11.7054814846, rel=1e-8)  # by power iteration
    X = arrays["R"].numpy() / np.linalg.norm(arrays["R"].numpy(), axis=1, keepdims=True)
    assert vendi_score(arrays["R"], math.inf) == pytest.approx(300 / np.linalg.norm(X, 2) ** 2, rel=1e-12)


def test_the_order_is_not_ignored(arrays: dict[str, Tensor]) -> None:
    """vendi-score 0.0.3 returns the score of order 1 whatever q. Rényi entropies fall with their order."""
    scores = [vendi_score(arrays["R"], q) for q in (0.0, 0.5, 1.0, 1.0001, 2.0, 50.0, math.inf)]
    assert all(above > below for above, below in pairwise(scores))
    assert scores[0] == pytest.approx(16.0)
    assert scores[2] == pytest.approx(scores[3], rel=1e-4)
    assert scores[5] == pytest.approx(scores[6], rel=0.06)


@pytest.mark.parametrize("q", [0.5, 1.0, 2.0, math.inf])
@pytest.mark.parametrize(("n", "d"), [(30, 5), (5, 30), (7, 7)])
def test_features_and_their_kernel_agree(n: int, d: int, q: float) -> None:
    X = rows(n, d)
    cosine = torch.nn.functional.normalize(X, dim=1)
    assert vendi_score(X, q) == pytest.approx(vendi_of_kernel(cosine @ cosine.T, q), rel=1e-9)


@given(kinds=st.integers(1, 8), copies=st.integers(1, 5), q=st.sampled_from([0.0, 0.7, 1.0, 3.0, math.inf]))
def test_copies_do_not_count(kinds: int, copies: int, q: float) -> None:
    assert vendi_score(torch.eye(8)[:kinds].repeat(copies, 1), q) == pytest.approx(kinds)


def test_lengths_order_and_rotation_do_not_count() -> None:
    X = rows(20, 6)
    turned = X.flip(0) @ torch.linalg.qr(rows(6, 6, 1)).Q * torch.linspace(0.1, 9, 20).double()[:, None]
    assert vendi_score(turned) == pytest.approx(vendi_score(X), rel=1e-10)


def test_rows_of_zeros_are_one_kind_of_their_own() -> None:
    assert vendi_score(torch.tensor([[0.0, 0.0], [0.0, 0.0], [2.0, 0.0], [5.0, 0.0]])) == pytest.approx(2.0)
    assert vendi_score(torch.zeros(3, 2)) == pytest.approx(1.0)


def test_what_has_no_score_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        vendi_score(torch.tensor([[math.nan]]))
    with pytest.raises(ValueError, match="diagonal"):
        vendi_of_kernel(2 * torch.eye(3))
    with pytest.raises(ValueError, match="order"):
        vendi_score(torch.eye(3), -1.0)


@pytest.mark.parametrize(("n", "d", "share"), [(120, 6, 1.0), (200, 20, 1.0), (25, 40, 0.75)])
def test_error_is_the_spread_over_samples(n: int, d: int, share: float) -> None:
    """200 repeats: the mean error within 15 % of the spread of log scores, or of the stated share where n <= d."""
    scales = torch.logspace(0, -1, d).double()
    found = [vendi_error(rows(n, d, seed) * scales) for seed in range(200)]
    assert found[0][0] == pytest.approx(vendi_score(rows(n, d, 0) * scales), rel=1e-10)
    spread = float(np.std(np.log([score for score, _ in found])))
    assert float(np.mean([error for _, error in found])) == pytest.approx(share * spread, rel=0.15)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_packages_own_scores() -> None:
    package = pytest.importorskip("vendi_score.vendi")
    X = rows(40, 7)
    assert vendi_score(X) == pytest.approx(package.score_X(X.numpy()), rel=1e-9)


@pytest.mark.proves("vendi", "planted defect")
def test_a_mode_dropped_lowers_it_below_the_datas_own() -> None:
    modes = torch.eye(10).double()[torch.arange(200) % 10] + 0.05 * rows(200, 10)
    found = vendi(Study(Side.of_features(modes), Side.of_features(modes[torch.arange(200) % 10 < 5]), Identity()))
    assert found.details["equal_samples"] == 100
    assert found.value == pytest.approx(5.0, rel=0.1)
    assert found.details["fake"] == pytest.approx(found.value, rel=1e-9)
    assert found.details["real"] == pytest.approx(10.0, rel=0.1)
    assert found.interval is not None
    assert found.interval[0] < found.value < found.interval[1] < 6.0


def test_no_interval_in_more_dimensions_than_samples() -> None:
    assert vendi(Study(Side.of_features(rows(9, 9)), Side.of_features(rows(8, 9)), Identity())).interval is None

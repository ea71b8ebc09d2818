"""C_T: golden values, calibration under the null, copies, and what it does without enough samples."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from saddle.evaluation.features import Identity
from saddle.evaluation.measures.copying import copying_test, data_copying, nearest_distance, rank_test
from saddle.evaluation.side import Side
from saddle.evaluation.study import Study


def rows(n: int, d: int, seed: int = 0) -> Tensor:
    return torch.randn(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.proves("data-copying", "golden")
def test_golden(arrays: dict[str, Tensor]) -> None:
    R, F, G, T = (arrays[name] for name in "RFGT")
    found = [copying_test(R, T, fake, seed=0, cells=1).value for fake in (F, G, R + 0.05 * F)]
    assert found == pytest.approx([-1.854610435, -2.535694039, -21.195312326], rel=1e-9)


@given(st.lists(st.integers(0, 9), min_size=2, max_size=15), st.lists(st.integers(0, 9), min_size=2, max_size=15))
def test_ranks_are_scipys(p: list[int], q: list[int]) -> None:
    """Ties count half."""
    U = stats.mannwhitneyu(q, p).statistic
    n, m = len(p), len(q)
    expected = (U - n * m / 2 + 0.5) / (n * m * (n + m + 1) / 12) ** 0.5
    assert rank_test(torch.tensor(p), torch.tensor(q))[0] == pytest.approx(expected, abs=1e-9)


def test_error_of_a_score_is_its_spread() -> None:
    found = [rank_test(rows(60, 1, 2 * i).flatten(), 0.7 * rows(40, 1, 2 * i + 1).flatten() + 0.8) for i in range(300)]
    spread = float(np.std([score for score, _ in found]))
    assert float(np.mean([error for _, error in found])) == pytest.approx(spread, rel=0.12)


def test_nearest_distance_is_exact() -> None:
    """By differences: copies are at 0, far from the origin too."""
    training = rows(50, 8) + 1e4
    assert nearest_distance(training[:5], training).tolist() == [0.0] * 5
    other = rows(20, 8, 1) + 1e4
    torch.testing.assert_close(nearest_distance(other, training), (other[:, None] - training).norm(dim=2).amin(1))


def test_scores_are_normal_under_the_null() -> None:
    """200 triples of one law: p-values uniform; three cells, whose mean varies less than each of them."""
    chances, scores = [], []
    for i in range(200):
        found = copying_test(rows(120, 3, 3 * i), rows(100, 3, 3 * i + 1), rows(100, 3, 3 * i + 2), seed=i, cells=3)
        chances.append(2 * stats.norm.sf(abs(found.value) / found.null_error))
        scores.append(found.value)
        assert found.null_error < 1.0
    assert stats.kstest(chances, "uniform").pvalue > 0.01
    assert abs(float(np.mean(scores))) < 0.15


@pytest.mark.proves("data-copying", "planted defect")
def test_samples_that_miss_the_data_score_above_and_copies_below() -> None:
    training, held_out = rows(300, 4), rows(300, 4, 1)
    near = copying_test(training, held_out, training + 0.02 * rows(300, 4, 2), seed=0)
    apart = copying_test(training, held_out, 2.0 * rows(300, 4, 2), seed=0)
    assert near.value < -8
    assert apart.value > 5
    assert all(score is not None and score < -5 for score in near.cells)


def test_copies_of_one_mode_only_show_in_its_cell() -> None:
    centres = 30 * torch.eye(3).double()

    def mode(i: int, seed: int) -> Tensor:
        return rows(80, 3, seed) + centres[i]

    training = torch.cat([mode(i, i) for i in range(3)])
    held_out = torch.cat([mode(i, 10 + i) for i in range(3)])
    fake = torch.cat([mode(0, 0) + 0.01, mode(1, 21), mode(2, 22)])
    found = copying_test(training, held_out, fake, seed=0, cells=3)
    scores = sorted(score for score in found.cells if score is not None)
    assert scores[0] < -8
    assert min(scores[1:]) > -3


def test_cells_without_enough_samples_are_left_out() -> None:
    training = torch.cat([rows(50, 2), rows(50, 2, 1) + 50])
    found = copying_test(training, training + 0.1, rows(40, 2, 2), seed=0, cells=2)
    assert sum(score is None for score in found.cells) == 1
    with pytest.raises(ValueError, match="cell"):
        copying_test(training, rows(40, 2, 3), rows(40, 2, 3) + 50, seed=0, cells=2)


@pytest.mark.parametrize("d", [5, 80, 400])
def test_adapter_in_few_and_many_dimensions(d: int) -> None:
    """Many are first brought to 64 principal components."""
    real, new = rows(200, d), rows(200, d, 1)
    copies = Study(Side.of_features(real), Side.of_features(real + 0.01), Identity(), Side.of_features(new))
    honest = Study(Side.of_features(real), Side.of_features(rows(200, d, 2)), Identity(), Side.of_features(new))
    found, other = data_copying(copies), data_copying(honest)
    assert found.details["dimensions"] == min(d, 64)
    assert found.details["held_out"] is True
    assert found.value < -8
    assert found.details["p_value"] < 1e-9
    assert abs(other.value) < 3.5
    assert other.interval is not None
    assert other.interval[0] < other.value < other.interval[1]


def test_without_held_out_data_half_the_real_ones_stand_in() -> None:
    real = rows(400, 5)
    found = data_copying(Study(Side.of_features(real), Side.of_features(real.clone()), Identity()))
    assert found.details["held_out"] is False
    assert found.details["samples"] == {"training": 200, "held_out": 200}
    assert found.value < -3  # the copies of the other half are no nearer than it is

"""Alpha-precision, beta-recall and authenticity: golden values, the reference's bug, copies, shrinkage, outliers."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from saddle.evaluation.features import Identity
from saddle.evaluation.measures.alpha import (
    alpha_precision,
    authentic,
    integrated,
    integrated_alpha_precision,
    integrated_beta_recall,
)
from saddle.evaluation.pairs import Pairs, sweep
from saddle.evaluation.side import Side
from saddle.evaluation.study import Study


def rows(n: int, d: int, seed: int = 0) -> Tensor:
    return torch.randn(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def nearest(real: Tensor, fake: Tensor) -> Pairs:
    return sweep(real, fake, neighbours=1, balls=(1,))


def authenticity(real: Tensor, fake: Tensor) -> float:
    return float(authentic(nearest(real, fake)).double().mean())


@pytest.mark.proves("alpha-precision", "golden")
def test_golden(arrays: dict[str, Tensor]) -> None:
    R, F, G = (arrays[name] for name in "RFG")
    assert integrated_alpha_precision(R, F) == pytest.approx(0.9636702338, rel=1e-9)
    assert integrated_alpha_precision(R, G) == pytest.approx(0.9003884265, rel=1e-9)
    assert integrated_beta_recall(F, nearest(R, F)) == pytest.approx(0.4756321839, rel=1e-9)
    assert integrated_beta_recall(G, nearest(R, G)) == pytest.approx(0.3280459770, rel=1e-9)


def test_authenticity_asks_about_the_nearest_real_samples_radius(arrays: dict[str, Tensor]) -> None:
    """The reference code takes the radius of another real sample: 0.503 and 0.633, which turns the order round."""
    assert authenticity(arrays["R"], arrays["F"]) == pytest.approx(0.63, rel=1e-12)
    assert authenticity(arrays["R"], arrays["G"]) == pytest.approx(0.5866666667, rel=1e-9)


def test_authenticity_by_hand() -> None:
    """Real 0, 1, 10; 9 lies 1 from 10, whose nearest is 9 away: a copy. 4 lies 3 from 1, whose nearest is 1 away."""
    real, fake = torch.tensor([[0.0], [1.0], [10.0]]), torch.tensor([[9.0], [4.0]])
    assert authentic(nearest(real, fake)).tolist() == [False, True]


@given(seed=st.integers(0, 50), copies=st.integers(2, 20))
def test_copies_are_not_authentic(seed: int, copies: int) -> None:
    real = rows(20, 3, seed)
    assert authenticity(real, real[:copies]) == 0.0


@pytest.mark.parametrize(("d", "expected"), [(16, 0.681), (2, 0.397)])
def test_null_level_of_authenticity(d: int, expected: float) -> None:
    """Not 1, and it depends on the dimension: hence the baseline."""
    found = [authenticity(rows(300, d, 2 * seed), rows(300, d, 2 * seed + 1)) for seed in range(20)]
    assert sum(found) / 20 == pytest.approx(expected, abs=0.02)


def test_samples_that_are_all_typical_or_all_outliers() -> None:
    """All at the centre, P_a = 1; all far outside, P_a = 0: both are as far from the diagonal as can be."""
    real = rows(400, 8)
    assert integrated_alpha_precision(real, 1e-3 * rows(50, 8, 1)) == 0.0
    assert integrated_alpha_precision(real, 100.0 + rows(50, 8, 1)) == 0.0
    assert integrated_alpha_precision(real, real) > 0.99


def test_integral_of_a_curve() -> None:
    assert integrated(torch.linspace(0, 1, 11).square()) == pytest.approx(1 - 2 * 0.165, rel=1e-6)


@given(seed=st.integers(0, 30), shift=st.floats(-5, 5), scale=st.floats(0.1, 10))
def test_rotation_translation_and_scale(seed: int, shift: float, scale: float) -> None:
    real, fake = rows(30, 4, seed), 1.3 * rows(25, 4, seed + 50)
    turn = torch.linalg.qr(rows(4, 4, seed + 100)).Q * scale
    real_moved, fake_moved = real @ turn + shift, fake @ turn + shift
    assert integrated_alpha_precision(real_moved, fake_moved) == pytest.approx(
        integrated_alpha_precision(real, fake), abs=0.05
    )
    assert authenticity(real_moved, fake_moved) == authenticity(real, fake)


def test_a_collapsed_generator_has_no_recall() -> None:
    real = rows(300, 6)
    one = real[:1] + 1e-3 * rows(300, 6, 1)
    assert integrated_beta_recall(one, nearest(real, one)) < 0.05


def test_adapter_prints_the_null_level(arrays: dict[str, Tensor]) -> None:
    study = Study(
        Side.of_features(arrays["R"]), Side.of_features(arrays["R"][:200]), Identity(), Side.of_features(arrays["T"])
    )
    found = alpha_precision(study)
    assert found.details["authenticity"] == 0.0
    assert found.details["authenticity_interval"][1] < 0.02
    assert found.details["baseline"]["authenticity"] == pytest.approx(authenticity(arrays["R"], arrays["T"]))
    assert found.details["baseline"]["samples"] == [300, 300]
    assert found.interval is not None
    assert 0.0 <= found.interval[0] <= found.value <= found.interval[1] <= 1.0


def test_one_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="2 or more"):
        integrated_alpha_precision(rows(1, 2), rows(5, 2))


def test_baseline_is_what_the_functions_say_of_the_two_halves() -> None:
    real, fake = (torch.randn(80, 3, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    study = Study(Side.of_features(real), Side.of_features(fake), Identity())
    fitted, kept = study.half_features
    pairs, found = sweep(fitted, kept, neighbours=1, balls=(1,)), alpha_precision(study).details["baseline"]
    assert found["beta_recall"] == pytest.approx(integrated_beta_recall(kept, pairs), rel=1e-12)
    assert found["authenticity"] == pytest.approx(float(authentic(pairs).double().mean()), rel=1e-12)


def test_interval_is_as_wide_as_new_samples_spread() -> None:
    """Of a generator with half the deviation, whose value lies away from both ends."""
    values, widths = [], []
    for seed in range(60):
        rng = torch.Generator().manual_seed(seed)
        real, fake = torch.randn(150, 2, generator=rng), 0.5 * torch.randn(150, 2, generator=rng)
        found = alpha_precision(Study(Side.of_features(real), Side.of_features(fake), Identity()))
        assert found.interval is not None
        values.append(found.value)
        widths.append(found.interval[1] - found.interval[0])
    expected = 2 * 1.96 * float(torch.tensor(values).std())
    assert sum(widths) / 60 == pytest.approx(expected, rel=0.3)

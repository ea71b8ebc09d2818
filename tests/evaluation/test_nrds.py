"""Rejection curves: areas and shares in closed form, and generators whose order is known."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from saddle.evaluation.features import Identity
from saddle.evaluation.measures.nrds import areas, nrds, rejection_curves, shares
from saddle.evaluation.side import Side
from saddle.evaluation.study import Study


def rows(shift=0.0, n=300, seed=0, d=4):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)) + shift


def study(fake, *rivals, real=None):
    sides = [Side.of_features(x, f"rival{i}") for i, x in enumerate(rivals)]
    return Study(
        Side.of_features(rows() if real is None else real), Side.of_features(fake, "mine"), Identity(), rivals=sides
    )


@pytest.mark.proves("nrds", "closed form")
def test_areas_of_lines_and_of_one_record():
    t = torch.linspace(0, 1, 11)
    curves = torch.stack([1 - t, 0.5 * torch.ones(11), t / 2], 1)
    assert areas(curves).tolist() == pytest.approx([0.5, 0.5, 0.25], rel=1e-6)
    assert areas(torch.tensor([[0.2, 0.7]])).tolist() == pytest.approx([0.2, 0.7], rel=1e-6)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_shares_add_up_to_one(area):
    found = shares(torch.tensor(area))
    assert float(found.sum()) == pytest.approx(1, rel=1e-12)
    assert bool((found >= 0).all())


def test_shares_of_nothing_are_equal():
    assert shares(torch.zeros(4)).tolist() == [0.25] * 4


@pytest.mark.proves("nrds", "planted defect")
def test_a_perfect_generator_comes_before_others_and_the_farthest_last():
    found = nrds(study(rows(seed=1), rows(1.0, seed=2), rows(3.0, seed=3)))
    named = found.details["shares"]
    assert named["mine"] > named["rival0"] > named["rival1"]
    assert sum(named.values()) == pytest.approx(1)
    assert found.value == named["mine"]
    low, high = found.interval
    assert 1 / 3 < low < found.value < high <= 1
    assert found.details["area_real"] > found.details["areas"]["rival0"]


def test_equal_generators_share_equally():
    """Of one law, other draws: 1/3 each, but for what 300 samples leave open."""
    sides = [rows(1.0, seed=k) for k in (1, 2, 3)]
    found = [nrds(study(sides[k], *(sides[:k] + sides[k + 1 :]))) for k in range(3)]
    for result in found:
        assert result.value == pytest.approx(1 / 3, abs=0.05)
        assert result.details["equal"] == pytest.approx(1 / 3)
    assert sum(result.value for result in found) == pytest.approx(1, abs=0.02)  # other critics, the same three


@pytest.mark.slow
def test_the_interval_holds_the_share_of_equal_generators():
    """Over 20 data sets of three equal generators, 1/3 lies within at least 17 of the 95 % intervals."""
    held = 0
    for k in range(20):
        real, *sides = (rows(shift, n=200, seed=10 * k + i) for i, shift in enumerate((0.0, 0.7, 0.7, 0.7)))
        low, high = nrds(study(*sides, real=real)).interval
        held += low < 1 / 3 < high
    assert held >= 17


def test_training_ends_when_all_are_rejected():
    """Two generators far away are given up soon; one that is the data never is."""
    rng = torch.Generator().manual_seed(0)
    far = [rows(9.0, seed=1), rows(-9.0, seed=2)]
    soon = rejection_curves(rows(), far, far, rng)
    assert len(soon) < 60
    assert float(soon[-1].max()) < 0.05 <= float(soon[:-1].amax(1).min())
    never = rejection_curves(rows(), [rows(seed=3)], [rows(seed=4)], rng, steps=103)
    assert never.shape == (21, 1)
    assert float(never.min()) > 0.2


def test_scale_and_place_of_features_play_no_part():
    """The critic sees features that the real ones standardise."""
    plain = nrds(study(rows(seed=1), rows(1.0, seed=2)))
    moved = nrds(study(8 * rows(seed=1) + 4, 8 * rows(1.0, seed=2) + 4, real=8 * rows() + 4))
    assert moved.value == pytest.approx(plain.value, abs=1e-3)


def test_torchs_own_random_numbers_stay_where_they_are():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first, again = nrds(study(rows(seed=1), rows(1.0, seed=2))), nrds(study(rows(seed=1), rows(1.0, seed=2)))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert first == again


def test_bad_inputs_are_refused():
    with pytest.raises(ValueError, match="--against"):
        nrds(study(rows(seed=1)))
    with pytest.raises(ValueError, match="samples=3"):
        nrds(study(rows(seed=1), rows(n=3)))
    rng = torch.Generator().manual_seed(0)
    with pytest.raises(ValueError, match=r"samples=\[300, 10\]"):
        rejection_curves(rows(), [rows(), rows(n=10)], [rows(), rows()], rng)
    with pytest.raises(ValueError, match="tests=1"):
        rejection_curves(rows(), [rows(), rows()], [rows()], rng)


def test_features_that_never_change_are_no_obstacle():
    """A constant column is left at 0 instead of being divided by 0."""
    flat = torch.cat([rows(), torch.ones(300, 1)], 1)
    mine, theirs = (
        torch.cat([rows(seed=1), torch.ones(300, 1)], 1),
        torch.cat([rows(2.0, seed=2), torch.ones(300, 1)], 1),
    )
    assert nrds(study(mine, theirs, real=flat)).value > 0.5

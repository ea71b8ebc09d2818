"""Agreement of raters: published examples, closed forms, chance."""

from math import nan

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from saddle.evaluation.human.agreement import fleiss_kappa, interval, krippendorff_alpha, nominal, ordinal, ratio

KRIPPENDORFF_2011 = torch.tensor(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, nan, nan, nan],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, nan, 3],
        [nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, nan],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, nan],
    ]
)


@pytest.mark.parametrize("kind, alpha", [(nominal, 0.743), (ordinal, 0.815), (interval, 0.849), (ratio, 0.797)])
def test_alpha_of_krippendorffs_example(kind, alpha):
    """Four observers, twelve units, missing entries: section E of the paper."""
    assert krippendorff_alpha(KRIPPENDORFF_2011, kind) == pytest.approx(alpha, abs=5e-4)


def test_alpha_of_the_example_counted_by_hand():
    """40 pairable values; the unequal ones weigh 10/3 + 2 + 2 + ... pairs over m - 1 raters, as counted here."""
    units = [column[~column.isnan()].tolist() for column in KRIPPENDORFF_2011.T]
    units = [unit for unit in units if len(unit) >= 2]
    unequal = sum(sum(a != b for a in unit for b in unit) / (len(unit) - 1) for unit in units)
    values = [value for unit in units for value in unit]
    assert len(values) == 40
    by_chance = sum(a != b for a in values for b in values) / 39
    assert krippendorff_alpha(KRIPPENDORFF_2011) == pytest.approx(1 - unequal / by_chance, rel=1e-12)


@pytest.mark.parametrize("kind", [nominal, ordinal, interval, ratio])
def test_alike_raters_agree_wholly_and_random_ones_not_at_all(kind):
    rng = torch.Generator().manual_seed(0)
    one = torch.randint(1, 6, (1, 50), generator=rng).double()
    assert krippendorff_alpha(one.expand(4, -1), kind) == pytest.approx(1, abs=1e-12)
    found = [krippendorff_alpha(torch.randint(1, 6, (4, 100), generator=rng).double(), kind) for _ in range(100)]
    assert float(torch.tensor(found).mean()) == pytest.approx(0, abs=0.01)


def test_two_raters_who_always_contradict_each_other():
    """Yes-no over U items: D_o = 1, D_e = 2 U² / (2 U (2 U - 1)), so alpha = 1 - (2 U - 1) / U = -1 + 1 / U."""
    one = torch.tensor([0.0, 1.0] * 10)
    assert krippendorff_alpha(torch.stack([one, 1 - one])) == pytest.approx(-1 + 1 / 20, rel=1e-12)


@given(st.permutations(range(4)), st.permutations(range(12)))
def test_order_of_raters_and_items_does_not_matter(rows, columns):
    moved = KRIPPENDORFF_2011[list(rows)][:, list(columns)]
    assert krippendorff_alpha(moved, ordinal) == pytest.approx(krippendorff_alpha(KRIPPENDORFF_2011, ordinal))


def test_names_may_be_renamed_and_numbers_shifted():
    renamed = torch.where(KRIPPENDORFF_2011 == 3, 77.0, KRIPPENDORFF_2011)
    assert krippendorff_alpha(renamed) == pytest.approx(krippendorff_alpha(KRIPPENDORFF_2011))
    shifted = 10 + 3 * KRIPPENDORFF_2011
    assert krippendorff_alpha(shifted, interval) == pytest.approx(krippendorff_alpha(KRIPPENDORFF_2011, interval))


def test_kappa_of_fleiss_kind_of_table():
    """10 items, 14 raters, 5 categories; P = 0.378, P_e = 0.213 are counted from the table by its definition."""
    table = torch.tensor(
        [[0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
         [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]]
    )  # fmt: skip
    assert fleiss_kappa(table) == pytest.approx(0.210, abs=5e-4)


def test_kappa_and_alpha_meet_for_many_items():
    """On complete names 1 - alpha = (1 - kappa) (n - 1) / n with n all ratings: alpha corrects for small samples."""
    ratings = torch.randint(0, 3, (5, 40), generator=torch.Generator().manual_seed(1)).double()
    counts = torch.stack([(ratings == k).sum(0) for k in range(3)], 1)
    alpha, kappa = krippendorff_alpha(ratings), fleiss_kappa(counts)
    assert 1 - alpha == pytest.approx((1 - kappa) * (200 - 1) / 200, rel=1e-12)


@pytest.mark.parametrize(
    "ratings, expected",
    [
        (torch.ones(3), "(raters, items)"),
        (torch.ones(3, 4), "one value only"),
        (torch.tensor([[1.0, nan], [nan, 2.0]]), "no item rated twice"),
        (torch.tensor([[1.0, torch.inf], [1.0, 2.0]]), "infinite"),
    ],
)
def test_alpha_refuses_what_leaves_it_undefined(ratings, expected):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        krippendorff_alpha(ratings)
    assert expected in str(caught.value)


@pytest.mark.parametrize("counts", [torch.tensor([[3, 0], [1, 1]]), torch.tensor([[1, 0]]), torch.tensor([[3, 0]])])
def test_kappa_refuses_unequal_single_or_uniform_ratings(counts):
    with pytest.raises(ValueError, match="counts="):
        fleiss_kappa(counts)

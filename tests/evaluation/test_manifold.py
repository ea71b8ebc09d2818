"""Precision, recall, density, coverage, realism and rarity: goldens, null values, planted defects."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from saddle.evaluation.features import Identity
from saddle.evaluation.measures import manifold
from saddle.evaluation.measures.manifold import (
    coverage,
    density,
    expected_coverage,
    f1_score,
    median_interval,
    own_rarity,
    precision,
    recall,
)
from saddle.evaluation.pairs import sweep
from saddle.evaluation.side import Side
from saddle.evaluation.study import Study


def prdc_of(real, fake, k, inside=torch.le):
    pairs = sweep(real, fake, inside=inside)
    return [float(part(pairs, k).mean()) for part in (precision, recall, density, coverage)]


def study_of(real, fake):
    return Study(Side.of_features(real), Side.of_features(fake), Identity())


@pytest.mark.parametrize(
    "name, k, expected",
    [
        ("F", 3, [0.8, 0.8, 3.19666667 / 3, 0.87333333]),
        ("F", 5, [0.86333333, 0.87333333, 1.03866667, 0.97666667]),
        ("G", 3, [0.86666667, 0.25333333, 1.35888889, 0.60333333]),
        ("G", 5, [0.93, 0.32333333, 1.29266667, 0.75666667]),
        ("R", 3, [1.0, 1.0, 1.0, 1.0]),
        ("R", 5, [1.0, 1.0, 1.0, 1.0]),
    ],
)
@pytest.mark.proves("precision-recall", "golden")
def test_golden_values_of_prdc(arrays, name, k, expected):
    """prdc compares strictly: against themselves samples then count once a ball less."""
    assert prdc_of(arrays["R"], arrays[name], k, torch.lt) == pytest.approx(expected, abs=5e-8)


def test_parity_with_prdc(rng):
    prdc = pytest.importorskip("prdc")
    real, fake = torch.randn(80, 6, generator=rng).double(), 0.9 * torch.randn(70, 6, generator=rng).double() + 0.2
    theirs = prdc.compute_prdc(real.numpy(), fake.numpy(), 5)
    assert prdc_of(real, fake, 5, torch.lt) == pytest.approx([theirs[n] for n in theirs], rel=1e-12)
    assert list(theirs) == ["precision", "recall", "density", "coverage"]


def test_all_equal_features_are_within_one_another():
    """prdc answers 0 everywhere, for its < leaves the boundary out; equal sets are a perfect match."""
    rows = torch.full((20, 4), 0.3)
    assert prdc_of(rows, rows, 5)[:2] == [1.0, 1.0] and prdc_of(rows, rows, 5)[3] == 1.0
    assert prdc_of(rows, rows, 5, torch.lt) == [0.0] * 4


def test_precision_belongs_to_the_generated_side():
    """A narrow generator inside wide data: its samples are good, most data are out of its reach (torch-fidelity's
    own regression, after it had the two swapped)."""
    rng = torch.Generator().manual_seed(42)
    fake, real = 0.1 * torch.randn(200, 16, generator=rng), 3.0 * torch.randn(200, 16, generator=rng)
    p, r, _, _ = prdc_of(real, fake, 3)
    assert p > 0.8 and r < 0.3
    swapped = prdc_of(fake, real, 3)
    assert (swapped[1], swapped[0]) == (p, r)


@pytest.mark.parametrize("n, m, k, expected", [(300, 300, 3, 0.87625104), (300, 300, 5, 0.96952862)])
def test_expected_coverage_golden(n, m, k, expected):
    assert expected_coverage(n, m, k) == pytest.approx(expected, abs=5e-9)


def test_expected_coverage_and_density_of_equal_laws_are_met(rng):
    """Closed forms hold for every continuous law and any sizes: here 150 draws of 20 against 14 in two dimensions."""
    found = torch.tensor(
        [prdc_of(torch.randn(20, 2, generator=rng), torch.randn(14, 2, generator=rng), 5)[2:] for _ in range(150)]
    )
    error = found.std(0) / math.sqrt(len(found))
    assert ((found.mean(0) - torch.tensor([1.0, expected_coverage(20, 14, 5)])).abs() < 3.5 * error).all()


@pytest.mark.parametrize("p, r, expected", [(1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (0.5, 0.25, 1 / 3)])
def test_f1(p, r, expected):
    assert f1_score(p, r) == pytest.approx(expected)


@pytest.mark.proves("realism", "golden")
@pytest.mark.proves("rarity", "golden")
def test_golden_realism_and_rarity(arrays):
    pairs = sweep(arrays["R"], arrays["F"])
    assert float(pairs.realism.mean()) == pytest.approx(1.0289352387, rel=1e-9)
    assert pairs.realism[:3].tolist() == pytest.approx([0.98756103, 1.27140694, 1.05584436], abs=5e-9)
    held = pairs.rarity[0][pairs.rarity[0].isfinite()]
    assert len(held) == 240 and float(held.mean()) == pytest.approx(3.3991693028, abs=5e-11)
    assert held[:3].tolist() == pytest.approx([3.61804916, 3.11112964, 3.13170949], abs=5e-9)


def test_rarity_is_finite_just_where_precision_is_1(arrays):
    pairs = sweep(arrays["R"], arrays["G"])
    for k in (3, 5):
        assert torch.equal(pairs.rarity[pairs.ball(k)].isfinite(), precision(pairs, k).bool())


def test_rarity_of_the_data_leaves_one_out(arrays):
    """What the pass already knows equals 40 passes, each with one sample taken out of the data and judged."""
    rows = arrays["R"][:40]
    kept = [torch.cat([rows[:j], rows[j + 1 :]]) for j in range(40)]
    expected = [float(sweep(kept[j], rows[j].expand(6, -1)).rarity[0, 0]) for j in range(40)]
    assert own_rarity(sweep(rows, rows)).tolist() == pytest.approx(expected, rel=1e-12)


def test_realism_of_a_copy_is_infinite_and_the_value_still_a_number(arrays):
    fake = arrays["F"].clone()
    fake[:40] = arrays["R"][:40]
    found = manifold.realism(study_of(arrays["R"], fake))
    assert math.isinf(found.details["mean"]) and math.isfinite(found.value)


def digits():
    data = torch.from_numpy(load_digits().data / 16.0)
    labels = torch.from_numpy(load_digits().target)
    rs = np.random.RandomState(0)
    p = torch.from_numpy(rs.permutation(1797))
    A, B = data[p[:898]], data[p[898:1796]]
    noisy = (B + 0.2 * torch.from_numpy(rs.randn(*B.shape))).clamp(0, 1)
    return A, B, noisy, B[labels[p[898:1796]] < 5]


@pytest.mark.proves("precision-recall", "planted defect")
def test_noise_costs_precision_and_dropped_digits_cost_recall():
    """Real digits; the values of prdc (k = 5)."""
    A, B, noisy, dropped = digits()
    assert [float(x.sum()) for x in (A, B, noisy, dropped)] == pytest.approx(
        [17533.625, 17551.8125, 19339.758123915635, 9017.3125], rel=1e-12
    )
    for fake, expected in [
        (B, [0.955457, 0.957684, 0.944098, 0.957684]),
        (noisy, [0.322940, 0.993318, 0.099555, 0.261693]),
        (dropped, [0.960954, 0.608018, 0.990456, 0.505568]),
    ]:
        assert prdc_of(A, fake, 5, torch.lt) == pytest.approx(expected, abs=5e-7)


def test_recall_and_coverage_fall_with_each_mode_dropped_and_precision_does_not(rng):
    centres = torch.eye(6) * 20.0
    real = centres.repeat_interleave(30, 0) + torch.randn(180, 6, generator=rng)
    rows = []
    for modes in range(1, 7):
        fake = centres[:modes].repeat_interleave(180 // modes, 0)
        rows.append(prdc_of(real, fake + torch.randn(fake.shape, generator=rng), 5))
    p, r, _, c = zip(*rows, strict=True)
    assert all(a < b for rising in (r, c) for a, b in pairwise(rising))
    assert min(p) > 0.7 and r[0] < 1 / 6 + 0.01


def test_median_interval_covers_as_often_as_it_says(rng):
    draws = torch.randn(2000, 25, generator=rng)
    ends = [median_interval(row) for row in draws]
    covered = sum(low <= 0.0 <= high for low, high in ends) / len(ends)
    assert 0.95 <= covered <= 0.975  # never less than 95 %, and binomial steps allow no more than 97 % at n = 25
    assert median_interval(torch.zeros(5)) is None


def test_precision_recall_adapter(arrays):
    found = manifold.precision_recall(study_of(arrays["R"], arrays["G"]))
    assert found.details["precision"] == pytest.approx(260 / 300) and found.details["recall"] == pytest.approx(76 / 300)
    assert found.value == found.details["f1"] == pytest.approx(2 * 260 * 76 / (260 + 76) / 300)
    assert found.details["density"] == pytest.approx(1.29266667) and found.details["coverage"] == pytest.approx(
        227 / 300
    )
    assert set(found.details["intervals"]) == {"precision", "recall", "density", "coverage", "f1"}
    for name, (low, high) in found.details["intervals"].items():
        assert low < found.details[name] < high
    # of indicators the bootstrap is the binomial
    p, n = 260 / 300, 300
    low, high = found.details["intervals"]["precision"]
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(p * (1 - p) / n), rel=0.15)


def test_precision_recall_of_the_ideal_and_of_nothing_in_common(arrays):
    same = manifold.precision_recall(study_of(arrays["R"], arrays["R"]))
    assert (same.value, same.interval) == (1.0, (1.0, 1.0))
    apart = manifold.precision_recall(study_of(arrays["R"], arrays["R"] + 100.0))
    assert (apart.value, apart.interval) == (0.0, (0.0, 0.0))


def test_rarity_adapter(arrays):
    found = manifold.rarity(study_of(arrays["R"], arrays["F"]))
    low, high = found.interval
    assert low < found.value < high and found.details["share_within"] == 0.8
    assert found.details["of_data"] == pytest.approx(found.value, rel=0.05)
    outside = manifold.rarity(study_of(arrays["R"], arrays["F"] + 100.0))
    assert math.isinf(outside.value) and outside.document()["value"] is None


def test_the_numbers_of_a_study_repeat(arrays):
    first, second = (manifold.rarity(study_of(arrays["R"], arrays["F"])) for _ in range(2))
    assert first == second

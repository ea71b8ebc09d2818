"""Squared MMD, KID and CMMD: goldens, population values in closed form, errors, and the null."""

import math

import pytest
import torch
from scipy import stats

from saddle.evaluation.features import Identity
from saddle.evaluation.measures import kernel
from saddle.evaluation.measures.kernel import (
    biased,
    cmmd_sums,
    cubic,
    gaussian,
    jackknife_error,
    kernel_sums,
    kid_on_subsets,
    permutation_p_value,
    unbiased,
)
from saddle.evaluation.pairs import sweep
from saddle.evaluation.side import Side
from saddle.evaluation.study import Study


def study_of(real, fake):
    return Study(Side.of_features(real), Side.of_features(fake), Identity())


@pytest.mark.parametrize("name, expected", [("F", -2.828058919797e-4), ("G", 1.076685969210)])
@pytest.mark.proves("kid", "golden")
def test_golden_kid(arrays, name, expected):
    assert unbiased(sweep(arrays["R"], arrays[name]).cubic) == pytest.approx(expected, rel=1e-9)
    assert unbiased(kernel_sums(arrays["R"], arrays[name], cubic)) == pytest.approx(expected, rel=1e-9)
    assert kernel.kid(study_of(arrays["R"], arrays[name])).value == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name, u, v", [("F", -4.931801107e-4, 0.003521945326), ("G", 0.122512415769, 0.126043718503)])
@pytest.mark.proves("mmd", "golden")
def test_golden_gaussian_mmd(arrays, name, u, v):
    sums = kernel_sums(arrays["R"], arrays[name], gaussian(4.0))
    assert (unbiased(sums), biased(sums)) == pytest.approx((u, v), rel=1e-9)


@pytest.mark.parametrize("name, expected", [("F", 0.0553506338), ("G", 3.1482842833)])
@pytest.mark.proves("cmmd", "golden")
def test_golden_cmmd(arrays, name, expected):
    found = kernel.cmmd(study_of(arrays["R"], arrays[name]))
    assert found.value == pytest.approx(expected, abs=5e-11)


def test_cmmd_of_float32_features_keeps_its_digits(arrays):
    """exp near 1 in float32 loses three digits here; expm1 in float64 does not."""
    one, other = (
        biased(cmmd_sums(arrays["R"].to(dtype), arrays["F"].to(dtype)), diagonal=0.0)
        for dtype in (torch.float32, torch.float64)
    )
    assert one == pytest.approx(other, rel=1e-6)


def test_cmmd_is_its_definition(arrays):
    """exp itself, diagonal and all: the 1 that was taken off cancels."""
    x, y = (torch.nn.functional.normalize(arrays[name]) for name in ("R", "G"))
    rr, ff, rf = ((-torch.cdist(a, b).square() / 200).exp().mean() for a, b in [(x, x), (y, y), (x, y)])
    assert biased(cmmd_sums(3 * arrays["R"], arrays["G"]), diagonal=0.0) == pytest.approx(float(rr + ff - 2 * rf))


def test_cmmd_refuses_a_row_without_direction(arrays):
    with pytest.raises(ValueError, match="fake=a row of zeros"):
        cmmd_sums(arrays["R"], torch.zeros(9, 16))


def test_cmmd_of_equal_laws_is_what_details_say_on_average(rng):
    found = [
        kernel.cmmd(study_of(torch.randn(30, 5, generator=rng), torch.randn(20, 5, generator=rng))) for _ in range(60)
    ]
    values = torch.tensor([one.value for one in found])
    expected = sum(one.details["expected"] for one in found) / len(found)
    assert abs(float(values.mean()) - expected) < 3.5 * float(values.std()) / math.sqrt(len(found))


@pytest.mark.proves("kid", "closed form")
def test_kid_meets_its_population_value():
    """N(mu, I) against N(0, I), |mu|^2 = m: 3m/d + 3m^2/d^2 + (m^3 + 6m^2 + 3md + 6m)/d^3."""
    d, m = 16, 4.0
    population = 3 * m / d + 3 * m**2 / d**2 + (m**3 + 6 * m**2 + 3 * m * d + 6 * m) / d**3
    assert population == 1.029296875
    rng = torch.Generator().manual_seed(3)
    values = []
    for _ in range(80):
        real, fake = torch.randn(60, d, generator=rng).double(), torch.randn(50, d, generator=rng).double() + 0.5
        values.append(unbiased(sweep(real, fake).cubic))
    held = torch.tensor(values)
    assert abs(float(held.mean()) - population) < 3.5 * float(held.std()) / math.sqrt(len(values))


def test_kid_of_zero_means_sees_covariances_only():
    """Zero means, covariances S and T: 3 |S - T|^2 / d^2, plus nothing of odd order."""
    rng = torch.Generator().manual_seed(5)
    values = []
    for _ in range(80):
        real, fake = torch.randn(60, 4, generator=rng).double(), 2 * torch.randn(60, 4, generator=rng).double()
        values.append(unbiased(sweep(real, fake).cubic))
    held = torch.tensor(values)
    assert abs(float(held.mean()) - 3 * 4 * 9 / 16) < 3.5 * float(held.std()) / math.sqrt(len(values))


@pytest.mark.proves("mmd", "closed form")
def test_gaussian_mmd_meets_its_population_value(arrays):
    """Golden population of R's and G's laws at sigma = 4, within the jackknife's interval."""
    s2, d = 16.0, 16
    pairs = ((2.0, 0.0), (2 * 0.64, 0.0), (1.64, 0.25))  # trace per axis of S + T, squared gap of means per axis
    k = [(1 + v / s2) ** (-d / 2) * math.exp(-0.5 * d * gap / (v + s2)) for v, gap in pairs]
    population = k[0] + k[1] - 2 * k[2]
    assert population == pytest.approx(0.111997839744, abs=5e-13)
    sums = kernel_sums(arrays["R"], arrays["G"], gaussian(4.0))
    assert abs(unbiased(sums) - population) < 3.0 * jackknife_error(sums)


def test_jackknife_is_leave_one_out(arrays):
    real, fake = arrays["R"][:12], arrays["G"][:9]
    without_x = [unbiased(kernel_sums(real[torch.arange(12) != i], fake, cubic)) for i in range(12)]
    without_y = [unbiased(kernel_sums(real, fake[torch.arange(9) != j], cubic)) for j in range(9)]
    variance = sum(
        (n - 1) * float(torch.tensor(held, dtype=torch.float64).var(correction=0))
        for n, held in ((12, without_x), (9, without_y))
    )
    assert jackknife_error(kernel_sums(real, fake, cubic)) == pytest.approx(math.sqrt(variance), rel=1e-9)


@pytest.mark.parametrize("shift, low, high", [(0.8, 0.85, 1.3), (0.0, 1.2, 1.7)])
def test_the_error_is_right_apart_and_sqrt_2_too_wide_together(shift, low, high):
    """Against the spread over 200 repeats: consistent where the laws differ, conservative at the null."""
    rng = torch.Generator().manual_seed(11)
    values, errors = [], []
    for _ in range(200):
        real, fake = torch.randn(40, 3, generator=rng), torch.randn(40, 3, generator=rng) + shift
        sums = sweep(real, fake).gaussian[2]
        values.append(unbiased(sums))
        errors.append(jackknife_error(sums) ** 2)
    ratio = math.sqrt(sum(errors) / len(errors)) / float(torch.tensor(values).std())
    assert low < ratio < high


def test_mmd_is_symmetric_and_zero_between_equal_sets(arrays):
    one, other = sweep(arrays["R"], arrays["G"]), sweep(arrays["G"], arrays["R"])
    assert unbiased(one.cubic) == pytest.approx(unbiased(other.cubic), rel=1e-12)
    same = kernel_sums(arrays["R"], arrays["R"], gaussian(1.0, 4.0))
    assert biased(same) == pytest.approx(0.0, abs=1e-14)


def test_gaussian_mmd_forgets_a_common_rotation_and_translation(arrays):
    turn = torch.linalg.qr(arrays["T"][:16]).Q
    one, other = sweep(arrays["R"], arrays["G"]), sweep(arrays["R"] @ turn - 3.0, arrays["G"] @ turn - 3.0)
    for a, b in zip(one.gaussian, other.gaussian, strict=True):
        assert unbiased(a) == pytest.approx(unbiased(b), rel=1e-9)


def test_subsets_of_everything_are_the_whole(arrays, rng):
    """With all samples in every subset the mean is the full U-statistic, and nothing varies."""
    mean, deviation = kid_on_subsets(arrays["R"], arrays["G"], rng, subsets=3, size=300)
    assert mean == pytest.approx(1.076685969210, rel=1e-9) and deviation < 1e-12


def test_subsets_estimate_the_whole(arrays, rng):
    mean, deviation = kid_on_subsets(arrays["R"], arrays["G"], rng, subsets=100, size=50)
    assert abs(mean - 1.076685969210) < 4 * deviation / math.sqrt(100)


def test_parity_with_torchmetrics(arrays):
    """Their polynomial MMD of one subset, which is the whole."""
    theirs = pytest.importorskip("torchmetrics.image.kid")
    value = float(theirs.poly_mmd(arrays["R"], arrays["G"]))
    assert unbiased(sweep(arrays["R"], arrays["G"]).cubic) == pytest.approx(value, rel=1e-9)


def test_float32_features_give_kid_to_four_digits(arrays):
    one, other = (sweep(arrays["R"].to(t), arrays["G"].to(t)) for t in (torch.float32, torch.float64))
    assert unbiased(one.cubic) == pytest.approx(unbiased(other.cubic), rel=1e-5)


def test_permutation_p_values_are_uniform_under_the_null():
    """200 tiny repeats, N != M, skewed data: exact for every law, so also for this one."""
    rng = torch.Generator().manual_seed(2)
    found = [
        permutation_p_value(
            torch.rand(12, 2, generator=rng) ** 3, torch.rand(8, 2, generator=rng) ** 3, gaussian(0.5), rng, 99
        )
        for _ in range(200)
    ]
    assert stats.kstest(found, "uniform").pvalue > 0.05
    assert sum(p <= 0.05 for p in found) <= stats.binom.ppf(0.999, 200, 0.05)


def test_permutation_counts_itself_and_finds_a_shift(arrays, rng):
    assert permutation_p_value(arrays["R"], arrays["G"], gaussian(4.0), rng, 199) == 1 / 200
    same = torch.zeros(10, 3)
    assert permutation_p_value(same, same, gaussian(1.0), rng, 50) == 1.0


def test_mmd_adapter(arrays):
    found = kernel.mmd(study_of(arrays["R"], arrays["G"]))
    low, high = found.interval
    assert 0.0 < low < found.value < high and found.details["p_value"] == 1 / 501
    assert found.value == pytest.approx(sum(w["unbiased"] for w in found.details["widths"]) / 5)
    null = kernel.mmd(study_of(arrays["R"], arrays["F"]))
    assert null.interval[0] < 0.0 < null.interval[1] and null.details["p_value"] > 0.05
    assert null.details["kid"] == pytest.approx(-2.828058919797e-4, rel=1e-9)


@pytest.mark.parametrize("count, function", [(1, unbiased), (2, jackknife_error)])
def test_too_few_samples_are_refused(arrays, count, function):
    with pytest.raises(ValueError, match=f"expected {count + 1} or more on each side"):
        function(kernel_sums(arrays["R"][:count], arrays["F"], cubic))

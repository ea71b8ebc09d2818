import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, kstest

from saddle.evaluation.features import Identity
from saddle.evaluation.intervals import clopper_pearson
from saddle.evaluation.measures.c2st import Neighbourhood, balance, c2st, nearest_classes, two_sample_test
from saddle.evaluation.measures.probes import ClassMoments, discriminant, logistic, network
from saddle.evaluation.pairs import sweep
from saddle.evaluation.side import Side
from saddle.evaluation.study import Study


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def gaussian(x, y, classes):
    return discriminant(ClassMoments.of(x, y, classes))


def neighbours(real, fake):
    return Neighbourhood.of(sweep(real, fake, neighbours=1, balls=(1,)), rng())


def study(real, fake, seed=0):
    return Study(Side.of_features(real), Side.of_features(fake), Identity(), seed=seed)


@pytest.mark.parametrize(
    ("other", "expected"),
    [("F", (0.46, 0.493333333333, 0.426666666667)), ("G", (0.775, 0.653333333333, 0.896666666667))],
)
@pytest.mark.proves("c2st", "golden")
def test_nearest_neighbour_accuracies_of_the_seeded_arrays(arrays, other, expected):
    assert neighbours(arrays["R"], arrays[other]).accuracies == pytest.approx(expected, rel=1e-9)


def test_copies_are_never_their_own_kind(arrays):
    """Every sample's nearest one is its copy on the other side."""
    hood = neighbours(arrays["R"], arrays["R"] + 1e-6)
    assert hood.accuracies == (0.0, 0.0, 0.0)
    assert hood.p_value(rng()) <= 0.01


def test_identical_samples_are_a_tie():
    assert neighbours(torch.ones(20, 3), torch.ones(20, 3)).accuracies == (0.5, 0.5, 0.5)


@given(seed=st.integers(0, 10**6), angle=st.floats(0.0, 6.0), scale=st.floats(0.01, 100.0))
@settings(max_examples=20, deadline=None)
def test_nearest_neighbours_ignore_order_rotation_shift_and_scale(seed, angle, scale):
    x, y = torch.randn(2, 15, 2, generator=rng(seed), dtype=torch.float64)
    c, s = math.cos(angle), math.sin(angle)
    turn = torch.tensor([[c, -s], [s, c]], dtype=torch.float64)
    total, real, fake = neighbours(x, y).accuracies
    shuffled = torch.randperm(15, generator=rng(seed))
    assert neighbours((scale * x @ turn + 3)[shuffled], scale * y @ turn + 3).accuracies == (total, real, fake)
    assert neighbours(y, x).accuracies == (total, fake, real)


def test_nearest_neighbour_accuracy_under_the_null_is_that_of_a_random_partner():
    """Leave-one-out: of the 2n - 1 others, n - 1 are of the same kind. Mean over 200 sets of 10 + 10."""
    g = rng(1)
    found = torch.tensor([neighbours(*torch.randn(2, 10, 3, generator=g)).accuracies[0] for _ in range(200)])
    assert float(found.mean()) == pytest.approx(9 / 19, abs=4 * float(found.std()) / 200**0.5)


def test_permutation_p_values_are_uniform_under_the_null():
    g = rng(2)
    found = []
    for _ in range(200):
        hood = Neighbourhood.of(sweep(*torch.randn(2, 40, 3, generator=g), neighbours=1, balls=(1,)), g)
        found.append(hood.p_value(g, permutations=99))
    assert kstest(found, "uniform", alternative="greater").pvalue > 0.01  # never too small
    assert 0.3 < sum(found) / 200 < 0.75


def test_binomial_p_values_are_uniform_under_the_null():
    """Made continuous by a toss among equal counts, since a count has steps."""
    g = rng(3)
    found = []
    for _ in range(200):
        test = two_sample_test(*torch.randn(2, 60, 2, generator=g), gaussian, g)
        t, n = round(test.accuracy * test.tested), test.tested
        assert test.p_value == pytest.approx(binom.sf(t - 1, n, 0.5))
        found.append(test.p_value - float(torch.rand((), generator=g)) * binom.pmf(t, n, 0.5))
    assert kstest(found, "uniform").pvalue > 0.01


@pytest.mark.parametrize("fit", [gaussian, logistic, nearest_classes, lambda x, y, k: network(x, y, k, epochs=10)])
@pytest.mark.proves("c2st", "closed form")
def test_every_classifier_comes_near_the_best_accuracy_and_not_above_it(fit):
    """N(0, I) against N(mu, I): no rule is right more often than Phi(|mu| / 2)."""
    g = rng(4)
    real, fake = torch.randn(2, 2000, 2, generator=g)
    best = 0.5 * math.erfc(-1.0 / math.sqrt(2))  # Phi(1): |mu| = 2
    test = two_sample_test(real, fake + torch.tensor([2.0, 0.0]), fit, g)
    assert best - 0.03 < test.accuracy < best + 0.03
    assert test.accuracy == pytest.approx((test.accuracy_real + test.accuracy_fake) / 2)
    assert test.p_value < 1e-10


def test_only_classifiers_that_bend_see_a_difference_of_scale():
    g = rng(5)
    real, fake = torch.randn(2, 1000, 2, generator=g)
    assert two_sample_test(real, 3 * fake, nearest_classes, g).p_value < 1e-6
    assert two_sample_test(real, 3 * fake, network, g).p_value < 1e-6
    assert two_sample_test(real, 3 * fake, logistic, g).accuracy < 0.6


def test_k_nearest_neighbours_vote_and_the_nearest_breaks_a_tie():
    x = torch.tensor([[0.0], [1.0], [10.0], [11.0]])  # k = 2
    probe = nearest_classes(x, torch.tensor([0, 1, 1, 1]), 2)
    assert probe(torch.tensor([[0.1], [0.9], [10.5]])).argmax(1).tolist() == [0, 1, 1]


def test_the_larger_side_is_cut_to_the_smaller():
    """Ten times as many real samples must not make 'always real' look accurate."""
    g = rng(6)
    real, fake = balance(torch.randn(300, 4, generator=g), torch.randn(30, 4, generator=g), g)
    assert len(real) == len(fake) == 30
    result = c2st(study(torch.randn(1000, 4, generator=g), torch.randn(100, 4, generator=g)))
    assert result.details["samples_a_side"] == 100
    assert abs(result.value - 0.5) < 0.2 and abs(result.details["nearest_neighbour"] - 0.5) < 0.2
    with pytest.raises(ValueError, match="as many real as generated"):
        neighbours(torch.randn(9, 2), torch.randn(8, 2))


def test_adapter_reports_the_golden_neighbours_and_an_exact_interval(arrays):
    result = c2st(study(arrays["R"], arrays["G"]))
    assert result.details["nearest_neighbour"] == pytest.approx(0.775, rel=1e-9)
    assert result.details["nearest_neighbour_fake"] == pytest.approx(269 / 300, rel=1e-9)
    assert result.details["nearest_neighbour_p_value"] <= 0.002
    assert result.details["tested"] == 300 and result.value > 0.7
    assert result.interval == clopper_pearson(round(result.value * 300), 300)
    same = c2st(study(arrays["R"], arrays["G"]))
    assert same == result, "the study's seed decides everything"


def test_noise_grows_accuracy_steadily(arrays):
    g = rng(7)
    noise = torch.randn(arrays["F"].shape, generator=g, dtype=torch.float64)
    found = [neighbours(arrays["R"], arrays["F"] + level * noise).accuracies[0] for level in (0.0, 1.0, 3.0)]
    assert found[0] < found[1] < found[2]


def test_too_few_samples_are_refused():
    with pytest.raises(ValueError, match="at least 4"):
        c2st(study(torch.randn(3, 2), torch.randn(30, 2)))


@pytest.mark.parametrize("k", [0, 1, 3, 10])
def test_clopper_pearson_inverts_the_binomial_tails(k):
    low, high = clopper_pearson(k, 10)
    assert k == 0 or binom.sf(k - 1, 10, low) == pytest.approx(0.025)
    assert k == 10 or binom.cdf(k, 10, high) == pytest.approx(0.025)

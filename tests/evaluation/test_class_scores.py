"""Inception Score, modified Inception Score, Mode Score and AM Score of class posteriors."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from saddle.evaluation.features import Extractor
from saddle.evaluation.measures.class_scores import (
    ClassSums,
    am,
    am_score,
    inception,
    inception_score,
    mode,
    mode_original,
    mode_score,
    modified_inception,
    modified_inception_score,
)
from saddle.evaluation.side import Side
from saddle.evaluation.study import Study

NAN = float("nan")


class Brightness(Extractor):
    """Classes by the grey level of a 1 x 1 image: sharp posteriors over 10 classes, 25 levels each."""

    name, classes, dimensions = "brightness", 10, 1

    def __call__(self, images):
        level = images.flatten(1).float().mean(1, keepdim=True) / 25.6  # (B, 1)
        return level, -4 * (level - torch.arange(10) - 0.5).square()


def one_hot(classes, n):
    """n sure samples of each class, as log posteriors."""
    return torch.eye(classes, dtype=torch.float64).repeat(n, 1).log()


def posteriors(seed, n=40, classes=5, sharpness=2.0):
    rng = torch.Generator().manual_seed(seed)
    return (sharpness * torch.randn(n, classes, generator=rng, dtype=torch.float64)).log_softmax(1)


def study_of(levels, real_levels, **more):
    sides = [Side.of_images(x.to(torch.uint8).view(-1, 1, 1, 1)) for x in (real_levels, levels)]
    return Study(*sides, Brightness(), **more)


def levels(n, seed, top=256):
    return torch.randint(top, (n,), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("classes", [2, 10, 1000])
@pytest.mark.proves("inception-score", "closed form")
def test_sure_and_even_samples_score_the_number_of_classes(classes):
    assert inception(one_hot(classes, 3)) == pytest.approx(classes, rel=1e-12)


def test_equal_posteriors_score_one():
    same = posteriors(0)[:1].repeat(7, 1)
    assert inception(same) == pytest.approx(1.0, rel=1e-12)
    assert list(modified_inception(same).values()) == pytest.approx([1.0], rel=1e-12)


@pytest.mark.proves("inception-score", "golden")
def test_goldens_of_the_inception_score(arrays):
    log_p = arrays["P"].log()
    assert inception(log_p) == pytest.approx(2.3993560772, rel=1e-9)
    splits = torch.tensor([inception(part) for part in log_p.chunk(10)])
    assert float(splits.mean()) == pytest.approx(2.3518000603, rel=1e-7)
    splits = torch.tensor([inception(part) for part in log_p.chunk(10)], dtype=torch.float64)
    assert float(splits.std(correction=0)) == pytest.approx(0.0762934047, rel=1e-8)
    assert float(splits.std(correction=1)) == pytest.approx(0.0804203098, rel=1e-8)


def test_modified_score_is_the_mean_over_all_pairs_of_different_samples():
    log_p = posteriors(1, n=12, classes=3)
    expected = {}
    for label in range(3):
        rows = log_p[log_p.argmax(1) == label]
        pairs = [
            float((rows[i].exp() * (rows[i] - rows[j])).sum())
            for i in range(len(rows))
            for j in range(len(rows))
            if i != j
        ]
        if pairs:
            expected[label] = math.exp(sum(pairs) / len(pairs))
    assert modified_inception(log_p) == pytest.approx(expected, rel=1e-12)


@pytest.mark.proves("modified-inception-score", "golden")
def test_golden_of_the_modified_score(arrays):
    """The published script counts pairs i = j: the exponent shrinks by (n - 1) / n."""
    log_p = arrays["P"].log()
    counts = arrays["P"].argmax(1).bincount(minlength=10)
    found = modified_inception(log_p, floor=-math.inf)
    with_own = [math.exp(math.log(score) * (1 - 1 / int(counts[label]))) for label, score in found.items()]
    scores = torch.tensor(with_own, dtype=torch.float64)
    assert float(scores.mean()) == pytest.approx(4.4838823779, rel=1e-9)
    assert float(scores.std(correction=0)) == pytest.approx(0.2755453, rel=1e-5)


def test_the_floor_bounds_what_one_sure_sample_can_do():
    """Without it, log p = -1000 of one sample would give exp(hundreds)."""
    log_p = torch.tensor([[0.0, -1000.0], [math.log(0.6), math.log(0.4)], [math.log(0.7), math.log(0.3)]]).double()
    assert modified_inception(log_p)[0] < math.exp(16 * math.log(10))
    assert modified_inception(log_p, floor=-1000.0)[0] > math.exp(100)


def test_classes_predicted_once_have_no_pair():
    assert modified_inception(one_hot(4, 1)) == {}


@pytest.mark.proves("mode-score", "golden")
def test_goldens_of_the_mode_scores(arrays):
    p, q = arrays["P"].log(), arrays["Q"].log()
    assert mode(p, q) == pytest.approx(1.9420241627, rel=1e-9)
    assert mode_original(p, q) == pytest.approx(2.0283550608, rel=1e-9)


def test_the_mode_score_as_sometimes_printed_is_the_inception_score(arrays):
    """exp(E KL(p || q) - KL(pbar || q)) says nothing of q: E KL(p || q) = E KL(p || pbar) + KL(pbar || q)."""
    p, q = arrays["P"], arrays["Q"].mean(0)
    pbar = p.mean(0)
    first = (p * (p / q).log()).sum(1).mean()
    printed = float((first - (pbar * (pbar / q).log()).sum()).exp())
    assert printed == pytest.approx(inception(p.log()), rel=1e-12)
    assert printed == pytest.approx(2.399356077218, rel=1e-12)


@pytest.mark.proves("mode-score", "closed form")
def test_mode_score_of_half_the_classes():
    """Sure, even, half the classes: E KL = log K/2, KL(pbar || q) = log 2; what is never generated makes C zero."""
    half = one_hot(8, 2)[torch.tensor([0, 1, 2, 3, 8, 9, 10, 11])]
    assert mode(half, one_hot(8, 1)) == pytest.approx(8 / 2 / 2, rel=1e-12)
    assert mode_original(half, one_hot(8, 1)) == 0.0


def test_mode_score_with_the_data_s_own_marginal_is_the_inception_score():
    p = posteriors(2)
    assert mode(p, p) == pytest.approx(inception(p), rel=1e-12)
    assert mode_original(p, p) == pytest.approx(inception(p), rel=1e-12)


def test_a_class_that_the_data_do_not_have_makes_the_mode_score_zero():
    assert mode(one_hot(2, 3), one_hot(2, 3)[::2]) == 0.0


@pytest.mark.proves("am-score", "golden")
def test_am_score(arrays):
    assert am(arrays["P"].log(), arrays["Q"].log()) == pytest.approx(1.5927313743, rel=1e-9)
    assert am(one_hot(5, 2), one_hot(5, 3)) == pytest.approx(0.0, abs=1e-12)
    even = torch.full((3, 7), 1 / 7, dtype=torch.float64).log()
    assert am(even, even) == pytest.approx(math.log(7), rel=1e-12)


def test_am_is_infinite_only_where_a_class_is_impossible():
    """A posterior that underflows as a probability, exp(-800), still has a logarithm."""
    assert am(one_hot(2, 3)[::2], one_hot(2, 3)) == math.inf
    tiny = torch.tensor([[0.0, -800.0]], dtype=torch.float64)
    assert am(tiny, one_hot(2, 1)) == pytest.approx(-math.log(2) + 0.5 * 800, rel=1e-12)


@given(st.integers(0, 10_000), st.integers(1, 39))
def test_sums_of_parts_are_the_sums_of_all(seed, cut):
    log_p = posteriors(seed)
    parts, whole = ClassSums.of(log_p[:cut]) + ClassSums.of(log_p[cut:]), ClassSums.of(log_p)
    assert parts.information == pytest.approx(whole.information, rel=1e-10, abs=1e-12)
    assert parts.bias == pytest.approx(whole.bias, rel=1e-10)
    torch.testing.assert_close(parts.log_marginal, whole.log_marginal)


@given(st.integers(0, 10_000), st.floats(0.1, 8.0))
def test_bounds_and_order(seed, sharpness):
    p, q = posteriors(seed, sharpness=sharpness), posteriors(seed + 1)
    assert 1 - 1e-12 <= inception(p) <= 5 + 1e-12
    assert mode(p, q) <= inception(p) + 1e-12
    assert am(p, q) >= 0
    order = torch.randperm(len(p), generator=torch.Generator().manual_seed(seed))
    assert inception(p[order]) == pytest.approx(inception(p), rel=1e-12)
    assert modified_inception(p[order]) == pytest.approx(modified_inception(p), rel=1e-9)


@pytest.mark.parametrize(("n", "expected"), [(100, 9.550), (1000, 9.954), (5000, 9.991)])
def test_bias_of_few_samples_is_foreseen_and_corrected(n, expected):
    """Sure samples of 10 equally likely classes: E IS is about K exp(-(K - 1) / 2N)."""
    rng = torch.Generator().manual_seed(0)
    sums = [ClassSums.of(one_hot(10, 1)[torch.randint(10, (n,), generator=rng)]) for _ in range(200)]
    scores = torch.tensor([math.exp(each.information) for each in sums])
    corrected = torch.tensor([math.exp(each.information - each.bias) for each in sums])
    error = 4 * float(scores.std()) / math.sqrt(200)
    assert float(scores.mean()) == pytest.approx(expected, abs=error + 1e-3)
    assert float(corrected.mean()) == pytest.approx(10.0, abs=error + 60 / n**2 * 10)
    assert sums[0].bias == pytest.approx(-9 / (2 * n), rel=1e-9)


def test_adapter_reports_the_mean_over_splits_and_an_interval_that_covers():
    """Over repeats, 95 % intervals hold the expected value of a score at that split size."""
    found = [inception_score(study_of(levels(200, seed), levels(200, seed + 1000))) for seed in range(60)]
    centre = sum(result.value for result in found) / len(found)
    inside = sum(result.interval[0] <= centre <= result.interval[1] for result in found)
    assert 50 <= inside <= 60
    details = found[0].details
    assert details["splits"] == 10 and details["split_size"] == 20
    assert details["all_at_once"] > found[0].value
    assert details["expected_bias"] < 0
    assert details["corrected"] == pytest.approx(found[0].value - details["expected_bias"], rel=0.05)


@pytest.mark.parametrize("measure", [modified_inception_score, mode_score, am_score])
def test_intervals_cover(measure):
    found = [measure(study_of(levels(300, seed, top=200), levels(300, seed + 1000))) for seed in range(60)]
    centre = sorted(result.value for result in found)[30]
    inside = sum(result.interval[0] <= centre <= result.interval[1] for result in found)
    assert 50 <= inside <= 60


def test_dropped_classes_lower_the_scores_and_blindness_is_as_documented():
    """IS cannot tell one sample a class, copied 200 times, from 200 different ones; m-IS can."""
    real = levels(400, 0)
    whole, dropped = study_of(levels(400, 1), real), study_of(levels(400, 1, top=128), real)
    assert inception_score(dropped).value < 0.7 * inception_score(whole).value
    assert mode_score(dropped).value < 0.5 * mode_score(whole).value
    assert am_score(dropped).value > am_score(whole).value + 0.3
    collapsed = study_of(torch.arange(10).repeat(40) * 25 + 12, real)
    assert inception_score(collapsed).value > 0.95 * inception_score(whole).value
    assert modified_inception_score(collapsed).value == pytest.approx(1.0, abs=1e-9)
    assert modified_inception_score(whole).value > 1.3


def test_adapter_details():
    result = mode_score(study_of(levels(100, 3), levels(100, 4)))
    assert result.details["inception"] >= result.value
    assert am_score(study_of(levels(100, 3), levels(100, 4))).details["real"] > 0
    same = inception_score(study_of(levels(100, 3), levels(100, 4)))
    assert same == inception_score(study_of(levels(100, 3), levels(100, 4)))
    assert same != inception_score(study_of(levels(100, 3), levels(100, 4), seed=1))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (torch.zeros(5), "N, K"),
        (torch.zeros(0, 3), "N, K"),
        (torch.zeros(4, 3), "log-softmax"),
        (torch.tensor([[0.0, NAN]]), "log-softmax"),
        (torch.full((4, 3), 1 / 3), "log-softmax"),
    ],
)
def test_what_is_no_log_posterior_is_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        inception(wrong)


def test_two_classifiers_are_refused():
    with pytest.raises(ValueError, match="one classifier"):
        mode(one_hot(3, 1), one_hot(4, 1))


def test_too_few_samples_are_refused():
    with pytest.raises(ValueError, match="20 or more"):
        inception_score(study_of(levels(19, 0), levels(50, 1)))
    with pytest.raises(ValueError, match="2 or more samples"):
        modified_inception_score(study_of(torch.tensor([0, 250]), levels(50, 1)))

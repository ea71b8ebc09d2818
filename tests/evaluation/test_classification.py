import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import norm
from sklearn.datasets import load_digits
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from saddle.evaluation.features import Identity
from saddle.evaluation.measures.classification import (
    accuracies,
    adversarial_accuracy,
    classification,
    divergence,
    right,
)
from saddle.evaluation.measures.probes import (
    ClassMoments,
    Scale,
    discriminant,
    jackknife,
    lda,
    logistic,
    network,
    oracle_shrinkage,
    temperature,
    widened,
)
from saddle.evaluation.side import Side
from saddle.evaluation.study import Study


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def two_gaussians(n, a, seed):
    """Classes N(-a e1, I), N(+a e1, I) in the plane: the best accuracy is Phi(a)."""
    g = rng(seed)
    y = torch.arange(n) % 2
    x = torch.randn(n, 2, generator=g, dtype=torch.float64)
    x[:, 0] += a * (2.0 * y - 1)
    return x, y


def study(real, fake, held_out=None, seed=0):
    sides = [None if pair is None else Side.of_features(pair[0], labels=pair[1]) for pair in (real, fake, held_out)]
    return Study(sides[0], sides[1], Identity(), held_out=sides[2], seed=seed)


@pytest.fixture(scope="module")
def digits():
    """Real digits in two halves, rows (n, 64)."""
    held = load_digits()
    order = np.random.RandomState(0).permutation(1797)
    x, y = torch.from_numpy(held.data / 16)[order], torch.from_numpy(held.target)[order]
    return (x[:898], y[:898]), (x[898:], y[898:])


@pytest.mark.parametrize("a", [0.25, 0.5, 1.0, 2.0])
def test_lda_of_known_moments_reaches_phi_of_half_the_distance(a):
    """From exact moments; the accuracy of w'x + b on N(m, I) is Phi((w'm + b) / |w|)."""
    mean = torch.tensor([[-a, 0.0, 0.0], [a, 0.0, 0.0]], dtype=torch.float64)
    moments = ClassMoments(torch.ones(2, dtype=torch.float64), mean, 2 * torch.eye(3, dtype=torch.float64))
    probe = lda(moments, shrinkage=0.0)
    margins = probe(torch.cat([mean, torch.eye(3), torch.zeros(1, 3)])).diff(dim=1).flatten()
    w = margins[2:5] - margins[5]
    assert norm.cdf(float(margins[1] / w.norm())) == pytest.approx(norm.cdf(a), rel=1e-9)
    assert norm.cdf(float(-margins[0] / w.norm())) == pytest.approx(norm.cdf(a), rel=1e-9)


def test_lda_agrees_with_scikit_learn(digits):
    (x, y), (xt, _) = digits
    x, xt = (part[:, part.std(0) > 0.02] for part in (x, xt))
    x, xt = (part[:, : min(x.shape[1], xt.shape[1])] for part in (x, xt))
    ours = lda(ClassMoments.of(x, y, 10), shrinkage=0.0)(xt).log_softmax(1)
    theirs = LinearDiscriminantAnalysis(solver="lsqr", priors=torch.bincount(y) / len(y)).fit(x.numpy(), y.numpy())
    assert (ours.argmax(1).numpy() == theirs.predict(xt.numpy())).mean() > 0.995
    assert np.allclose(ours.exp().numpy(), theirs.predict_proba(xt.numpy()), atol=0.02)


@given(n=st.integers(2, 60), cut=st.floats(0, 1), seed=st.integers(0, 999))
@settings(max_examples=30, deadline=None)
def test_moments_of_parts_add_up_to_those_of_the_whole(n, cut, seed):
    """Also where a part lacks a class, or has no sample."""
    g = rng(seed)
    x, y = torch.randn(n, 3, generator=g, dtype=torch.float64), torch.randint(3, (n,), generator=g)
    k = int(cut * n)
    whole, parts = ClassMoments.of(x, y, 3), ClassMoments.of(x[:k], y[:k], 3) + ClassMoments.of(x[k:], y[k:], 3)
    assert torch.equal(whole.count, parts.count)
    assert torch.allclose(whole.mean, parts.mean, atol=1e-12) and torch.allclose(whole.scatter, parts.scatter)


@pytest.mark.parametrize("fit", [logistic, network, lambda x, y, k: discriminant(ClassMoments.of(x, y, k))])
def test_a_class_that_was_never_seen_is_never_answered(fit):
    x, y = two_gaussians(100, 2.0, 0)
    for labels, seen in ((2 * y, {0, 2}), (torch.full_like(y, 1), {1})):
        logits = fit(x, labels, 3)(x)
        assert set(logits.argmax(1).tolist()) == seen
        assert not logits.isnan().any()
        assert bool((logits[:, [c for c in range(3) if c not in seen]] == -math.inf).all())


def test_more_dimensions_than_samples_do_no_harm():
    g = rng(1)
    y = torch.arange(40) % 2
    x = torch.randn(40, 100, generator=g) + 3.0 * y.unsqueeze(1)
    probe = discriminant(ClassMoments.of(x, y, 2))
    assert float(right(probe, (torch.randn(40, 100, generator=g) + 3.0 * y.unsqueeze(1), y)).mean()) == 1.0


@pytest.mark.parametrize("n", [20, 60, 61, 200])
def test_as_many_samples_as_dimensions_do_not_ruin_the_boundary(n):
    """Without shrinkage accuracy falls to chance at n = d + K = 62; no spread in 4 standard errors may lie there."""
    g = rng(20)
    draw = [
        (torch.randn(k, 60, generator=g) + 0.8 * (torch.arange(k) % 2).unsqueeze(1), torch.arange(k) % 2)
        for k in (n, 2000)
    ]
    accuracy = float(right(discriminant(ClassMoments.of(*draw[0], 2)), draw[1]).mean())
    assert accuracy > 0.9


def test_shrinkage_is_that_of_scikit_learn_and_knows_its_limits():
    """One class: sklearn divides the same S by n where we divide by n - 1, so the counts are set to agree."""
    from sklearn.covariance import oas

    x = torch.randn(50, 5, generator=rng(21), dtype=torch.float64) * torch.tensor([5.0, 2, 1, 1, 1])
    x = x - x.mean(0)
    moments = ClassMoments(torch.tensor([51.0]).double(), torch.zeros(1, 5).double(), x.T @ x)
    n, d, S = 50, 5, x.T @ x / 50
    a, b = float((S @ S).trace()), float(S.trace()) ** 2
    theirs = oas(x.numpy(), assume_centered=True)[1]  # leaves out both 2 / d, as for large d
    assert theirs * (n + 1) * (a - b / d) == pytest.approx(a + b)
    assert oracle_shrinkage(moments) * (n + 1 - 2 / d) * (a - b / d) == pytest.approx(a + b - 2 * a / d)
    assert oracle_shrinkage(ClassMoments.of(x[:1], torch.zeros(1, dtype=torch.long), 1)) == 1.0
    assert oracle_shrinkage(ClassMoments.of(x[:, :1] @ torch.ones(1, 5).double(), torch.zeros(50).long(), 1)) < 0.1
    with pytest.raises(ValueError, match="shrinkage"):
        lda(moments, 1.5)


def test_standardisation_leaves_constant_columns_alone():
    x = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
    assert Scale.of(x)(x).tolist() == [[-1.0, 0.0], [1.0, 0.0]]


@pytest.mark.parametrize("T", [0.25, 1.0, 4.0])
def test_temperature_undoes_overconfidence(T):
    """Labels drawn from softmax(z): logits T z need temperature T."""
    g = rng(2)
    z = 2 * torch.randn(20_000, 3, generator=g, dtype=torch.float64)
    y = torch.multinomial(z.softmax(1), 1, generator=g).squeeze(1)
    assert temperature(T * z, y) == pytest.approx(T, rel=0.05)


def test_temperature_ignores_classes_that_the_probe_never_saw():
    logits = torch.tensor([[0.0, -math.inf], [1.0, -math.inf]], dtype=torch.float64)
    assert temperature(logits, torch.tensor([1, 1])) == 1.0
    assert math.isfinite(temperature(logits, torch.tensor([0, 1])))


def test_jackknife_gives_the_error_of_a_mean():
    """For theta = the mean of class 0, read through the probe's logits of one class in 1-D, s / sqrt(n)."""
    g = rng(3)
    x = torch.randn(1000, 1, generator=g, dtype=torch.float64)
    y = torch.zeros(1000, dtype=torch.long)
    parts = [ClassMoments.of(a, b, 1) for a, b in zip(x.split(10), y.split(10), strict=True)]
    step = torch.tensor([[1.0], [0.0]], dtype=torch.float64)
    # the logit's slope is m / S, which varies as m does where m is near 0
    error = jackknife(parts, lambda probe: float(probe(step).squeeze(1) @ torch.tensor([1.0, -1.0]).double()))
    assert error == pytest.approx(1000**-0.5, rel=0.2)
    assert widened(0.5, (0.4, 0.7), 0.0) == pytest.approx((0.4, 0.7))


def test_right_generator_reads_as_data(digits):
    real, kept = digits
    result = classification(study(real, real, kept))
    lda_ = result.details["lda"]
    assert result.value == lda_["gan_train"] > 0.9 and result.details["logistic"]["gan_base"] > 0.9
    assert abs(lda_["gan_train"] - lda_["gan_base"]) < 0.02
    assert lda_["gan_test"] > lda_["gan_base"], "copies of the training data are easier than unseen ones"
    assert result.interval[0] < result.value < result.interval[1] <= 1.0


@pytest.mark.proves("classification", "closed form")
def test_rotated_labels_of_two_classes_get_one_minus_the_accuracy():
    fit, kept = two_gaussians(2000, 1.0, 4), two_gaussians(2000, 1.0, 5)
    straight = classification(study(fit, two_gaussians(2000, 1.0, 6), kept))
    turned_x, turned_y = two_gaussians(2000, 1.0, 6)
    turned = classification(study(fit, (turned_x, 1 - turned_y), kept))
    assert turned.value == pytest.approx(1 - straight.value, abs=1e-9)
    assert straight.value == pytest.approx(norm.cdf(1.0), abs=0.03)
    assert straight.interval[0] < norm.cdf(1.0) < straight.interval[1]


@pytest.mark.proves("classification", "planted defect")
def test_label_swaps_and_dropped_classes_lower_gan_train_steadily(digits):
    real, kept = digits
    x, y = real

    def gan_train(features, labels):
        return float(right(discriminant(ClassMoments.of(features, labels, 10)), kept).mean())

    g = rng(7)
    swap, drop = [], []
    for share in (0.0, 0.4, 0.8):
        random = torch.where(torch.rand(len(y), generator=g) < share, torch.randint(10, (len(y),), generator=g), y)
        swap.append(gan_train(x, random))
        there = y >= 10 * share
        drop.append(gan_train(x[there], y[there]))
    assert swap[0] > swap[1] > swap[2] and drop[0] > drop[1] > drop[2]
    assert drop[2] < 0.25, "two classes of ten"


def test_readings_name_who_learnt_from_whom():
    first, second = (lambda x: torch.tensor([[1.0, 0.0]]).expand(len(x), 2), lambda x: torch.eye(2)[[1] * len(x)])
    kept, made = (torch.zeros(4, 1), torch.tensor([0, 0, 0, 1])), (torch.zeros(2, 1), torch.tensor([0, 1]))
    found = {name: float(count.mean()) for name, count in accuracies(first, second, second, kept, made).items()}
    assert found == {"gan_train": 0.25, "gan_base": 0.75, "gan_test": 0.5, "nas": 0.25}


@pytest.mark.proves("adversarial-accuracy", "closed form")
def test_divergence_of_two_logistic_posteriors_by_quadrature():
    """Classes N(-a, 1), N(a, 1) and N(-b + c, 1), N(b + c, 1): posteriors sigmoid(2 a x) and sigmoid(2 b (x - c))."""
    a, b, c = 1.0, 0.6, 0.3

    def kl(x):
        p, q = expit(2 * b * (x - c)), expit(2 * a * x)
        return p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))

    expected = quad(lambda x: kl(x) * (norm.pdf(x, a) + norm.pdf(x, -a)) / 2, -12, 12, epsabs=1e-13)[0]
    one = torch.ones(2, dtype=torch.float64)
    probes = [
        lda(ClassMoments(one, torch.tensor([[-m + s], [m + s]], dtype=torch.float64), 2 * torch.eye(1).double()), 0.0)
        for m, s in ((b, c), (a, 0.0))
    ]
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)  # of exp(-x^2 / 2)
    found = 0.0
    for sign in (a, -a):
        log_g, log_r = (probe(torch.from_numpy(nodes + sign).unsqueeze(1)).log_softmax(1) for probe in probes)
        found += float(divergence(log_g, log_r) @ torch.from_numpy(weights)) / math.sqrt(2 * math.pi) / 2
    assert found == pytest.approx(expected, rel=1e-9)


def test_divergence_has_a_direction_and_knows_infinity():
    sure, unsure = torch.tensor([[1.0, 0.0]]).log(), torch.tensor([[0.5, 0.5]]).log()
    assert divergence(sure, unsure).item() == pytest.approx(math.log(2))
    assert divergence(unsure, sure).item() == math.inf
    assert divergence(sure, sure).item() == 0.0


def test_adversarial_accuracy_of_the_same_law_is_that_of_two_real_halves():
    fit, kept, fake = (two_gaussians(3000, 1.0, seed) for seed in (8, 9, 10))
    result = adversarial_accuracy(study(fit, fake, kept))
    assert 0 <= result.interval[0] <= result.value <= result.interval[1] < 0.01
    assert result.details["real_halves"] < 0.01
    for side in ("real", "fake"):
        assert result.details[f"accuracy_{side}"] == pytest.approx(norm.cdf(1.0), abs=0.03)
        assert result.details[f"temperature_{side}"] == pytest.approx(1.0, abs=0.25)


@pytest.mark.proves("adversarial-accuracy", "planted defect")
def test_adversarial_divergence_grows_as_one_class_takes_labels_of_the_other():
    fit, kept = two_gaussians(2000, 1.0, 11), two_gaussians(2000, 1.0, 12)
    x, y = two_gaussians(2000, 1.0, 13)
    found = []
    for share in (0.0, 0.3, 0.6):
        swapped = torch.where(torch.arange(2000) % 100 < 100 * share, 0, y)
        found.append(adversarial_accuracy(study(fit, (x, swapped), kept)).value)
    assert found[0] < found[1] < found[2]


def test_the_temperature_hides_label_noise_that_strikes_both_classes_alike():
    """It only makes the classifier less sure, which the temperature undoes: seen at temperature 1 alone."""
    fit, kept = two_gaussians(4000, 1.0, 11), two_gaussians(4000, 1.0, 12)
    x, y = two_gaussians(4000, 1.0, 13)
    swapped = torch.where(torch.arange(4000) % 100 < 30, 1 - y, y)
    result = adversarial_accuracy(study(fit, (x, swapped), kept))
    assert result.value < 0.02 and result.details["temperature_fake"] < 0.6
    assert result.details["without_temperature"] > 0.1


def test_a_class_missing_from_the_data_makes_the_divergence_infinite():
    x, y = two_gaussians(200, 1.0, 14)
    real = Side.of_features(x, labels=torch.zeros(200, dtype=torch.long), classes=2)
    result = adversarial_accuracy(Study(real, Side.of_features(x, labels=y), Identity()))
    assert result.value == math.inf and result.interval is None


def test_labels_must_be_there():
    x, y = two_gaussians(50, 1.0, 15)
    for measure in (classification, adversarial_accuracy):
        with pytest.raises(ValueError, match="labels of both sides"):
            measure(Study(Side.of_features(x, labels=y), Side.of_features(x), Identity()))
        with pytest.raises(ValueError, match="2 or more"):
            measure(study((x, torch.zeros_like(y)), (x, torch.zeros_like(y))))
    with pytest.raises(ValueError, match="at least 2"):
        classification(study((x, y), (x[:1], y[1:2])))

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from saddle.evaluation.features import Identity
from saddle.evaluation.measures.boundary import (
    balanced,
    boundary_distortion,
    distortion,
    linear_distortion,
    rank,
    spectrum,
)
from saddle.evaluation.measures.probes import ClassMoments, lda
from saddle.evaluation.side import Side
from saddle.evaluation.study import Study

E1, DIAGONAL = torch.tensor([1.0, 0.0]).double(), torch.tensor([1.0, 1.0]).double() / 2**0.5


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def two_gaussians(n, a, seed, collapse=0.0, axis=DIAGONAL):
    """Classes N(-a e1, I) and N(+a e1, I - collapse uu'): the second loses spread along u."""
    g = rng(seed)
    y = torch.arange(n) % 2
    noise = torch.randn(n, 2, generator=g, dtype=torch.float64)
    shrink = (1 - (1 - collapse) ** 0.5) * (noise @ axis).unsqueeze(1) * axis
    return torch.where(y.unsqueeze(1) == 1, noise - shrink + a * E1, noise - a * E1), y


def study(real, fake, held_out, seed=0):
    sides = [Side.of_features(x, labels=y) for x, y in (real, fake, held_out)]
    return Study(sides[0], sides[1], Identity(), held_out=sides[2], seed=seed)


@pytest.mark.parametrize(("axis", "stretch"), [(E1, 1.0), (DIAGONAL, 1.5 / 2.5**0.5)])
@pytest.mark.proves("boundary-distortion", "closed form")
def test_a_class_collapsed_along_an_axis_tilts_the_boundary(axis, stretch):
    """Pooled S = I - uu'/2, so w = S^-1 (2 a e1) = 2 a (e1 + u u'e1): (1.5, 0.5) up to scale for the diagonal.

    Accuracy on N(+-a e1, I) is Phi(a w1 / |w|): unharmed along the line of the means, Phi(0.9487 a) across it.
    """
    a = 1.3
    S = 2 * torch.eye(2, dtype=torch.float64) - torch.outer(axis, axis)
    probe = lda(ClassMoments(torch.ones(2).double(), torch.stack([-a * E1, a * E1]), S), shrinkage=0.0)
    logits = probe(torch.cat([torch.eye(2), torch.zeros(1, 2)]).double()).diff(dim=1).flatten()
    w, b = logits[:2] - logits[2], logits[2]
    accuracy = [norm.cdf(float((w @ (s * a * E1) + b) * s / w.norm())) for s in (1, -1)]
    assert accuracy == pytest.approx([norm.cdf(stretch * a)] * 2, rel=1e-9)


def test_interval_holds_the_analytic_gap():
    """Nominally 95 % of 60 intervals; their mean gap is off by no more than 4 standard errors."""
    a, gaps, held = 0.8, [], 0
    gap = norm.cdf(a) - norm.cdf(1.5 / 2.5**0.5 * a)
    for seed in range(60):
        fit, kept = two_gaussians(600, a, 3 * seed), two_gaussians(2000, a, 3 * seed + 1)
        found, (low, high) = linear_distortion(
            fit, two_gaussians(600, a, 3 * seed + 2, collapse=1.0), kept, 2, rng(seed)
        )
        gaps.append(found)
        held += low <= gap <= high
    gaps = torch.tensor(gaps)
    assert held >= 52
    assert float(gaps.mean()) == pytest.approx(gap, abs=4 * float(gaps.std()) / 60**0.5)


def test_adapter_reports_both_accuracies_of_both_classifiers():
    fit, kept, fake = two_gaussians(600, 0.8, 1), two_gaussians(5000, 0.8, 2), two_gaussians(600, 0.8, 3)
    result = boundary_distortion(study(fit, fake, kept))
    for kind in ("linear", "network"):
        entry = result.details[kind][0]
        assert entry["gap"] == pytest.approx(entry["accuracy_real"] - entry["accuracy_fake"])
        assert entry["accuracy_real"] == pytest.approx(norm.cdf(0.8), abs=0.03)
    assert result.value == result.details["linear"][0]["gap"]
    assert boundary_distortion(study(fit, fake, kept)) == result


def test_interval_holds_zero_under_the_null():
    """Both classifiers learn from the same law; nominally 95 % of 200 intervals hold 0."""
    held = 0
    for seed in range(200):
        fit, fake, kept = (two_gaussians(120, 1.0, 3 * seed + k) for k in range(3))
        low, high = linear_distortion(fit, fake, kept, 2, rng(seed))[1]
        held += low <= 0 <= high
    assert held >= 180


@pytest.mark.proves("boundary-distortion", "planted defect")
def test_swapped_labels_lose_what_there_is_to_lose():
    fit, kept, (x, y) = (two_gaussians(1000, 1.0, seed) for seed in (4, 5, 6))
    result = boundary_distortion(study(fit, (x, 1 - y), kept))
    assert result.value == pytest.approx(2 * norm.cdf(1.0) - 1, abs=0.05)


def test_ten_times_as_many_generated_samples_are_used_where_there_are():
    fit, kept, fake = two_gaussians(100, 1.0, 7), two_gaussians(100, 1.0, 8), two_gaussians(900, 1.0, 9)
    sizes = [entry["size"] for entry in boundary_distortion(study(fit, fake, kept)).details["linear"]]
    assert sizes == [100, 900]
    assert len(boundary_distortion(study(fit, fit, kept)).details["linear"]) == 1


@pytest.mark.parametrize("r", [1, 3, 7])
@pytest.mark.parametrize("n", [20, 200])
def test_a_generator_of_rank_r_shows_r_eigenvalues(r, n):
    """Both with fewer samples than the 30 features and with more."""
    g = rng(10)
    x = torch.randn(n, r, generator=g, dtype=torch.float64) @ torch.randn(r, 30, generator=g, dtype=torch.float64) + 5
    found = spectrum(x)
    assert rank(found) == r
    assert bool((found.diff() <= 0).all())
    assert float(found.sum()) == pytest.approx(float(x.var(0).sum()))


def test_adapter_reports_the_rank_of_a_collapsed_generator():
    fit, kept, fake = (two_gaussians(200, 1.0, seed) for seed in (11, 12, 13))
    flat = fake[0].clone()
    flat[:, 1] = 2 * flat[:, 0]
    details = boundary_distortion(study(fit, (flat, fake[1]), kept)).details
    assert (details["rank_real"], details["rank_fake"]) == (2, 1)


def test_balanced_sets_take_as_many_of_each_class():
    x, y = torch.arange(10.0).unsqueeze(1), torch.tensor([0] * 6 + [1] * 3 + [2])
    held, labels = balanced((x, y), 3, 3, rng())
    assert torch.bincount(labels).tolist() == [3, 3, 1]
    assert torch.equal(y[held.flatten().long()], labels) and len(held.unique()) == 7


@given(n=st.integers(1, 300), seed=st.integers(0, 999))
@settings(max_examples=30, deadline=None)
def test_distortion_turns_its_sign_with_the_sides(n, seed):
    first, second = (torch.rand(2, n, generator=rng(seed)) < 0.7).double()
    gap, (low, high) = distortion(first, second)
    back, (lower, higher) = distortion(second, first)
    assert (gap, low, high) == pytest.approx((-back, -higher, -lower))
    assert -1 <= low <= gap <= high <= 1 and low < high


def test_classifiers_that_never_disagree_still_leave_doubt():
    gap, (low, high) = distortion(torch.ones(50), torch.ones(50))
    assert gap == 0.0 and low == pytest.approx(-high) and 0.0 < high < 0.1


def test_misuse_is_refused():
    x, y = two_gaussians(20, 1.0, 14)
    with pytest.raises(ValueError, match="labels of both sides"):
        boundary_distortion(Study(Side.of_features(x, labels=y), Side.of_features(x), Identity()))
    with pytest.raises(ValueError, match="2 or more"):
        spectrum(x[:1])

"""Parzen windows, the choice of their width, and the likelihood measure with AIS beside it."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.distributions import MultivariateNormal

from saddle.data.spec import Spec
from saddle.evaluation.features import Identity
from saddle.evaluation.measures.likelihood import (
    best_width,
    log_likelihood,
    parzen,
    parzen_leave_one_out,
    widths_for,
)
from saddle.evaluation.side import Model, Side
from saddle.evaluation.study import Study
from saddle.game import Game
from saddle.game.game import Player, Sampler

WIDTHS = torch.tensor([0.5, 0.8, 1.0], dtype=torch.float64)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(n, d, seed=0):
    return torch.randn(n, d, generator=seeded(seed), dtype=torch.float64)


def study_of(real, fake, **more):
    return Study(Side.of_features(real), Side.of_features(fake), Identity(), **more)


def linear_model(matrix, prior=torch.randn, classes=0):
    """x = A z + label, as a game."""
    layer = nn.Linear(matrix.shape[1], matrix.shape[0], bias=False)
    layer.weight.data.copy_(matrix)
    sampler = Sampler(
        prior=lambda n, rng: prior(n, matrix.shape[1], generator=rng),
        generate=lambda nets, z, y: nets["G"](z) + (0 if y is None else 10.0 * y[:, None]),
        classes=classes,
    )
    game = Game([Player("G", layer, torch.optim.SGD(layer.parameters(), 0.1))], [], sampler)
    return Model(game, Spec(channels=len(matrix), classes=classes))


def ais_of(model, real, labels=None):
    fake = Side.of_model(model, 200, seed=1)
    classes = model.classes if labels is not None else 0
    return log_likelihood(Study(Side.of_features(real, labels=labels, classes=classes), fake, Identity())).details[
        "ais"
    ]


@pytest.mark.proves("log-likelihood", "golden")
def test_goldens(arrays):
    found = parzen(arrays["T"], arrays["F"], WIDTHS).mean(1)
    np.testing.assert_allclose(found.numpy(), [-29.7666922, -24.1454514, -24.2798105], rtol=0, atol=1e-7)
    found = parzen(arrays["T"], arrays["G"], WIDTHS).mean(1)
    np.testing.assert_allclose(found.numpy(), [-32.2749624, -25.0220196, -24.7493822], rtol=0, atol=1e-7)


@pytest.mark.proves("log-likelihood", "closed form")
def test_one_centre_is_a_gaussian(arrays):
    """M = 1 at the origin, sigma = 1: the true density of T."""
    found = parzen(arrays["T"], torch.zeros(1, 16), torch.ones(1))
    assert float(found.mean()) == pytest.approx(-22.4680556, rel=1e-8)
    law = MultivariateNormal(torch.zeros(16).double(), 0.49 * torch.eye(16).double())
    torch.testing.assert_close(
        parzen(arrays["T"], torch.zeros(1, 16), torch.tensor([0.7]))[0], law.log_prob(arrays["T"])
    )


def test_it_is_scikit_learn_s():
    neighbors = pytest.importorskip("sklearn.neighbors")
    x, y = normal(150, 3), normal(301, 3, 1)
    for width, found in zip(WIDTHS.tolist(), parzen(x, y, WIDTHS), strict=True):
        oracle = neighbors.KernelDensity(bandwidth=width, rtol=1e-12).fit(y.numpy())
        np.testing.assert_allclose(found.numpy(), oracle.score_samples(x.numpy()), rtol=1e-9)


def test_a_window_is_a_density():
    """It integrates to 1 over a plane."""
    axis = torch.linspace(-9, 9, 181, dtype=torch.float64)
    found = parzen(torch.cartesian_prod(axis, axis), normal(5, 2), WIDTHS)
    torch.testing.assert_close(found.exp().sum(1) * 0.1**2, torch.ones(3).double())


@given(st.integers(0, 10_000))
def test_order_shift_rotation_and_scale(seed):
    x, y = normal(6, 3, seed), normal(9, 3, seed + 1)
    found = parzen(x, y, WIDTHS)
    torch.testing.assert_close(parzen(x, y.flip(0), WIDTHS), found)
    torch.testing.assert_close(parzen(x + 1e5, y + 1e5, WIDTHS), found, rtol=1e-8, atol=1e-8)
    turn = torch.linalg.qr(normal(3, 3, seed)).Q
    torch.testing.assert_close(parzen(x @ turn, y @ turn, WIDTHS), found)
    torch.testing.assert_close(parzen(10 * x, 10 * y, 10 * WIDTHS), found - 3 * math.log(10))


def test_far_samples_and_narrow_windows_stay_finite():
    found = parzen(torch.full((1, 50), 1e3), torch.zeros(2, 50), torch.tensor([1e-3], dtype=torch.float64))
    exact = -0.5 * 50 * 1e12 - 25 * math.log(2 * math.pi * 1e-6)
    assert float(found) == pytest.approx(exact, rel=1e-12)


def test_leave_one_out_leaves_one_out():
    y = normal(20, 2)
    expected = torch.stack([parzen(y[i : i + 1], torch.cat([y[:i], y[i + 1 :]]), WIDTHS)[:, 0] for i in range(20)], 1)
    torch.testing.assert_close(parzen_leave_one_out(y, WIDTHS), expected)
    torch.testing.assert_close(parzen_leave_one_out(y, WIDTHS, most=7), expected[:, :7])


def test_the_best_width_falls_with_the_number_of_samples():
    """As M^(-1/(d + 4)): for a Gaussian, Silverman's rule is the order of magnitude."""
    x = normal(500, 2, 5)
    widths = widths_for(x)
    few, many = (best_width(parzen(x, normal(m, 2, m), widths), widths) for m in (50, 3000))
    assert many < few
    assert 0.5 < many / 3000 ** (-1 / 6) < 2


def test_the_width_is_not_chosen_on_the_test_samples():
    """Half of the test rows also stand among the generated ones: chosen on them, the width would collapse."""
    real, kept = normal(400, 4), normal(60, 4, 1)
    study = study_of(real, torch.cat([normal(400, 4, 2), kept]), held_out=Side.of_features(kept))
    assert log_likelihood(study).details["at_edge"]  # held-out rows were leaked: choosing sees copies, and says so
    study = study_of(real, torch.cat([normal(400, 4, 2), real]), held_out=Side.of_features(kept))
    found = log_likelihood(study)
    assert not found.details["at_edge"]  # copies of the training data neither choose nor test
    assert found.details["width"] > 0.2


def test_in_few_dimensions_it_is_near_the_truth():
    real = normal(1000, 2)
    same, shifted = (log_likelihood(study_of(real, normal(1000, 2, 1) + shift)) for shift in (0.0, 1.0))
    truth = -1 - math.log(2 * math.pi)  # mean log density of N(0, I) under itself
    assert same.value == pytest.approx(truth, abs=0.15)
    assert shifted.value < same.value - 0.3
    assert same.details["real"] == pytest.approx(same.value, abs=0.05)
    assert same.details["bits_per_dimension"] == pytest.approx(-same.value / (2 * math.log(2)))


def test_it_is_blind_to_samples_that_are_all_too_alike():
    """The window makes up for what the generator lacks: half the spread costs nothing."""
    real = normal(1000, 2)
    same, narrow = (log_likelihood(study_of(real, scale * normal(1000, 2, 1))) for scale in (1.0, 0.5))
    assert narrow.value == pytest.approx(same.value, abs=0.1)
    assert narrow.details["width"] > 1.5 * same.details["width"]


def test_intervals_cover():
    """Over repeats with the same generated samples: 95 % intervals hold the mean over test sets."""
    fake = normal(60, 2, 1)
    found = [log_likelihood(study_of(normal(120, 2, seed + 10), fake)) for seed in range(60)]
    centre = sum(result.value for result in found) / 60
    assert sum(result.interval[0] <= centre <= result.interval[1] for result in found) >= 50


def test_seeds_repeat():
    real, fake = normal(90, 3), normal(80, 3, 1)
    assert log_likelihood(study_of(real, fake)) == log_likelihood(study_of(real, fake))


@pytest.mark.slow
def test_ais_of_a_linear_game_is_its_closed_form():
    matrix = torch.tensor([[1.0, 0.5], [0.0, 1.0], [-0.5, 0.3]])
    model = linear_model(matrix)
    real = Side.of_model(model, 300, seed=5).rows
    found = ais_of(model, real)
    law = MultivariateNormal(torch.zeros(3), matrix @ matrix.T + found["noise"] ** 2 * torch.eye(3))
    assert found["interval"][0] - 1.0 < float(law.log_prob(real).mean()) < found["interval"][1] + 1.0
    assert abs(found["gap"]) < 1.0
    assert found["temperatures"] == 500
    assert not found["given_labels"]


@pytest.mark.slow
def test_ais_asks_a_conditional_game_for_the_label_of_each_sample():
    """Class 1 lies 10 away: the wrong label would cost thousands of nats."""
    matrix = torch.eye(2)
    model = linear_model(matrix, classes=2)
    labels = torch.arange(60).remainder(2)
    real = torch.randn(60, 2, generator=seeded(3)) + 10 * labels[:, None]
    found = ais_of(model, real, labels)
    assert found["given_labels"]
    assert found["value"] > -20


def test_ais_is_skipped_in_words_where_it_has_no_meaning():
    uniform = linear_model(torch.eye(2), prior=lambda n, d, generator: 2 * torch.rand(n, d, generator=generator) - 1)
    conditional = linear_model(torch.eye(2), classes=2)
    assert "labels" in ais_of(conditional, normal(40, 2).float())["skipped"]
    assert "standard normal" in ais_of(uniform, normal(40, 2).float())["skipped"]


def test_a_generator_too_large_for_a_minute_is_not_annealed():
    """4,000 x 4,000 multiplications, 64 chains, 11 gradients, 5 walks: over 10^11 a temperature."""
    model = linear_model(torch.eye(4000))
    found = ais_of(model, torch.randn(16, 4000, generator=seeded(1)))
    assert "too large" in found["skipped"]


def test_without_a_generator_there_is_no_ais():
    assert "ais" not in log_likelihood(study_of(normal(30, 2), normal(30, 2, 1))).details


@pytest.mark.parametrize(
    ("x", "y", "widths", "said"),
    [
        (torch.zeros(3, 2), torch.zeros(3, 4), WIDTHS, "T, d"),
        (torch.zeros(0, 2), torch.zeros(3, 2), WIDTHS, "1 or more"),
        (torch.zeros(3, 2), torch.zeros(3, 2), torch.zeros(1), "above 0"),
        (torch.full((3, 2), torch.inf), torch.zeros(3, 2), WIDTHS, "finite"),
    ],
)
def test_bad_input_is_refused(x, y, widths, said):
    with pytest.raises(ValueError, match=said):
        parzen(x, y, widths)


def test_identical_real_rows_have_no_width():
    with pytest.raises(ValueError, match="differ"):
        log_likelihood(study_of(torch.ones(10, 2), normal(10, 2)))
    with pytest.raises(ValueError, match="2 or more"):
        parzen_leave_one_out(torch.ones(1, 2), WIDTHS)

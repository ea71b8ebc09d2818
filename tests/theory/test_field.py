"""Vector fields, Jacobians, predicted and played rates."""

import math

import numpy as np
import pytest
import torch

from saddle.game import DYNAMICS, Game, Move, Player, make_optimizer
from saddle.objectives import ADVERSARIAL
from saddle.theory import bilinear, dirac, matrix_game, rock_paper_scissors, strategies, two_time_scales
from saddle.theory.field import (
    eigenvalues,
    field,
    jacobian,
    measured_rate,
    measured_spectrum,
    place,
    point,
    predicted_rate,
    trajectory,
)
from saddle.theory.games import Vector

ZERO = torch.zeros(2, dtype=torch.float64)
BILINEAR = {  # spectral radius of a round, Gidel et al. 2019
    "simultaneous": lambda eta: math.sqrt(1 + eta**2),
    "alternating": lambda eta: 1.0,
    "extragradient": lambda eta: math.sqrt(1 - eta**2 + eta**4),
    "optimistic": lambda eta: math.sqrt((1 + math.sqrt(1 - 4 * eta**2)) / 2),
    "consensus": lambda eta: math.sqrt((1 - eta) ** 2 + eta**2),
}


def delays(dynamics, momentum=0.0):
    """Rounds that a state of the play consists of."""
    return 2 if dynamics == "optimistic" or momentum else 1


def played_radius(game, dynamics, rounds=40, momentum=0.0):
    path = trajectory(game, rounds, dynamics)
    return float(measured_spectrum(path, delays=delays(dynamics, momentum)).abs().max())


@pytest.mark.parametrize("eta", [0.1, 0.45])
@pytest.mark.parametrize("dynamics", DYNAMICS)
def test_bilinear_rates_predicted_played_and_published_are_equal(dynamics, eta):
    expected = BILINEAR[dynamics](eta)
    assert predicted_rate(bilinear(eta), dynamics) == pytest.approx(expected, abs=1e-9)
    assert played_radius(bilinear(eta, 2.0, 0.5), dynamics) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("dynamics", ["simultaneous", "extragradient", "consensus"])
def test_scaled_rotations_show_their_rate_in_every_round(dynamics):
    path = trajectory(bilinear(0.3, 2.0, 0.5), 50, dynamics)
    assert measured_rate(path) == pytest.approx(predicted_rate(bilinear(0.3), dynamics), abs=1e-9)


MOMENTUM = [  # betas, then eta 0.1: simultaneous, alternating; eta 0.5: the same. Gidel et al. 2019, negative momentum
    (0.0, 0.0, 0.1, 1.004988, 1.0),
    (0.0, 0.0, 0.5, 1.118034, 1.0),
    (-0.5, 0.0, 0.1, 1.002226, 0.998887),
    (-0.5, 0.0, 0.5, 1.058045, 0.971287),
    (-0.5, -0.5, 0.1, 1.000743, 0.998518),
    (-0.5, -0.5, 0.5, 1.020054, 0.962544),
    (-0.1, -0.1, 0.1, 1.003384, 0.999248),
    (0.5, 0.5, 0.1, 1.045687, 1.032297),
    (0.5, 0.5, 0.5, 1.366, 1.269),
]


@pytest.mark.parametrize("beta_x, beta_y, eta, simultaneous, alternating", MOMENTUM)
def test_momentum_helps_only_where_it_is_negative_and_steps_alternate(beta_x, beta_y, eta, simultaneous, alternating):
    for dynamics, published in (("simultaneous", simultaneous), ("alternating", alternating)):
        digits = 5e-4 if published > 1.2 else 5e-7
        game = bilinear(eta, 1.0, 0.7, beta1=beta_x, beta1_y=beta_y)
        predicted = predicted_rate(game, dynamics, at=ZERO)
        assert predicted == pytest.approx(published, abs=digits)
        assert played_radius(game, dynamics, 30, beta_x) == pytest.approx(predicted, abs=1e-9)


def half(gamma):
    root = np.sqrt(complex(gamma**2 / 4 - 1 / 4))
    return [gamma / 2 + root, gamma / 2 - root]


NOISY = np.sqrt(complex(0.7**4 / 16 - 1 / 4))
DIRAC = {  # eigenvalues at 0 of the descent field, Mescheder et al. 2018, with f'(0) = 1/2, f''(0) = -1/4
    "gan": ({}, [0.5j, -0.5j]),
    "ns-gan": ({"loss": "non-saturating"}, [0.5j, -0.5j]),
    "wgan": ({"loss": "wasserstein", "clip": 1.0}, [1j, -1j]),
    "r1 0.3": ({"penalty": "r1", "weight": 0.3}, half(0.3)),
    "r2 0.8": ({"penalty": "r2", "weight": 0.8}, half(0.8)),
    "ns-gan r1 2": ({"loss": "non-saturating", "penalty": "r1", "weight": 2.0}, half(2.0)),
    "consensus 1.5": ({"penalty": "consensus", "weight": 1.5}, [1.5 / 4 + 0.5j, 1.5 / 4 - 0.5j]),
    "instance noise": ({"noise": 0.7}, [0.7**2 / 4 + NOISY, 0.7**2 / 4 - NOISY]),
}


@pytest.mark.parametrize("name", DIRAC)
def test_dirac_gan_has_the_eigenvalues_of_the_paper(name):
    settings, expected = DIRAC[name]
    found = eigenvalues(dirac(0.2, **settings), at=ZERO).numpy()
    assert np.sort_complex(found) == pytest.approx(np.sort_complex(np.array(expected)), abs=1e-9)


@pytest.mark.parametrize("dynamics", DYNAMICS)
@pytest.mark.parametrize("name", DIRAC)
def test_dirac_gan_is_played_as_predicted(name, dynamics):
    game = dirac(0.2, theta0=2e-6, psi0=1e-6, **DIRAC[name][0])
    predicted = predicted_rate(game, dynamics, at=ZERO)
    assert played_radius(game, dynamics, 30) == pytest.approx(predicted, abs=1e-8)


def test_more_critic_steps_are_predicted_too():
    game = dirac(0.2, penalty="r1", weight=0.3, theta0=2e-6, psi0=1e-6, n_critic=5)
    predicted = predicted_rate(game, at=ZERO)
    assert played_radius(game, "alternating", 20) == pytest.approx(predicted, abs=1e-8)
    with pytest.raises(ValueError, match="repeats"):
        predicted_rate(game, "simultaneous", at=ZERO)


@pytest.mark.parametrize(
    "game",
    [
        two_time_scales(0.01, 0.01, 0.7, -0.3),
        dirac(0.1, "non-saturating", "r1", 0.7, theta0=0.8, psi0=0.6),
        dirac(0.1, penalty="consensus", theta0=0.8, psi0=0.6),
        dirac(0.1, noise=0.5, theta0=0.8, psi0=0.6),
        rock_paper_scissors(0.1),
    ],
)
def test_jacobian_is_the_slope_of_the_field(game):
    """Central differences, away from any equilibrium, and the game stays where it was."""
    w, h = point(game), 1e-5
    columns = [(field(game, w + h * e) - field(game, w - h * e)) / (2 * h) for e in torch.eye(len(w)).double()]
    torch.testing.assert_close(jacobian(game), torch.stack(columns, 1), atol=1e-8, rtol=1e-7)
    assert torch.equal(point(game), w)


def test_curvature_counts_with_the_step_sizes_of_both_players():
    """At the saddle of (1 + x^2)(100 - y^2) the rounds are x' = (1 - 200 a) x, y' = (1 - 2 b) y."""
    for a, b in ((0.001, 0.001), (0.0001, 0.01), (0.009, 0.0001)):
        expected = max(abs(1 - 200 * a), abs(1 - 2 * b))
        assert predicted_rate(two_time_scales(a, b), "simultaneous", at=ZERO) == pytest.approx(expected, abs=1e-12)


def test_rock_paper_scissors_turns_about_a_third_each():
    third = torch.full((3,), 1 / 3, dtype=torch.float64)
    centre = torch.zeros(4, dtype=torch.float64)
    game = rock_paper_scissors(0.5)
    assert float(field(game, centre).abs().max()) == pytest.approx(0, abs=1e-12)
    found = eigenvalues(game, centre)
    assert found.real.tolist() == pytest.approx([0] * 4, abs=1e-12)
    assert found.imag.abs().tolist() == pytest.approx([1 / (3 * math.sqrt(3))] * 4, abs=1e-12)
    away = {}
    for dynamics in ("simultaneous", "extragradient"):
        game = rock_paper_scissors(1.0)
        trajectory(game, 200, dynamics)
        away[dynamics] = float((strategies(game)["x"] - third).norm())
    start = float((strategies(rock_paper_scissors(0.5))["x"] - third).norm())
    assert away["extragradient"] < start / 5 < start < away["simultaneous"]


def test_a_matrix_game_is_won_by_the_better_row():
    """x pays, so that it learns to avoid the row that costs more whatever y does."""
    game = matrix_game(torch.tensor([[2.0, 3.0], [0.0, 1.0]]), 1.0, (0.5, 0.5), (0.5, 0.5))
    trajectory(game, 200)
    found = strategies(game)
    assert float(found["x"][1]) > 0.99 and float(found["y"][1]) > 0.99


def test_the_field_of_a_network_counts_every_parameter():
    """A critic with a bias against a generator of two numbers; the loss ignores the second, whose slope is then 0."""
    G, D = Vector([0.3, 0.9]), torch.nn.Linear(1, 1).double()
    losses = ADVERSARIAL["wasserstein"]

    def of_g(batch, rng):
        return {"value": losses.generator(D(G.value[:1, None]))}

    def of_d(batch, rng):
        return losses.critic(D(torch.ones(1, 1).double()), D(G.value[:1, None]))

    players = [Player(name, net, make_optimizer("sgd", net, 0.1, 0.0)) for name, net in (("G", G), ("D", D))]
    game = Game(players, [Move("G", of_g), Move("D", of_d)])
    w = torch.tensor([0.3, 0.9, 2.0, 0.1], dtype=torch.float64)  # G, then D's slope and bias
    assert field(game, w).tolist() == pytest.approx([-2.0, 0.0, -0.7, 0.0])
    assert jacobian(game)[:, [1, 3]].abs().sum() == 0


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: place(bilinear(0.1), torch.zeros(3)), r"w=\(3,\): expected the game's 2 parameters"),
        (lambda: predicted_rate(bilinear(0.1, optimizer="adam")), "optimiser=Adam: expected SGD"),
        (lambda: predicted_rate(bilinear(0.1), "alternatng"), "Did you mean 'alternating'"),
        (lambda: trajectory(bilinear(0.1), -1), "rounds=-1: expected 0 or more"),
        (lambda: measured_spectrum(trajectory(bilinear(0.1), 3)), "rounds=3: expected more than 3"),
        (lambda: bilinear(-0.1), r"lr=-0\.1: expected a step size above 0"),
        (lambda: rock_paper_scissors(0.1, x0=(1.0, 0.0, 0.0)), "x0="),
    ],
)
def test_mistakes_are_told(call, message):
    with pytest.raises(ValueError, match=message):
        call()

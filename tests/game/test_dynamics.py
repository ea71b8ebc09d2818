"""The dynamics on f(x, y) = xy and on the Dirac-GAN, against closed forms."""

import math
from functools import partial

import numpy as np
import pytest

from saddle.game import DYNAMICS, alternating, consensus, extragradient, optimistic, play, simultaneous
from saddle.theory import bilinear, dirac, values


def nothing():
    return None


def norm(game):
    return math.hypot(*values(game).values())


def run(game, rounds, dynamics):
    for _ in play(game, nothing, rounds=rounds, dynamics=dynamics):
        pass
    return game


@pytest.mark.parametrize("lr", [0.05, 0.5, 1.5])
def test_alternating_steps_conserve_the_bilinear_orbit(lr):
    """min_x max_y xy: stepping x then y keeps x² - lr·xy + y² exactly; simultaneous steps spiral out."""
    game = bilinear(lr, x0=1.0, y0=0.0)
    for _ in play(game, nothing, rounds=1000, dynamics=alternating):
        x, y = values(game)["x"], values(game)["y"]
        assert x * x - lr * x * y + y * y == pytest.approx(1.0, rel=1e-10)


@pytest.mark.parametrize("eta", [0.1, 0.5])
@pytest.mark.parametrize(
    ("dynamics", "rate"),
    [
        (simultaneous, lambda eta: math.sqrt(1 + eta**2)),
        (extragradient, lambda eta: math.sqrt(1 - eta**2 + eta**4)),
        (partial(consensus, weight=1.0), lambda eta: math.sqrt((1 - eta) ** 2 + eta**2)),
        (partial(consensus, weight=0.3), lambda eta: math.sqrt((1 - 0.3 * eta) ** 2 + eta**2)),
    ],
)
def test_growth_per_round_is_the_spectral_radius(dynamics, rate, eta):
    """These maps are scaled rotations, so every round multiplies the distance to the saddle by the same factor."""
    game = bilinear(eta, x0=2.0, y0=0.5)
    before = norm(game)
    for _ in play(game, nothing, rounds=60, dynamics=dynamics):
        after = norm(game)
        assert after / before == pytest.approx(rate(eta), rel=1e-9)
        before = after


@pytest.mark.parametrize("eta", [0.1, 0.45])
def test_optimistic_steps_follow_the_two_step_recurrence(eta):
    """w' = w - 2 eta v_t + eta v_{t-1}, first round an ordinary step; and the known rate in the end."""
    w, last = np.array([2.0, 0.5]), None
    game = bilinear(eta, x0=2.0, y0=0.5)
    for _ in play(game, nothing, rounds=300, dynamics=optimistic):
        v = np.array([w[1], -w[0]])
        w, last = w - 2 * eta * v + eta * (v if last is None else last), v
        assert list(values(game).values()) == pytest.approx(list(w), rel=1e-9, abs=1e-12)
    radius = math.sqrt((1 + math.sqrt(1 - 4 * eta**2)) / 2)
    assert norm(run(game, 301, optimistic)) / np.linalg.norm(w) == pytest.approx(radius, rel=0.02)


def test_published_distances_of_the_bilinear_game():
    """Gidel et al. 2019, start (2, 0.5), 100 steps: 3.3905 = sqrt(4.25) * 1.01^50 and 4.24e-6."""
    assert norm(run(bilinear(0.1, 2.0, 0.5), 100, simultaneous)) == pytest.approx(math.sqrt(4.25) * 1.01**50, rel=1e-9)
    assert norm(run(bilinear(0.6, 2.0, 0.5), 100, extragradient)) == pytest.approx(4.24e-6, rel=1e-3)


@pytest.mark.parametrize(
    ("beta", "eta", "radius"), [(-0.5, 0.1, 0.998518), (-0.5, 0.5, 0.962544), (0.5, 0.1, 1.032297)]
)
def test_momentum_changes_the_rate_as_published(beta, eta, radius):
    """Gidel et al. 2019 (negative momentum): spectral radius of alternating steps with heavy-ball momentum."""
    start = norm(run(game := bilinear(eta, 1.0, 1.0, beta1=beta), 200, alternating))
    rounds = 3000 if beta < 0 else 600
    assert (norm(run(game, 200 + rounds, alternating)) / start) ** (1 / rounds) == pytest.approx(radius, abs=3e-4)


DIRAC = {
    ("minimax", "none", 0.0, None): (3.097, 1.421, 1.845),
    ("non-saturating", "none", 0.0, None): (0.6402, 0.2839, 0.1389),
    ("wasserstein", "none", 0.0, 1.0): (1.002, 1.024, 0.9169),
    ("wasserstein", "gradient-penalty", 0.7, None): (1.802, 1.221, 0.7163),
    ("minimax", "r1", 0.3, None): (2.643e-6, 2.301e-7, 9.25e-34),
    ("minimax", "r1", 1.0, None): (9.529e-22, 7.481e-17, 5.144e-12),
    ("minimax", "r2", 1.0, None): (9.529e-22, 7.481e-17, 5.144e-12),
    ("non-saturating", "r1", 0.3, None): (2.212e-6, 1.499e-7, 3.979e-34),
}


@pytest.mark.parametrize("setting", DIRAC, ids=lambda s: f"{s[0]}-{s[1]}-{s[2]}")
def test_dirac_gan_ends_where_the_paper_does(setting):
    """Mescheder et al. 2018: step 0.2, 500 rounds from (1, 1); simultaneous, alternating, 5 critic steps."""
    loss, penalty, weight, clip = setting
    for (dynamics, k), expected in zip(
        [(simultaneous, 1), (alternating, 1), (alternating, 5)], DIRAC[setting], strict=True
    ):
        game = dirac(0.2, loss, penalty, weight, clip, n_critic=k)
        assert norm(run(game, 500, dynamics)) == pytest.approx(expected, rel=1e-3)


def test_dirac_gan_turns_at_the_predicted_rate():
    """Near 0 the field's eigenvalues are +-i f'(0) = +-i/2: one simultaneous step grows by sqrt(1 + (lr/2)^2)."""
    game = dirac(0.1, theta0=1e-5, psi0=0.0)
    before = norm(game)
    assert norm(run(game, 1, simultaneous)) / before == pytest.approx(math.sqrt(1 + 0.05**2), rel=1e-9)


@pytest.mark.parametrize("gamma", [0.3, 1.0, 2.0])
def test_r1_gives_the_eigenvalues_of_the_paper(gamma):
    """-gamma/2 +- sqrt(gamma^2/4 - 1/4); the step matrix is I + lr * Jacobian, applied to a tiny start."""
    lr, jacobian = 0.1, np.array([[0.0, 0.5], [-0.5, -gamma]])
    eigenvalues = np.sort_complex(np.linalg.eigvals(jacobian))
    root = np.sqrt(complex(gamma**2 / 4 - 1 / 4))
    assert eigenvalues == pytest.approx(np.sort_complex(np.array([-gamma / 2 - root, -gamma / 2 + root])), abs=1e-7)
    game, start = dirac(lr, "minimax", "r1", gamma, theta0=1e-6, psi0=2e-6), np.array([1e-6, 2e-6])
    expected = np.linalg.matrix_power(np.eye(2) + lr * jacobian, 20) @ start
    assert list(values(run(game, 20, simultaneous)).values()) == pytest.approx(list(expected), rel=1e-5)


def test_every_named_dynamics_leaves_the_saddle_point_alone():
    for dynamics in DYNAMICS.values():
        assert norm(run(bilinear(0.3, 0.0, 0.0), 5, dynamics)) == 0.0

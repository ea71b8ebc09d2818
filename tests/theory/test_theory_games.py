"""The published tables of the theory games, from the engine's own dynamics, to the digits printed."""

import math

import pytest
import torch

from saddle.game import Game, Move, Player, make_optimizer
from saddle.theory import bilinear, dirac, linear_wgan, schedule, two_time_scales
from saddle.theory.field import field, trajectory
from saddle.theory.games import Vector

PLAYS = [("simultaneous", 1), ("alternating", 1), ("alternating", 5)]


def distance(path):
    return float(path[-1].norm())


def clipped(**settings):
    """Gidel et al. 2019, their notebook: start (2, 0.5), the maximiser clipped to [-1, 1]."""
    return bilinear(**{"lr": 0.1, "x0": 2.0, "y0": 0.5, "clip_y": 1.0} | settings)


def test_bilinear_game_with_clipping():
    assert distance(trajectory(clipped(), 100, "simultaneous")) == pytest.approx(1.0776, abs=5e-5)
    assert distance(trajectory(clipped(y_first=True), 100)) == pytest.approx(0.9959, abs=5e-5)
    unclipped = trajectory(bilinear(0.1, 2.0, 0.5, y_first=True), 100)
    assert distance(unclipped) == pytest.approx(2.0358, abs=5e-5)
    assert distance(trajectory(clipped(lr=0.5), 100, "optimistic")) < 1e-10  # extrapolation from the past
    assert distance(trajectory(clipped(lr=0.6), 100, "extragradient")) < 1e-4


def test_averaged_iterates_come_closer_than_the_last():
    """AvgSGD: steps of 2 / sqrt(t + 1), and the mean of all iterates, the start included."""
    path = trajectory(schedule(clipped(), lambda t: 2 / math.sqrt(t + 1)), 100, "simultaneous")
    assert float(path.mean(0).norm()) == pytest.approx(0.0518, abs=5e-5)


def test_adam_without_correction_of_its_second_moment():
    """beta1 = 0, beta2 = 0.99: as the authors' program has it, it is RMSProp. It does not converge."""
    path = trajectory(clipped(lr=0.01, optimizer="rmsprop", beta2=0.99), 100, "simultaneous")
    assert distance(path) == pytest.approx(0.9957, abs=5e-5)


IN_MOTION = {"d_step0": (1.4, 1.4), "g_step0": (-1.7, -1.7)}
LINEAR_WGAN = {  # settings, mean of theta, last theta: Daskalakis et al. 2018, printed
    "clipping": ({"clip": 1.0}, (3.01224287, 3.98588748), (3.48000545, 5.07760794)),
    "penalty": ({"gp_weight": 0.1}, (2.99631726, 4.02111631), (1.77182765, 2.26763725)),
    "momentum": (dict(clip=1.0, momentum=0.5, **IN_MOTION), (2.97992172, 3.96787225), (1.97080644, 2.50190771)),
}
SLOW = {
    "momentum, penalty, 15 critic steps": (
        dict(gp_weight=0.1, momentum=0.2, g_every=15, **IN_MOTION),
        (2.99850775, 3.9976579),
        (2.7099578, 4.13706972),
    ),
    "Nesterov, penalty, 15 critic steps": (
        dict(gp_weight=1.0, momentum=0.2, look_ahead=True, g_every=15, **IN_MOTION),
        (2.99259785, 3.98787484),
        (3.21714755, 3.84955942),
    ),
}


def check_linear_wgan(settings, mean, last, rounds):
    theta = trajectory(linear_wgan(**settings), rounds - 1, "simultaneous")[:, 2:]
    assert theta.mean(0).tolist() == pytest.approx(mean, abs=5.1e-9)
    assert theta[-1].tolist() == pytest.approx(last, abs=5.1e-9)


@pytest.mark.parametrize("name", LINEAR_WGAN)
def test_gradient_steps_on_the_linear_wgan_cycle_as_printed(name):
    check_linear_wgan(*LINEAR_WGAN[name], rounds=1000)


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_neither_do_momentum_and_critic_steps_help(name):
    check_linear_wgan(*SLOW[name], rounds=15_000)


def test_optimistic_steps_on_the_linear_wgan_end_as_printed():
    """The paper's program has the start twice, as iterates 0 and 1: its first optimistic step is an ordinary one."""
    path = trajectory(linear_wgan(), 998, "optimistic")[:, 2:]
    theta = torch.cat([path[:1], path])
    assert theta.mean(0).tolist() == pytest.approx((3.01131623, 4.00931959), abs=5.1e-9)
    assert theta[-1].tolist() == pytest.approx((2.99125639, 3.98489638), abs=5.1e-9)


def test_look_ahead_takes_the_penalty_where_momentum_leads():
    """|w + 0.5 * step| = 2 there, whose penalty has the slope 2 * gp_weight * (2 - 1) in the direction of w."""
    settings = {
        "mean": (0.0,),
        "theta0": (0.0,),
        "w0": (1.0,),
        "d_step0": (2.0,),
        "g_step0": (0.0,),
        "momentum": 0.5,
        "gp_weight": 3.0,
    }
    assert field(linear_wgan(look_ahead=True, **settings)).tolist() == pytest.approx([6.0, -1.0])
    assert field(linear_wgan(**settings)).tolist() == pytest.approx([0.0, -1.0])


@pytest.mark.parametrize(
    "lr_x, lr_y, expected",
    [(0.01, 0.01, 0.468), (0.001, 0.001, 1.8e-5), (0.0001, 0.01, 8e-45), (0.01, 0.0001, 0.1459)],
)
def test_two_time_scales_without_noise(lr_x, lr_y, expected):
    """Heusel et al. 2017: 5,000 simultaneous steps from (0.5, -0.4)."""
    rounds = 5000
    x, y = 0.5, -0.4
    for _ in range(rounds):
        x, y = x - lr_x * 2 * x * (100 - y * y), y - lr_y * 2 * y * (1 + x * x)
    assert math.hypot(x, y) == pytest.approx(expected, rel=0.05)
    short = trajectory(two_time_scales(lr_x, lr_y), 300, "simultaneous")
    x, y = 0.5, -0.4
    for _ in range(300):
        x, y = x - lr_x * 2 * x * (100 - y * y), y - lr_y * 2 * y * (1 + x * x)
    assert short[-1].tolist() == pytest.approx([x, y], rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    "lr_x, lr_y, expected",
    [(0.01, 0.01, 0.468), (0.001, 0.001, 1.8e-5), (0.0001, 0.01, 8e-45), (0.01, 0.0001, 0.1459)],
)
def test_two_time_scales_in_full(lr_x, lr_y, expected):
    path = trajectory(two_time_scales(lr_x, lr_y), 5000, "simultaneous")
    assert distance(path) == pytest.approx(expected, rel=0.05)


def test_gradient_noise_is_scaled_by_the_step_and_repeats_with_the_seed():
    """At the saddle the gradient is 0: one step moves each player by lr times a standard normal number."""
    moves = torch.stack(
        [trajectory(two_time_scales(0.1, 0.2, 0.0, 0.0, 1.0).seed(s), 1, "simultaneous")[-1] for s in range(300)]
    )
    assert (moves / torch.tensor([0.1, 0.2])).std(0).tolist() == pytest.approx([1, 1], abs=0.15)
    assert torch.equal(moves[3], trajectory(two_time_scales(0.1, 0.2, 0.0, 0.0, 1.0).seed(3), 1, "simultaneous")[-1])


def slope(t):
    """f'(t) and f''(t) of f(t) = -log(1 + exp(-t))."""
    s = 1 / (1 + math.exp(t))
    return s, -s * (1 - s)


def play_consensus(share, dynamics, k, rounds=500, h=0.2):
    """The paper's ascent field by hand; ``share`` of the second term of grad 1/2 |v|^2 (all of it is 1)."""
    theta = psi = 1.0

    def directions():
        first, second = slope(theta * psi)
        rest = share * (theta**2 + psi**2) * first * second
        return (
            -psi * first - (theta * first**2 + rest * psi),
            theta * first - (psi * first**2 + rest * theta),
        )

    for _ in range(rounds):
        if dynamics == "simultaneous":
            up, across = directions()
            theta, psi = theta + h * up, psi + h * across
            continue
        theta += h * directions()[0]
        for _ in range(k):
            psi += h * directions()[1]
    return math.hypot(theta, psi)


@pytest.mark.parametrize(
    "dynamics, k, published",
    [("simultaneous", 1, 2.081e-10), ("alternating", 1, 1.332e-11), ("alternating", 5, 4.556e-33)],
)
def test_consensus_as_the_notebook_has_it(dynamics, k, published):
    """Golden norms of Mescheder et al.'s notebook, whose field has half of the second term: autograd with one of the
    two factors f' of 1/2 (theta^2 + psi^2) f'^2 held constant. Played by the engine, and by hand."""
    G, D = Vector(1.0), Vector(1.0)

    def shared():
        first = (-G.value * D.value).sigmoid()
        return (G.value.square() + D.value.square()) * first * first.detach() / 2

    def of_g(batch, rng):
        t = G.value * D.value
        return {"gan": torch.nn.functional.logsigmoid(t), "agree": shared()}

    def of_d(batch, rng):
        t = G.value * D.value
        return {"gan": -torch.nn.functional.logsigmoid(t), "agree": shared()}

    players = [Player(n, p, make_optimizer("sgd", p, 0.2, 0.0)) for n, p in (("G", G), ("D", D))]
    game = Game(players, [Move("G", of_g), Move("D", of_d, repeats=k)])
    assert distance(trajectory(game, 500, dynamics)) == pytest.approx(published, rel=1e-3)
    assert play_consensus(0.5, dynamics, k) == pytest.approx(published, rel=1e-3)


@pytest.mark.parametrize("dynamics, k", PLAYS)
def test_consensus_with_its_exact_gradient(dynamics, k):
    """As by hand; five critic steps to one run away from (1, 1), though 0 attracts what starts near it."""
    path = trajectory(dirac(0.2, penalty="consensus", n_critic=k), 60, dynamics)
    assert distance(path) == pytest.approx(play_consensus(1.0, dynamics, k, 60), rel=1e-9)
    whole = play_consensus(1.0, dynamics, k)
    assert whole < 1e-9 if k == 1 else whole > 10
    near = trajectory(dirac(0.2, penalty="consensus", n_critic=k, theta0=0.2, psi0=-0.2), 60, dynamics)
    assert distance(near) < 0.1 * distance(near[:1])


def test_consensus_dynamics_and_consensus_penalty_are_one():
    by_dynamics = trajectory(dirac(0.2), 50, "consensus")
    torch.testing.assert_close(trajectory(dirac(0.2, penalty="consensus"), 50, "simultaneous"), by_dynamics)


@pytest.mark.parametrize("dynamics, k", PLAYS)
def test_instance_noise_converges_where_the_gan_circles(dynamics, k):
    noisy = distance(trajectory(dirac(0.2, noise=0.7, n_critic=k), 150, dynamics))
    assert noisy < 0.2 < 1 < distance(trajectory(dirac(0.2, n_critic=k), 150, dynamics))

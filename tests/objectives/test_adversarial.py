"""Separable losses against closed forms: the optimal critic's value, the generator's slopes, smoothing as a target."""

import math

import pytest
import torch
import torch.nn.functional as F
from scipy.spatial.distance import jensenshannon
from torch import Tensor

from saddle.config import choose
from saddle.objectives.adversarial import (
    ADVERSARIAL,
    least_squares_critic,
    least_squares_generator,
    maximum_likelihood_generator,
    minimax_critic,
    minimax_generator,
    non_saturating_generator,
    one_sided,
    wasserstein_critic,
)

P = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
Q = torch.tensor([0.4, 0.1, 0.3, 0.2], dtype=torch.float64)
LOGITS = torch.tensor([-7.0, -1.5, 0.0, 0.4, 3.0], dtype=torch.float64)


def samples(values: Tensor, weights: Tensor) -> Tensor:
    """Ten samples whose mean is the expectation of ``values`` under ``weights``, which are tenths."""
    return values.repeat_interleave((10 * weights).round().long())


def total(terms: dict[str, Tensor]) -> float:
    return float(sum(terms.values()))


def slope(loss, logits: Tensor) -> Tensor:
    """d loss / d logit of each sample, without the 1/N of the mean."""
    a = logits.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(loss(a), a)
    return gradient * len(logits)


def minimiser(critic, start: Tensor) -> Tensor:
    """The critic, a table of one output for each of the four outcomes, that minimises the loss. By Newton's method."""

    def value(v: Tensor) -> Tensor:
        return torch.stack(list(critic(samples(v, P), samples(v, Q)).values())).sum()

    v = start
    for _ in range(30):
        gradient = torch.autograd.functional.jacobian(value, v)
        v = v - torch.linalg.solve(torch.autograd.functional.hessian(value, v), gradient)
    return v


def test_optimal_critic_of_the_minimax_game_is_the_log_ratio_and_its_value_log_4_minus_2_jsd():
    """T4: D* = p / (p + q), C(G) = 2 JSD - log 4."""
    best = minimiser(minimax_critic, torch.zeros(4, dtype=torch.float64))
    torch.testing.assert_close(best.sigmoid(), P / (P + Q), atol=1e-12, rtol=0)
    jsd = jensenshannon(P, Q) ** 2
    value = -total(minimax_critic(samples(best, P), samples(best, Q)))
    assert value == pytest.approx(2 * jsd - math.log(4), abs=1e-12)


def test_where_the_model_is_the_data_the_optimal_value_is_minus_log_4():
    assert -total(minimax_critic(torch.zeros(5), torch.zeros(3))) == pytest.approx(-math.log(4), abs=1e-6)


@pytest.mark.parametrize(
    ("loss", "closed_form"),
    [
        (minimax_generator, lambda a: -a.sigmoid()),
        (non_saturating_generator, lambda a: -(-a).sigmoid()),
        (maximum_likelihood_generator, lambda a: -a.exp()),
    ],
)
def test_slopes_of_the_generator_costs(loss, closed_form):
    """T9: of the three costs only minimax and maximum likelihood vanish where D(G(z)) -> 0."""
    torch.testing.assert_close(slope(loss, LOGITS), closed_form(LOGITS))


def test_generator_costs_as_functions_of_d():
    """T9: the curves log(1 - D), -log D and -D / (1 - D)."""
    d = LOGITS.sigmoid()
    for loss, curve in [
        (minimax_generator, (1 - d).log()),
        (non_saturating_generator, -d.log()),
        (maximum_likelihood_generator, -d / (1 - d)),
    ]:
        assert float(loss(LOGITS)) == pytest.approx(float(curve.mean()), rel=1e-12)


def test_maximum_likelihood_gradient_is_that_of_the_kl_divergence():
    """With the critic fixed at its optimum, sum_x q(x) dJ equals d KL(p || q) in the model's parameters."""
    theta = Q.log().requires_grad_(True)
    q = theta.softmax(0)
    cost = -(q * (P / Q)).sum()  # E_q of the cost at the logits log(p/q), which are held fixed
    assert float(cost.detach()) == pytest.approx(float(maximum_likelihood_generator(samples((P / Q).log(), Q))))
    (ours,) = torch.autograd.grad(cost, theta)
    (kl,) = torch.autograd.grad((P * (P / theta.softmax(0)).log()).sum(), theta)
    torch.testing.assert_close(ours, kl)


def test_wasserstein_critic_of_a_shift_gives_the_distance():
    """W1 between x and x + 3 is 3, reached by the 1-Lipschitz f(x) = -x."""
    x = torch.randn(50, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert -total(wasserstein_critic(-x, -(x + 3))) == pytest.approx(3, abs=1e-12)


def test_least_squares_optimum_and_its_chi_square():
    """D* = (b p + a q) / (p + q), and with a = -1, b = 1, c = 0 both players' costs are chi-squares."""
    a, b, c = -1.0, 1.0, 0.0
    best = minimiser(lambda real, fake: least_squares_critic(real, fake, a, b), torch.zeros(4, dtype=torch.float64))
    torch.testing.assert_close(best, (b * P + a * Q) / (P + Q))
    cost = least_squares_generator(samples(best, Q), c) + least_squares_generator(samples(best, P), c)
    assert float(cost) == pytest.approx(float(((P - Q) ** 2 / (P + Q)).sum() / 2), rel=1e-12)


def test_hinge_critic_is_free_beyond_its_margins_and_linear_inside():
    critic = ADVERSARIAL["hinge"].critic
    assert total(critic(torch.tensor([1.0, 5.0]), torch.tensor([-1.0, -5.0]))) == 0
    inside = torch.tensor([-3.0, 0.0, 0.5], dtype=torch.float64)
    assert total(critic(inside, -inside)) == pytest.approx(2 * float((1 - inside).mean()))
    assert slope(lambda v: critic(v, inside)["real"], torch.tensor([0.5, 1.5])).tolist() == [-1.0, 0.0]


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_critic_terms_depend_on_their_own_side_and_pull_it_the_right_way(name):
    """Separability, which ``one_sided`` rests on; and every critic raises real outputs, every generator its own."""
    pair = choose(name, ADVERSARIAL, "loss")
    real, fake = LOGITS[1:4].clone().requires_grad_(True), LOGITS[2:].clone().requires_grad_(True)
    terms = pair.critic(real, fake)
    assert set(terms) == {"real", "fake"}
    for term, own, other, sign in [("real", real, fake, -1), ("fake", fake, real, 1)]:
        gradient, cross = torch.autograd.grad(terms[term], [own, other], allow_unused=True)
        assert cross is None
        assert sign * float(gradient.sum()) > 0
    assert float(slope(pair.generator, LOGITS[:3]).sum()) < 0


@pytest.mark.parametrize("name", [n for n in ADVERSARIAL if n != "maximum-likelihood"])
@pytest.mark.parametrize("size", [-1e4, 1e4])
def test_losses_and_slopes_stay_finite_at_any_logit(name, size):
    pair, a = ADVERSARIAL[name], torch.full((3,), size)
    for loss in (pair.generator, lambda v: pair.critic(v, a)["real"], lambda v: pair.critic(a, v)["fake"]):
        assert bool(loss(a).isfinite())
        assert bool(slope(loss, a).isfinite().all())


def test_extreme_logits_give_the_asymptotes():
    high, low = torch.tensor([1e4]), torch.tensor([-1e4])
    assert {k: v.item() for k, v in minimax_critic(low, high).items()} == {"real": 1e4, "fake": 1e4}
    assert total(minimax_critic(high, low)) == 0
    assert minimax_generator(high).item() == -1e4
    assert non_saturating_generator(low).item() == 1e4
    assert maximum_likelihood_generator(low).item() == 0


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.3])
def test_one_sided_minimax_is_cross_entropy_with_a_smoothed_target(epsilon):
    terms = one_sided(minimax_critic, epsilon)(LOGITS, LOGITS[:2])
    smoothed = F.binary_cross_entropy_with_logits(LOGITS, torch.full_like(LOGITS, 1 - epsilon))
    torch.testing.assert_close(terms["real"], smoothed)
    assert terms["fake"] == minimax_critic(LOGITS, LOGITS[:2])["fake"]


def test_one_sided_least_squares_is_a_shifted_target_up_to_a_constant():
    a, b, epsilon = -0.5, 2.0, 0.2
    ours = one_sided(lambda real, fake: least_squares_critic(real, fake, a, b), epsilon)(LOGITS, LOGITS)["real"]
    shifted = least_squares_critic(LOGITS, LOGITS, a, (1 - epsilon) * b + epsilon * a)["real"]
    assert float(ours - shifted) == pytest.approx(epsilon * (1 - epsilon) * (b - a) ** 2 / 2, rel=1e-12)


def test_one_sided_optimum_never_claims_more_than_the_target():
    """D* = (1 - eps) p / (p + q)."""
    best = minimiser(one_sided(minimax_critic, 0.1), torch.zeros(4, dtype=torch.float64))
    torch.testing.assert_close(best.sigmoid(), 0.9 * P / (P + Q))


@pytest.mark.parametrize("epsilon", [-0.1, 0.5, 1.0, math.nan])
def test_one_sided_refuses_what_is_no_smoothing(epsilon):
    with pytest.raises(ValueError, match="epsilon="):
        one_sided(minimax_critic, epsilon)

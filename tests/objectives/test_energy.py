"""EBGAN's margin and pulling-away term, BEGAN's control: closed forms and the fixed point of k."""

import math

import pytest
import torch

from saddle.objectives.energy import (
    began_balance,
    began_convergence,
    began_critic,
    began_generator,
    ebgan_critic,
    ebgan_generator,
    pull_away,
)

REAL = torch.tensor([2.0, 4.0], dtype=torch.float64)
FAKE = torch.tensor([1.0, 5.0, 12.0], dtype=torch.float64)


def test_ebgan_pushes_up_only_energies_below_the_margin():
    fake = FAKE.clone().requires_grad_(True)
    terms = ebgan_critic(REAL, fake, margin=10.0)
    assert (terms["real"].item(), terms["fake"].item()) == (3.0, pytest.approx((9 + 5) / 3))
    (gradient,) = torch.autograd.grad(terms["fake"], fake)
    torch.testing.assert_close(gradient, torch.tensor([-1.0, -1.0, 0.0], dtype=torch.float64) / 3)
    assert ebgan_generator(FAKE).item() == 6.0


@pytest.mark.parametrize("angle", [0.0, 0.3, math.pi / 2, 2.0])
def test_pull_away_of_two_codes_is_the_squared_cosine_whatever_their_lengths(angle):
    codes = torch.tensor([[3.0, 0.0], [0.2 * math.cos(angle), 0.2 * math.sin(angle)]], dtype=torch.float64)
    assert float(pull_away(codes)) == pytest.approx(math.cos(angle) ** 2, abs=1e-12)


def test_pull_away_of_orthogonal_parallel_and_regular_codes():
    eye = torch.eye(5, dtype=torch.float64)
    assert float(pull_away(eye)) == 0
    assert float(pull_away(torch.arange(1, 6, dtype=torch.float64)[:, None] * eye[:1])) == pytest.approx(1)
    simplex = eye - 1 / 5  # the corners of a regular simplex meet at cosines of -1/4
    assert float(pull_away(simplex)) == pytest.approx(1 / 16)


def test_pull_away_slope_spreads_the_codes_and_a_zero_code_is_harmless():
    codes = torch.randn(6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_(True)
    assert torch.autograd.gradcheck(pull_away, (codes,))
    (gradient,) = torch.autograd.grad(pull_away(codes), codes)
    assert pull_away(codes - 0.1 * gradient) < pull_away(codes)
    zero = torch.tensor([[0.0, 0.0], [1.0, 2.0]], requires_grad=True)
    assert pull_away(zero).item() == 0
    assert bool(torch.autograd.grad(pull_away(zero), zero)[0].isfinite().all())


@pytest.mark.parametrize("shape", [(1, 3), (4,), (2, 2, 2)])
def test_pull_away_needs_a_batch_of_codes(shape):
    with pytest.raises(ValueError, match=r"codes\.shape="):
        pull_away(torch.ones(shape))


def test_began_terms():
    terms = began_critic(REAL, FAKE, k=torch.tensor(0.25, dtype=torch.float64))
    assert (terms["real"].item(), terms["fake"].item()) == (3.0, -1.5)
    assert began_generator(FAKE).item() == 6.0
    assert began_convergence(REAL, FAKE, gamma=0.5).item() == 3.0 + abs(0.5 * 3.0 - 6.0)


def test_k_grows_by_the_rate_while_the_generator_is_ahead_and_is_clipped():
    k, ahead = torch.tensor(0.0, dtype=torch.float64), torch.tensor([0.5], dtype=torch.float64)
    for step in range(1, 200):
        k = began_balance(k, REAL, ahead, gamma=0.5, rate=0.01)  # 0.5 * 3 - 0.5 = 1 a step, times the rate
        assert float(k) == pytest.approx(min(1.0, 0.01 * step), abs=1e-12)
    for _ in range(300):
        k = began_balance(k, REAL, FAKE, gamma=0.5, rate=0.01)  # 0.5 * 3 - 6 < 0
    assert float(k) == 0


def test_k_is_still_in_balance_and_settles_where_the_energies_answer_it():
    """L(G) = gamma L(x) leaves k alone; where L(G) rises with k, k converges to the balance at the rate it should."""
    k = torch.tensor(0.4, dtype=torch.float64)
    assert began_balance(k, REAL, REAL * 0.7, gamma=0.7, rate=0.1) == k
    for _ in range(100):
        k = began_balance(k, REAL, 6 * k, gamma=0.5, rate=0.05)  # error 1.5 - 6 k: k* = 1/4, contraction 1 - 0.3
    assert float(k) == pytest.approx(0.25 + 0.15 * 0.7**100, abs=1e-12)


def test_balance_is_pure_and_outside_every_graph():
    k, real = torch.tensor(0.5), torch.tensor([4.0], requires_grad=True)
    new = began_balance(k, real, real * 0.1, gamma=0.5, rate=0.1)
    assert k.item() == 0.5
    assert not new.requires_grad
    assert new.shape == k.shape


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match="margin="):
        ebgan_critic(REAL, FAKE, margin=0.0)
    with pytest.raises(ValueError, match="gamma="):
        began_balance(torch.tensor(0.0), REAL, FAKE, gamma=1.5, rate=0.1)
    with pytest.raises(ValueError, match="rate="):
        began_balance(torch.tensor(0.0), REAL, FAKE, gamma=0.5, rate=0.0)
    with pytest.raises(ValueError, match="gamma="):
        began_convergence(REAL, FAKE, gamma=-0.1)

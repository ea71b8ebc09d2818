"""Discrete entropies and divergences against scipy, their identities, limits and metric axioms."""

import math
from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy

from saddle.objectives import DIVERGENCES
from saddle.theory import discrete

P, Q = [0.1, 0.2, 0.3, 0.4], [0.4, 0.1, 0.3, 0.2]


def tables(n=4, smallest=0.0):
    weights = st.lists(st.floats(smallest, 1), min_size=n, max_size=n).filter(lambda w: sum(w) > 0.01)
    return weights.map(lambda w: torch.tensor(w, dtype=torch.float64) / sum(w))


@pytest.mark.parametrize("base", [math.e, 2.0, 10.0])
def test_values_agree_with_scipy_in_any_unit(base):
    assert float(discrete.entropy(P, base)) == pytest.approx(entropy(P, base=base), abs=1e-12)
    assert float(discrete.kl(P, Q, base)) == pytest.approx(entropy(P, Q, base=base), abs=1e-12)
    assert float(discrete.js_distance(P, Q, base)) == pytest.approx(jensenshannon(P, Q, base), abs=1e-12)


def test_divergences_are_what_their_formulas_say():
    p, q = np.array(P), np.array(Q)
    assert float(discrete.total_variation(P, Q)) == pytest.approx(abs(p - q).sum() / 2)
    assert float(discrete.squared_hellinger(P, Q)) == pytest.approx(((np.sqrt(p) - np.sqrt(q)) ** 2).sum())
    assert float(discrete.hellinger(P, Q)) == pytest.approx(math.sqrt(1 - np.sqrt(p * q).sum()))
    assert float(discrete.chi2(P, Q)) == pytest.approx(((p - q) ** 2 / q).sum())
    assert float(discrete.jeffreys(P, Q)) == pytest.approx(entropy(P, Q) + entropy(Q, P))


@settings(max_examples=30)
@given(tables(), tables(smallest=0.01))
def test_cross_entropy_is_entropy_plus_kl_and_least_at_p(p, q):
    assert float(discrete.cross_entropy(p, q)) == pytest.approx(
        float(discrete.entropy(p) + discrete.kl(p, q)), abs=1e-9
    )
    assert float(discrete.cross_entropy(p, q)) >= float(discrete.entropy(p)) - 1e-12


@settings(max_examples=10)
@given(tables(), tables(), tables())
def test_root_js_hellinger_and_total_variation_are_metrics(p, q, r):
    for distance in (discrete.js_distance, discrete.hellinger, discrete.total_variation):
        for a, b, c in permutations((p, q, r)):
            assert float(distance(a, c)) <= float(distance(a, b) + distance(b, c)) + 1e-9
        assert float(distance(p, q)) == pytest.approx(float(distance(q, p)), abs=1e-12)
        assert float(distance(p, p)) == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("name", DIVERGENCES)
def test_variational_bound_is_reached_by_the_optimal_critic_only(name, rng):
    p, q = torch.tensor(P, dtype=torch.float64), torch.tensor(Q, dtype=torch.float64)
    best = DIVERGENCES[name].optimal_critic(p / q)
    reached = float(discrete.f_divergence(name, p, q))
    assert float(discrete.variational_bound(name, p, q, best)) == pytest.approx(reached, abs=1e-12)
    for _ in range(20):
        other = best - 0.3 * torch.rand(4, generator=rng, dtype=torch.float64)
        assert float(discrete.variational_bound(name, p, q, other)) <= reached + 1e-12


def test_disjoint_supports_give_infinity_or_the_largest_value():
    p, q = [1.0, 0.0], [0.0, 1.0]
    for infinite in (discrete.kl, discrete.jeffreys, discrete.chi2, discrete.cross_entropy):
        assert float(infinite(p, q)) == math.inf
    assert float(discrete.js(p, q)) == pytest.approx(math.log(2), abs=1e-12)
    assert [float(d(p, q)) for d in (discrete.total_variation, discrete.hellinger)] == [1.0, 1.0]
    assert float(discrete.entropy(p)) == 0.0
    assert float(discrete.entropy([0.25] * 4, base=2)) == pytest.approx(2.0)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: discrete.kl([0.5, 0.6], [0.5, 0.5]), r"p=a table that sums to 1\.1: expected probabilities"),
        (lambda: discrete.entropy([0.5, 0.5], base=1.0), r"base=1\.0: expected the base of a logarithm"),
        (lambda: discrete.cross_entropy([1.0], [0.5, 0.5]), r"shapes of p and q=\(\(1,\), \(2,\)\)"),
        (lambda: discrete.f_divergence("jenson-shannon", [1.0], [1.0]), "Did you mean 'jensen-shannon'"),
    ],
)
def test_mistakes_are_told(call, message):
    with pytest.raises(ValueError, match=message):
        call()

"""How protocols score samples: constructed ones with closed forms, perfect ones, and the rule in many dimensions."""

import math

import pytest
import torch
from scipy.stats import binomtest

from saddle.benchmarks.judges import mixtures, score_digits, score_mixture, stacked_digits
from saddle.data import Mixture, grid, load, ring
from saddle.data.stacked import Stacked
from saddle.evaluation.measures.modes import PROTOCOLS, mixture_modes, shell

PLANE = PROTOCOLS["pacgan"]
CEILING = 1 - math.exp(-4.5)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def high():
    """Three modes in 1,200 dimensions, as far apart as the nearest of the published ten."""
    return Mixture("high", torch.tensor([0.0, 0.25, 0.5], dtype=torch.float64)[:, None].expand(3, 1200), 1.0)


@pytest.mark.parametrize("data", [ring(), grid(), ring(8, radius=1.0, sigma=0.01)], ids=lambda data: data.name)
def test_the_data_reach_ceiling_and_floor(data):
    n, modes = 20_000, len(data.means)
    found, judge = score_mixture(data.sample(n, seeded()).x, data, PLANE), mixtures(PLANE, modes, n)
    assert judge.ceiling["high_quality"] == pytest.approx(CEILING)
    assert (found["modes"], found["modes_tenth"]) == (modes, modes) == (judge.ceiling["modes"],) * 2
    assert binomtest(round(found["high_quality"] * n), n, CEILING).pvalue > 1e-3
    # 2 n KL is chi² with K - 1 degrees of freedom: mean K - 1, deviation sqrt(2 (K - 1))
    spread = math.sqrt(2 * (modes - 1)) / (2 * n)
    for column in ("kl_model_data", "kl_data_model"):
        assert found[column] == pytest.approx(judge.floor["kl_model_data"], abs=4 * spread)


def test_one_point_is_one_mode():
    data = ring()
    found = score_mixture(data.means[:1].float().expand(64, 2), data, PLANE)
    assert (found["modes"], found["modes_tenth"], found["high_quality"]) == (1, 1, 1)
    assert found["kl_model_data"] == pytest.approx(math.log(8))
    assert found["kl_data_model"] == math.inf


def test_a_missing_mode_costs_its_share():
    """Seven equal modes of eight: KL(model || data) = log 8/7."""
    data = ring()
    found = score_mixture(data.means[:7].float().repeat(10, 1), data, PLANE)
    assert found["modes"] == 7
    assert found["kl_model_data"] == pytest.approx(math.log(8 / 7))


def test_divergences_have_their_directions():
    """Half on one of two modes and half on both: KL((3/4, 1/4) || (1/2, 1/2)), and the other way round."""
    data = Mixture("two", torch.tensor([[-1.0, 0.0], [1.0, 0.0]], dtype=torch.float64), 0.1)
    found = score_mixture(data.means[[0, 0, 0, 1]].float(), data, PLANE)
    assert found["kl_model_data"] == pytest.approx(3 / 4 * math.log(3 / 2) + 1 / 4 * math.log(1 / 2))
    assert found["kl_data_model"] == pytest.approx(1 / 2 * math.log(2 / 3) + 1 / 2 * math.log(2))


def test_a_stray_sample_holds_no_tenth_of_a_share():
    data = ring()
    x = torch.cat([data.means[:1].float().expand(999, 2), data.means[1:2].float()])
    found = score_mixture(x, data, PLANE)
    assert (found["modes"], found["modes_tenth"]) == (2, 1)


def test_samples_between_modes_are_of_no_quality():
    found = score_mixture(torch.zeros(5, 2), ring(), PLANE)
    assert (found["modes"], found["high_quality"], found["kl_model_data"]) == (0, 0, math.inf)


@pytest.mark.parametrize("d", [1, 2, 30, 1200])
def test_the_shell_holds_as_much_as_three_deviations_in_the_plane(d):
    n = 4_000
    data = Mixture("one", torch.zeros(1, d, dtype=torch.float64), 2.0)
    x = data.sample(n, seeded()).x
    found = mixture_modes(x, data.means, 2.0, data.weights, shell(d))
    assert found["high_quality_ceiling"] == pytest.approx(CEILING)
    assert binomtest(round(found["high_quality"] * n), n, CEILING).pvalue > 1e-3


@pytest.mark.parametrize("scale", [0.0, 0.5, 0.85, 1.15, 2.0])
def test_in_many_dimensions_only_the_right_deviation_scores(scale):
    """A generator of means, or with more or less noise than the data, finds nothing; the data find all."""
    data, n = high(), 600
    centre = data.means.float()[torch.arange(n) % 3]
    noise = data.sample(n, seeded()).x - data.means.float()[data.sample(n, seeded()).y]
    assert score_mixture(centre + noise, data, shell(1200))["modes"] == 3
    found = score_mixture(centre + scale * noise, data, shell(1200))
    assert (found["modes"], found["high_quality"]) == (0, 0)


def test_the_published_rule_in_many_dimensions_is_upside_down():
    """Within 10 deviations: no sample of the data, and every one of a generator without variance."""
    data = high()
    real = mixture_modes(data.sample(200, seeded()).x, data.means, 1.0, data.weights, PROTOCOLS["veegan-1200d"])
    means = mixture_modes(data.means.float(), data.means, 1.0, data.weights, PROTOCOLS["veegan-1200d"])
    assert (real["high_quality"], means["high_quality"]) == (0, 1)


def test_the_floor_of_stacked_digits_is_closed():
    judge = stacked_digits(26_000)
    assert judge.floor["kl_model_data"] == pytest.approx(999 / 52_000)
    assert judge.ceiling["modes"] == 1000
    assert judge.columns == ("modes", "modes_tenth", "kl_model_data", "kl_data_model")


@pytest.mark.parametrize(
    "score, data", [(score_digits, "ring8"), (lambda x, data: score_mixture(x, data, PLANE), "digits")]
)
def test_other_data_are_refused(score, data):
    with pytest.raises(ValueError, match=f"data={data}: expected"):
        score(torch.zeros(4, 2), load(data))


@pytest.mark.slow
def test_stacked_digits_are_read_channel_by_channel():
    """A triple repeated is one mode, and triples of the digits that the classifier knows show all that they can."""
    data = load("stacked-mnist", 28)
    assert isinstance(data, Stacked)
    one = data.sample(1, seeded()).x.expand(40, 3, 28, 28)
    found = score_digits(one, data)
    assert (found["modes"], found["modes_tenth"]) == (1, 1)
    assert found["kl_model_data"] == pytest.approx(math.log(1000))
    n = 6_000
    found = score_digits(data.sample(n, seeded()).x, data)
    expected = 1000 * (1 - 0.999**n)
    assert found["modes"] == pytest.approx(expected, abs=5)
    assert found["kl_model_data"] == pytest.approx(999 / (2 * n), rel=0.15)

"""Perceptual path length: closed forms of linear and spherical paths, both ways to differentiate, and the adapter."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from saddle.data.spec import Spec
from saddle.evaluation import Side, Study
from saddle.evaluation.features import Extractor, Identity
from saddle.evaluation.measures.lpips import embed
from saddle.evaluation.measures.ppl import lerp, path_length, path_length_by_difference, ppl, slerp, trimmed_mean
from saddle.evaluation.side import Model
from saddle.game import Game, Player, Sampler


def randn(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def unit(x):
    return x / x.norm(dim=1, keepdim=True)


def angle(a, b):
    return (unit(a) * unit(b)).sum(1).clamp(-1, 1).acos()


def same(x):
    return x


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_a_linear_generator_on_straight_paths_moves_by_its_ends_alone(seed):
    """|d A(z0 + t (z1 - z0)) / dt|^2 = |A (z1 - z0)|^2 at every t."""
    A, a, b = randn(7, 4, seed=seed), randn(9, 4, seed=seed + 1), randn(9, 4, seed=seed + 2)
    t = torch.rand(9, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    found = path_length(same, lambda s: lerp(a, b, s) @ A.T, t)
    torch.testing.assert_close(found, ((b - a) @ A.T).square().sum(1), rtol=1e-10, atol=1e-12)


@pytest.mark.proves("ppl", "closed form")
def test_its_mean_is_twice_the_squared_norm_of_the_matrix():
    """E |A (z1 - z0)|^2 = 2 |A|_F^2 for independent standard normal ends."""
    A, n = randn(5, 3), 40_000
    a, b = randn(n, 3, seed=1), randn(n, 3, seed=2)
    found = path_length(same, lambda s: lerp(a, b, s) @ A.T, torch.rand(n, dtype=torch.float64))
    error = float(found.std()) / math.sqrt(n)
    assert float(found.mean()) == pytest.approx(2 * float(A.square().sum()), abs=4 * error)


@pytest.mark.parametrize(
    ("d", "expected"), [(2, math.pi**2 / 3), (3, (math.pi**2 - 4) / 2), (512, math.pi**2 / 4)], ids=["2", "3", "512"]
)
def test_on_the_unit_sphere_it_is_the_squared_angle(d, expected):
    """Great circles are run evenly: the speed is the angle w. E w^2: pi^2/3 (w uniform), (pi^2 - 4)/2, pi^2/4."""
    n = 20_000 if d < 10 else 2_000
    a, b = unit(randn(n, d)), unit(randn(n, d, seed=1))
    found = path_length(same, lambda s: slerp(a, b, s), torch.rand(n, dtype=torch.float64))
    torch.testing.assert_close(found, angle(a, b).square(), rtol=1e-6, atol=1e-9)
    error = float(found.std()) / math.sqrt(n)
    assert float(found.mean()) == pytest.approx(expected, abs=4 * error + math.pi**2 / 4 * (d == 512) / 500)


@given(st.integers(0, 1000), st.integers(2, 6))
def test_slerp_joins_its_ends_and_keeps_their_length(seed, d):
    a, b = randn(5, d, seed=seed), randn(5, d, seed=seed + 1)
    torch.testing.assert_close(slerp(a, b, torch.zeros(5, dtype=torch.float64)), a)
    torch.testing.assert_close(slerp(a, b, torch.ones(5, dtype=torch.float64)), b)
    half = torch.full((5,), 0.5, dtype=torch.float64)
    torch.testing.assert_close(slerp(a, b, half), slerp(b, a, half))
    u, v = unit(a), unit(b)
    middle = slerp(u, v, torch.full((5,), 0.3, dtype=torch.float64))
    torch.testing.assert_close(middle.norm(dim=1), torch.ones(5, dtype=torch.float64))
    torch.testing.assert_close(angle(u, middle), 0.3 * angle(u, v))


def test_equal_and_opposite_ends_are_joined_straight():
    a = torch.tensor([[1.0, 2.0], [1.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
    b = torch.tensor([[1.0, 2.0], [-3.0, 0.0], [2.0, 2.0]], dtype=torch.float64)
    t = torch.full((3,), 0.25, dtype=torch.float64)
    torch.testing.assert_close(slerp(a, b, t), torch.tensor([[1.0, 2.0], [0.0, 0.0], [1.25, 1.25]]).double())
    speeds = path_length(same, lambda s: slerp(a, b, s), t)
    torch.testing.assert_close(speeds, torch.tensor([0.0, 16.0, 2.0], dtype=torch.float64))


def test_differences_approach_the_derivative_at_first_order():
    """|phi(t + eps) - phi(t)|^2 / eps^2 = |phi'|^2 + O(eps): halving eps halves the gap."""
    torch.manual_seed(0)
    G = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 5)).double().requires_grad_(False)
    a, b, t = randn(8, 3), randn(8, 3, seed=1), torch.linspace(0.1, 0.8, 8, dtype=torch.float64)

    def path(s):
        return G(slerp(a, b, s))

    exact = path_length(same, path, t)
    gaps = [(path_length_by_difference(same, path, t, eps) - exact).abs().max() for eps in (1e-3, 5e-4)]
    assert float(gaps[0] / gaps[1]) == pytest.approx(2.0, rel=0.02)
    torch.testing.assert_close(path_length_by_difference(same, path, t), exact, rtol=1e-3, atol=1e-6)
    with pytest.raises(ValueError, match="eps=0"):
        path_length_by_difference(same, path, t, 0.0)


def test_rounding_to_bytes_ruins_differences_but_not_this_measure():
    """Between t and t + 1e-4 a byte mostly does not move, or moves by a whole level: the published default's noise."""
    a, b, t = randn(200, 4), randn(200, 4, seed=1), torch.rand(200, dtype=torch.float64)
    rounded = path_length_by_difference(lambda x: (x * 127.5).round() / 127.5, lambda s: lerp(a, b, s), t)
    smooth = path_length_by_difference(same, lambda s: lerp(a, b, s), t)
    exact = (b - a).square().sum(1)
    torch.testing.assert_close(smooth, exact, rtol=1e-6, atol=1e-6)
    assert float((rounded == 0).double().mean()) > 0.5 and float(rounded.max()) > 100 * float(exact.max())


def test_trimming_cuts_as_published():
    values = torch.arange(1000.0)[torch.randperm(1000)]
    low, high = 9.0, 990.0  # of percentiles 9.99 and 989.01, rounded outwards
    kept = values[(values >= low) & (values <= high)]
    assert float(trimmed_mean(values)) == pytest.approx(float(kept.mean()))
    spoilt = values.clone()
    spoilt[values == 999.0] = 1e9
    assert float(trimmed_mean(spoilt)) == float(trimmed_mean(values))
    assert float(trimmed_mean(torch.tensor([1.0, 2.0, 6.0]))) == 3.0
    torch.testing.assert_close(
        trimmed_mean(torch.stack([values, values + 1])), trimmed_mean(values) + torch.tensor([0.0, 1.0])
    )


class Tanh(nn.Module):
    """Images (N, 1, 4, 4) from z, with batch normalisation, which mixes rows unless it is at rest."""

    def __init__(self, gain=1.0):
        super().__init__()
        self.layer, self.norm, self.gain = nn.Linear(3, 16), nn.BatchNorm1d(16), gain

    def forward(self, z, y=None):
        shift = 0.0 if y is None else y[:, None].float()
        return (self.gain * self.norm(self.layer(z)) + shift).tanh().unflatten(1, (1, 4, 4))


def study_of(G, prior=torch.randn, classes=0, extractor=None, seed=0):
    player = Player("G", G, torch.optim.SGD(G.parameters(), lr=0.1))
    sampler = Sampler(lambda n, rng: prior(n, 3, generator=rng), lambda nets, z, y: nets["G"](z, y), classes=classes)
    model = Model(Game([player], [], sampler), Spec(1, 4, classes), "tanh")
    side = Side.of_model(model, 8)
    return Study(side, side, extractor or Identity(), seed=seed)


def test_a_constant_generator_scores_nothing():
    result = ppl(study_of(Tanh(gain=0.0)))
    assert result.value == 0.0 and result.interval == (0.0, 0.0)
    assert result.details["ratio"] is None


def test_speed_grows_with_the_square_of_the_gain_and_the_adapter_leaves_the_game_as_it_was():
    torch.manual_seed(0)
    G = Tanh(1e-3)
    before = {name: value.clone() for name, value in G.state_dict().items()}
    small = ppl(study_of(G))
    G.gain = 2e-3
    assert ppl(study_of(G)).value / small.value == pytest.approx(4.0, rel=1e-3)
    assert all(torch.equal(before[name], value) for name, value in G.state_dict().items())
    assert G.training and all(p.requires_grad for p in G.parameters())
    assert small.interval[0] < small.value < small.interval[1]
    assert ppl(study_of(G)).value == ppl(study_of(G)).value != ppl(study_of(G, seed=1)).value


@pytest.mark.proves("ppl", "closed form")
def test_the_adapter_on_a_linear_generator_of_points_has_the_closed_form():
    """Bounded z, so straight paths: E |A (z1 - z0)|^2 / d = |A|_F^2 / (6 d) for ends uniform in [0, 1]^3."""
    G = nn.Linear(3, 5)
    player = Player("G", G, torch.optim.SGD(G.parameters(), lr=0.1))
    sampler = Sampler(lambda n, rng: torch.rand(n, 3, generator=rng), lambda nets, z, y: nets["G"](z))
    model = Model(Game([player], [], sampler), Spec(channels=5), "linear")
    side = Side.of_model(model, 8)
    result = ppl(Study(side, side, Identity()))
    assert result.details["path"] == "lerp" and result.details["method"] == "forward mode"
    assert result.details["untrimmed"] == pytest.approx(float(G.weight.square().sum()) / 6 / 5, rel=0.15)
    assert result.details["ratio"] == pytest.approx(1.0, rel=1e-5)  # straight and even, whatever the ends


def test_a_path_is_never_shorter_than_its_chord_on_average():
    """By Cauchy and Schwarz the mean squared speed is at least the squared chord; slerp and tanh bend it."""
    torch.manual_seed(1)
    result = ppl(study_of(Tanh(3.0)))
    assert result.details["path"] == "slerp"
    assert result.details["untrimmed"] > result.details["chord"] > 0
    assert result.details["paths"] == 500 and result.details["distance"] == "pixels, mean over numbers"


def test_labels_stay_along_a_path():
    """A shift by the label alone adds nothing: with labels fixed, G's slope in z is all there is."""
    torch.manual_seed(0)
    G = Tanh(1e-4)
    labelled = ppl(study_of(G, classes=2))
    for_zero = [1.0, 1 - math.tanh(1.0) ** 2]  # slopes of tanh at the two labels' shifts, 0 and 1
    plain = ppl(study_of(G))
    expected = plain.value * (for_zero[0] ** 2 + for_zero[1] ** 2) / 2
    assert labelled.value == pytest.approx(expected, rel=0.25)


class Stages(Extractor):
    """Two fixed stages: the image as channels, and its mean."""

    name, heads = "stages", None

    def __call__(self, images):
        return images.float().flatten(1), None

    def stages(self, x):
        return [torch.cat([x, torch.ones_like(x)], 1), torch.cat([x, -x + 2], 1).mean((2, 3), keepdim=True)]


def test_a_network_with_stages_gives_the_lpips_form():
    """For h = (x, 1)/|(x, 1)| the angle atan(x) moves at x' / (1 + x^2): the mean of its square is the distance."""
    result = ppl(study_of(Tanh(), extractor=Stages()))
    assert result.details["distance"] == "lpips-form[stages]" and result.details["paths"] == 200
    x = torch.tensor([[0.5, -0.25]], dtype=torch.float64)

    found = path_length(
        lambda x: embed(Stages().stages(x)[:1]),
        lambda t: (x * (1 + t[:, None])).view(1, 1, 1, 2),
        torch.zeros(1).double(),
    )
    torch.testing.assert_close(found, (x / (1 + x**2)).square().mean(1))


class NoForward(torch.autograd.Function):
    """The identity, with a backward but no forward derivative."""

    @staticmethod
    def forward(x):
        return x.clone()

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, g):
        return g


def test_what_has_no_forward_derivative_is_differenced():
    class Odd(Tanh):
        def forward(self, z, y=None):
            return NoForward.apply(super().forward(z, y))

    torch.manual_seed(0)
    known = ppl(study_of(Tanh()))
    torch.manual_seed(0)
    found = ppl(study_of(Odd()))
    assert found.details["method"] == "differences over 1e-4"
    assert found.value == pytest.approx(known.value, rel=0.02)


def test_a_diverged_generator_is_refused():
    G = Tanh()
    study = study_of(G)
    with torch.no_grad():
        G.layer.weight.fill_(torch.nan)
    with pytest.raises(ValueError, match="diverged"):
        ppl(study)
    given = Side.of_features(torch.zeros(3, 2))
    with pytest.raises(ValueError, match="expected a run"):
        ppl(Study(given, given, Identity()))

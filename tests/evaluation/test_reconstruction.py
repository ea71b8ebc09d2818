"""Search in z: exact on linear generators, and a gap where training samples were memorised."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest
from torch import nn

from saddle import recipes
from saddle.data.spec import Spec
from saddle.evaluation.features import Identity
from saddle.evaluation.measures.reconstruction import (
    minimise_rows,
    nearest,
    reconstruction_error,
    recover,
    recovery_gap,
)
from saddle.evaluation.side import Model, Side
from saddle.evaluation.study import Study
from saddle.game import Game, Player, Sampler


def randn(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def linear_model(A):
    """G(z) = A z on points."""
    G = nn.Linear(A.shape[1], A.shape[0], bias=False)
    with torch.no_grad():
        G.weight.copy_(A)
    player = Player("G", G, torch.optim.SGD(G.parameters(), lr=0.1))
    sampler = Sampler(lambda n, rng: torch.randn(n, A.shape[1], generator=rng), lambda nets, z, y: nets["G"](z))
    return Model(Game([player], [], sampler), Spec(channels=A.shape[0]), "linear")


@settings(deadline=None, max_examples=8)
@given(st.integers(0, 1000))
@pytest.mark.proves("reconstruction-error", "closed form")
def test_a_linear_generator_leaves_what_it_does_not_span(seed):
    """min over z of |Az - x|^2 = |(I - A A^+) x|^2."""
    A, x = randn(8, 3, seed=seed), randn(5, 8, seed=seed + 1)
    found = recover(lambda z, rows: z @ A.T, x, torch.zeros(1, 5, 3, dtype=torch.float64))
    rest = x - x @ (A @ torch.linalg.pinv(A)).T
    torch.testing.assert_close(found.errors, rest.square().mean(1), rtol=1e-9, atol=1e-14)
    torch.testing.assert_close(found.z, x @ torch.linalg.pinv(A).T, rtol=0, atol=1e-5)


def test_rosenbrock_from_many_places_at_once():
    """Rows are searched each for itself: all reach (1, 1), a curved valley away, wherever the others are."""
    start = randn(20, 2) * 2

    def valley(z):
        return (1 - z[:, 0]) ** 2 + 100 * (z[:, 1] - z[:, 0] ** 2) ** 2

    together, values = minimise_rows(valley, start, steps=400)
    torch.testing.assert_close(together, torch.ones(20, 2, dtype=torch.float64), rtol=0, atol=1e-5)
    assert float(values.max()) < 1e-10
    alone, _ = minimise_rows(valley, start[3:4], steps=400)
    torch.testing.assert_close(alone, together[3:4], rtol=1e-9, atol=0)


def test_it_never_ends_above_its_start():
    """Not even where steps lead out of the function's domain: sqrt(|z|) - with a kink at its minimum."""
    start = randn(30, 2)
    f = lambda z: z.abs().sum(1).sqrt() + torch.where(z[:, 0] > 3, float("nan"), 0.0)  # noqa: E731
    _, values = minimise_rows(f, start.clamp(max=2), steps=50)
    assert bool((values <= f(start.clamp(max=2))).all())
    with pytest.raises(ValueError, match="start="):
        minimise_rows(f, torch.full((1, 2), 4.0))


def test_a_constant_generator_stays_at_the_distance():
    x = randn(4, 6)
    found = recover(lambda z, rows: 0 * z[:, :1] + torch.ones(6), x, randn(2, 4, 3))
    torch.testing.assert_close(found.errors, (1 - x).square().mean(1))
    assert found.by_restart.shape == (2, 4)


def test_samples_of_the_generator_are_found_again():
    """x = G(z*): a smooth network in float64 comes down to nothing from some of four starts."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 20)).double()
    truth, pool = randn(10, 4, seed=1), randn(200, 4, seed=2)
    with torch.no_grad():
        x, made = net(truth), net(pool)
    found = recover(lambda z, rows: net(z), x, pool[nearest(x, made, 4)], steps=300, chunk=7)
    assert float(found.errors.max()) < 1e-10
    torch.testing.assert_close(found.errors, found.by_restart.amin(0))
    with torch.no_grad():
        torch.testing.assert_close((net(found.z) - x).square().mean(1), found.errors, rtol=1e-6, atol=1e-14)


def test_each_search_keeps_its_own_label():
    """G(z, y) = centre of y, whatever z is: the rows tell which label a search has."""
    centres, labels = torch.eye(3, dtype=torch.float64), torch.tensor([0, 1, 2, 2, 1, 0])
    found = recover(lambda z, rows: centres[labels[rows]] + 0 * z, centres, torch.zeros(2, 3, 3).double(), chunk=4)
    assert found.by_restart.tolist() == [[0.0, 0.0, 0.0], [pytest.approx(2 / 3), 0.0, pytest.approx(2 / 3)]]
    assert found.errors.tolist() == [0.0, 0.0, 0.0]


def test_nearest_comes_nearest_first():
    pool = torch.tensor([[0.0], [10.0], [4.0]])
    assert nearest(torch.tensor([[9.0], [1.0]]), pool, 2).tolist() == [[1, 0], [2, 2]]


def test_the_gap_of_medians():
    gap, p = recovery_gap(torch.tensor([4.0, 5.0, 6.0, 7.0, 8.0]), torch.tensor([1.0, 2.0, 3.0]))
    assert gap == pytest.approx((6 - 2) / 6)
    assert p == pytest.approx(1 / 56)  # the most extreme of 8! / (5! 3!) orders
    assert recovery_gap(torch.zeros(3), torch.zeros(3))[0] == 0.0


def test_p_values_of_no_gap_are_uniform():
    p = [recovery_gap(randn(40, seed=2 * i).exp(), randn(40, seed=2 * i + 1).exp())[1] for i in range(200)]
    assert kstest(p, "uniform").pvalue > 0.01


@pytest.mark.proves("reconstruction-error", "closed form")
def test_the_adapter_on_points_gives_the_closed_form():
    A = randn(6, 2, dtype=torch.float32)
    data, mine = Side.of_features(randn(40, 6, seed=3, dtype=torch.float32)), Side.of_model(linear_model(A), 10)
    found = reconstruction_error(Study(data, mine, Identity(), held_out=data))
    rest = data.rows.double() @ (torch.eye(6) - A @ torch.linalg.pinv(A)).double().T
    assert found.value == pytest.approx(float(rest.square().mean()), rel=1e-4)
    assert found.details["gap"] == pytest.approx(0.0, abs=1e-6)  # the same samples on both sides
    assert found.details["own_samples"] < 1e-10
    assert found.interval[0] < found.value < found.interval[1]
    assert found.details["start"] > found.value
    assert found.details["samples"] == [40, 40]
    assert not found.pictures


def test_memorised_samples_show_as_a_gap():
    """The training samples lie in the generator's plane, the held-out ones do not."""
    A = randn(6, 2, dtype=torch.float32)
    train = Side.of_features(randn(50, 2, seed=1, dtype=torch.float32) @ A.T)
    test = Side.of_features(randn(50, 6, seed=2, dtype=torch.float32))
    found = reconstruction_error(Study(train, Side.of_model(linear_model(A), 10), Identity(), held_out=test))
    assert found.details["gap"] > 0.999
    assert found.details["gap_p"] < 1e-9
    assert found.details["trained_mean"] < 1e-8 < found.value


@pytest.mark.parametrize("name", ["gan", "cgan"])
def test_images_and_labels_through_real_networks(name):
    """The search ends nearer than its starts, and the picture has a row of samples over one of what was found."""
    recipe, spec = recipes.find(name), Spec(channels=1, size=16, classes=3 if name == "cgan" else 0)
    torch.manual_seed(0)
    model = Model(recipe.build(recipe.SMALL, spec).seed(0), spec, name)
    images = torch.randint(0, 256, (24, 1, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    study = Study(Side.of_images(images), Side.of_model(model, 10), Identity())
    first, again = reconstruction_error(study), reconstruction_error(study)
    assert first.value == again.value
    assert first.value < first.details["start"]
    assert first.pictures["recovered"].shape == (32, 12 * 16, 3)
    sample = first.pictures["recovered"][:16, :16, 0]
    assert any(torch.equal(sample, image[0]) for image in images)


def test_samples_of_another_shape_are_refused():
    data = Side.of_features(randn(10, 5))
    with pytest.raises(ValueError, match=r"features=\(5,\): expected samples of shape \(6,\)"):
        reconstruction_error(Study(data, Side.of_model(linear_model(randn(6, 2)), 5), Identity()))
    with pytest.raises(ValueError, match="starts="):
        recover(lambda z, rows: z, randn(3, 2), randn(1, 2, 2))
    with pytest.raises(ValueError, match="samples="):
        recover(lambda z, rows: z, torch.full((2, 2), torch.nan), randn(1, 2, 2))
    with pytest.raises(ValueError, match="errors="):
        recovery_gap(torch.empty(0), torch.zeros(1))

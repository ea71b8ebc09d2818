"""The latent space of linear generators, where every number has a closed form."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from saddle import recipes
from saddle.data.spec import Spec
from saddle.evaluation.features import Identity
from saddle.evaluation.measures.internals import (
    arithmetic,
    first_layer,
    internals,
    jacobian,
    lerp,
    log_condition,
    mutual_information_gap,
    principal_directions,
    sefa,
    separability,
    slerp,
)
from saddle.evaluation.side import Model, Side
from saddle.evaluation.study import Study
from saddle.game import Game, Player, Sampler


def randn(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def linear_model(A, b=0.5):
    """G(z) = A z + b on points."""
    G = nn.Linear(A.shape[1], A.shape[0])
    with torch.no_grad():
        G.weight.copy_(A)
        G.bias.fill_(b)
    player = Player("G", G, torch.optim.SGD(G.parameters(), lr=0.1))
    sampler = Sampler(lambda n, rng: torch.randn(n, A.shape[1], generator=rng), lambda nets, z, y: nets["G"](z))
    return Model(Game([player], [], sampler), Spec(channels=A.shape[0]), "linear")


def study(model):
    fake = Side.of_model(model, 4)
    return Study(fake, fake, Identity())


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 6))
@pytest.mark.proves("internals", "closed form")
def test_the_jacobian_of_a_linear_generator_is_its_matrix(seed, D, d):
    """log cond J^T J = 2 log(s_max / s_min), wide and tall alike."""
    A, z = randn(D, d, seed=seed), randn(3, d, seed=seed + 1)
    J = jacobian(lambda z: z @ A.T + 1, z)
    torch.testing.assert_close(J, A.expand(3, D, d))
    s = torch.linalg.svdvals(A)
    expected = 2 * torch.log(s[0] / s[-1])
    torch.testing.assert_close(log_condition(J), expected.expand(3), rtol=1e-9, atol=1e-12)


def test_the_jacobian_of_images_agrees_with_reverse_mode():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Unflatten(1, (3, 1, 1)),
        nn.ConvTranspose2d(3, 4, 4),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 1, 3),
        nn.Tanh(),
    ).eval()
    z = randn(5, 3, dtype=torch.float32)
    J = jacobian(net, z)
    for i in range(5):
        whole = torch.autograd.functional.jacobian(net, z[i : i + 1])
        torch.testing.assert_close(J[i], whole.reshape(4, 3))


def test_a_direction_that_does_nothing_meets_the_bound():
    J = torch.diag(torch.tensor([3.0, 2.0, 0.0])).expand(2, 3, 3)
    eps = torch.finfo(torch.float32).eps
    assert log_condition(J).tolist() == pytest.approx([-2 * math.log(3 * eps)] * 2, rel=1e-12)
    assert log_condition(torch.zeros(1, 4, 2)).tolist() == pytest.approx([-2 * math.log(4 * eps)], rel=1e-12)
    with pytest.raises(ValueError, match="Jacobian="):
        log_condition(torch.full((1, 2, 2), torch.nan))


def test_sefa_finds_the_right_singular_vectors():
    U, V = torch.linalg.qr(randn(7, 4))[0], torch.linalg.qr(randn(4, 4, seed=1))[0]
    s = torch.tensor([5.0, 3.0, 2.0, 1.0], dtype=torch.float64)
    directions, found = sefa(U * s @ V.T)
    torch.testing.assert_close(found, s)
    torch.testing.assert_close((directions @ V).abs(), torch.eye(4, dtype=torch.float64), rtol=0, atol=1e-12)


def test_principal_directions_of_a_linear_layer():
    """h = Az with white z: the components are A's left singular vectors, and z moves along v_k / s_k by one unit."""
    A = randn(7, 3)
    _, s, Vh = torch.linalg.svd(A, full_matrices=False)
    z = torch.linalg.qr(randn(400, 3, seed=1) - randn(400, 3, seed=1).mean(0))[0] * 400**0.5
    directions, shares = principal_directions(z @ A.T + 4, z, 3)
    torch.testing.assert_close(shares, s.square() / s.square().sum())
    torch.testing.assert_close((directions @ Vh.T).abs(), torch.diag(1 / s), rtol=1e-9, atol=1e-9)
    along = (directions @ A.T).norm(dim=1)
    torch.testing.assert_close(along, torch.ones(3, dtype=torch.float64))
    still, none = principal_directions(torch.ones(9, 4), randn(9, 2), 2)
    assert float(still.abs().max()) == 0.0 and none.tolist() == [0.0, 0.0]
    with pytest.raises(ValueError, match="k="):
        principal_directions(randn(3, 4), randn(3, 2), 3)


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_the_arc_keeps_the_length_and_the_line_does_not(seed, t):
    a, b = nn.functional.normalize(randn(2, 5, seed=seed), dim=1)
    assert float(slerp(a, b, t).norm()) == pytest.approx(1, abs=1e-9)
    assert float(lerp(a, b, t).norm()) <= 1 + 1e-12
    half = (1 + float(a @ b)) / 2  # |(a + b) / 2|^2
    assert float(lerp(a, b, 0.5).norm()) == pytest.approx(half**0.5, abs=1e-9)
    torch.testing.assert_close(slerp(a, b, t), slerp(b, a, 1 - t), rtol=1e-7, atol=1e-9)


def test_the_arc_of_ends_and_of_parallel_vectors():
    a, b = randn(3, 4), randn(3, 4, seed=1)
    torch.testing.assert_close(slerp(a, b, 0.0), a)
    torch.testing.assert_close(slerp(a, b, 1.0), b)
    torch.testing.assert_close(slerp(a, 3 * a, 0.5), 2 * a)
    torch.testing.assert_close(slerp(a, -a, 0.25), 0.5 * a)
    assert torch.equal(slerp(torch.zeros(2), torch.zeros(2), 0.5), torch.zeros(2))


def test_vector_arithmetic_is_exact_where_the_generator_is_linear():
    """man with glasses - man + woman = woman with glasses."""
    man, woman, glasses = randn(3, 6)
    noise = randn(4, 6, seed=9)
    noise = noise - noise.mean(0)
    torch.testing.assert_close(arithmetic(man + glasses + noise, man + noise, woman + noise), woman + glasses)


def test_mig_of_axis_aligned_and_of_mixed_codes():
    factors = torch.cartesian_prod(torch.arange(4), torch.arange(4))  # independent
    noise = torch.zeros(16, 1)
    assert mutual_information_gap(torch.cat([factors, noise], 1), factors) == pytest.approx(1.0)
    assert mutual_information_gap(torch.cat([factors, factors], 1), factors) == pytest.approx(0.0)
    with pytest.raises(ValueError, match="codes="):
        mutual_information_gap(torch.zeros(16, 1), factors)
    with pytest.raises(ValueError, match="factor="):
        mutual_information_gap(torch.zeros(16, 2), torch.ones(16, 1, dtype=torch.int64))


def test_separability_of_a_plane_and_of_chance():
    """A plane parts the first attribute: H(Y|X) = 0. Nothing parts the parity of signs: H(Y|X) = log 2."""
    signs = torch.cartesian_prod(torch.tensor([1.0, -1.0]), torch.tensor([1.0, -1.0]))
    z = (randn(500, 1, 2).abs() * signs).flatten(0, 1)  # the same in all four quadrants
    plane, parity = (z[:, :1] > 0).long(), (z.prod(1, keepdim=True) > 0).long()
    assert separability(z, plane) == pytest.approx(1.0, abs=0.02)
    assert separability(z, parity) == pytest.approx(2.0, abs=1e-3)
    with pytest.raises(ValueError, match="attribute="):
        separability(z, torch.ones(2000, 1))


@pytest.mark.proves("internals", "closed form")
def test_the_adapter_on_a_linear_generator():
    A = randn(6, 3, dtype=torch.float32)
    s = torch.linalg.svdvals(A.double())
    found = internals(study(linear_model(A)))
    expected = 2 * math.log(float(s[0] / s[-1]))
    assert found.value == pytest.approx(expected, rel=1e-5)
    assert found.interval == pytest.approx((expected, expected), rel=1e-4)
    assert found.details["sefa"] == pytest.approx(s.tolist(), rel=1e-5)
    assert found.details["sefa_share"] == pytest.approx(float(s[0] ** 2 / s.square().sum()), rel=1e-5)
    assert found.details["rank_deficient"] == 0
    assert not found.pictures


def test_the_middle_of_the_line_is_too_short_in_many_dimensions():
    found = internals(study(linear_model(randn(4, 200, dtype=torch.float32))))
    assert found.details["midpoint_lerp"] == pytest.approx(2**-0.5, abs=0.01)
    assert found.details["midpoint_slerp"] == pytest.approx(1.0, abs=0.01)


def test_the_first_layer_is_one_that_z_reaches():
    """A layer of the label alone comes first, and is passed by."""
    nets = nn.ModuleDict({"label": nn.Linear(2, 5), "z": nn.Linear(3, 5)})
    player = Player("G", nets, torch.optim.SGD(nets.parameters(), lr=0.1))

    def generate(held, z, y):
        return held["G"]["label"](nn.functional.one_hot(y, 2).float()) + held["G"]["z"](z)

    sampler = Sampler(lambda n, rng: torch.randn(n, 3, generator=rng), generate, classes=2)
    model = Model(Game([player], [], sampler), Spec(channels=5, classes=2))
    layer, z = first_layer(model, torch.tensor([1])), randn(4, 3, dtype=torch.float32)
    torch.testing.assert_close(layer(z), nets["z"](z).detach())
    still = Sampler(sampler.prior, lambda nets, z, y: z)
    with pytest.raises(ValueError, match="model=no layer"):
        first_layer(Model(Game([player], [], still), Spec(channels=3)), None)


@pytest.mark.parametrize("name", ["dcgan", "cgan"])
def test_pictures_and_determinism_on_real_networks(name):
    """Six pairs, line and arc, nine stops each; both ends of the two agree, as paths with the same ends must."""
    recipe, spec = recipes.find(name), Spec(channels=1, size=16, classes=3 if name == "cgan" else 0)
    torch.manual_seed(0)
    model = Model(recipe.build(recipe.SMALL, spec).seed(0), spec, name)
    first, again = internals(study(model)), internals(study(model))
    assert (first.value, first.details) == (again.value, again.details)
    assert 0 < first.value <= first.details["bound"]
    sheet = first.pictures["interpolation"].view(6, 2, 16, 9, 16, 3).int()
    assert int((sheet[:, 0, :, [0, -1]] - sheet[:, 1, :, [0, -1]]).abs().max()) <= 1
    assert first.pictures["directions"].shape == (6 * 16, 9 * 16, 3)
    for net in model.game.nets().values():
        assert all(not m._forward_hooks for m in net.modules())
        assert all(p.requires_grad for p in net.parameters())

"""Gradient penalties: closed forms for linear and quadratic critics, double backward, and what must feel them."""

import pytest
import torch
from torch import Tensor, nn

from saddle.objectives.adversarial import minimax_critic
from saddle.objectives.penalties import (
    clip_weights,
    dragan_penalty,
    gradient_penalty,
    one_sided_gradient_penalty,
    r1,
    r2,
)

PENALTIES = {
    "gradient": lambda critic, real, fake: gradient_penalty(critic, real, fake, seeded()),
    "one-sided": lambda critic, real, fake: one_sided_gradient_penalty(critic, real, fake, seeded(), target=0.1),
    "dragan": lambda critic, real, fake: dragan_penalty(critic, real, seeded()),
    "r1": lambda critic, real, fake: r1(critic, real),
    "r2": lambda critic, real, fake: r2(critic, fake),
}
EACH = pytest.mark.parametrize("penalty", PENALTIES.values(), ids=PENALTIES)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=seeded(seed))


REAL, FAKE = normal(5, 3), normal(5, 3, seed=1) + 2


def mlp() -> nn.Module:
    """A smooth critic (N, 3) -> (N,) with weights that do not depend on the global random state."""
    net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1), nn.Flatten(0)).double()
    with torch.no_grad():
        for i, parameter in enumerate(net.parameters()):
            parameter.copy_(normal(*parameter.shape, seed=10 + i))
    return net


@pytest.mark.parametrize("size", [0.5, 1.0, 3.0])
def test_linear_critic(size):
    """D(x) = w x has slope |w| everywhere, so no penalty depends on where it looks."""
    w = size * nn.functional.normalize(normal(3), dim=0)
    expected = {
        "gradient": (size - 1) ** 2,
        "one-sided": max(0.0, size - 0.1) ** 2,
        "dragan": (size - 1) ** 2,
        "r1": size**2 / 2,
        "r2": size**2 / 2,
    }
    for name, penalty in PENALTIES.items():
        assert penalty(lambda x: x @ w, REAL, FAKE).item() == pytest.approx(expected[name], abs=1e-12)
    assert float(one_sided_gradient_penalty(lambda x: x @ w, REAL, FAKE, seeded())) == pytest.approx(
        max(0.0, size - 1) ** 2, abs=1e-12
    )


def test_quadratic_critic():
    """D(x) = x A x / 2 has gradient A x: each penalty is a mean over its own points."""
    a = normal(3, 3)
    a = a + a.T

    def critic(x: Tensor) -> Tensor:
        return (x @ a * x).sum(1) / 2

    slopes = (REAL @ a).norm(dim=1)
    assert r1(critic, REAL).item() == pytest.approx(float(slopes.square().mean() / 2))
    assert r2(critic, FAKE).item() == pytest.approx(float((FAKE @ a).square().sum(1).mean() / 2))
    two_sided, target = float((slopes - 2).square().mean()), 2.0  # lines of length 0, and noise of size 0, are points
    assert gradient_penalty(critic, REAL, REAL, seeded(), target).item() == pytest.approx(two_sided)
    assert dragan_penalty(critic, REAL, seeded(), scale=0.0, target=target).item() == pytest.approx(two_sided)
    excess = (slopes - 2).clamp(min=0).square().mean()
    assert one_sided_gradient_penalty(critic, REAL, REAL, seeded(), target).item() == pytest.approx(float(excess))


@pytest.mark.parametrize("penalty", [gradient_penalty, one_sided_gradient_penalty])
@pytest.mark.parametrize("shape", [(40, 3), (40, 2, 4, 4)])
def test_lines_have_one_alpha_per_sample(penalty, shape):
    real, fake, seen = normal(*shape), normal(*shape, seed=1), []

    def critic(x: Tensor) -> Tensor:
        seen.append(x.detach())
        return x.flatten(1).sum(1)

    penalty(critic, real, fake, seeded())
    alpha = ((seen[0] - fake) / (real - fake)).flatten(1)  # (N, d), constant along each row
    torch.testing.assert_close(alpha, alpha.median(1, keepdim=True).values.expand_as(alpha), rtol=0, atol=1e-9)
    assert 0 <= float(alpha.min()) < 0.2
    assert 0.8 < float(alpha.max()) < 1


def test_dragan_noise_is_uniform_in_each_element_and_as_wide_as_the_batch():
    """Mean scale * std / 2, bounds 0 and scale * std, no two elements alike."""
    real, seen = 3 * normal(200, 1, 4, 4), []

    def critic(x: Tensor) -> Tensor:
        seen.append(x.detach())
        return x.flatten(1).sum(1)

    dragan_penalty(critic, real, seeded(), scale=0.5)
    noise = (seen[0] - real) / (0.5 * real.std(correction=0))
    assert -1e-9 <= float(noise.min()) < 0.01
    assert 0.99 < float(noise.max()) < 1
    assert float(noise.mean()) == pytest.approx(0.5, abs=4 / (12 * noise.numel()) ** 0.5)
    assert len(noise.unique()) == noise.numel()


def test_dragan_width_of_a_single_number_is_zero_not_undefined():
    assert dragan_penalty(lambda x: x.square().sum(1), torch.full((1, 1), 2.0), seeded()).item() == (2 * 2.0 - 1) ** 2


@EACH
def test_a_seed_means_the_same_penalty(penalty):
    critic = mlp()
    assert penalty(critic, REAL, FAKE) == penalty(critic, REAL, FAKE)


@EACH
def test_penalty_changes_the_gradient_of_the_critic(penalty):
    """The mistake to fear: a penalty that is logged and added, and reaches no weight."""
    critic = mlp()
    weights = [p for n, p in critic.named_parameters() if n != "2.bias"]  # a shift of the output has no slope
    loss = sum(minimax_critic(critic(REAL), critic(FAKE)).values())
    plain = torch.autograd.grad(loss, weights, retain_graph=True)
    penalised = torch.autograd.grad(loss + penalty(critic, REAL, FAKE), weights)
    for without, with_penalty in zip(plain, penalised, strict=True):
        assert float((with_penalty - without).abs().max()) > 1e-3


@EACH
def test_stepping_down_the_penalty_lowers_it(penalty):
    critic = mlp()
    before = penalty(critic, REAL, FAKE)
    gradients = torch.autograd.grad(before, list(critic.parameters()), allow_unused=True, materialize_grads=True)
    with torch.no_grad():
        for parameter, gradient in zip(critic.parameters(), gradients, strict=True):
            parameter -= 1e-3 * gradient
    assert penalty(critic, REAL, FAKE) < before


@EACH
def test_double_backward_agrees_with_finite_differences(penalty):
    def of_weights(first: Tensor, second: Tensor) -> Tensor:
        return penalty(lambda x: (x @ first).tanh() @ second, REAL, FAKE)

    weights = (normal(3, 4).requires_grad_(True), normal(4).requires_grad_(True))
    assert torch.autograd.gradcheck(of_weights, weights)


@EACH
def test_a_flat_critic_has_no_slope_and_no_nan(penalty):
    """sqrt has an infinite derivative at 0, where a critic with dead units or zero weights stands."""
    weight = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    value = penalty(lambda x: (x @ weight).square(), REAL, FAKE)
    assert value.item() in {0.0, 1.0}  # (0 - target)^2 for the two-sided ones
    (gradient,) = torch.autograd.grad(value, weight)
    assert bool((gradient == 0).all())


@EACH
def test_no_gradient_reaches_the_generator_and_the_samples_stay_as_they_were(penalty):
    shift = torch.ones(3, dtype=torch.float64, requires_grad=True)
    critic, real = mlp(), REAL.clone()
    value = penalty(critic, real, FAKE + shift)
    assert torch.autograd.grad(value, shift, allow_unused=True) == (None,)
    assert not real.requires_grad
    assert real.grad is None
    assert bool((real == REAL).all())
    assert all(p.grad is None for p in critic.parameters())


@EACH
def test_images_norms_run_over_channels_and_pixels(penalty):
    """D(x) = <w, x> over (2, 4, 4): what a linear critic on the flattened image gets."""
    real, fake, w = normal(3, 2, 4, 4), normal(3, 2, 4, 4, seed=1), normal(2, 4, 4, seed=2)
    image = penalty(lambda x: (x * w).sum((1, 2, 3)), real, fake)
    flat = penalty(lambda x: x @ w.flatten(), real.flatten(1), fake.flatten(1))
    assert float(image) == pytest.approx(float(flat), rel=1e-12)
    assert float(image) > 1


def test_a_patch_critic_is_summed_over_its_outputs():
    """(N, H, W) outputs: the gradient is that of their sum, one row per sample."""
    w = normal(3)
    assert float(r1(lambda x: (x * w)[:, :, None], REAL)) == pytest.approx(float(w.square().sum() / 2))


def test_clipping_projects_every_parameter_and_nothing_else():
    critic = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    critic[1].running_mean.fill_(5.0)
    with torch.no_grad():
        critic[0].weight.copy_(torch.linspace(-1, 1, 12).view(4, 3))
    before = critic[0].weight.detach().clone()
    clip_weights(critic, 0.3)
    torch.testing.assert_close(critic[0].weight.detach(), before.clip(-0.3, 0.3), rtol=0, atol=0)
    assert bool((critic[1].weight == 0.3).all())
    assert bool((critic[1].running_mean == 5.0).all())
    assert all(p.is_leaf and p.requires_grad for p in critic.parameters())
    once = [p.detach().clone() for p in critic.parameters()]
    clip_weights(critic, 0.3)  # a projection: twice is once
    assert all(bool((a == b).all()) for a, b in zip(once, critic.parameters(), strict=True))


def test_clipping_changes_what_the_critic_learns():
    """Projected ascent on E[f(x)] - E[f(y)] of a linear critic ends at the corner c sign(mean x - mean y)."""
    critic = nn.Linear(3, 1, bias=False).double()
    for _ in range(20):
        (gradient,) = torch.autograd.grad(critic(REAL).mean() - critic(FAKE).mean(), critic.weight)
        with torch.no_grad():
            critic.weight += 0.5 * gradient
        clip_weights(critic, 0.01)
    torch.testing.assert_close(critic.weight.detach()[0], 0.01 * (REAL.mean(0) - FAKE.mean(0)).sign())


def test_settings_that_cannot_be_meant_are_refused():
    critic = mlp()
    with pytest.raises(ValueError, match="a line for each pair"):
        gradient_penalty(critic, REAL, FAKE[:4], seeded())
    with pytest.raises(ValueError, match="target="):
        one_sided_gradient_penalty(critic, REAL, FAKE, seeded(), target=-1.0)
    with pytest.raises(ValueError, match="scale="):
        dragan_penalty(critic, REAL, seeded(), scale=-0.5)
    with pytest.raises(ValueError, match="bound="):
        clip_weights(critic, 0.0)

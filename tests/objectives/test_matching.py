"""Feature matching, historical averaging, GDPP and VEEGAN's terms."""

import pytest
import torch

from saddle.objectives import (
    feature_matching,
    gdpp,
    historical_averaging,
    historical_means,
    latent_reconstruction,
    minimax_critic,
    veegan_generator,
)


def double(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(3,), (2, 2, 2)])
def test_feature_matching_is_its_formula(shape):
    """Batches may differ in size."""
    real, fake = double(5, *shape), double(4, *shape, seed=1)
    direct = sum(
        (sum(row[i] for row in real.flatten(1)) / 5 - sum(row[i] for row in fake.flatten(1)) / 4) ** 2
        for i in range(real[0].numel())
    )
    assert feature_matching(real, fake).item() == pytest.approx(direct.item())


def test_feature_matching_does_not_mind_order_and_is_felt_by_the_generator_only():
    real, fake = double(5, 3).requires_grad_(True), double(5, 3, seed=1).requires_grad_(True)
    torch.testing.assert_close(feature_matching(real.flip(0), fake), feature_matching(real, fake.flip(0)))
    assert torch.autograd.grad(feature_matching(real, fake), real, allow_unused=True) == (None,)
    assert torch.autograd.gradcheck(lambda fake: feature_matching(real.detach(), fake), fake)
    assert feature_matching(real, real.detach()[[4, 0, 3, 1, 2]]).item() == pytest.approx(0)


def test_historical_means_are_the_means():
    path = [[double(2, 3, seed=i), double(4, seed=10 + i)] for i in range(5)]
    means = [torch.full((2, 3), 9.0).double(), torch.full((4,), 9.0).double()]  # of no account at t = 1
    for t, theta in enumerate(path, start=1):
        means = historical_means(theta, means, t)
    for k in range(2):
        torch.testing.assert_close(means[k], torch.stack([theta[k] for theta in path]).mean(0))
    value = historical_averaging(path[-1], means)
    direct = sum((p - m).square().sum().item() for p, m in zip(path[-1], means, strict=True))
    assert value.item() == pytest.approx(direct)


def test_historical_averaging_pulls_towards_the_mean():
    theta, mean = double(3).requires_grad_(True), double(3, seed=1).requires_grad_(True)
    slope, of_mean = torch.autograd.grad(historical_averaging([theta], [mean]), [theta, mean], allow_unused=True)
    torch.testing.assert_close(slope, 2 * (theta - mean).detach())
    assert of_mean is None
    assert not historical_means([theta], [mean], 2)[0].requires_grad


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_historical_averaging_draws_circling_players_in(weight):
    """min_x max_y xy by simultaneous steps spirals out without it, and inwards with it."""
    x, y = (torch.tensor([1.0], requires_grad=True) for _ in range(2))
    means, radii = [torch.zeros(1), torch.zeros(1)], []
    for t in range(1, 400):
        means = historical_means([x, y], means, t)
        (of_x,) = torch.autograd.grad((x * y).sum() + weight * historical_averaging([x], means[:1]), x)
        (of_y,) = torch.autograd.grad(-(x * y).sum() + weight * historical_averaging([y], means[1:]), y)
        with torch.no_grad():
            x -= 0.05 * of_x
            y -= 0.05 * of_y
        radii.append((x.square() + y.square()).item())
    assert radii[-1] < 1 if weight else radii[-1] > 5


def spectrum(rows):
    kernel = torch.stack([torch.stack([a @ b / (a.norm() * b.norm()) for b in rows]) for a in rows])
    return torch.linalg.eigh(kernel)


def test_gdpp_is_its_formula():
    real, fake = double(4, 6), double(4, 6, seed=1)
    terms = gdpp(real, fake)
    (ours, v), (theirs, w) = spectrum(real), spectrum(fake)
    assert terms["magnitude"].item() == pytest.approx(sum((ours[i] - theirs[i]) ** 2 for i in range(4)).item() / 4)
    scaled = [(ours[i] - ours.min()) / (ours.max() - ours.min()) for i in range(4)]
    direct = sum(scaled[i] * (1 - abs(v[:, i] @ w[:, i])) for i in range(4))
    assert terms["structure"].item() == pytest.approx(direct.item())


@pytest.mark.parametrize("shape", [(4, 6), (6, 3), (4, 2, 2, 2)])
def test_gdpp_of_equal_features_is_zero_at_any_scale_and_direction(shape):
    real = double(*shape)
    turn = torch.linalg.qr(double(real[0].numel(), real[0].numel(), seed=2)).Q
    fake = (3 * real.flatten(1) @ turn).view(shape)
    for terms in (gdpp(real, real), gdpp(real, fake)):
        assert terms["magnitude"].item() == pytest.approx(0, abs=1e-12)
        assert terms["structure"].item() == pytest.approx(0, abs=1e-6)


def test_gdpp_does_not_mind_the_order_of_places():
    """Both batches permuted alike."""
    real, fake, order = double(5, 8), double(5, 8, seed=1), torch.tensor([3, 1, 4, 0, 2])
    one, other = gdpp(real, fake), gdpp(real[order], fake[order])
    assert all(one[name].item() == pytest.approx(other[name].item()) for name in one)


def test_gdpp_of_a_collapsed_batch():
    """Spectrum (N, 0, ...) against (1, 1, ...): ((N - 1)^2 + N - 1) / N = N - 1; no direction matters."""
    terms = gdpp(torch.eye(5).double(), torch.ones(5, 5).double())
    assert terms["magnitude"].item() == pytest.approx(4)
    assert terms["structure"] == 0


def test_gdpp_has_the_right_gradient():
    real, fake = double(4, 6), double(4, 6, seed=1).requires_grad_(True)
    for name in ("magnitude", "structure"):
        assert torch.autograd.gradcheck(lambda fake, name=name: gdpp(real, fake)[name], fake, rtol=1e-4)
    assert torch.autograd.gradgradcheck(lambda fake: sum(gdpp(real, fake).values()), fake, rtol=1e-2)


@pytest.mark.parametrize("noise", [0.0, 1e-6, 1e-3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gdpp_of_a_collapsed_batch_has_a_finite_gradient_that_spreads_it(noise, dtype):
    real = double(16, 8).to(dtype)
    fake = (torch.ones(16, 8) + noise * double(16, 8, seed=1)).to(dtype).requires_grad_(True)
    terms = gdpp(real, fake)
    (slope,) = torch.autograd.grad(terms["magnitude"] + terms["structure"], fake)
    assert slope.isfinite().all()
    if noise >= 1e-3:
        moved = gdpp(real, fake.detach() - 1e-2 * slope / slope.norm())
        assert moved["magnitude"] < terms["magnitude"]


def test_gdpp_of_many_batches_at_once():
    """Values and gradients by vmap are those of each batch alone."""
    real, fake = double(3, 4, 6), double(3, 4, 6, seed=1)

    def loss(fake, real):
        return sum(gdpp(real, fake).values())

    together = torch.func.vmap(torch.func.grad_and_value(loss))(fake, real)
    for i in range(3):
        slope, value = torch.func.grad_and_value(loss)(fake[i], real[i])
        torch.testing.assert_close(together[0][i], slope)
        torch.testing.assert_close(together[1][i], value)


def test_reconstruction_is_its_formula():
    z, rebuilt = double(4, 3).requires_grad_(True), double(4, 3, seed=1).requires_grad_(True)
    direct = sum((z[i, j] - rebuilt[i, j]) ** 2 for i in range(4) for j in range(3)) / 4
    assert latent_reconstruction(z, rebuilt).item() == pytest.approx(direct.item())
    assert torch.autograd.gradcheck(latent_reconstruction, (z, rebuilt))


def test_veegan_generator_follows_the_log_ratio_at_the_optimal_critic():
    """Pairs on three places with densities q of (z, G(z)) and p of (F(x), x): a* = log p / q, E_q[-a*] = KL(q || p)."""
    p, q = torch.tensor([5, 3, 2]).double() / 10, torch.tensor([1, 3, 6]).double() / 10
    real, fake = (torch.repeat_interleave(torch.arange(3), (10 * share).round().long()) for share in (p, q))
    a = (p / q).log().requires_grad_(True)
    (slope,) = torch.autograd.grad(sum(minimax_critic(a[real], a[fake]).values()), a)
    assert slope.abs().max() < 1e-12
    z = torch.zeros(10, 1)
    terms = veegan_generator(a[fake], z, z + 2)
    assert terms["adversarial"].item() == pytest.approx((q * (q / p).log()).sum().item())
    assert terms["reconstruction"] == 4


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="one layer"):
        feature_matching(torch.zeros(4, 3), torch.zeros(4, 2))
    with pytest.raises(ValueError, match="means=0"):
        historical_averaging([torch.zeros(1)], [])
    with pytest.raises(ValueError, match="N at least 2"):
        gdpp(torch.zeros(1, 3), torch.zeros(1, 3))
    with pytest.raises(ValueError, match="equal ones"):
        gdpp(torch.zeros(3, 3), torch.zeros(2, 3))
    with pytest.raises(ValueError, match="a row for each row"):
        latent_reconstruction(torch.zeros(3, 2), torch.zeros(3, 1))

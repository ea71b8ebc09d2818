"""Consistency, LeCam and top-k against their formulas and closed forms."""

import pytest
import torch

from saddle.objectives import (
    Anchors,
    balanced_consistency,
    consistency,
    latent_consistency_generator,
    lecam,
    lecam_anchors,
    non_saturating_generator,
    top_k,
    top_k_size,
)


def double(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_consistency_is_the_mean_square():
    a, b = double(5).requires_grad_(True), double(5, seed=1).requires_grad_(True)
    assert consistency(a, b).item() == pytest.approx(sum((a[i] - b[i]) ** 2 for i in range(5)).item() / 5)
    assert consistency(a, a) == 0
    assert torch.autograd.gradcheck(consistency, (a, b))


def test_balanced_consistency_is_one_on_each_kind():
    a, b, c, d = (double(5, seed=i) for i in range(4))
    terms = balanced_consistency(a, b, c, d)
    assert terms == {"consistency_real": consistency(a, b), "consistency_fake": consistency(c, d)}


def test_consistency_makes_a_critic_invariant():
    """A linear critic, one coordinate shifted at random by the augmentation: its weight vanishes, no other does."""
    w, x = torch.ones(2, dtype=torch.float64, requires_grad=True), double(50, 2)
    shift = torch.stack([double(50, seed=1), torch.zeros(50)], dim=1)
    for _ in range(200):
        (slope,) = torch.autograd.grad(consistency(x @ w, (x + shift) @ w), w)
        with torch.no_grad():
            w -= 0.1 * slope
    assert w.tolist() == pytest.approx([0, 1], abs=1e-6)


def test_latent_consistency_drives_samples_apart():
    """For G(z) = g z the term is -g^2 sigma^2 E[e^2]: a collapsing generator, g -> 0, is pushed back."""
    z, e = double(50, 3), double(50, 3, seed=1)
    g = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    value = latent_consistency_generator(g * z, g * (z + 0.1 * e))
    assert value.item() == pytest.approx(-0.25 * 0.01 * e.square().mean().item())
    (slope,) = torch.autograd.grad(value, g)
    assert slope < 0


def test_lecam_is_its_formula():
    real, fake = double(5).requires_grad_(True), double(4, seed=1).requires_grad_(True)
    anchors = Anchors(torch.tensor(0.7).double(), torch.tensor(-0.2).double())
    direct = sum((a + 0.2) ** 2 for a in real) / 5 + sum((b - 0.7) ** 2 for b in fake) / 4
    assert lecam(real, fake, anchors).item() == pytest.approx(direct.item())
    assert torch.autograd.gradcheck(lambda real, fake: lecam(real, fake, anchors), (real, fake))


@pytest.mark.parametrize("weight, alpha", [(0.1, 1.0), (1.0, 0.2)])
def test_lecam_makes_the_generator_face_the_lecam_divergence(weight, alpha):
    """Proposition 1: at the optimal critic E_p[D] - E_q[D] = (1/(2 lambda) - alpha) sum (p - q)^2 / (p + q)."""
    p, q = torch.tensor([0.5, 0.3, 0.2]).double(), torch.tensor([0.1, 0.3, 0.6]).double()
    D = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    anchors = Anchors(torch.tensor(alpha).double(), torch.tensor(-alpha).double())
    counts = (p * 10).round().long(), (q * 10).round().long()
    real, fake = (torch.repeat_interleave(torch.arange(3), count) for count in counts)
    for _ in range(2000):
        loss = -D[real].mean() + D[fake].mean() + weight * lecam(D[real], D[fake], anchors)
        (slope,) = torch.autograd.grad(loss, D)
        with torch.no_grad():
            D -= 0.5 / weight * slope
    delta = ((p - q).square() / (p + q)).sum()
    assert (D[real].mean() - D[fake].mean()).item() == pytest.approx((0.5 / weight - alpha) * delta.item())


def test_anchors_are_exponential_averages():
    anchors = Anchors(torch.zeros(()).double(), torch.zeros(()).double())
    outputs = [(double(4, seed=i).requires_grad_(True), double(3, seed=9 + i).requires_grad_(True)) for i in range(5)]
    for real, fake in outputs:
        anchors = lecam_anchors(real, fake, anchors, decay=0.8)
    for k in range(2):
        direct = sum(0.2 * 0.8 ** (4 - i) * pair[k].mean().item() for i, pair in enumerate(outputs))
        assert anchors[k].item() == pytest.approx(direct)
        assert not anchors[k].requires_grad


@pytest.mark.parametrize("k", [1, 3, 6])
def test_top_k_is_sorting(k):
    outputs = double(6).requires_grad_(True)
    best = top_k(outputs, k)
    assert best.tolist() == sorted(outputs.tolist(), reverse=True)[:k]
    (slope,) = torch.autograd.grad(non_saturating_generator(best), outputs)
    threshold = best.min()
    assert ((slope != 0) == (outputs >= threshold)).all()  # the others give no gradient at all


def test_top_k_of_the_whole_batch_changes_nothing():
    outputs = double(6)
    torch.testing.assert_close(non_saturating_generator(top_k(outputs, 6)), non_saturating_generator(outputs))


def test_schedule_falls_geometrically_to_its_floor():
    sizes = [top_k_size(200, epoch, gamma=0.9, least=0.4) for epoch in range(12)]
    direct, k = [], 200.0
    for _ in range(12):
        direct.append(max(k, 80.0))
        k *= 0.9
    assert all(0 <= size - wanted < 1 for size, wanted in zip(sizes, direct, strict=True))
    assert sizes[0] == 200
    assert sizes[-1] == 80
    assert sizes == sorted(sizes, reverse=True)
    assert top_k_size(1, 10**6) == 1
    assert top_k_size(64, 100, gamma=1.0) == 64


def test_what_cannot_be_meant_is_refused():
    with pytest.raises(ValueError, match="augmented sample"):
        consistency(torch.zeros(2), torch.zeros(3))
    with pytest.raises(ValueError, match="decay=1"):
        lecam_anchors(torch.zeros(2), torch.zeros(2), Anchors(torch.zeros(()), torch.zeros(())), decay=1)
    for k in (0, 4):
        with pytest.raises(ValueError, match=f"k={k}"):
            top_k(torch.zeros(3), k)
    with pytest.raises(ValueError, match=r"\(N,\)"):
        top_k(torch.zeros(3, 1), 1)
    for bad in ({"batch": 0}, {"epoch": -1}, {"gamma": 0.0}, {"least": 0.0}):
        with pytest.raises(ValueError, match=f"{next(iter(bad))}="):
            top_k_size(**({"batch": 8, "epoch": 1} | bad))

"""K + 1 classes against a softmax written out, and MGAN's classifier term."""

import math

import pytest
import torch

from saddle.objectives import generator_identity, minimax_critic, real_logit, semi_supervised_critic, supervised


def double(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


Y = torch.tensor([0, 2, 1, 2])


def test_k_logits_are_a_softmax_over_k_plus_one_with_the_last_logit_at_zero():
    labelled, unlabelled, fake = double(4, 3), double(5, 3, seed=1), double(6, 3, seed=2)
    terms = semi_supervised_critic(labelled, Y, unlabelled, fake)

    def full(logits):
        return torch.cat([logits, torch.zeros(len(logits), 1)], dim=1).softmax(1)  # (N, K + 1)

    p = full(labelled)
    given_real = [p[i, Y[i]] / (1 - p[i, 3]) for i in range(4)]  # p(y | x, y <= K)
    assert terms["supervised"].item() == pytest.approx(-sum(math.log(q) for q in given_real) / 4)
    assert terms["real"].item() == pytest.approx(-(1 - full(unlabelled)[:, 3]).log().mean().item())
    assert terms["fake"].item() == pytest.approx(-full(fake)[:, 3].log().mean().item())
    torch.testing.assert_close(real_logit(fake).sigmoid(), full(fake)[:, :3].sum(1))


def test_a_logit_to_spare():
    """K + 1 free logits say nothing more: subtracting the last from all leaves every probability."""
    logits = double(5, 4)
    free = logits.softmax(1)
    torch.testing.assert_close(real_logit(logits[:, :3] - logits[:, 3:]).sigmoid(), 1 - free[:, 3])


def test_one_class_is_the_original_critic():
    a, b = double(5), double(5, seed=1)
    terms = semi_supervised_critic(a[:2, None], torch.zeros(2, dtype=torch.long), a[:, None], b[:, None])
    assert terms["supervised"] == 0
    plain = minimax_critic(a, b)
    assert all(terms[name].item() == pytest.approx(plain[name].item()) for name in plain)


def test_large_logits_stay_finite():
    """exp(500) overflows; its logarithm does not."""
    logits = torch.tensor([[500.0, -500.0], [-500.0, -500.0]], requires_grad=True)
    terms = semi_supervised_critic(logits, torch.tensor([1, 0]), logits, logits)
    assert terms["supervised"].item() == pytest.approx((1000 + math.log(2)) / 2)
    assert terms["real"].item() == pytest.approx((500 - math.log(2)) / 2)
    assert terms["fake"].item() == pytest.approx(250)
    (slope,) = torch.autograd.grad(sum(terms.values()), logits)
    assert slope.isfinite().all()


def test_gradients_of_any_order():
    labelled, unlabelled, fake = (double(4, 3, seed=i).requires_grad_(True) for i in range(3))

    def loss(*logits):
        return sum(semi_supervised_critic(logits[0], Y, *logits[1:]).values())

    assert torch.autograd.gradcheck(loss, (labelled, unlabelled, fake))
    assert torch.autograd.gradgradcheck(loss, (labelled, unlabelled, fake))


def test_supervised_leaves_the_real_logit_alone():
    """It compares classes only: a shift of all K logits, which moves "real", has no slope in it."""
    logits = double(4, 3).requires_grad_(True)
    (slope,) = torch.autograd.grad(supervised(logits, Y), logits)
    torch.testing.assert_close(slope.sum(1), torch.zeros(4, dtype=torch.float64))


def test_generator_identity_is_minus_the_log_share():
    logits = double(4, 3)
    direct = -sum((logits[i, Y[i]].exp() / logits[i].exp().sum()).log() for i in range(4)) / 4
    assert generator_identity(logits, Y).item() == pytest.approx(direct.item())


def test_generator_identity_measures_how_far_the_generators_differ():
    """At the optimal classifier log K minus the term is the Jensen-Shannon divergence of the K generators."""
    p = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.25, 0.75]]).double()
    mean = p.mean(0)
    jsd = sum(torch.xlogy(p[k], p[k] / mean).sum() for k in range(2)) / 2
    places = [torch.tensor([0, 0, 1, 1]), torch.tensor([1, 2, 2, 2])]
    optimal = (p / p.sum(0)).T.clamp(min=1e-30).log()  # (places, K)
    logits, which = optimal[torch.cat(places)], torch.tensor([0] * 4 + [1] * 4)
    assert math.log(2) - generator_identity(logits, which).item() == pytest.approx(jsd.item())


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"\(N, K\)"):
        real_logit(torch.zeros(3))
    with pytest.raises(ValueError, match="a label for each row"):
        supervised(torch.zeros(3, 2), torch.zeros(2, dtype=torch.long))
    with pytest.raises(ValueError, match=r"labels=\[2\]: expected 0 to 1 only"):
        supervised(torch.zeros(3, 2), torch.tensor([0, 1, 2]))

"""The linear probe's C: chosen on samples to learn from, by hand the same, and never by those that it is tested on."""

import pytest
import torch

from saddle.data.divide import divide
from saddle.evaluation.representation import STRENGTHS, answers, fitted, linear_svm, probe, scaled, splits


def noisy(n=120, d=60, seed=0):
    """Three labels along three of many directions: how much to regularise matters."""
    rng = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % 3
    return torch.randn(n, d, generator=rng) + 1.2 * torch.eye(3, d)[y], y


def test_the_strength_is_the_best_on_a_fifth_and_all_learn_in_the_end():
    x, y = noisy()
    x = scaled(x)
    wb, C = fitted(x, y, torch.Generator().manual_seed(5))
    fit, kept = divide(120, 96, torch.Generator().manual_seed(5))
    right = [int((answers(linear_svm(x[fit], y[fit], c), x[kept]).argmax(1) == y[kept]).sum()) for c in STRENGTHS]
    assert len(set(right)) > 1
    assert STRENGTHS[right.index(max(right))] == C
    torch.testing.assert_close(wb, linear_svm(x, y, C))


def test_samples_to_test_on_choose_nothing():
    """Other ones, however far away, change neither C nor what is said of the first ones."""
    x, y = noisy()
    parts = splits(120, 90, 2, seed=1)
    before = probe(x, y, parts)
    one, other = parts[0][1][:15], parts[0][1][15:]
    far, wrong = x.clone(), y.clone()
    far[other], wrong[other] = 1000.0, (y[other] + 1) % 3
    alone = [(parts[0][0], one)]
    assert probe(far, wrong, alone) == probe(x, y, alone)
    assert before.C[:1] == probe(far, wrong, parts[:1]).C
    assert len(before.C) == 2


def test_variants_are_on_one_side_of_the_choice_too():
    """Each sample there twice: a copy among those that C is chosen on would favour the weakest regularisation."""
    x, y = noisy(n=60)
    twice, labels, groups = x.repeat(2, 1), y.repeat(2), torch.arange(60).repeat(2)
    x = scaled(twice)
    leaking, _ = divide(120, 96, torch.Generator().manual_seed(0))
    assert len(set(groups[leaking].tolist())) > 48
    _, C = fitted(x, labels, torch.Generator().manual_seed(0), groups)
    fit, kept = divide(120, 96, torch.Generator().manual_seed(0), groups)
    right = [
        int((answers(linear_svm(x[fit], labels[fit], c), x[kept]).argmax(1) == labels[kept]).sum()) for c in STRENGTHS
    ]
    assert STRENGTHS[right.index(max(right))] == C


def test_one_sample_cannot_be_learnt_from_and_chosen_by():
    with pytest.raises(ValueError, match="train=1: expected 2 or more"):
        fitted(torch.ones(1, 2), torch.zeros(1, dtype=torch.int64), torch.Generator())

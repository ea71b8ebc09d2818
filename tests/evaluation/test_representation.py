"""Linear probes and clusters, on features whose best classifiers are known."""

import pytest
import torch
from sklearn.svm import LinearSVC
from torch import nn
from torch.nn.functional import leaky_relu, max_pool2d

from saddle.data.spec import Spec
from saddle.evaluation.representation import (
    Probed,
    answers,
    categories,
    clustering_accuracy,
    critic_rows,
    linear_svm,
    probe,
    scaled,
    splits,
)
from saddle.recipes import find


def blobs(n, d=5, classes=3, apart=3.0):
    rng = torch.Generator().manual_seed(0)
    y = torch.arange(n) % classes
    return torch.randn(n, d, generator=rng) + apart * torch.eye(classes, d)[y], y


@pytest.mark.parametrize("C", [0.1, 1.0])
def test_the_classifier_is_the_l2_svm(C):
    """Its objective is no higher than scikit-learn's, which has the bias in the penalty's place, held weak there."""
    x, y = blobs(90, apart=1.0)
    x = scaled(x).double()
    wb = linear_svm(x, y, C, iterations=500)
    other = LinearSVC(C=C, dual=False, tol=1e-10, max_iter=10_000, intercept_scaling=1e3).fit(x.numpy(), y.numpy())
    theirs = torch.cat([torch.from_numpy(other.coef_).T, torch.from_numpy(other.intercept_)[None]])
    torch.testing.assert_close(wb, theirs, atol=1e-3, rtol=0)


def test_scaled_rows_keep_their_shape():
    x, _ = blobs(50)
    found = scaled(7 * x + 3)
    torch.testing.assert_close(found, scaled(x), atol=1e-5, rtol=0)
    assert float(found.square().sum(1).mean()) == pytest.approx(1, rel=1e-5)
    assert scaled(torch.ones(4, 2)).tolist() == [[0, 0]] * 4


def test_a_probe_is_sure_of_what_is_apart_and_guesses_what_is_not():
    x, y = blobs(600, apart=20.0)
    parts = splits(600, 300, 3)
    assert probe(x, y, parts).accuracies == (1, 1, 1)
    chance = probe(torch.randn(600, 5, generator=torch.Generator().manual_seed(1)), y, parts)
    assert 0.2 < chance.mean < 0.45
    assert chance.dimensions == 5


def test_splits_share_no_sample_and_leave_none_out():
    for train, test in splits(20, 13, 4):
        assert len(train) == 13
        assert sorted([*train.tolist(), *test.tolist()]) == list(range(20))
    with pytest.raises(ValueError, match="train=20"):
        splits(20, 20, 1)


def test_means_and_errors_over_splits():
    assert Probed((0.5, 0.7, 0.9), 3).mean == pytest.approx(0.7)
    assert Probed((0.5, 0.7, 0.9), 3).stderr == pytest.approx(0.2 / 3**0.5)
    assert Probed((0.5,), 3).stderr is None


def test_all_layers_of_a_critic_are_seen_pooled_to_four(rng):
    """DCGAN's critic at 16 pixels: maps of 8 and 4 a side, in the critic's own words."""
    recipe = find("dcgan")
    game = recipe.build(recipe.SMALL, Spec(1, 16))
    x = torch.rand(5, 1, 16, 16, generator=rng) * 2 - 1
    rows = critic_rows(game, x)
    net = game["D"].module.eval()
    first, second = [part for part in net.modules() if isinstance(part, nn.Conv2d)]
    with torch.no_grad():
        h = leaky_relu(first(x), 0.2)  # (5, 8, 8, 8)
        norm = next(part for part in net.modules() if isinstance(part, nn.BatchNorm2d))
        g = leaky_relu(norm(second(h)), 0.2)  # (5, 16, 4, 4)
    torch.testing.assert_close(rows, torch.cat([max_pool2d(h, 2).flatten(1), g.flatten(1)], 1))


def test_looking_leaves_the_game_as_it_was(rng):
    recipe = find("dcgan")
    game = recipe.build(recipe.SMALL, Spec(1, 16))
    before = {name: value.clone() for name, value in game["D"].module.state_dict().items()}
    x = torch.rand(5, 1, 16, 16, generator=rng)
    assert torch.equal(critic_rows(game, x), critic_rows(game, x))
    assert all(torch.equal(value, before[name]) for name, value in game["D"].module.state_dict().items())
    assert game["D"].module.training


def test_a_critic_that_is_told_the_label_is_refused(rng):
    recipe = find("cgan")
    game = recipe.build(recipe.SMALL, Spec(1, 16, 3))
    with pytest.raises(ValueError, match="judges samples by themselves"):
        critic_rows(game, torch.rand(5, 1, 16, 16, generator=rng))


@pytest.mark.parametrize("names", [(0, 1, 2), (2, 0, 1)])
def test_clusters_have_no_names_of_their_own(names):
    y = torch.arange(30) % 3
    assert clustering_accuracy(torch.tensor(names)[y], y) == 1


def test_a_label_goes_with_one_cluster():
    y = torch.tensor([0, 0, 0, 0, 1, 1])
    assert clustering_accuracy(torch.tensor([0, 0, 1, 1, 2, 2]), y) == pytest.approx(4 / 6)
    assert clustering_accuracy(torch.zeros(6, dtype=torch.int64), y) == pytest.approx(4 / 6)


def test_infogans_categories_are_its_heads_largest(rng):
    recipe = find("infogan")
    game = recipe.build(recipe.SMALL, Spec(1, 16))
    x = torch.rand(7, 1, 16, 16, generator=rng)
    found = categories(game, x, batch=3)
    assert found.shape == (7,)
    torch.testing.assert_close(found, categories(game, x))
    with torch.no_grad():  # lift one category above all others: its bias alone decides then
        head = [part for part in game["D"].module.modules() if isinstance(part, nn.Linear)][-1]
        head.bias[1] += 1e4
    assert categories(game, x).tolist() == [1] * 7
    with pytest.raises(ValueError, match="infogan"):
        categories(find("gan").build(find("gan").SMALL, Spec(2)), x)


def test_answers_are_linear():
    wb = torch.tensor([[1.0, 0.0], [0.0, 2.0], [0.5, -0.5]])
    assert answers(wb, torch.tensor([[1.0, 1.0]])).tolist() == [[1.5, 1.5]]

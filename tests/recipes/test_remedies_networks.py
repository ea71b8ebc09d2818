"""Remedies that reach into both players: attention, virtual batch norm, and a generator that looks ahead."""

import pytest
import torch

from saddle.game import gradient, play, play_seeds, sample, unroll, unroll_ahead
from saddle.networks import Referenced, SelfAttention
from saddle.objectives import feature_matching
from saddle.recipes.remedies.packing import entrances
from small_games import start, toys


def only(net, kind):
    (found,) = [module for module in net.modules() if isinstance(module, kind)]
    return found


def move_of(game, player):
    return next(move for move in game.moves if move.player == player)


@pytest.mark.parametrize("recipe", ["dcgan", "r3gan", "wgan-gp"])
def test_attention_is_the_identity_until_gamma_grows(recipe):
    """The same first weights with and without. The largest maps within DCGAN's networks for 16 pixels are of side 8."""
    (game, draw), (plain, _) = (start(recipe, "images", remedies=text) for text in ("self-attention", ""))
    x, z = draw().x, torch.randn(5, 8)
    for name, given in (("D", x), ("G", z)):
        net, sides = game[name].module.eval(), []
        layer = only(net, SelfAttention)
        layer.register_forward_hook(lambda _, args, out, sides=sides: sides.append(tuple(out.shape[2:])))
        assert torch.equal(net(given), plain[name].module.eval()(given))
        assert sides == [(16, 16) if recipe == "r3gan" else (8, 8)]
        with torch.no_grad():
            layer.gamma.fill_(1.0)
        assert not torch.equal(net(given), plain[name].module(given))


def test_attention_learns_with_both_players():
    game, draw = start("dcgan", "images", remedies="self-attention")
    list(play(game, draw, 2))
    assert all(only(game[name].module, SelfAttention).gamma != 0 for name in "GD")


@pytest.mark.parametrize("text", ["self-attention,virtual-norm", "virtual-norm,self-attention,spectral-norm"])
def test_attention_and_virtual_norm_go_together(text):
    game, draw = start("dcgan", "images", remedies=text)
    list(play(game, draw, 2))
    x = draw().x
    assert torch.allclose(game["D"].module.eval()(x)[:3], game["D"].module(x[:3]), atol=1e-5)


def test_under_virtual_norm_no_sample_depends_on_its_company():
    game, draw = start("dcgan", "images", remedies="virtual-norm=4")
    list(play(game, draw, 2))
    x, z = draw().x, torch.randn(6, 8)
    for name, given in (("D", x), ("G", z)):
        net = game[name].module
        assert torch.allclose(net(given)[:2], net(given[:2]), atol=1e-5)
    assert torch.allclose(sample(game, 5, seed=0)[0][:2], sample(game, 2, seed=0)[0], atol=1e-5)


def test_the_critics_reference_is_the_first_batch_for_ever():
    game, draw = start("dcgan", "images", remedies="virtual-norm=4", instance_noise=0.5)
    first = toys("images").draw(8, seed=7)().x[:4]
    for _ in range(2):
        list(play(game, draw, game.round + 2))
        assert torch.equal(only(game["D"].module, Referenced).get_buffer("reference0"), first)


def test_features_of_the_reference_are_no_features_of_samples():
    game, draw = start("dcgan", "images", remedies="virtual-norm=4,feature-matching")
    list(play(game, draw, 1))
    batch, D = game.look(game.moves[0], draw), game["D"].module
    reference = D.get_buffer("reference0")
    real, fake = (D.net.body(torch.cat([reference, x]))[4:] for x in (batch.x, batch.fake))
    found = move_of(game, "G").loss(batch, torch.Generator().manual_seed(1))["feature_matching"]
    assert found.item() == pytest.approx(feature_matching(real, fake).item(), rel=1e-4)


def test_virtual_norm_of_many_seeds_at_once_is_that_of_the_runs_one_by_one():
    def games():
        return [
            start("gan", "points", seed, network="pacgan", remedies="virtual-norm=4", lr_critic=1e-3) for seed in (1, 2)
        ]

    alone = [[report.values() for report in play(game, draw, 2)][-1] for game, draw in games()]
    several, draws = zip(*games(), strict=True)
    together = [report.values() for report in list(play_seeds(several, draws, 2))[-1]]
    assert together == [pytest.approx(values, rel=1e-2, abs=1e-3) for values in alone]


def test_of_many_seeds_each_critic_keeps_its_own_first_batch():
    games = [start("dcgan", "images", seed, remedies="virtual-norm=4")[0] for seed in (1, 2)]
    draws = [toys("images").draw(8, seed=seed) for seed in (3, 4)]
    list(play_seeds(games, draws, 2))
    for game, seed in zip(games, (3, 4), strict=True):
        first = toys("images").draw(8, seed=seed)().x[:4]
        assert torch.equal(only(game["D"].module, Referenced).get_buffer("reference0"), first)


@pytest.mark.parametrize("name, look_ahead", [("unroll", unroll), ("unroll-ahead", unroll_ahead)])
@pytest.mark.parametrize("beside", ["", "r1", "spectral-norm,packing", "feature-matching", "lecam"])
def test_the_remedy_is_the_engines_look_ahead_over_all_else(name, look_ahead, beside):
    """G's gradient is that of a game that was unrolled by hand after the other remedies, and not the plain one."""
    found = []
    for text, steps in ((f"{name}=3,{beside}".strip(","), None), (beside, 3), (beside, None)):
        game, draw = start("gan", "points", remedies=text, lr_critic=0.05)
        game = look_ahead(game, steps) if steps else game
        _, grads = gradient(game.seed(1), move_of(game, "G"), game.look(game.moves[0], draw))
        found.append(torch.cat([g.flatten() for g in grads]))
    assert torch.equal(found[0], found[1])
    assert not torch.allclose(found[0], found[2], rtol=1e-3)


def test_one_look_foresees_its_influence_and_the_other_does_not():
    found = []
    for name in ("unroll", "unroll-ahead"):
        game, draw = start("gan", "points", remedies=name, lr_critic=0.05)
        batch = game.look(game.moves[0], draw)
        terms, grads = gradient(game.seed(1), move_of(game, "G"), batch)
        found.append((terms["adversarial"].item(), torch.cat([g.flatten() for g in grads])))
    assert found[0][0] == found[1][0]
    assert not torch.allclose(found[0][1], found[1][1], rtol=1e-3)


def test_a_critic_of_several_steps_a_round_is_foreseen_from_the_last():
    game, draw = start("gan", "points", remedies="unroll=2", n_critic=3)
    assert len(list(play(game, draw, 3))) == 3


@pytest.mark.parametrize(
    "remedy, recipe, kind, settings, expected",
    [
        ("unroll", "wgan", "points", {}, "not clipped"),
        ("unroll-ahead", "wgan", "points", {}, "not clipped"),
        ("unroll,unroll-ahead", "gan", "points", {}, "one of unroll and unroll-ahead"),
        ("unroll,lecam", "gan", "points", {"dynamics": "simultaneous"}, "dynamics=alternating beside lecam"),
        ("self-attention", "gan", "points", {}, "images"),
        ("self-attention", "gan", "images", {}, "network of maps"),
        ("self-attention", "dcgan", "images", {"width": 2}, "8 channels or more"),
        ("virtual-norm", "gan", "points", {}, "batch norm"),
        ("virtual-norm", "r3gan", "images", {}, "batch norm"),
        ("virtual-norm", "ali", "images", {"network": "dcgan"}, "without labels or other inputs"),
        ("virtual-norm,packing", "dcgan", "images", {}, "which compare samples"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_line(remedy, recipe, kind, settings, expected):
    first = remedy.split(",")[0]
    with pytest.raises(ValueError, match=f"remedies={first}: expected .*{expected}"):
        start(recipe, kind, remedies=remedy, **settings)


class Block(torch.nn.Module):
    """Two ways from x: a convolution, and one behind a pooling; then a linear layer."""

    def __init__(self):
        super().__init__()
        self.first, self.short = torch.nn.Conv2d(1, 3, 3, padding=1), torch.nn.Conv2d(1, 3, 1)
        self.second, self.last = torch.nn.Conv2d(3, 3, 1), torch.nn.Linear(3, 1)

    def forward(self, x):
        h = self.second(self.first(x)) + self.short(torch.nn.functional.avg_pool2d(x, 3, 1, 1))
        return self.last(torch.nn.functional.batch_norm(h, None, None, training=True).sum((2, 3))).squeeze(1)


def test_entrances_are_the_layers_that_see_the_samples_themselves():
    net = Block()
    assert entrances(net, torch.zeros(2, 1, 4, 4)) == [net.first, net.short]
    assert net.training


@pytest.mark.parametrize("kind, settings", [("points", {"network": "pacgan"}), ("points", {"network": "metz-ring"})])
def test_published_critics_are_packed_too(kind, settings):
    game, draw = start("gan", kind, remedies="packing=4", **settings)
    x = draw().x
    assert game["D"].module(x).shape == (2,)
    changed = x.clone()
    changed[5] += 1
    assert (game["D"].module(changed) != game["D"].module(x)).tolist() == [False, True]

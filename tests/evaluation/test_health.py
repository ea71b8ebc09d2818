"""The doctor's checks on curves, scores, steps and samples whose properties are known in closed form."""

import math

import pytest
import torch

from saddle.data import ring
from saddle.data.spec import Batch, Spec
from saddle.evaluation.features import Identity
from saddle.evaluation.health import CAUSES, EXPLAINS, Evidence, Verdict, exploding, non_finite, oscillation, ranked
from saddle.evaluation.health.advice import REMEDIES, change, named, other
from saddle.evaluation.health.critic import (
    Scores,
    chance_loss,
    critic_overfitting,
    critic_too_strong,
    direction,
    generator_exploiting,
)
from saddle.evaluation.health.curves import Curve, best_share, critic_share, fading, spectrum, strongest_wave
from saddle.evaluation.health.field import Field, field, step_sizes
from saddle.evaluation.health.samples import copied, effective, look, memorisation, mode_collapse, relative_distance
from saddle.evaluation.health.steps import first_steps, learning_rate, moved, weights
from saddle.evaluation.health.verdict import severity
from saddle.evaluation.side import Side
from saddle.evaluation.study import Study
from saddle.game import Game, Move, Player, make_optimizer, play
from saddle.recipes import find, remedies

SETTINGS = {"lr_critic": 1e-3, "lr_generator": 1e-3, "n_critic": 1, "z_dim": 8, "hidden": 64}


def rows(d, g, step=10):
    return [
        {"round": step * (i + 1), "seconds": 0.0, "D.real": float(a), "D.fake": float(a), "G.adversarial": float(b)}
        for i, (a, b) in enumerate(zip(d, g, strict=True))
    ]


def spiral(n=200, period=12.5, growth=0.0):
    """Simultaneous steps on f(x, y) = xy: two curves of one frequency, a quarter of a turn apart."""
    t = torch.arange(n, dtype=torch.float64)
    size = torch.exp(growth * t)
    return size * (2 * math.pi * t / period).cos(), size * (2 * math.pi * t / period).sin()


def verdict(cause, strength):
    return Verdict(cause, strength, (Evidence("x", 1.0, 1.0, 1),), "")


def scores(real, fake, held_out=None):
    return Scores(torch.tensor(real), torch.tensor(fake), None if held_out is None else torch.tensor(held_out), 500)


def normal(n, mean, seed=0, d=None):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(*((n,) if d is None else (n, d)), generator=rng) + mean


def study(real, fake):
    return Study(Side.of_features(real), Side.of_features(fake), Identity())


def test_a_spectrum_sums_to_one_and_forgets_parabolas():
    t = torch.linspace(0, 1, 100, dtype=torch.float64)
    assert float(spectrum(normal(100, 0.0).double()).sum()) == pytest.approx(1.0)
    assert spectrum(3.0 - 5.0 * t + 7.0 * t * t).tolist() == [0.0] * 51
    assert torch.allclose(spectrum((40 * t).cos()), spectrum(100 * (40 * t).cos() + 5 * t), atol=1e-9)


@pytest.mark.parametrize("period", [5.0, 12.5, 20.0])
def test_a_wave_is_found_at_its_own_frequency(period):
    """Hann's window puts all of a pure wave of whole cycles into the two places on either side of it."""
    values, _ = spiral(period=period)
    wave = strongest_wave(Curve("D.real", 10 * torch.arange(1, 201), values))
    assert wave.period == pytest.approx(10 * period, rel=0.01)
    assert wave.share == pytest.approx(1.0, abs=0.01)
    assert wave.growth == pytest.approx(1.0, abs=0.05)


def test_growth_is_that_of_the_amplitude():
    values, _ = spiral(growth=0.01)
    wave = strongest_wave(Curve("D.real", torch.arange(1, 201), values))
    assert wave.growth == pytest.approx(math.exp(1.0), rel=0.05)  # 100 lines from one half to the other


def test_a_spiral_is_oscillation():
    found = oscillation(rows(*spiral()), SETTINGS)
    assert found.cause == "oscillation"
    assert found.strength > 0.9
    assert "wave of 125 rounds" in found.evidence[0].what
    assert "a gradient penalty" in found.advice


def linear_game(pull=0.0, lr=(0.1, 0.4), optimizer="sgd", momentum=0.0, repeats=1):
    """min_x max_y xy + pull / 2 (x^2 - y^2), its players called as those of a GAN."""
    x, y = (torch.nn.ParameterList([torch.nn.Parameter(torch.tensor([start]))]) for start in (1.0, 0.5))

    def up(batch, rng):
        return {"payoff": -(x[0] * y[0] - pull / 2 * y[0] ** 2).sum()}

    def down(batch, rng):
        return {"payoff": (x[0] * y[0] + pull / 2 * x[0] ** 2).sum()}

    made = [make_optimizer(optimizer, net, rate, momentum, 0.9) for net, rate in zip((y, x), lr, strict=True)]
    players = [Player(name, net, made[i]) for i, (name, net) in enumerate([("D", y), ("G", x)])]
    return Game(players, [Move("D", up, repeats=repeats), Move("G", down)])


NOTHING = Batch(torch.empty(0))


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_a_bilinear_games_field_turns_by_the_geometric_mean_of_the_step_sizes(momentum):
    """P J = ((0, -a), (b, 0)) has the eigenvalues +- i sqrt(ab), a = lr_D n_critic / (1 - m), b = lr_G / (1 - m)."""
    found = field(linear_game(momentum=momentum, repeats=3), NOTHING)
    assert found.turning == 1.0
    assert found.period == pytest.approx(2 * math.pi / math.sqrt(3 * 0.1 * 0.4) * (1 - momentum), rel=1e-6)


def test_a_field_pulls_where_each_player_minimises_by_itself():
    """Equal steps a: eigenvalues a (pull +- i), which turn only where the pull is below 1."""
    strong, weak = (field(linear_game(pull, (0.1, 0.1)), NOTHING) for pull in (2.0, 0.5))
    assert sorted(strong.eigenvalues.real.tolist()) == pytest.approx([0.2, 0.2])
    assert (strong.turning, strong.period) == (0.0, math.inf)
    assert weak.turning == 1.0
    assert weak.period == pytest.approx(2 * math.pi / 0.1, rel=1e-6)


def test_adaptive_steps_are_those_that_the_optimiser_makes_of_a_steady_gradient():
    """After one step Adam's mean square is the gradient's: a step is lr / |g| times it, RMSProp's with its decay."""
    for name, times in (("adam", 1.0), ("rmsprop", math.sqrt(0.1))):
        game = linear_game(optimizer=name)
        gradient = abs(game["G"].parameters[0].item())  # y's is x
        for _ in play(game, lambda: None, 1):
            pass
        assert step_sizes(game["D"]).item() == pytest.approx(0.1 / gradient / times, rel=1e-5)


def test_a_larger_games_field_is_found_by_arnoldis_iteration():
    """n bilinear games beside each other with slopes 1 to n: +- i k lr, of which the largest are found."""
    n, lr = 50, 0.01
    slopes = torch.arange(1.0, n + 1)
    x, y = (torch.nn.ParameterList([torch.nn.Parameter(torch.ones(n))]) for _ in range(2))
    players = [Player(name, net, make_optimizer("sgd", net, lr, 0.0)) for name, net in (("D", y), ("G", x))]
    game = Game(
        players,
        [
            Move("D", lambda batch, rng: {"payoff": -(slopes * x[0] * y[0]).sum()}),
            Move("G", lambda batch, rng: {"payoff": (slopes * x[0] * y[0]).sum()}),
        ],
    )
    found = field(game, NOTHING)
    assert sorted(set(found.eigenvalues.imag.abs().mul(1000).round().int().tolist())) == [470, 480, 490, 500]
    assert found.turning == 1.0


def test_a_field_leaves_its_game_alone():
    module, data = find("gan"), ring()
    game = module.build(module.SMALL, data.spec).seed(1)
    before = [p.clone() for player in game.players for p in player.parameters]
    state, ours = game.rng.get_state(), torch.get_rng_state()
    batch = data.sample(16, torch.Generator().manual_seed(0))
    first = field(game, batch)
    assert torch.equal(game.rng.get_state(), state) and torch.equal(torch.get_rng_state(), ours)
    now = [p for player in game.players for p in player.parameters]
    assert all(torch.equal(a, b) for a, b in zip(before, now, strict=True))
    assert torch.equal(first.eigenvalues, field(game, batch).eigenvalues)


def test_a_field_of_too_many_parameters_is_refused():
    module = find("gan")
    game = module.build(module.Config(), Spec(2, 0, 8))
    with pytest.raises(ValueError, match="at most 20,000"):
        field(game, Batch(torch.zeros(8, 2)))


def test_oscillation_says_what_the_field_says():
    found = oscillation(rows(*spiral()), SETTINGS, Field(torch.tensor([0.05j, -0.05j, 1.0]), 900))
    turning, period = found.evidence[-2:]
    assert turning.number == pytest.approx(2 / 3)
    assert (period.number, period.threshold) == (pytest.approx(125.66, rel=1e-3), pytest.approx(125.0, rel=1e-2))
    assert (turning.round, period.round) == (900, 900)
    assert len(oscillation(rows(*spiral()), SETTINGS).evidence) == len(found.evidence) - 2


def test_players_that_turn_at_their_own_frequencies_do_not_oscillate():
    slow, _ = spiral(period=25.0)
    fast, _ = spiral(period=8.0)
    assert oscillation(rows(slow, fast), SETTINGS) is None


@pytest.mark.parametrize("memory", [0.0, 0.9, 1.0])
def test_noise_is_no_oscillation(memory):
    """From white noise to a random walk: at most 3 of 1,000 such curves, so none of 20."""
    for seed in range(20):
        noise, values = normal(250, 0.0, seed).double(), []
        for step in noise.tolist():
            values.append(memory * (values[-1] if values else 0.0) + step)
        assert oscillation(rows(values, values), SETTINGS) is None


def test_a_few_lines_have_no_spectrum():
    assert oscillation(rows(*spiral(n=40)), SETTINGS) is None
    assert oscillation([], SETTINGS) is None


def test_losses_a_thousand_times_their_start_explode():
    steady = [0.7] * 100
    assert exploding(rows(steady, steady), SETTINGS) is None
    found = exploding(rows(steady, [0.7 * 1.2**i for i in range(100)]), SETTINGS)
    assert found.cause == "learning-rate"
    assert found.evidence[0].number == pytest.approx(0.7 * 1.2**89, rel=1e-9)  # the lower median of the last 20


def test_what_is_not_finite_is_named_with_its_round_and_player():
    steady = rows([0.7] * 5, [0.7] * 5)
    assert non_finite(steady, None, SETTINGS) is None
    told = "round 57: player G's loss term 'adversarial' is nan"
    found = non_finite(steady, told, SETTINGS, "bf16")
    assert (found.evidence[0].what, found.evidence[0].round) == (told, 57)
    assert found.advice == "--precision fp32; or --lr_generator 0.0001 (now 0.001)"
    logged = non_finite([*steady, {"round": 60, "D.real": math.nan}], None, SETTINGS)
    assert logged.evidence[0].what == "D.real is not finite"
    assert logged.evidence[0].round == 60
    assert logged.document()["evidence"]["number"] is None


def test_the_critics_share_of_its_loss_at_chance():
    held = rows([math.log(2)] * 50, [0.7] * 50)
    assert critic_share(held, math.log(4)) == pytest.approx(1.0)
    assert critic_share(rows([0.0] * 50, [0.7] * 50), math.log(4)) == 0.0
    assert critic_share(rows([-1.0] * 50, [0.7] * 50), 0.0) is None  # a Wasserstein critic that tells them apart
    assert critic_share(rows([0.5] * 50, [0.7] * 50), 0.0) == 1.0  # one that is fooled


def test_a_critic_is_as_good_as_its_best_lines():
    """Right in every second line of the later half, fooled in the others: no better than chance in the middle."""
    turns = [2.0] * 50 + [0.5, 2.0] * 25
    assert best_share(rows(turns, turns), 2.0) == pytest.approx(0.5)  # D.real + D.fake is twice a line
    assert critic_share(rows(turns, turns), 2.0) == pytest.approx(0.5)
    assert best_share(rows([1.0] * 100, [1.0] * 100), 2.0) == pytest.approx(1.0)
    assert best_share(rows([-1.0] * 100, [1.0] * 100), 0.0) == 0.0  # without a floor: only which side of 0
    assert best_share([], 2.0) is None


def test_a_gradient_fades_relative_to_its_largest():
    falling = [{"round": i, "G.gradient": 10.0 * 0.5**i} for i in range(1, 41)]
    assert fading(falling) == pytest.approx(0.5**35, rel=1e-9)  # medians over five lines, the first against the last
    assert fading(falling[:10]) is None


@pytest.mark.parametrize(
    "recipe, chance",
    [("gan", math.log(4)), ("hinge-gan", 2.0), ("lsgan", 0.25), ("wgan", 0.0), ("r3gan", math.log(2))],
)
def test_a_critics_loss_at_chance(recipe, chance):
    module, data = find(recipe), ring()
    game = module.build(module.SMALL, Spec(2, 0, 8)).seed(3)
    before = game.rng.get_state()
    assert chance_loss(game, data.sample(32, torch.Generator().manual_seed(0))) == pytest.approx(chance, abs=1e-6)
    assert torch.equal(game.rng.get_state(), before)


@pytest.mark.parametrize("recipe", ["gan", "hinge-gan", "wgan-gp", "r3gan", "dragan"])
def test_generators_push_logits_and_values_up(recipe):
    module = find(recipe)
    game = module.build(module.SMALL, Spec(2, 0, 8)).seed(3)
    assert direction(game, ring().sample(256, torch.Generator().manual_seed(0))) == 1.0


def test_generators_push_energies_down():
    module = find("ebgan")
    game = module.build(module.SMALL, Spec(1, 16, 0)).seed(3)
    x = torch.rand(32, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert direction(game, Batch(x)) == -1.0


def test_accuracy_and_gap_of_two_gaussians():
    """N(3, 1) against N(-3, 1): Phi(3) on the right side, six standard deviations apart."""
    held = Scores(normal(20_000, 3.0), normal(20_000, -3.0, 1), None, 1)
    assert held.accuracy == pytest.approx(0.99865, abs=0.001)
    assert held.gap == pytest.approx(6.0, abs=0.06)
    turned = Scores(held.fake, held.real, None, 1)
    assert turned.accuracy == pytest.approx(1 - 0.99865, abs=0.001)


def test_a_critic_too_strong_is_sure_and_its_samples_are_bad():
    sure = scores([10.0, 11.0, 12.0], [-10.0, -11.0, -12.0])
    found = critic_too_strong(sure, 0.8, 0.01, 1.0, SETTINGS | {"n_critic": 10, "lr_critic": 0.1, "loss": "minimax"})
    assert found.cause == "critic-too-strong"
    assert (found.evidence[0].number, found.evidence[0].threshold) == (0.01, 0.2)
    assert found.advice == "--n_critic 1 (now 10); --lr_critic 0.001 (now 0.1); --loss non-saturating (now minimax)"
    assert critic_too_strong(sure, 0.01, 0.01, 1.0, SETTINGS) is None  # the samples are fine
    assert critic_too_strong(sure, 0.8, 0.5, 1.0, SETTINGS) is None  # it still errs
    assert critic_too_strong(sure, 0.8, 0.5, 0.001, SETTINGS).evidence[0].number == 0.001  # G's gradient vanishes
    assert critic_too_strong(sure, 0.8, 1.1, 0.001, SETTINGS) is None  # it does, and yet the critic is no good


def test_a_generator_that_exploits_leaves_its_critic_at_chance():
    blind = scores([0.0, 1.0, 2.0], [0.0, 1.0, 2.0])
    assert generator_exploiting(blind, 0.8, 1.0, 1.0, SETTINGS).cause == "generator-exploiting"
    assert generator_exploiting(blind, 0.01, 1.0, 1.0, SETTINGS) is None  # as it should be: the samples are good
    assert generator_exploiting(blind, 0.8, 0.6, 0.6, SETTINGS) is None  # a moment only: its loss was below chance
    assert generator_exploiting(blind, 0.8, 1.0, 0.6, SETTINGS) is None  # right again and again: it is chased about
    late = generator_exploiting(blind, 0.8, 1.0, 1.0, SETTINGS | {"lr_critic": 1e-6})
    assert late.advice == "--lr_critic 0.001 (now 1e-06)"


def test_a_critic_overfits_where_held_out_samples_count_as_generated():
    train, fake = normal(500, 3.0), normal(500, -3.0, 1)
    by_heart = Scores(train, fake, normal(500, -3.0, 2), 1)
    assert by_heart.overfit == pytest.approx(1.0, abs=0.03)
    assert critic_overfitting(by_heart, SETTINGS).cause == "critic-overfitting"
    general = Scores(train, fake, normal(500, 3.0, 2), 1)
    assert general.recognition == pytest.approx(0.5, abs=0.05)
    assert critic_overfitting(general, SETTINGS) is None
    assert critic_overfitting(Scores(train, fake, None, 1), SETTINGS) is None


def test_step_sizes_out_of_range():
    fine = {"D": 0.005, "G": 0.005}
    assert learning_rate(fine, {"D": 0.5, "G": 0.5}, 1000, SETTINGS) is None
    high = learning_rate(fine | {"D": 5.0}, {"D": 30.0, "G": 0.5}, 1000, SETTINGS)
    assert high.advice == "--lr_critic 1e-06 (now 0.001)"
    assert high.strength == pytest.approx(5.0 / 5.5)
    low = learning_rate({"D": 0.005, "G": 5e-9}, {"D": 0.5, "G": 1e-6}, 1000, SETTINGS)
    assert low.advice == "--lr_generator 1000 (now 0.001)"
    assert learning_rate({"D": 0.005, "G": 5e-9}, {"D": 0.5, "G": 1e-6}, 50, SETTINGS) is None  # too young to say


def test_players_who_all_crawl_far_from_the_data():
    """1,000 of Adam's steps of 1e-6 in weights of 0.25 make 0.4 %: more than nothing, and not enough."""
    first, come = {"D": 4e-6, "G": 4e-6}, {"D": 0.012, "G": 0.011}
    found = learning_rate(first, come, 3000, SETTINGS | {"lr_critic": 1e-6, "lr_generator": 1e-6}, far=0.5)
    assert found.cause == "learning-rate"
    assert found.advice == "--lr_critic 0.001 (now 1e-06) --lr_generator 0.001 (now 1e-06)"
    assert [round(e.number, 6) for e in found.evidence] == [0.004, 0.004, 0.5]
    assert learning_rate(first, come, 3000, SETTINGS, far=0.01) is None  # there is nowhere to go
    assert learning_rate(first, come, 3000, SETTINGS) is None  # nobody knows
    assert learning_rate(first | {"G": 4e-3}, come | {"G": 0.5}, 3000, SETTINGS, far=0.5) is None  # one of them moves


def test_adams_first_step_is_its_step_size_in_every_weight():
    """|step| / |w| = lr sqrt(n) / |w|: all n weights get a gradient."""
    module = find("gan")
    config = module.Config(batch=64, z_dim=4, hidden=16, lr_generator=1e-3, lr_critic=1e-2, beta1=0.0)
    data, game = ring(), module.build(config, Spec(2, 0, 8)).seed(0)
    before = weights(game)
    found = first_steps(game, data.draw(64, 0))
    assert found["D"] == pytest.approx(1e-2 * len(before["D"]) ** 0.5 / float(before["D"].norm()), rel=0.02)
    assert moved(before, weights(game)) == pytest.approx(found)


def test_distances_and_kinds_of_known_laws():
    x = normal(4000, 0.0, d=2)
    assert relative_distance(x, x) == pytest.approx(0.0, abs=1e-9)
    assert relative_distance(x, 2 * x) == pytest.approx(1.0, abs=0.01)  # (2 - 1)^2 of the data's own spread
    centres = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
    assert effective(torch.tensor([[0.0], [1.0], [2.0], [3.0]]), centres) == pytest.approx(4.0)
    assert effective(torch.zeros(5, 1), centres) == pytest.approx(1.0)


def test_samples_in_one_place_are_a_collapse():
    data = ring()
    real = data.sample(400, torch.Generator().manual_seed(0)).x
    one = torch.tensor([2.0, 0.0]) + normal(400, 0.0, 1, 2) * 0.02
    seen = look(study(real, one), 100, False, data.means)
    assert seen.kinds == pytest.approx(1 / 8, rel=0.01)
    found = mode_collapse(seen, SETTINGS | {"lr_generator": 5e-3})
    assert found.cause == "mode-collapse"
    assert found.advice.startswith("--lr_generator 0.001 (now 0.005)")
    again = data.sample(400, torch.Generator().manual_seed(1)).x
    assert mode_collapse(look(study(real, again), 100, False, data.means), SETTINGS) is None


def test_half_of_the_modes_are_a_collapse_though_samples_spread():
    data = ring()
    real = data.sample(400, torch.Generator().manual_seed(0))
    half = real.x[real.y % 2 == 0]
    seen = look(study(real.x, half), 100, False, data.means)
    assert seen.spread > 0.9
    assert mode_collapse(seen, SETTINGS).evidence[0].number == pytest.approx(0.5, abs=0.03)


def test_copies_are_nearer_than_a_third_of_the_way():
    training = torch.tensor([[0.0], [3.0], [6.0]])
    assert copied(torch.tensor([[0.9], [1.1], [5.2], [4.5]]), training) == 0.5


def test_copies_of_few_samples_are_memorisation():
    real = normal(40, 0.0, d=8)
    copies = real.repeat(5, 1) + 0.01 * normal(200, 0.0, 1, 8)
    seen = look(study(real, copies), 100, True)
    assert seen.copied == 1.0
    assert memorisation(seen, SETTINGS).cause == "memorisation"
    new = look(study(real, normal(200, 0.0, 2, 8)), 100, True)
    assert memorisation(new, SETTINGS) is None
    endless = look(study(real, copies), 100, False)
    assert memorisation(endless, SETTINGS) is None  # what never comes twice is not copied


def test_held_out_samples_as_near_as_the_generated_are_no_copies():
    """Data in tight pairs: new samples are as near to the training data as copies would be."""
    real = normal(40, 0.0, d=8)
    near = [real + 0.01 * normal(40, 0.0, seed, 8) for seed in (1, 2)]
    seen = look(study(real, near[0]), 100, True, held_out=near[1])
    assert seen.copied == seen.copied_held_out == 1.0
    assert memorisation(seen, SETTINGS) is None


def test_a_consequence_stands_behind_its_cause():
    order = [v.cause for v in ranked([verdict("mode-collapse", 0.9), verdict("learning-rate", 0.6)])]
    assert order == ["learning-rate", "mode-collapse"]
    order = [v.cause for v in ranked([verdict("mode-collapse", 0.9), verdict("critic-overfitting", 0.6), None])]
    assert order == ["critic-overfitting", "mode-collapse"]
    order = [v.cause for v in ranked([verdict("memorisation", 0.6), verdict("learning-rate", 0.9)])]
    assert order == ["learning-rate", "memorisation"]  # neither explains the other: the stronger first
    assert [v.cause for v in ranked([None, None], 70)] == ["healthy"]


def test_the_strongest_of_one_cause_is_kept():
    found = ranked([verdict("learning-rate", 0.6), verdict("learning-rate", 0.8)])
    assert [(v.cause, v.strength) for v in found] == [("learning-rate", 0.8)]


def test_causes_come_before_what_they_explain():
    order = list(CAUSES)
    assert all(order.index(cause) < order.index(other) for cause, others in EXPLAINS.items() for other in others)


def test_severity_is_one_half_at_the_threshold():
    assert severity(2.0, 2.0) == 0.5
    assert severity(math.inf, 2.0) == 1.0


def test_every_remedy_that_advice_names_is_there():
    assert {name for row in REMEDIES.values() for name in row} <= set(remedies.names())
    assert set(REMEDIES) <= set(CAUSES)


def test_advice_leaves_out_what_is_so_already():
    assert named({"dynamics": "extragradient"}, "dynamics", "extragradient") == []
    assert other({"recipe": "r3gan"}, "r3gan", "recipe r3gan") == []
    turning = oscillation(rows(*spiral()), SETTINGS | {"recipe": "r3gan", "dynamics": "alternating"})
    assert turning.advice.startswith("--dynamics extragradient (now alternating); or --lr_generator")
    assert "r3gan" not in turning.advice


def test_advice_names_the_flag_that_the_recipe_has():
    assert change({"lr": 0.1}, "lr_critic", 0.1) == "--lr 0.01 (now 0.1)"
    assert change({}, "lr_critic", 0.1) == "a smaller --lr_critic"

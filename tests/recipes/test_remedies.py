"""Every remedy with a recipe that it suits: it does what its formula says, restores, and refuses what it must."""

import subprocess
import sys
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path

import pytest
import torch
from torch.func import functional_call

from saddle import recipes
from saddle.data import ada_augment, diff_augment
from saddle.game import DYNAMICS, gradient, play, play_seeds, sample, score
from saddle.networks import MinibatchStdDev, pack
from saddle.objectives import feature_matching, gdpp, minimax_critic, non_saturating_generator
from saddle.recipes import common, remedies
from saddle.recipes.remedies.diffaugment import POLICY
from small_games import assert_goes_on, start, toys

FITTING = {
    "ada": ("dcgan", "images"),
    "consistency": ("gan", "images"),
    "diffaugment": ("cgan", "images"),
    "feature-matching": ("dcgan", "images"),
    "gdpp": ("r3gan", "images"),
    "historical-averaging": ("began", "images"),
    "lecam": ("r3gan", "images"),
    "minibatch-discrimination": ("dcgan", "images"),
    "minibatch-stddev": ("wgan-gp", "images"),
    "packing": ("gan", "points"),
    "r1": ("gan", "points"),
    "r2": ("lsgan", "images"),
    "self-attention": ("dcgan", "images"),
    "spectral-norm": ("hinge-gan", "images"),
    "top-k": ("cgan", "points"),
    "unroll": ("gan", "points"),
    "unroll-ahead": ("lsgan", "images"),
    "virtual-norm": ("dcgan", "images"),
}
"""A recipe and data for each remedy."""
ONLY_IMAGES = {"ada", "consistency", "diffaugment", "self-attention", "virtual-norm"}
"""Remedies that these points and their networks refuse."""
TOGETHER = (
    "unroll=2,r2,r1=0.5,self-attention,top-k,lecam,diffaugment,spectral-norm,packing,minibatch-discrimination,"
    "minibatch-stddev=2,ada"
)


def treated(remedy, kind="points", name="gan"):
    """A game with the remedy, the same game without, and a batch; both have the same initial weights."""
    (game, draw), (plain, _) = start(name, kind, remedies=remedy), start(name, kind)
    return game, plain, draw()


def move_of(game, player):
    return next(move for move in game.moves if move.player == player)


def look(game, player, batch):
    """A move's terms and gradients, with random numbers that are always the same."""
    torch.manual_seed(3)
    return gradient(game.seed(1), move_of(game, player), batch)


def drawn(game, batch):
    """Generated samples as the move's loss makes them."""
    rng = torch.Generator().manual_seed(1)
    return game["G"].module(common.noise(batch, 8, rng)), rng


def assert_gradient(game, player, batch, wanted):
    """The move's gradient is that of the scalar ``wanted``."""
    _, found = look(game, player, batch)
    expected = torch.autograd.grad(wanted, game[player].parameters, allow_unused=True)
    for f, e in zip(found, expected, strict=True):
        assert (f is None) == (e is None)
        assert f is None or torch.allclose(f, e, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", [*remedies.names(), TOGETHER])
def test_a_treated_game_restores_samples_and_scores(name, tmp_path):
    recipe, kind = FITTING.get(name, ("dcgan", "images"))
    game = assert_goes_on(tmp_path, partial(start, recipe, kind, remedies=name))
    batch = toys(kind).sample(5, torch.Generator())
    assert sample(game, 3, seed=0)[0].shape == (3, *toys(kind).spec.shape)
    assert score(game, batch.x, batch.y if game.sampler.classes else None).shape == (5,)


@pytest.mark.parametrize("name", remedies.names())
def test_a_remedy_changes_what_is_played(name):
    """After 2 rounds, or for the two that begin without effect, after the schedule has moved."""
    recipe, kind = FITTING[name]
    ends = []
    for text in ("", name):
        game, draw = start(recipe, kind, remedies=text)
        game.images = 5_000_000  # top-k has fallen
        for control in game.controls.values():
            if hasattr(control, "p"):
                control.p.fill_(0.5)
        list(play(game, draw, 2))
        ends.append(torch.cat([p.flatten() for p in game["G"].parameters]))
    assert not torch.equal(*ends)


def test_unset_remedies_change_nothing():
    """Networks, losses and scores are the objects that the recipe made."""
    config, spec = recipes.find("gan").SMALL, toys("points").spec
    G, D = common.generator(config, spec), common.critic(config, spec)
    assert common.treated(config, spec, G, D) == (G, D)

    def loss(batch, rng):
        return {}

    def judge(nets, x, y):
        return x

    game = common.adversaries(config, G, D, loss, loss, score=judge)
    assert [move.loss for move in game.moves] == [loss, loss]
    assert [move.after for move in game.moves] == [None, None]
    assert game.sampler.score is judge
    assert game.controls == {}


def test_instance_noise_stays_outermost():
    game, draw = start("gan", "points", remedies="spectral-norm,packing", instance_noise=0.5)
    list(play(game, draw, 1))
    assert game["D"].module.sigma == 0.5


@pytest.mark.parametrize("dynamics", sorted(DYNAMICS))
def test_remedies_are_played_under_every_dynamics(dynamics):
    names = "lecam,historical-averaging,minibatch-discrimination,feature-matching"
    game, draw = start("gan", "points", dynamics=dynamics, remedies=names)
    reports = [report.values() for report in play(game, draw, 2)]
    assert reports[-1]["history_D.t"] == 3
    assert reports[-1]["lecam.real"] != reports[0]["lecam.real"] != 0


@pytest.mark.parametrize("name", remedies.names())
def test_remedies_are_played_in_bfloat16(name):
    game, draw = start("dcgan", "images", remedies=name)
    game.autocast = torch.bfloat16
    list(play(game, draw, 2))
    assert {value.dtype for control in game.controls.values() for value in control.buffers()} <= {torch.float32}


@pytest.mark.parametrize("name", sorted({*remedies.names()} - ONLY_IMAGES))
def test_many_seeds_at_once_are_the_runs_one_by_one(name):
    """Those for images draw from torch's own random numbers, which no seed owns, or want networks of maps."""
    alone = [start("gan", "points", seed, remedies=name) for seed in (1, 2)]
    reports = [list(play(game, draw, 4))[-1].values() for game, draw in alone]
    games, draws = zip(*(start("gan", "points", seed, remedies=name) for seed in (1, 2)), strict=True)
    together = [report.values() for report in list(play_seeds(games, draws, 4))[-1]]
    assert together == [pytest.approx(values, rel=1e-3, abs=1e-4) for values in reports]


def test_spectral_norm_divides_each_matrix_by_its_norm():
    game, plain, batch = treated("spectral-norm")
    D, weights = plain["D"].module, {}
    for name, value in D.named_parameters():
        weights[name] = value / torch.linalg.matrix_norm(value, 2) if value.dim() == 2 else value
    for _ in range(300):  # each use is a step of the power iteration
        game["D"].module(batch.x)
    assert torch.allclose(game["D"].module(batch.x), functional_call(D, weights, batch.x), rtol=1e-3, atol=1e-4)


def test_diffaugment_shows_the_critic_augmented_images():
    game, plain, batch = treated("diffaugment", "images")
    torch.manual_seed(4)
    out = game["D"].module(batch.x)
    augmented = diff_augment(batch.x, POLICY, torch.Generator().manual_seed(4))
    assert torch.equal(out, plain["D"].module(augmented))
    assert torch.equal(game["D"].module.eval()(batch.x), plain["D"].module(batch.x))


def test_ada_shows_images_changed_with_probability_p():
    game, plain, batch = treated("ada", "images")
    assert torch.equal(game["D"].module(batch.x), plain["D"].module(batch.x))  # p is 0 at first
    game.controls["ada"].p.fill_(0.8)
    torch.manual_seed(4)
    out = game["D"].module(batch.x)
    assert torch.equal(out, plain["D"].module(ada_augment(batch.x, 0.8, torch.Generator().manual_seed(4))))


@pytest.mark.parametrize("sign, p", [(1.0, 32 / 500_000), (-1.0, 0.0)])
def test_ada_grows_when_the_critic_knows_every_real_image(sign, p):
    """Four steps of 8 images whose outputs are all of one sign."""
    game, draw = start("gan", "images", remedies="ada")
    with torch.no_grad():
        game["D"].module.module.output.bias.fill_(sign * 100)
    terms = list(play(game, draw, 4))[-1].values()
    assert terms["ada.r"] == sign
    assert terms["ada.p"] == pytest.approx(p)


def test_minibatch_stddev_is_one_feature_more():
    """Without hidden layers the features are the points themselves."""
    (game, draw), (plain, _) = (start("gan", "points", layers=0, remedies=r) for r in ("minibatch-stddev", ""))
    x = draw().x
    column = MinibatchStdDev()(x)[:, 2]
    weight = game["D"].module.output[-1].weight[0]
    assert weight.shape == (3,)
    assert torch.equal(weight[:2], plain["D"].module.output.weight[0])
    assert torch.allclose(game["D"].module(x), plain["D"].module(x) + column * weight[2], atol=1e-6)


@pytest.mark.parametrize("kind, recipe", [("points", "gan"), ("images", "dcgan")])
def test_minibatch_discrimination_adds_how_near_the_others_are(kind, recipe):
    """Of a batch of equal samples each is at distance 0 of the others: 100 features more, each N - 1."""
    game, plain, batch = treated("minibatch-discrimination", kind, recipe)
    x = batch.x[:1].expand_as(batch.x).contiguous()
    layer = game["D"].module.output if kind == "points" else game["D"].module.to_logit
    linear = layer[-1] if kind == "points" else layer[-1].linear
    new = linear.weight[0].unflatten(
        0, (-1 if kind == "images" else 1, linear.in_features // (16 ** (kind == "images")))
    )
    added = (len(x) - 1) * new[:, -100:].sum()
    assert torch.allclose(game["D"].module(x), plain["D"].module(x) + added, rtol=1e-4, atol=1e-4)


def test_minibatch_layers_come_before_spectral_norm_however_they_are_written():
    game, _, _ = treated("spectral-norm,minibatch-discrimination")
    assert "output.1.parametrizations.weight.original" in dict(game["D"].module.named_parameters())


@pytest.mark.parametrize("kind, recipe", [("points", "gan"), ("images", "dcgan"), ("images", "r3gan")])
def test_packing_judges_pairs(kind, recipe):
    """One output for two samples, of one critic for both; a sample's score is that of it and the next one."""
    game, plain, batch = treated("packing", kind, recipe)
    D = game["D"].module.eval()
    before, after = (
        next(m for m in net.modules() if isinstance(m, torch.nn.Linear | torch.nn.Conv2d))
        for net in (plain["D"].module, D)
    )
    assert after.weight.shape[:2] == (before.weight.shape[0], 2 * before.weight.shape[1])
    assert after.weight.std().item() == pytest.approx(float(before.weight.std()) / 2**0.5, rel=0.3)
    assert torch.equal(D(batch.x), D.critic(pack(batch.x, 2)))
    changed = batch.x.clone()
    changed[3] += 1
    assert ((D(changed) != D(batch.x)) == torch.tensor([False, True, False, False])).all()
    scores = game.sampler.score(game.nets(), batch.x, None)
    assert torch.allclose(scores[::2], D(batch.x), atol=1e-6)
    assert torch.allclose(scores[-1:], D(batch.x[[-1, 0]]), atol=1e-6)


def test_lecam_holds_outputs_near_the_others_anchors():
    """With anchors at a and b; after the step they have gone a hundredth of the way to the outputs' means."""
    game, _, batch = treated("lecam")
    memory = game.controls["lecam"]
    memory.real.fill_(0.5)
    memory.fake.fill_(-0.25)
    D = game["D"].module
    real, fake = D(batch.x), D(drawn(game, batch)[0].detach())
    term = 0.3 * ((real + 0.25).square().mean() + (fake - 0.5).square().mean())
    assert_gradient(game, "D", batch, sum(minimax_critic(real, fake).values()) + term)
    terms, _ = look(game, "D", batch)
    assert terms["lecam"] == pytest.approx(term.item(), rel=1e-5)
    move_of(game, "D").after(terms)
    assert memory.real == pytest.approx(0.99 * 0.5 + 0.01 * real.mean().item(), rel=1e-4)
    assert memory.fake == pytest.approx(0.99 * -0.25 + 0.01 * fake.mean().item(), rel=1e-4)


@pytest.mark.parametrize("name", ["dcgan", "r3gan", "wgan-gp", "dragan"])
def test_the_real_and_the_generated_are_told_apart_in_every_loss(name):
    """However a recipe makes its batch of fakes and wherever else it looks: anchors follow the outputs' means."""
    game, draw = start(name, "images", remedies="lecam", n_critic=1)
    batch = game.look(move_of(game, "D"), draw)
    made, _ = drawn(game, batch)
    fake = made.detach() if batch.fake is None else batch.fake.detach()
    terms, _ = look(game, "D", batch)
    D, memory = game["D"].module, game.controls["lecam"]
    real_out, fake_out = D(batch.x), D(fake)
    assert terms["lecam"].item() == pytest.approx(
        0.3 * float(real_out.square().mean() + fake_out.square().mean()), rel=1e-3
    )
    memory.follow()
    assert memory.real == pytest.approx(0.01 * real_out.mean().item(), rel=1e-3)
    assert memory.fake == pytest.approx(0.01 * fake_out.mean().item(), rel=1e-3)


def test_feature_matching_takes_the_place_of_the_adversarial_term():
    game, _, batch = treated("feature-matching")
    body = game["D"].module.body
    wanted = feature_matching(body(batch.x), body(drawn(game, batch)[0]))
    assert set(look(game, "G", batch)[0]) == {"feature_matching", "gradient"}
    assert_gradient(game, "G", batch, wanted)


def test_gdpp_adds_both_its_terms():
    game, _, batch = treated("gdpp")
    D, fake = game["D"].module, drawn(game, batch)[0]
    found = gdpp(D.body(batch.x), D.body(fake))
    wanted = non_saturating_generator(D(fake)) + 1e-4 * found["magnitude"] + found["structure"]
    assert_gradient(game, "G", batch, wanted)


def test_consistency_penalises_the_change_under_a_shift():
    game, _, batch = treated("consistency", "images")
    D, (fake, rng) = game["D"].module, drawn(game, batch)
    real = D(batch.x)
    change = (real - D(diff_augment(batch.x, "translation", rng))).square().mean()
    assert_gradient(game, "D", batch, sum(minimax_critic(real, D(fake.detach())).values()) + 10 * change)


@pytest.mark.parametrize("images, k", [(0, 8), (10 * 50_000, 8), (40 * 50_000, 6), (10**9, 4)])
def test_top_k_learns_from_the_best(images, k):
    """0.99^40 of 8 is 5.4, rounded up."""
    game, _, batch = treated("top-k")
    for schedule in game.schedules:
        schedule(images)
    outputs = game["D"].module(drawn(game, batch)[0])
    assert_gradient(game, "G", batch, non_saturating_generator(outputs.sort(descending=True).values[:k]))


def test_historical_averaging_pulls_to_the_mean_of_all_weights():
    game, draw = start("gan", "points", remedies="historical-averaging")
    past = {name: [torch.cat([p.detach().flatten() for p in game[name].parameters])] for name in "DG"}
    for report in play(game, draw, 3):
        for name in "DG":
            mean = torch.stack(past[name]).mean(0)
            term = (past[name][-1] - mean).square().sum().item()
            assert report.values()[f"{name}.history"] == pytest.approx(term, rel=1e-3, abs=1e-9)
            past[name].append(torch.cat([p.detach().flatten() for p in game[name].parameters]))
    assert report.values()["history_G.t"] == 4


@pytest.mark.parametrize(
    "remedy, recipe, kind, expected",
    [
        ("ada", "gan", "points", "images"),
        ("ada", "wgan", "images", "above 0 for real"),
        ("ada", "r3gan", "images", "above 0 for real"),
        ("consistency", "gan", "points", "images"),
        ("consistency", "began", "images", "no energies"),
        ("diffaugment", "gan", "points", "images"),
        ("feature-matching", "began", "images", "ends in a linear layer"),
        ("gdpp", "ebgan", "points", "ends in a linear layer"),
        ("lecam", "ebgan", "images", "no energies"),
        ("minibatch-stddev", "ebgan", "points", "ends in a linear layer"),
        ("minibatch-discrimination", "began", "images", "ends in a linear layer"),
        ("packing", "cgan", "images", "without labels"),
        ("packing", "wgan-gp", "points", "slope is not held"),
        ("packing", "ebgan", "points", "ends in a linear layer"),
        ("spectral-norm", "wgan", "points", "not clipped"),
        ("spectral-norm", "r3gan", "images", "starts at zero"),
        ("top-k", "r3gan", "points", "by itself"),
        ("top-k", "began", "images", "by itself"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_line(remedy, recipe, kind, expected):
    with pytest.raises(ValueError, match=f"remedies={remedy}: expected .*{expected}"):
        start(recipe, kind, remedies=remedy)


@pytest.mark.parametrize(
    "text, message",
    [
        ("spectral", "no remedy is called 'spectral'. Did you mean 'spectral-norm'?"),
        ("lecam,", "no remedy is called ''"),
        ("lecam,lecam", "each remedy once"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(text, message):
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        replace(recipes.find("gan").SMALL, remedies=text)


def test_every_file_is_in_the_catalogue_with_all_it_needs():
    entries = remedies.catalogue()
    assert {entry["name"] for entry in entries} == set(FITTING)
    assert {entry["kind"] for entry in entries} <= set(remedies.KINDS)
    for entry in entries:
        module = import_module(f"saddle.recipes.remedies.{entry['name'].replace('-', '_')}")
        assert entry["summary"].endswith(".")
        assert "arXiv:" in entry["source"] == module.SOURCE
        assert hasattr(module, "networks") or hasattr(module, "rules")
        assert entry["strength"] == str(getattr(module, "STRENGTH", ""))
        assert bool(entry["strength"]) == bool(entry["range"])


def test_the_catalogue_needs_no_torch():
    code = "import sys; from saddle.recipes.remedies import catalogue, read; catalogue(); read('lecam,ada')"
    subprocess.run([sys.executable, "-c", f"{code}; assert 'torch' not in sys.modules"], check=True)


def test_the_page_names_every_remedy():
    page = (Path(__file__).parents[2] / "docs" / "remedies.md").read_text(encoding="utf-8")
    assert [name for name in remedies.names() if f"`{name}`" not in page] == []

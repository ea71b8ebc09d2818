"""ProGAN, StyleGAN and StyleGAN2: growing through a restart, lazy regularisation, and what is refused."""

from functools import partial

import pytest
import torch

from saddle.data import Images
from saddle.data.spec import Batch, Spec
from saddle.game import generate, gradient, latents, play, sample, score
from saddle.game.checkpoint import restore, save
from saddle.networks.growing import enlarged
from saddle.objectives import gradient_penalty, minimax_critic, r1
from saddle.recipes import common, find
from saddle.recipes.deep import progan, stylegan, stylegan2
from saddle.recipes.growing import depth_at
from small_games import assert_goes_on

GROWING = {"progan": progan, "stylegan": stylegan}
SETTINGS = {"batch": 4, "z_dim": 6, "width": 4, "widest": 8}


def drawing(batch, seed=7):
    images = torch.randint(0, 256, (40, 1, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(5))
    return Images("images", images).draw(batch, seed=seed)


def start(name, seed=1, **settings):
    """A game that is stable for 8 images at each size and fades over 16, 2 and 4 rounds, and its data."""
    recipe = find(name)
    growth = {"first": 4, "stable_images": 8, "fade_images": 16} if name in GROWING else {}
    config = recipe.Config(**{**SETTINGS, **growth, **settings})
    torch.manual_seed(seed)
    return recipe.build(config, Spec(1, 16)).seed(seed), drawing(config.batch)


def depths(game):
    nets = (game["G"].module, game["G"].average.module, game["D"].module)
    return {net.depth for module in nets for net in module.modules() if hasattr(net, "depth")}


@pytest.mark.parametrize("name", GROWING)
def test_all_networks_grow_with_the_images_seen(name):
    game, draw = start(name)
    seen = []
    for report in play(game, draw, 14):
        assert len(depths(game)) == 1
        seen.append((report.values()["size.side"], report.values()["size.alpha"]))
    fade = [0.25, 0.5, 0.75]
    assert seen[:9] == [(4, 1)] * 3 + [(8, a) for a in fade] + [(8, 1)] * 3
    assert seen[9:] == [(16, a) for a in fade] + [(16, 1)] * 2


@pytest.mark.parametrize("name", GROWING)
@pytest.mark.parametrize("rounds", [2, 5, 8])
def test_a_restart_before_in_and_after_a_fade_changes_no_bit(name, rounds, tmp_path):
    """It goes on over the next boundary, where layers play for the first time, as if never stopped."""
    assert_goes_on(tmp_path, partial(start, name), saved=rounds, ends=12)


@pytest.mark.parametrize("name", GROWING)
def test_layers_wait_untouched_until_they_play(name):
    """Weights and optimiser: a layer's first step is step 1 of its own."""
    game, draw = start(name)
    block = (game["G"].module if name == "progan" else game["G"].module.synthesis).blocks[1]
    before = [p.clone() for p in block.parameters()]
    list(play(game, draw, 3))
    assert all(torch.equal(p, old) for p, old in zip(block.parameters(), before, strict=True))
    assert not any(p in game["G"].optimizer.state for p in block.parameters())
    list(play(game, draw, 5))
    moved = [p for p in block.parameters() if p in game["G"].optimizer.state]
    assert {float(game["G"].optimizer.state[p]["step"]) for p in moved} == {2.0}
    assert len(moved) == len(before)


@pytest.mark.parametrize("name", GROWING)
def test_a_restored_game_makes_the_images_of_its_size(name, tmp_path):
    game, draw = start(name)
    list(play(game, draw, 5))
    path = save(game, tmp_path)
    other, _ = start(name, seed=2)
    restore(other, path)
    (x, _), (y, _) = sample(game, 3, seed=0), sample(other, 3, seed=0)
    assert torch.equal(x, y)
    assert x.shape == (3, 1, 16, 16)
    assert torch.equal(x, enlarged(x[..., ::2, ::2], 16))  # 8 pixels a side


@pytest.mark.parametrize("name", GROWING)
def test_at_its_own_size_nothing_grows(name):
    game, draw = start(name, first=16)
    list(play(game, draw, 2))
    assert depths(game) == {2.0}
    with pytest.raises(ValueError, match="first=32: expected at most"):
        start(name, first=32)


def test_a_fade_is_linear_in_the_images():
    config = progan.Config(first=8, stable_images=600, fade_images=800)
    assert [depth_at(config, n, 3) for n in (0, 600, 800, 1400, 2000, 2200, 3400, 10**9)] == pytest.approx(
        [1, 1, 1.25, 2, 2, 2.25, 3, 3]
    )


def look(game, player, batch):
    """The first of a player's moves, with random numbers that are always the same."""
    move = next(move for move in game.moves if move.player == player)
    return gradient(game.seed(3), move, batch)


def test_progan_s_critic_minimises_wgan_gp_with_drift():
    game, draw = start("progan", first=16, gp_target=2.0, drift=0.5)
    batch, D, rng = draw(), game["D"].module, torch.Generator().manual_seed(3)
    terms, _ = look(game, "D", batch)
    fake = game["G"].module(common.noise(batch, 6, rng))
    penalty = 10 / 2**2 * gradient_penalty(D, batch.x, fake, rng, target=2.0)
    values = D(batch.x)
    wanted = {"real": -values.mean(), "fake": D(fake).mean(), "drift": 0.5 * values.square().mean()}
    for name, value in (wanted | {"gradient_penalty": penalty}).items():
        assert terms[name].item() == pytest.approx(value.item(), rel=1e-4, abs=1e-6)


def test_stylegan_s_critic_pays_for_its_slope_at_real_images():
    game, draw = start("stylegan", first=16, r1_gamma=7.0)
    batch = draw()
    terms, grads = look(game, "D", batch)
    D = game["D"].module
    fake = game["G"].module(common.noise(batch, 6, rng := torch.Generator().manual_seed(3)), rng=rng).detach()
    loss = sum(minimax_critic(D(batch.x), D(fake)).values()) + 7 * r1(D, batch.x)
    assert terms["r1"].item() == pytest.approx(7 * r1(D, batch.x).item(), rel=1e-4)
    wanted = torch.autograd.grad(loss, game["D"].parameters, allow_unused=True)
    for found, right in zip(grads, wanted, strict=True):
        assert (found is None) == (right is None)
        assert found is None or torch.allclose(found, right, rtol=1e-3, atol=1e-5)


def test_lazy_r1_is_r1_of_every_round_on_average():
    """Over 16 rounds of one critic and one batch, the gradients of its penalty add up to 16 times gamma r1's."""
    game, draw = start("stylegan2", r1_gamma=0.3, r1_every=16)
    batch, D = draw(), game["D"]
    _, lazy = (move for move in game.moves if move.player == "D")
    total = [torch.zeros_like(p) for p in D.parameters]
    for game.round in range(16):
        if lazy in game.due():
            _, grads = gradient(game, lazy, batch)
            total = [t + (0 if g is None else g) for t, g in zip(total, grads, strict=True)]
    wanted = torch.autograd.grad(0.3 * r1(D.module, batch.x), D.parameters, allow_unused=True)
    for found, right in zip(total, wanted, strict=True):
        assert torch.allclose(found, 16 * (torch.zeros_like(found) if right is None else right), rtol=1e-4, atol=1e-6)


def test_adam_is_scaled_for_one_step_more_in_k_rounds():
    """c = k / (k + 1): 16 / 17 for the critic, 4 / 5 for the generator; players without a lazy step stay as set."""
    paper = {"r1_every": 16, "path_weight": 1.0, "path_every": 4}
    game, _ = start("stylegan2", lr_critic=1e-3, lr_generator=1e-3, beta1=0.5, beta2=0.99, **paper)
    for name, c in (("D", 16 / 17), ("G", 4 / 5)):
        (group,) = game[name].optimizer.param_groups
        assert group["lr"] == pytest.approx(c * 1e-3)
        assert group["betas"] == pytest.approx((0.5**c, 0.99**c))
    game, _ = start("stylegan2", path_weight=0.0, r1_gamma=0.0, beta1=0.5)
    assert len(game.moves) == 2
    assert {p.optimizer.param_groups[0]["betas"] for p in game.players} == {(0.5, 0.99)}


def test_the_mean_path_length_forgets_its_start():
    """After t steps it is Adam's corrected mean of t lengths."""
    path = stylegan2.Path(0.9)
    moment = 0.0
    for t, value in enumerate((3.0, 1.0, 4.0), start=1):
        moment = 0.9 * moment + 0.1 * value
        a = path.with_these(torch.tensor([value - 1, value + 1]))
        assert a.item() == pytest.approx(moment / (1 - 0.9**t), rel=1e-5)
        path.follow({})
        assert path.length.item() == a.item()


def test_the_path_length_is_that_of_images_without_mixing():
    """The formula at half the batch; 4 times the weight as every fourth round, over log2(16) - 1."""
    game, draw = start("stylegan2", path_weight=2.0)
    _, lazy = (move for move in game.moves if move.player == "G")
    terms, grads = gradient(game.seed(3), lazy, batch := draw())
    G, rng = game["G"].module, torch.Generator().manual_seed(3)
    w = G.mapping(common.noise(batch, 6, rng)[:2])
    x = G.synthesis(w, rng)
    y = torch.randn(x.shape, generator=rng) / 16
    lengths = torch.stack([torch.autograd.grad((x[i] * y[i]).sum(), w, retain_graph=True)[0][i].norm() for i in (0, 1)])
    wanted = 2 * 4 / 3 * (lengths - lengths.mean()).square().mean()
    assert terms["path"].item() == pytest.approx(wanted.item(), rel=1e-3)
    assert any(g is not None and g.any() for g in grads)


def labelled(seed=1, **settings):
    """StyleGAN2 with labels, and its data."""
    config = stylegan2.Config(**{**SETTINGS, "batch": 6, "conditional": True, **settings})
    torch.manual_seed(seed)
    game = stylegan2.build(config, Spec(1, 16, classes=3)).seed(seed)
    images = torch.randint(0, 256, (40, 1, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(5))
    return game, Images("images", images, torch.arange(40) % 3, classes=3).draw(6, seed=7)


def test_stylegan2_is_told_labels_and_asks_for_them():
    """The same z under another label is another sample, the same x has another score; without labels it says so."""
    game, draw = labelled(path_weight=1.0, path_every=1, r1_every=1, mixing=0.9)
    list(play(game, draw, 3))
    (z, y), x = (latents(game, 3, seed=0), torch.arange(3)), draw().x[:3]
    assert (generate(game, z, y) - generate(game, z, (y + 1) % 3)).flatten(1).norm(dim=1).min() > 0
    assert (score(game, x, y) - score(game, x, (y + 1) % 3)).abs().min() > 0
    assert generate(game, z, y).abs().max() <= 1
    with pytest.raises(ValueError, match=r"classes=0: expected data with 2 or more labels .*; or --conditional false$"):
        stylegan2.build(stylegan2.Config(conditional=True), Spec(1, 16))


def test_the_penalties_of_stylegan2_are_taken_under_the_batchs_labels():
    game, draw = labelled(r1_gamma=0.3, r1_every=4, path_weight=2.0)
    batch, D, G = draw(), game["D"].module, game["G"].module
    (_, slope), (_, length) = ([move for move in game.moves if move.player == name] for name in "DG")
    terms, _ = gradient(game, slope, batch)
    x = batch.x.clone().requires_grad_()
    (at,) = torch.autograd.grad(D(x, batch.y).sum(), x)
    assert terms["r1"].item() == pytest.approx(4 * 0.3 / 2 * at.square().flatten(1).sum(1).mean().item(), rel=1e-4)
    terms, _ = gradient(game.seed(3), length, batch)
    rng = torch.Generator().manual_seed(3)
    w = G.mapping(common.noise(batch, 6, rng)[:3], batch.y[:3])
    made = G.synthesis(w, rng)
    y = torch.randn(made.shape, generator=rng) / 16
    (rows,) = torch.autograd.grad((made * y).sum(), w)
    wanted = 2 * 4 / 3 * (rows.norm(dim=1) - rows.norm(dim=1).mean()).square().mean()
    assert terms["path"].item() == pytest.approx(wanted.item(), rel=1e-3)


def test_stylegan2_with_labels_restarts_without_changing_a_bit(tmp_path):
    assert_goes_on(tmp_path, partial(labelled, mixing=0.9), saved=3, ends=6)


@pytest.mark.parametrize("name", ["progan", "stylegan", "stylegan2"])
@pytest.mark.parametrize("spec", [Spec(3, 8), Spec(1, 16), Spec(3, 64)])
def test_the_networks_fit_any_power_of_two(name, spec):
    game = find(name).build(find(name).Config(**SETTINGS, group=3), spec)
    list(play(game, lambda: Batch(torch.randn(4, *spec.shape)), 1))
    x, _ = sample(game, 2, seed=0)
    assert x.shape == (2, *spec.shape)
    assert game.sampler.score(game.nets(), x, None).shape == (2,)


@pytest.mark.parametrize(
    "name, spec, settings, what",
    [
        ("progan", Spec(1, 24), {}, "size=24: expected a power of two"),
        ("stylegan", Spec(1, 4), {}, "size=4: expected a power of two"),
        ("stylegan2", Spec(2), {}, "network=stylegan2: expected images"),
        ("stylegan2", Spec(1, 16), {"network": "mlp"}, "no network is called 'mlp'"),
        ("stylegan", Spec(1, 16), {"remedies": "packing"}, "remedies=packing: expected a critic with one first layer"),
        ("stylegan2", Spec(1, 16), {"remedies": "spectral-norm"}, "remedies=spectral-norm: expected a critic whose"),
        ("stylegan2", Spec(1, 16), {"remedies": "r1"}, "remedies=r1: expected a recipe that does not penalise"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_line(name, spec, settings, what):
    with pytest.raises(ValueError, match=what):
        find(name).build(find(name).Config(**{**SETTINGS, **settings}), spec)


@pytest.mark.parametrize(
    "name, setting, value",
    [
        ("progan", "first", 6),
        ("progan", "fade_images", 0),
        ("progan", "gp_target", 0.0),
        ("progan", "widest", 2),
        ("stylegan", "mixing", 1.5),
        ("stylegan", "w_dim", 0),
        ("stylegan2", "r1_every", 0),
        ("stylegan2", "path_decay", 1.0),
        ("stylegan2", "optimizer", "sgd"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(name, setting, value):
    with pytest.raises(ValueError, match=f"{setting}={value}: expected"):
        find(name).Config(**{**SETTINGS, setting: value})


KNOWN = (
    "ada consistency diffaugment feature-matching gdpp historical-averaging lecam minibatch-discrimination top-k unroll"
)


@pytest.mark.parametrize("remedy", KNOWN.split())
@pytest.mark.parametrize("name", ["stylegan", "stylegan2"])
def test_remedies_treat_them(name, remedy):
    """At every size from 4 pixels, through lazy steps: what is measured is finite and the remedy is played."""
    treated = start(name, remedies=remedy)
    plain = start(name)
    for game, draw in (treated, plain):
        game.images = 100 if name == "stylegan2" or remedy == "ada" else 0
        list(play(game, draw, 2))
    if remedy not in ("ada", "top-k"):  # which begin without effect
        ends = [torch.cat([p.flatten() for p in [*g["G"].parameters, *g["D"].parameters]]) for g, _ in (treated, plain)]
        assert not torch.equal(*ends)
    assert sample(treated[0], 2, seed=0)[0].isfinite().all()

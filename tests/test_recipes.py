"""The contract that every recipe meets without writing a test of its own: it builds, plays, restores, samples."""

from dataclasses import fields, is_dataclass, replace
from functools import partial

import pytest
import torch

from saddle import recipes
from saddle.game import DYNAMICS, generate, gradient, play, reconstruct, repeatable, sample, score
from saddle.recipes.common import Adversarial
from small_games import CASES, NEEDS_IMAGES, advance, assert_goes_on, assert_same, kept, start, toys

NAMES = sorted(recipes.names())
ADVERSARIAL = [name for name in NAMES if isinstance(recipes.find(name).SMALL, Adversarial)]
PENALTIES = [("wgan-gp", "gp_weight"), ("dragan", "gp_weight"), ("r3gan", "gamma")]
OPTIONS = {"label_smoothing": 0.2, "instance_noise": 0.5}


@pytest.fixture(params=["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"])
def device(request):
    """Each kind that there is, repeating itself."""
    with repeatable(request.param):
        yield request.param


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_has_all_that_the_command_reads(name):
    recipe = recipes.find(name)
    entry = next(entry for entry in recipes.catalogue() if entry["name"] == name)
    assert is_dataclass(recipe.Config)
    assert recipe.Config.__dataclass_params__.frozen
    assert type(recipe.SMALL) is recipe.Config
    assert entry["source"] == recipe.SOURCE
    assert entry["summary"].endswith(".")
    assert all(type(getattr(recipe.Config(), field.name)) in (int, float, str, bool) for field in fields(recipe.Config))


@pytest.mark.parametrize("name, kind", CASES)
def test_a_restored_game_goes_on_as_if_never_stopped(name, kind, device, tmp_path):
    assert_goes_on(tmp_path, partial(start, name, kind, device=device))


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_what_falls_with_the_images_seen_goes_on_after_a_restart(name, tmp_path):
    """Noise and step sizes that fall to zero, neither of which is saved."""
    falling = {"instance_noise": 0.3, "instance_noise_images": 100, "decay_until": 100, "label_smoothing": 0.1}
    assert_goes_on(tmp_path, partial(start, name, "images", **falling))


@pytest.mark.parametrize("dynamics", sorted(DYNAMICS))
def test_every_dynamics_restores(dynamics, device, tmp_path):
    assert_goes_on(tmp_path, partial(start, "gan", "points", device=device, dynamics=dynamics))


@pytest.mark.parametrize("name, kind", CASES)
def test_a_seed_means_the_same_run(name, kind, device):
    """Twice the same seed gives the same bits, and every player has moved."""
    first = advance(*start(name, kind, device=device), 2)
    assert_same(advance(*start(name, kind, device=device), 2), first)
    game, draw = start(name, kind, device=device)
    before, after = kept(game)[0], advance(game, draw, 2)[0]
    for player in game.players:
        weights = [f"{player.name}/module/{key}" for key, _ in player.module.named_parameters()]
        assert any(not torch.equal(before[key], after[key]) for key in weights), player.name


@pytest.mark.parametrize("name, kind", CASES)
def test_samples_are_shaped_as_the_data(name, kind, device):
    game, draw = start(name, kind, device=device)
    advance(game, draw, 2)
    x, y = sample(game, 6, seed=3)
    assert x.shape == (6, *toys(kind).spec.shape)
    assert x.dtype == torch.float32
    assert x.isfinite().all()
    assert kind == "points" or x.abs().max() <= 1
    assert (y is None) == (game.sampler.classes == 0)
    assert torch.equal(sample(game, 6, seed=3)[0], x)


@pytest.mark.parametrize("name, kind", CASES)
def test_looking_changes_nothing(name, kind, device):
    """Samples, scores and reconstructions leave weights, statistics and random numbers as they were."""
    game, draw = start(name, kind, device=device)
    advance(game, draw, 2)
    before, batch = kept(game), toys(kind).sample(6, torch.Generator())
    sample(game, 6, seed=3)
    if game.sampler.score is not None:
        assert score(game, batch.x, batch.y if game.sampler.classes else None).shape == (6,)
    if game.sampler.reconstruct is not None:
        assert reconstruct(game, batch.x).shape == batch.x.shape
    assert_same(kept(game), before)
    assert all(player.module.training for player in game.players)


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_depends_on_its_own_latent_only(name):
    """One at a time or all at once, with whatever else is in the batch."""
    game, draw = start(name, "images")
    advance(game, draw, 2)
    z = game.sampler.prior(4, torch.Generator().manual_seed(0))
    y = torch.tensor([0, 1, 2, 0]) if game.sampler.classes else None
    alone = generate(game, z[:1], None if y is None else y[:1])
    assert torch.allclose(generate(game, z, y)[:1], alone, atol=1e-5)


def critic_gradient(name, kind, settings, mover="D"):
    """The mover's gradient at the start, as one vector; equal settings give equal weights and draws."""
    game, draw = start(name, kind, **settings)
    torch.manual_seed(3)
    for schedule in game.schedules:
        schedule(0)
    move = next(move for move in game.moves if move.player == mover)
    batch = game.look(move, draw)
    _, grads = gradient(game, move, batch)
    return torch.cat([g.flatten() for g in grads if g is not None])


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("name", ADVERSARIAL)
def test_an_option_acts_on_the_critic(name, option):
    plain = critic_gradient(name, "images", {})
    changed = critic_gradient(name, "images", {option: OPTIONS[option]})
    assert (changed - plain).norm() > 1e-3 * plain.norm()


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_label_smoothing_is_an_expectation_over_flipped_labels(name):
    """So the critic's gradient is affine in the share of them."""
    plain, some, more = (
        critic_gradient(name, "points" if name not in NEEDS_IMAGES else "images", {"label_smoothing": e})
        for e in (0.0, 0.1, 0.3)
    )
    assert torch.allclose(more - plain, 3 * (some - plain), rtol=1e-3, atol=1e-4 * float(plain.abs().max()))


@pytest.mark.parametrize("name, weight", PENALTIES)
@pytest.mark.parametrize("kind", ["images", "points"])
def test_a_penalty_reaches_the_critic_in_proportion_to_its_weight(name, weight, kind):
    """Its own gradient is there, and is not lost for want of a second derivative."""
    none, one, five = (critic_gradient(name, kind, {weight: w}) for w in (0.0, 1.0, 5.0))
    assert (one - none).norm() > 0
    assert torch.allclose(five - none, 5 * (one - none), rtol=1e-3, atol=1e-4 * float(five.abs().max()))


@pytest.mark.parametrize("name", sorted({name for name, _ in PENALTIES}))
def test_a_penalised_critic_judges_each_sample_alone(name):
    """No batch norm: the gradient of the sum of outputs in one sample would be that of other samples too."""
    game, _ = start(name, "images")
    x = toys("images").sample(4, torch.Generator()).x
    D = game["D"].module.train()
    assert torch.allclose(D(x)[:2], D(x[:2]), atol=1e-6)


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_instance_noise_has_gone_when_it_should(name):
    game, draw = start(name, "images", instance_noise=0.5, instance_noise_images=4 * recipes.find(name).SMALL.batch)
    sigmas = []
    for _ in play(game, draw, 5):
        sigmas.append(game["D"].module.sigma)
    assert sigmas[0] == 0.5
    assert sigmas == sorted(sigmas, reverse=True)
    assert sigmas[-1] == 0


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_step_sizes_fall_linearly_to_zero(name):
    constant = {"lr_end": 1.0} if name == "r3gan" else {}  # whose own schedule would come on top
    game, _ = start(name, "images", decay_from=100, decay_until=300, **constant)
    start_lr = {p.name: p.optimizer.param_groups[0]["lr"] for p in game.players}
    for images, share in [(0, 1.0), (100, 1.0), (200, 0.5), (300, 0.0), (900, 0.0)]:
        for schedule in game.schedules:
            schedule(images)
        for p in game.players:
            assert p.optimizer.param_groups[0]["lr"] == pytest.approx(share * start_lr[p.name])


@pytest.mark.parametrize("name", sorted(NEEDS_IMAGES))
def test_points_are_refused_by_what_needs_images(name):
    with pytest.raises(ValueError, match=r"=.*: expected images"):
        start(name, "points")


@pytest.mark.parametrize(
    "name, setting, value",
    [
        *[(name, "batch", 0) for name in NAMES],
        *[(name, "z_dim", 0) for name in NAMES],
        *[(name, "label_smoothing", 0.5) for name in ADVERSARIAL],
        *[(name, "instance_noise", -1.0) for name in ADVERSARIAL],
        *[(name, "lr_critic", 0.0) for name in ADVERSARIAL],
        ("gan", "loss", "hinge"),
        ("wgan", "clip", 0.0),
        ("wgan-gp", "gp_weight", -1.0),
        ("wgan-gp", "critic_norm", "batch"),
        ("wgan-gp", "penalty", "both"),
        ("lsgan", "a", 1.0),
        ("dragan", "perturbation", -0.5),
        ("fgan", "divergence", "js"),
        ("ebgan", "margin", 0.0),
        ("ebgan", "batch", 1),
        ("began", "gamma", 1.5),
        ("began", "k_rate", 0.0),
        ("r3gan", "optimizer", "sgd"),
        ("r3gan", "burn_in", 0),
        ("cgan", "embedding", 0),
        ("vae", "sigma", 0.0),
        ("ae", "lr", 0.0),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused_by_name(name, setting, value):
    with pytest.raises(ValueError, match=rf"{setting.replace('_', '.')}|{value}"):
        replace(recipes.find(name).SMALL, **{setting: value})


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_network_is_refused(name):
    with pytest.raises(ValueError, match="no network is called 'resnet'"):
        start(name, "images", network="resnet")

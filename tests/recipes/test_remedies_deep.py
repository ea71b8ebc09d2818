"""Attention and virtual norm in the deep recipes' networks and the published pairs; what is refused says why."""

from dataclasses import replace

import pytest
import torch

from saddle.data import Images
from saddle.game import generate, latents, play, score
from saddle.networks import Referenced, SelfAttention
from saddle.recipes import find

WIDE = {"width": 8, "widest": 16}
DEEP = {
    "sngan": WIDE | {"critic_width": 8, "critic_widest": 16},
    "progan": WIDE | {"first": 16},
    "stylegan": WIDE | {"first": 16},
    "stylegan2": WIDE,
}
"""Recipes whose own networks have no attention, full-grown and wide enough for it."""


def start(recipe, size=16, channels=1, seed=1, **settings):
    rng = torch.Generator().manual_seed(5)
    x = torch.randint(0, 256, (40, channels, size, size), dtype=torch.uint8, generator=rng)
    data, module = Images("images", x, torch.arange(40) % 3, classes=3), find(recipe)
    config = replace(module.SMALL, **settings)
    torch.manual_seed(seed)
    return module.build(config, data.spec).seed(seed), data.draw(config.batch, seed=7)


def attention_of(net):
    (found,) = [module for module in net.modules() if isinstance(module, SelfAttention)]
    return found


def looks(game, x):
    """What the critic says of x and what G makes of three z, at rest."""
    y = torch.arange(3) if game.sampler.classes else None
    return score(game, x, y), generate(game, latents(game, 3, seed=0), y)


@pytest.mark.parametrize(
    "recipe, settings, shape",
    [
        *((recipe, settings, (16, 1)) for recipe, settings in DEEP.items()),
        ("sngan", DEEP["sngan"] | {"conditional": True}, (16, 1)),
        ("stylegan2", DEEP["stylegan2"] | {"conditional": True}, (16, 1)),
        ("dcgan", {"network": "metz-half"}, (28, 3)),
        ("wgan-gp", {"network": "metz-plain"}, (28, 3)),
        ("acgan", {"network": "metz-half"}, (28, 3)),
        ("dcgan", {"network": "small-resnet"}, (16, 1)),
    ],
)
def test_attention_begins_as_the_identity_at_the_side_asked_for_and_learns(recipe, settings, shape):
    size, channels = shape
    side = 4 if size == 28 else 8  # the narrow critics of digits have 8 channels only there
    (game, draw), (plain, _) = (
        start(recipe, size, channels, remedies=text, **settings) for text in (f"self-attention={side}", "")
    )
    x, sides = draw().x[:3], []
    layers = [attention_of(game[name].module) for name in ("D", "G")]
    kept = attention_of(game["G"].average.module)  # which samples are made with
    for layer in (layers[0], kept):
        layer.register_forward_hook(lambda _, args, out: sides.append(out.shape[2]))
    if recipe != "sngan":  # whose power iterations begin at random, behind the layer's own random weights
        for ours, theirs in zip(looks(game, x), looks(plain, x), strict=True):
            assert torch.allclose(ours, theirs, atol=1e-6)
        assert sides == [side, side]
    list(play(game, draw, 3))
    assert all(float(layer.gamma) != 0 for layer in (*layers, kept))


def test_sngans_norm_covers_the_critics_attention():
    game, _ = start("sngan", remedies="self-attention=8", **DEEP["sngan"])
    layer = attention_of(game["D"].module)
    names = [name for name, _ in layer.named_parameters() if "parametrizations" in name]
    assert len(names) == 4


@pytest.mark.parametrize("conditional", [False, True])
def test_virtual_norm_makes_sngans_samples_independent(conditional):
    game, draw = start("sngan", remedies="virtual-norm=6", conditional=conditional)
    list(play(game, draw, 2))
    net = game["G"].module
    assert isinstance(net, Referenced)
    z, y = torch.randn(5, 8), (torch.tensor([0, 1, 2, 0, 1]),) * conditional
    together, alone = net(z, *y), net(z[:2], *(labels[:2] for labels in y))
    assert torch.allclose(together[:2], alone, atol=1e-5)
    plain, _ = start("sngan", conditional=conditional)
    G = plain["G"].module
    assert not torch.allclose(G(z, *y)[:2], G(z[:2], *(labels[:2] for labels in y)), atol=1e-5)


@pytest.mark.parametrize("recipe", ["sagan", "biggan"])
def test_virtual_norm_keeps_what_labels_say(recipe):
    """The reference has each label as often; a sample's own gains and biases are those of its label."""
    game, draw = start(recipe, remedies="virtual-norm=6")
    list(play(game, draw, 3))
    net = game["G"].module.eval()  # sagan's and biggan's power iterations rest
    assert net.get_buffer("reference1").tolist() == [0, 1, 2, 0, 1, 2]
    z = torch.randn(1, 8).expand(3, -1)
    x = net(z, torch.arange(3))
    assert torch.allclose(x[1:2], net(z[:1], torch.tensor([1])), atol=1e-5)
    assert not torch.allclose(x[0], x[1], atol=1e-4)


@pytest.mark.parametrize(
    "recipe, remedy, settings, told",
    [
        ("sagan", "self-attention", {}, "networks without it; these have it, and --attention sets its side"),
        ("biggan", "self-attention", {}, "--attention sets its side"),
        ("sngan", "self-attention", {"network": "mlp"}, "neither perceptrons nor several"),
        ("gman", "self-attention", {"network": "dcgan"}, "neither perceptrons nor several"),
        ("mgan", "self-attention", {"network": "dcgan"}, "neither perceptrons nor several"),
        ("sngan", "self-attention", {"width": 4, "widest": 4}, "a larger --width"),
        ("stylegan", "virtual-norm", {}, "as dcgan's, sngan's and biggan's: these have none"),
        ("stylegan2", "virtual-norm", {}, "these have none that couples samples"),
        ("progan", "virtual-norm", {}, "these have none that couples samples"),
    ],
)
def test_refusals_say_why_and_what_would_work(recipe, remedy, settings, told):
    with pytest.raises(ValueError, match=f"remedies={remedy}: expected .*{told}"):
        start(recipe, remedies=remedy, **settings)

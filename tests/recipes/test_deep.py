"""R3GAN: its burn-in, and where it leads."""

import pytest
import torch

from saddle.data import ring
from saddle.data.spec import Batch, Spec
from saddle.game import play, sample
from saddle.objectives import r1
from saddle.recipes.deep import r3gan


def test_the_burn_in_follows_a_cosine():
    """lr, beta2, gamma and the average's half-life: their ends at 0 and at the end, their middle half way."""
    config = r3gan.Config(
        z_dim=4, width=8, lr_generator=4e-4, lr_critic=2e-4, lr_end=0.5, beta2=0.9, beta2_end=0.98,
        gamma=2.0, gamma_end=1.0, ema_half_life=1000.0, burn_in=800,
    )  # fmt: skip
    game = r3gan.build(config, Spec(1, 8))
    G, D = game["G"], game["D"]

    def read(images):
        for schedule in game.schedules:
            schedule(images)
        (g,), (d,) = G.optimizer.param_groups, D.optimizer.param_groups
        return [
            g["lr"],
            d["lr"],
            g["betas"][1],
            d["betas"][1],
            game.controls["control"].gamma.item(),
            G.average.half_life,
        ]

    assert read(0) == pytest.approx([4e-4, 2e-4, 0.9, 0.9, 2.0, 0.0])
    assert read(400) == pytest.approx([3e-4, 1.5e-4, 0.94, 0.94, 1.5, 500.0])
    assert read(800) == pytest.approx([2e-4, 1e-4, 0.98, 0.98, 1.0, 1000.0])
    assert read(5000) == read(800)
    early = 1 - (1 - 2**-0.5) / 2  # (1 + cos(pi / 4)) / 2 at a quarter of the way
    assert read(200)[4] == pytest.approx(1 + early)


def test_without_a_half_life_there_is_no_average():
    game = r3gan.build(r3gan.Config(z_dim=4, width=8, ema_half_life=0.0), Spec(1, 8))
    for schedule in game.schedules:
        schedule(0)
    assert game["G"].average is None


@pytest.mark.parametrize("spec, width, what", [(Spec(1, 24), 8, "size=24"), (Spec(1, 16), 12, "width=12")])
def test_sizes_that_do_not_fit_are_named(spec, width, what):
    with pytest.raises(ValueError, match=what):
        r3gan.build(r3gan.Config(width=width), spec)


@pytest.mark.parametrize("size, channels", [(8, 1), (16, 3), (64, 3)])
def test_the_networks_fit_any_power_of_two(size, channels):
    game = r3gan.build(r3gan.Config(z_dim=4, width=8), Spec(channels, size))
    x, _ = sample(game, 2, seed=0)
    assert x.shape == (2, channels, size, size)
    assert game["D"].module(x).shape == (2,)


def test_the_published_preset_has_the_papers_sizes():
    """Table 9, StackedMNIST: 20.73 and 20.68 million weights."""
    with torch.device("meta"):
        players = r3gan.networks(r3gan.PRESETS["published"], Spec(channels=3, size=32))
    assert [sum(p.numel() for p in net.parameters()) for net in players] == [20_732_160, 20_683_776]


def test_the_penalties_are_those_of_the_formula():
    """gamma/2 E[|grad D|^2] at the critic's samples, from logits that also serve the pairing."""
    D = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Softplus(), torch.nn.Linear(5, 1), torch.nn.Flatten(0))
    x = r3gan.watched(torch.randn(4, 3))
    found = r3gan.slope(D(x), x)
    assert found.item() == pytest.approx(2 * r1(D, x).item())
    wanted = torch.autograd.grad(2 * r1(D, x), list(D.parameters())[:3])
    for one, other in zip(torch.autograd.grad(found, list(D.parameters())[:3]), wanted, strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_penalties_now_and_then_weigh_as_much_as_penalties_at_each_step():
    """Every third round a step of their own on the same slopes, three times as heavy, and pairs alone in the others."""
    x, found = torch.rand(4, 1, 8, 8), {}
    for every in (1, 3):
        torch.manual_seed(0)
        game = r3gan.build(r3gan.Config(z_dim=4, width=8, penalty_every=every), Spec(1, 8))
        for p in game["G"].parameters + game["D"].parameters:
            p.data = torch.randn(p.shape) * 0.1  # the last layers of blocks begin at zero
        moves = [move for move in game.moves if move.player == "D"]
        found[every] = [(m.every, m.fresh, m.loss(Batch(x), torch.Generator().manual_seed(1))) for m in moves]
    ((_, _, whole),) = found[1]
    (_, _, pairs), (rounds, fresh, slopes) = found[3]
    assert (rounds, fresh) == (3, False)
    assert pairs == {"pair": whole["pair"]}
    assert {name: value.item() for name, value in slopes.items()} == {
        name: pytest.approx(3 * whole[name].item()) for name in ("r1", "r2")
    }
    assert whole["r1"] > 0


@pytest.mark.parametrize("spec, rounds", [(Spec(1, 8), 8), (Spec(2), 1)])
def test_images_take_penalties_now_and_then_and_points_at_each_step(spec, rounds):
    assert r3gan.rounds_between(r3gan.Config(), spec) == rounds


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_r3gan_finds_every_mode(seed):
    """All of eight Gaussians in a ring hold a thirtieth of the samples or more within 0.4."""
    data = ring()
    config = r3gan.Config(z_dim=2, batch=16, lr_end=0.2, gamma_end=0.1, ema_half_life=1000.0, burn_in=20_000)
    torch.manual_seed(seed)
    game = r3gan.build(config, data.spec).seed(seed)
    for _ in play(game, data.draw(config.batch, seed), 1000):
        pass
    distance, mode = torch.cdist(sample(game, 2000, seed=1)[0], data.means.float()).min(1)
    assert (torch.bincount(mode[distance < 0.4], minlength=8) > 2000 / 30).sum() == 8

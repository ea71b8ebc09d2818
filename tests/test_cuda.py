"""What a CUDA device gives beside what the CPU gives; skipped where there is none. test_recipes.py asks both alike."""

from copy import deepcopy

import pytest
import torch

from saddle.data import ada
from saddle.game import compiled, generate, play, play_seeds, repeatable
from saddle.game.checkpoint import restore, save
from saddle.networks.modulated import modulated_conv, modulated_conv_grouped
from saddle.networks.resample import BILINEAR, Blur, Down2, FilteredUpConv, Up2
from small_games import CASES, advance, assert_numbers, start, toys

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")

TRACED = "aot_eager_decomp_partition"
"""torch.compile's graphs, cut as its own backend cuts them, run without a compiler for the device."""
IMAGES = [name for name, kind in CASES if kind == "images"]


@pytest.fixture(autouse=True)
def _repeatable(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)  # ten bits are not a matter of rounding
    with repeatable("cuda"):
        yield


@pytest.mark.parametrize("name, kind", CASES)
def test_a_checkpoint_goes_from_device_to_device(name, kind, tmp_path):
    """What was trained on one looks the same on the other: float32, sums in another order."""
    game, draw = start(name, kind, device="cuda")
    advance(game, draw, 2)
    path = save(game, tmp_path, draw.state_dict())
    there, _ = start(name, kind)
    restore(there, path)
    z = game.sampler.prior(6, torch.Generator().manual_seed(0))
    y = torch.arange(6) % 3 if game.sampler.classes else None
    ours = generate(game, z.cuda(), None if y is None else y.cuda()).cpu()
    torch.testing.assert_close(ours, generate(there, z, y), atol=1e-4, rtol=1e-3)
    play_on = list(play(there, start(name, kind)[1], 3))
    assert_numbers(play_on[-1].values())


@pytest.mark.parametrize("name", IMAGES)
def test_critics_and_their_second_derivatives_are_the_cpus(name):
    """A score of images, its slope in them and that slope's gradient in the weights, in float64."""
    if (game := start(name, "images")[0]).sampler.score is None:
        pytest.skip("nothing here scores a sample")
    batch = toys("images").sample(5, torch.Generator().manual_seed(1))

    def slopes(device):
        nets = {p.name: deepcopy(p.module).double().to(device).eval() for p in game.players}
        x = batch.x.double().to(device).requires_grad_(True)
        y = batch.y.to(device) if game.sampler.classes else None
        scores = game.sampler.score(nets, x, y)
        (slope,) = torch.autograd.grad(scores.sum(), x, create_graph=True)
        weights = [p for net in nets.values() for p in net.parameters()]
        seconds = torch.autograd.grad(slope.square().sum(), weights, allow_unused=True) if slope.requires_grad else []
        return [scores.detach(), slope.detach(), *[g for g in seconds if g is not None]]

    for ours, theirs in zip(slopes("cuda"), slopes("cpu"), strict=True):
        torch.testing.assert_close(ours.cpu(), theirs, atol=1e-9, rtol=1e-7)


def seconds_of(function, *inputs):
    """A function's values, the gradient of their cubes in the inputs, and that gradient's, on the inputs' device."""
    inputs = [x.requires_grad_(True) for x in inputs]
    out = function(*inputs)
    firsts = torch.autograd.grad(out.pow(3).sum(), inputs, create_graph=True)
    seconds = torch.autograd.grad(sum(g.square().sum() for g in firsts), inputs)
    return [t.detach().cpu() for t in (out, *firsts, *seconds)]


def random(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(len(shape)))


@pytest.mark.parametrize(
    "make, inputs",
    [
        (lambda: Up2(BILINEAR), [random(2, 3, 6, 4)]),
        (lambda: Down2(BILINEAR), [random(2, 3, 6, 4)]),
        (lambda: Blur((1, 2, 1)), [random(2, 3, 6, 4)]),
        (lambda: FilteredUpConv(), [random(2, 3, 5, 5), random(4, 3, 3, 3)]),
        (lambda: modulated_conv, [random(2, 3, 5, 5), random(4, 3, 3, 3), random(2, 3)]),
        (lambda: modulated_conv_grouped, [random(2, 3, 5, 5), random(4, 3, 3, 3), random(2, 3)]),
        (lambda: lambda x, m: ada.warp(x, m), [random(2, 1, 6, 6), torch.eye(3).double() + random(2, 3, 3) / 9]),
        (lambda: lambda x, m: ada.recolour(x, m), [random(2, 3, 4, 4), random(2, 4, 4)]),
    ],
    ids=["up", "down", "blur", "upconv", "modulated", "grouped", "warp", "recolour"],
)
def test_filters_and_modulation_have_the_cpus_derivatives(make, inputs):
    """Values, gradients and gradients of those, in float64."""
    function = make()
    here = seconds_of(function, *[x.clone() for x in inputs])
    there = seconds_of(
        function.cuda() if isinstance(function, torch.nn.Module) else function, *[x.cuda() for x in inputs]
    )
    for ours, theirs in zip(there, here, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-9, rtol=1e-7)


def test_ada_repeats_and_has_second_derivatives():
    x = random(2, 3, 6, 6).cuda()
    rng = lambda: torch.Generator("cuda").manual_seed(0)  # noqa: E731
    assert torch.equal(ada.ada_augment(x, 1.0, rng()), ada.ada_augment(x, 1.0, rng()))
    assert torch.autograd.gradgradcheck(lambda x: ada.ada_augment(x, 1.0, rng()), x[:, :, :4, :4].requires_grad_(True))


@pytest.mark.parametrize("name", IMAGES)
def test_bfloat16_plays(name):
    game, draw = start(name, "images", device="cuda")
    game.autocast = torch.bfloat16
    reports = list(play(game, draw, 3))
    assert_numbers(reports[-1].values())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dcgan", "sngan", "stylegan2", "r3gan", "wgan-gp"])
def test_compiled_programs_play_the_same_game(name):
    eagerly, draw = start(name, "images", device="cuda")
    expected = [report.values() for report in play(eagerly, draw, 2)]
    game, draw = start(name, "images", device="cuda")
    got = [report.values() for report in play(compiled(game, backend=TRACED), draw, 2)]
    for ours, theirs in zip(got, expected, strict=True):
        assert ours == pytest.approx(theirs, rel=0.05, abs=1e-3)


def test_seeds_played_at_once_are_the_runs_alone():
    together = list(zip(*(start("gan", "points", seed=seed, device="cuda") for seed in range(3)), strict=True))
    *_, last = play_seeds(*together, rounds=5)
    for seed in range(3):
        *_, alone = play(*start("gan", "points", seed=seed, device="cuda"), rounds=5)
        assert last[seed].values() == pytest.approx(alone.values(), rel=1e-3, abs=1e-5)

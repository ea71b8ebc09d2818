"""Compiled games against eager ones: gradients, names, what stays eager, and how many programs are made."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from saddle.data.spec import Batch, Spec
from saddle.game import (
    Game,
    Move,
    Player,
    compiled,
    consensus,
    eager,
    generate,
    gradient,
    latents,
    make_optimizer,
    play,
    score,
)
from saddle.game.checkpoint import restore, save, state
from saddle.game.programs import parts
from saddle.networks import InstanceNoise
from saddle.networks.spectral import spectral_norm
from saddle.recipes import find, names

pytestmark = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # torch.compile asks all tensors
TRACED = "aot_eager_decomp_partition"
"""torch.compile's forward and backward graphs, cut as its own backend cuts them, run without a C++ compiler."""
PLANE = Spec(2)
POINTS = {"network": "mlp", "hidden": 8, "z_dim": 4}


def counted():
    """A backend that runs what it is given as it is, and the list of what it was given."""
    given = []

    def backend(graph, inputs):
        given.append(graph)
        return graph.forward

    return backend, given


def game_of(name, spec=PLANE, **settings):
    """A recipe's small game, and a draw of one batch again and again."""
    recipe = find(name)
    torch.manual_seed(0)
    config = type(recipe.SMALL)(**{**vars(recipe.SMALL), **(POINTS if spec.points else {}), **settings})
    game = recipe.build(config, spec).to("cpu").seed(0)
    x = torch.randn(config.batch, *spec.shape, generator=torch.Generator().manual_seed(1)).clamp(-1, 1)
    return game, lambda: Batch(x, torch.arange(config.batch) % spec.classes if spec.classes else None)


def gradients(game, draw, player):
    """The gradient of a player's first move, in one row."""
    move = next(move for move in game.moves if move.player == player)
    return torch.cat([g.flatten() for g in gradient(game, move, game.look(move, draw))[1] if g is not None])


PENALISED = [
    ("wgan-gp", {}, {"gp_weight": 0.0}),
    ("r3gan", {}, {"gamma": 0.0}),
    ("dragan", {}, {"gp_weight": 0.0}),
    ("gan", {"remedies": "r1=10"}, {"remedies": ""}),
    ("gan", {"remedies": "r2=10"}, {"remedies": ""}),
]


@pytest.mark.parametrize("precision", [None, torch.bfloat16], ids=["fp32", "bf16"])
@pytest.mark.parametrize(("name", "settings", "without"), PENALISED)
def test_a_penalty_changes_the_gradient_of_a_compiled_critic_as_of_an_eager_one(name, settings, without, precision):
    """Loose in bfloat16, of 8 bits; what the penalty contributes is far above both limits."""
    found = {}
    for how, change in {"eager": {}, "compiled": {}, "unpenalised": without}.items():
        game, draw = game_of(name, **settings | change)
        game.autocast = precision
        found[how] = gradients(game if how == "eager" else compiled(game, TRACED), draw, "D")
    near = 1e-4 if precision is None else 2e-2
    size = found["eager"].norm()
    assert (found["compiled"] - found["eager"]).norm() < near * size
    assert (found["compiled"] - found["unpenalised"]).norm() > 5 * near * size


def test_a_second_derivative_that_no_rule_foresees_is_refused_and_not_wrong():
    """Inside ``eager`` it is taken."""
    net = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    game = compiled(Game([Player("D", net, make_optimizer("sgd", net, 0.1))], []), TRACED)
    x = torch.randn(4, 2, requires_grad=True)
    (slope,) = torch.autograd.grad(game["D"].module(x * 1.0).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="double backward"):
        slope.square().sum().backward()
    with eager():
        (slope,) = torch.autograd.grad(game["D"].module(x * 1.0).sum(), x, create_graph=True)
    slope.square().sum().backward()
    assert net[0].weight.grad.abs().max() > 0


def test_two_uses_of_a_compiled_critic_with_spectral_norm_before_one_gradient():
    """Each use overwrites u: no program may save it for its backward pass."""
    x = torch.randn(4, 8, generator=torch.Generator().manual_seed(0))
    found = []
    for change in (lambda game: game, lambda game: compiled(game, TRACED)):
        torch.manual_seed(0)
        net = nn.Sequential(spectral_norm(nn.Linear(8, 8)), nn.ReLU(), spectral_norm(nn.Linear(8, 1)))
        D = change(Game([Player("D", net, make_optimizer("sgd", net, 0.1))], []))["D"].module
        (D(x).square().sum() - D(2 * x).sum()).backward()
        found.append([p.grad for p in net.parameters()] + [net[2].parametrizations.weight[0].u])
    for ours, theirs in zip(*found, strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_names_checkpoints_and_rounds_are_those_of_the_eager_game(tmp_path):
    """Two compiled rounds, saved, and two eager ones are four eager rounds within rounding; and the reverse."""

    def how(word):
        game, draw = game_of("gan")
        return (compiled(game, TRACED) if word == "compiled" else game), draw

    ends = []
    for first, second in (("eager", "eager"), ("compiled", "eager"), ("eager", "compiled")):
        game, draw = how(first)
        for _ in play(game, draw, rounds=2):
            pass
        path = save(game, tmp_path / first / second)
        game, draw = how(second)
        restore(game, path)
        for _ in play(game, draw, rounds=4):
            pass
        ends.append(state(game)[0])
    assert ends[0].keys() == ends[1].keys() == ends[2].keys()
    for end in ends[1:]:
        for name, value in ends[0].items():
            assert torch.allclose(end[name].double(), value.double(), rtol=1e-4, atol=1e-6), name


def test_training_makes_its_programs_in_the_first_round_and_looking_makes_none():
    backend, given = counted()
    game, draw = game_of("gan")
    rounds = play(compiled(game, backend), draw)
    next(rounds)
    made = len(given)
    assert made >= 4  # each network with its weights at rest and moving
    next(rounds), next(rounds)
    for n in (1, 3, 5, 7):
        generate(game, latents(game, n, seed=0))
        generate(game, latents(game, n, seed=0), averaged=False)
        score(game, draw().x[:n])
    next(rounds)
    assert len(given) == made


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("gan", {"remedies": "unroll=2"}),
        ("gan", {"remedies": "feature-matching"}),
        ("gan", {"instance_noise": 0.5}),
        ("gan", {"dynamics": "consensus"}),
        ("gan", {"dynamics": "extragradient"}),
        ("gman", {}),
        ("ali", {}),
        ("vae", {}),
    ],
)
def test_a_compiled_game_measures_what_an_eager_one_does(name, settings):
    """Also where features are overheard, gradients differentiated, noise annealed, or one player holds two networks."""
    played = []
    for change in (lambda game: game, lambda game: compiled(game, TRACED)):
        game, draw = game_of(name, **settings)
        torch.manual_seed(2)  # instance noise
        played.append([report.values() for report in play(change(game), draw, rounds=3)])
    for ours, theirs in zip(*played, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-3, abs=1e-5)


def test_consensus_gradients_are_not_asked_of_programs():
    backend, given = counted()
    game, draw = game_of("gan")
    for _ in play(compiled(game, backend), draw, rounds=1, dynamics=consensus):
        pass
    assert given == []


def test_a_growing_network_waits_until_it_is_grown():
    for first, compiles in ((4, False), (8, True)):
        backend, given = counted()
        game, draw = game_of("progan", Spec(1, 8), first=first)
        for _ in play(compiled(game, backend), draw, rounds=1):
            pass
        assert bool(given) == compiles


def test_wrappers_and_single_layers_are_left_to_python():
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    assert parts(InstanceNoise(net, 0.1)) == [net]
    assert parts(nn.ModuleDict({"a": net, "b": nn.Linear(2, 2)})) == [net]
    assert parts(nn.Linear(2, 2)) == []


def test_a_network_that_is_listened_to_is_compiled_in_parts():
    backend, given = counted()
    net = nn.Sequential(nn.Sequential(nn.Linear(2, 4), nn.Tanh()), nn.Sequential(nn.Linear(4, 1), nn.Tanh()))
    game = compiled(Game([Player("D", net, make_optimizer("sgd", net, 0.1))], []), backend)
    x, heard = torch.randn(3, 2), []
    with net[0].register_forward_hook(lambda module, args, out: heard.append(out)):
        out = game["D"].module(x)
    assert torch.equal(heard[0], net[0][1](net[0][0](x))) and torch.equal(out, net[1](heard[0]))
    assert len(given) == 2


def test_without_a_compiler_the_error_names_it(monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", "")
    net = nn.Sequential(nn.Linear(2, 1), nn.ReLU())
    move = Move("D", lambda batch, rng: {"loss": F.relu(net(batch.x)).sum()})
    game = Game([Player("D", net, make_optimizer("sgd", net, 0.1))], [move])
    with pytest.raises(ValueError, match=r"compile=True: expected a C\+\+ compiler, and there is no \S+ here"):
        compiled(game)


IMAGES = Spec(1, 16, classes=4)


@pytest.mark.parametrize("name", names())
def test_every_recipe_plays_in_bfloat16_with_weights_in_float32(name):
    """No loss, control, remedy or optimiser meets a number in the wrong precision, also while a network grows."""
    game, draw = game_of(name, IMAGES)
    start = [p.detach().clone() for player in game.players for p in player.parameters]
    game.autocast = torch.bfloat16
    for report in play(game, draw, rounds=4):
        assert all(torch.tensor(value).isfinite() for value in report.values().values())
    now = [p for player in game.players for p in player.parameters]
    assert {p.dtype for p in now} == {torch.float32}
    assert any(not torch.equal(a, b) for a, b in zip(start, now, strict=True))
    tensors, _ = state(game)
    assert not [key for key, value in tensors.items() if value.dtype is torch.bfloat16]


@pytest.fixture
def doubles():
    """Numbers are float64 by default."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def compiled_and_eager(name, precision):
    """What two rounds of a recipe on images report, both ways, in pairs."""
    played = []
    for change in (lambda game: game, lambda game: compiled(game, TRACED)):
        game, draw = game_of(name, IMAGES)
        game.autocast = precision
        torch.manual_seed(2)
        played.append([report.values() for report in play(change(game), draw, rounds=2)])
    return zip(*played, strict=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", names())
def test_every_recipe_measures_the_same_compiled_on_images(doubles, name):
    """In float64: Adam's first step is as long for a gradient of rounding as for any other, and would show it."""
    for ours, theirs in compiled_and_eager(name, None):
        assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("name", names())
def test_every_recipe_measures_nearly_the_same_compiled_in_bfloat16(name):
    for ours, theirs in compiled_and_eager(name, torch.bfloat16):
        assert ours == pytest.approx(theirs, rel=0.1, abs=0.01)

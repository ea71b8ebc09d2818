"""Unrolled games against closed forms, torch's own optimisers on a copied critic, and finite differences."""

import copy
import math

import pytest
import torch
from torch import nn

from saddle.data.spec import Batch
from saddle.game import Game, Move, Player, descent, gradient, make_optimizer, play, unroll, unroll_ahead, zero_sum
from saddle.game.checkpoint import state
from saddle.objectives import minimax_critic, non_saturating_generator
from saddle.theory import bilinear, dirac, values


def nothing():
    return None


@pytest.mark.parametrize("steps", [0, 1, 2, 7])
@pytest.mark.parametrize("lr", [0.05, 0.3])
def test_the_bilinear_game_unrolls_to_its_closed_form(steps, lr):
    """y^K = y + K eta x, so f(x, y^K) = xy + K eta x², whose slope is y + 2 K eta x; at fixed y^K it is y + K eta x."""
    for unrolled, foresight in ((unroll, 2), (unroll_ahead, 1)):
        x, y = 1.25, -0.75
        game = unrolled(bilinear(lr, x0=x, y0=y), steps, mover="x", critic="y")
        for _ in play(game, nothing, rounds=20):
            x -= lr * (y + foresight * steps * lr * x)
            y += lr * x  # the critic's one ordinary step
            assert list(values(game).values()) == pytest.approx([x, y], rel=1e-12)


def test_unrolling_turns_the_orbit_of_the_bilinear_game_into_convergence():
    """The alternating map becomes x' = (1 - 2 K eta²) x - eta y, y' = y + eta x', of determinant 1 - 2 K eta² < 1."""
    lr, steps = 0.2, 3
    game = unroll(bilinear(lr, x0=1.0, y0=1.0), steps, mover="x", critic="y")
    for _ in play(game, nothing, rounds=400):
        pass
    assert 0 < math.hypot(*values(game).values()) < 4 * (1 - 2 * steps * lr**2) ** (400 / 2)


@pytest.mark.parametrize("loss", ["minimax", "non-saturating"])
def test_the_dirac_gan_unrolls_to_its_recurrence(loss):
    """psi' = psi - eta theta s(theta psi) + eta s(0) 0, differentiated by hand in theta along with its values."""

    def s(t):
        return 1 / (1 + math.exp(-t))

    lr, theta, psi, steps = 0.3, 1.1, -0.6, 4
    ahead, moved = psi, 0.0  # psi^i and d psi^i / d theta
    for _ in range(steps):
        slope = s(theta * ahead) * (1 - s(theta * ahead))
        moved -= lr * (s(theta * ahead) + theta * slope * (ahead + theta * moved))
        ahead -= lr * theta * s(theta * ahead)
    aim = {"minimax": lambda t: -s(t), "non-saturating": lambda t: s(t) - 1}[loss](theta * ahead)  # f' at theta psi^K
    for unrolled, total in ((unroll, aim * (ahead + theta * moved)), (unroll_ahead, aim * ahead)):
        game = unrolled(dirac(lr, loss=loss, theta0=theta, psi0=psi), steps)
        _, (found,) = gradient(game, game.moves[0], Batch(torch.empty(0)))
        assert found.item() == pytest.approx(total, rel=1e-12)
        assert values(game) == {"G": theta, "D": psi}


class Norms(nn.Module):
    """A smooth critic or generator with two kinds of buffers that a forward pass changes."""

    def __init__(self, inputs, outputs):
        super().__init__()
        hidden = nn.utils.parametrizations.spectral_norm(nn.Linear(6, 6))
        self.body = nn.Sequential(nn.Linear(inputs, 6), nn.BatchNorm1d(6), nn.Tanh(), hidden, nn.Tanh())
        self.output = nn.Linear(6, outputs)

    def forward(self, x):
        return self.output(self.body(x))


def small(optimizer="adam", make=Norms, beta1=0.5):
    """A float64 game of two smooth networks, two rounds old, and a batch for it."""
    torch.manual_seed(0)
    G, D = make(3, 2).double(), make(2, 1).double()

    def fake(batch, rng):
        return G(torch.randn(len(batch.x), 3, generator=rng, dtype=torch.float64))

    def critic_loss(batch, rng):
        return minimax_critic(D(batch.x), D(fake(batch, rng)))

    def generator_loss(batch, rng):
        return {"adversarial": non_saturating_generator(D(fake(batch, rng)))}

    players = [Player(name, net, make_optimizer(optimizer, net, 0.03, beta1)) for name, net in (("D", D), ("G", G))]
    game = Game(players, [Move("D", critic_loss), Move("G", generator_loss, fresh=False)]).seed(1)
    x = torch.randn(8, 2, dtype=torch.float64)
    for _ in play(game, lambda: Batch(x), rounds=2):
        pass
    return game, Batch(x)


def plain(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, 5), nn.Tanh(), nn.Linear(5, outputs))


def answered(game, batch, steps):
    """A copy of the game in which D made ``steps`` real steps of its own optimiser, always with the same numbers."""
    other = copy.deepcopy(game)
    start = game.rng.get_state()
    modules = {"D": other["D"].module, "G": other["G"].module}
    for _ in range(steps):
        rng = torch.Generator()
        rng.set_state(start)
        z = torch.randn(len(batch.x), 3, generator=rng, dtype=torch.float64)
        terms = minimax_critic(modules["D"](batch.x), modules["D"](modules["G"](z)))
        other["D"].optimizer.zero_grad()
        sum(terms.values()).backward()
        other["D"].optimizer.step()
    rng.set_state(start)
    z = torch.randn(len(batch.x), 3, generator=rng, dtype=torch.float64)
    return non_saturating_generator(modules["D"](modules["G"](z))), other


@pytest.mark.parametrize(
    ("optimizer", "beta1"),
    [("adam", 0.5), ("adam", 0.0), ("rmsprop", 0.0), ("rmsprop", 0.3), ("sgd", 0.0), ("sgd", 0.6)],
)
def test_the_gradient_is_that_of_the_game_against_the_stepped_critic(optimizer, beta1):
    """Value: torch's optimiser on a copy of D. Gradient: central differences of that value in G's weights."""
    game, batch = small(optimizer, plain, beta1)
    ahead, other = answered(game, batch, 3)
    unroll(game, 3)
    rng = game.rng.get_state()
    terms, grads = gradient(game, game.moves[1], batch)
    assert terms["adversarial"].item() == pytest.approx(ahead.item(), rel=1e-10)
    game.rng.set_state(rng)
    torch.manual_seed(5)
    along = [torch.randn_like(p) for p in game["G"].parameters]
    values, h = [], 1e-5
    for sign in (1, -2):
        with torch.no_grad():
            torch._foreach_add_(game["G"].parameters, along, alpha=sign * h)
        values.append(answered(game, batch, 3)[0].item())
    slope = sum((g * a).sum() for g, a in zip(grads, along, strict=True)).item()
    assert slope == pytest.approx((values[0] - values[1]) / (2 * h), rel=2e-6)
    assert other is not game


def test_the_first_order_variant_lacks_the_path_through_the_critics_steps():
    """Its gradient is the ordinary one against the stepped critic; what `unroll` adds is (dtheta^K/dw)' df/dtheta^K."""
    first, batch = small("sgd", plain, 0.0)
    second, _ = small("sgd", plain, 0.0)
    f, other = answered(first, batch, 2)
    by_hand = torch.autograd.grad(f, other["G"].parameters)
    _, ahead = gradient(unroll_ahead(first, 2), first.moves[1], batch)
    _, total = gradient(unroll(second, 2), second.moves[1], batch)
    for a, b in zip(ahead, by_hand, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-14)

    game, _ = small("sgd", plain, 0.0)
    G, D = game["G"].module, game["D"].module
    z = torch.randn(8, 3, generator=game.rng, dtype=torch.float64)

    def stepped(*weights):
        theta = {name: p.detach() for name, p in D.named_parameters()}
        fake = torch.func.functional_call(G, dict(zip(dict(G.named_parameters()), weights, strict=True)), (z,))
        for _ in range(2):

            def loss(theta):
                rate = lambda x: torch.func.functional_call(D, theta, (x,))  # noqa: E731
                return sum(minimax_critic(rate(batch.x), rate(fake)).values())

            slopes = torch.func.grad(loss)(theta)
            theta = {name: theta[name] - 0.03 * slopes[name] for name in theta}
        return tuple(theta.values())

    weights = tuple(p.detach() for p in G.parameters())
    theta, pull = torch.func.vjp(stepped, *weights)
    leaves = {n: t.detach().requires_grad_() for n, t in zip(dict(D.named_parameters()), theta, strict=True)}
    f = non_saturating_generator(torch.func.functional_call(D, leaves, (G(z).detach(),)))
    missing = pull(torch.autograd.grad(f, list(leaves.values())))
    for a, b, m in zip(total, ahead, missing, strict=True):
        torch.testing.assert_close(a - b, m, rtol=1e-8, atol=1e-13)


def test_no_steps_are_the_ordinary_game_bit_for_bit():
    ordinary, batch = small()
    unrolled, _ = small()
    unroll(unroll_ahead(unrolled, 0), 0)
    for game in (ordinary, unrolled):
        for _ in play(game, lambda: batch, rounds=5):
            pass
    for name, value in state(ordinary)[0].items():
        assert torch.equal(value, state(unrolled)[0][name]), name


@pytest.mark.parametrize("unrolled", [unroll, unroll_ahead])
@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "sgd"])
def test_the_surrogate_leaves_no_trace(unrolled, optimizer):
    """Weights, moments and buffers of D stay; G's buffers and the random numbers go on as in the ordinary move."""
    ordinary, batch = small(optimizer)
    game, _ = small(optimizer)
    identities = [*map(id, game["D"].module.parameters()), *map(id, game["D"].module.buffers())]
    before = {name: value.clone() for name, value in state(game)[0].items() if name.startswith("D/")}
    gradient(unrolled(game, 3), game.moves[1], batch)
    gradient(ordinary, ordinary.moves[1], batch)
    after, expected = state(game)[0], state(ordinary)[0]
    assert all(torch.equal(after[name], value) for name, value in before.items())
    for name, value in after.items():
        if not name.startswith("D/"):
            assert torch.equal(value, expected[name]), name
    assert [*map(id, game["D"].module.parameters()), *map(id, game["D"].module.buffers())] == identities
    assert all(p.requires_grad and p.grad is None for player in game.players for p in player.parameters)


def test_weights_come_back_when_a_loss_fails():
    game, batch = small(make=plain)
    before = [(p, p.clone()) for p in game["D"].module.parameters()]
    game.moves = [game.moves[0], Move("G", lambda batch, rng: 1 / 0, fresh=False)]
    with pytest.raises(ZeroDivisionError):
        gradient(unroll(game, 2), game.moves[1], batch)
    for (old, value), now in zip(before, game["D"].module.parameters(), strict=True):
        assert old is now
        assert torch.equal(value, now)


def test_the_saddle_loss_feels_real_samples_through_the_unrolled_critic_only():
    for steps, felt in ((0, False), (1, True)):
        game, batch = small("sgd", plain, 0.0)
        unroll(zero_sum(game), steps)
        with game.frozen("G"):
            real = game.moves[1].loss(batch, game.rng)["real"]
        assert real.requires_grad is felt
        assert real.item() < 0


def test_a_rule_may_differ_from_the_critics_optimiser():
    """Plain descent of the critic's rate is what SGD does; Adam's own steps are others."""
    sgd, batch = small("sgd", plain, 0.0)
    sgd, descending, own = alike(sgd, "sgd"), alike(sgd, "adam"), alike(sgd, "adam")
    expected = gradient(unroll(sgd, 2), sgd.moves[1], batch)[1]
    found = gradient(unroll(descending, 2, rule=descent(0.03)), descending.moves[1], batch)[1]
    assert all(map(torch.equal, found, expected))
    assert not torch.equal(gradient(unroll(own, 2), own.moves[1], batch)[1][0], expected[0])


def alike(game, optimizer):
    """A game with another optimiser and the same weights and random numbers."""
    other, _ = small(optimizer, plain, 0.0)
    for ours, theirs in zip(other.players, game.players, strict=True):
        ours.module.load_state_dict(theirs.module.state_dict())
    other.rng.set_state(game.rng.get_state())
    return other


def test_adams_steps_have_a_derivative_where_a_gradient_is_zero():
    """A weight that neither moves nor is seen has v = 0, where the root's slope is infinite."""
    game, batch = small(
        "adam", lambda inputs, outputs: nn.Sequential(nn.Linear(inputs, 4), nn.ReLU(), nn.Linear(4, outputs))
    )
    with torch.no_grad():
        game["D"].module[0].bias[0] = -1e3  # dead on all samples
    game["D"].optimizer.state.clear()
    _, grads = gradient(unroll(game, 3), game.moves[1], batch)
    assert all(g.isfinite().all() for g in grads)


def test_what_cannot_be_unrolled_is_refused():
    with pytest.raises(ValueError, match="project"):
        unroll(bilinear(0.1, clip_y=1.0), 1, mover="x", critic="y")
    with pytest.raises(ValueError, match="steps=-1"):
        unroll(dirac(0.1), -1)
    with pytest.raises(ValueError, match="single move"):
        unroll(dirac(0.1), 1, critic="E")
    with pytest.raises(ValueError, match="another player"):
        unroll(dirac(0.1), 1, mover="D")
    with pytest.raises(ValueError, match="lr=0"):
        descent(0.0)
    game, batch = small(make=plain)
    game["D"].optimizer.param_groups[0]["weight_decay"] = 0.1
    with pytest.raises(ValueError, match=r"weight_decay=0\.1"):
        gradient(unroll(game, 1), game.moves[1], batch)
    game["D"].optimizer = torch.optim.Adagrad(game["D"].module.parameters())
    with pytest.raises(ValueError, match="Adagrad"):
        gradient(unroll(small(make=plain)[0], 1) and unroll(game, 1), game.moves[1], batch)

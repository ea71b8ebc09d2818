"""The rules of a round: who moves, how often, whose gradient, and what a move leaves alone."""

import math

import pytest
import torch
from torch import nn

from saddle.data.spec import Batch
from saddle.game import Average, Game, Move, NonFinite, Player, apply, gradient, make_optimizer, play, simultaneous
from saddle.theory import bilinear


def linear_game(lr=0.1, **changes):
    """Two linear networks that look at the data; the critic also owns a parameter that no loss touches."""
    torch.manual_seed(0)
    G, D = nn.Linear(2, 2), nn.ModuleDict({"used": nn.Linear(2, 1), "unused": nn.Linear(2, 1)})

    def critic(batch, rng):
        z = torch.randn(len(batch.x), 2, generator=rng)
        return {"real": -D["used"](batch.x).mean(), "fake": D["used"](G(z)).mean()}

    def generator(batch, rng):
        return {"fake": -D["used"](G(torch.randn(len(batch.x), 2, generator=rng))).mean()}

    players = [Player("D", D, make_optimizer("adam", D, lr)), Player("G", G, make_optimizer("adam", G, lr))]
    return Game(players, [Move("D", critic, **changes), Move("G", generator, fresh=False)])


def data():
    rng = torch.Generator().manual_seed(1)
    return lambda: Batch(torch.randn(8, 2, generator=rng))


def snapshot(module):
    return [p.detach().clone() for p in module.parameters()]


def same(before, module):
    return [torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True)]


def test_a_move_changes_only_the_mover_and_only_what_its_loss_touches():
    game = linear_game()
    G, D = game["G"].module, game["D"].module
    others, untouched = snapshot(G), snapshot(D["unused"])
    for _ in range(10):
        _, grads = gradient(game, game.moves[0], game.look(game.moves[0], data()))
        apply(game["D"], grads)
    assert all(same(others, G))
    assert all(same(untouched, D["unused"]))
    assert not any(same(snapshot(D["unused"]), D["used"]))
    assert [g is None for g in grads] == [False, False, True, True]
    assert all(p.requires_grad and p.grad is None for p in [*G.parameters(), *D.parameters()])


def test_the_gradient_is_that_of_the_sum_of_terms():
    game = linear_game()
    batch = data()()
    game.seed(3)
    terms, grads = gradient(game, game.moves[0], batch)
    game.seed(3)
    sum(game.moves[0].loss(batch, game.rng).values()).backward()
    for p, g in zip(game["D"].parameters, grads, strict=True):
        assert (p.grad is None) == (g is None)
        assert g is None or torch.equal(p.grad, g)
    expected = math.sqrt(sum(float(g.square().sum()) for g in grads if g is not None))
    assert float(terms["gradient"]) == pytest.approx(expected, rel=1e-6)


def test_a_step_does_not_depend_on_the_memory_layout_of_weight_or_gradient():
    """A fused optimiser walks weight and gradient in step through memory; `autograd.grad` returns either layout."""
    weight, g = torch.randn(6, 4, 3, 3), torch.randn(6, 4, 3, 3)
    ends = []
    for layout in (torch.contiguous_format, torch.channels_last):
        for grad_layout in (torch.contiguous_format, torch.channels_last):
            net = nn.Conv2d(4, 6, 3, bias=False)
            net.weight.data = weight.clone(memory_format=layout)
            player = Player("D", net, make_optimizer("adam", net, lr=0.1))
            for _ in range(3):
                apply(player, [g.clone(memory_format=grad_layout)])
            ends.append(net.weight.detach())
    reference = nn.Parameter(weight.clone())
    plain = torch.optim.Adam([reference], lr=0.1, betas=(0.5, 0.999), foreach=False)
    for _ in range(3):
        reference.grad = g.clone()
        plain.step()
    for end in ends:
        torch.testing.assert_close(end, reference.detach())


def test_the_critic_steps_k_times_on_new_batches_and_the_generator_looks_at_the_last():
    game = linear_game(repeats=3)
    seen = []

    def draw():
        seen.append(Batch(torch.full((4, 2), float(len(seen)))))
        return seen[-1]

    report = next(play(game, draw))
    assert len(seen) == 3
    assert game.batch is seen[-1]
    assert (report.round, report.images) == (1, 12)
    assert set(report.values()) == {"D.real", "D.fake", "D.gradient", "G.fake", "G.gradient"}


def test_lazy_moves_are_due_every_n_rounds():
    game = linear_game(every=4)
    moved = ["D.real" in report.terms for report in play(game, data(), rounds=9)]
    assert moved == [True, False, False, False, True, False, False, False, True]


def test_projection_follows_each_step():
    game = linear_game(lr=1.0)
    game["D"].project = lambda module: [p.data.clamp_(-0.01, 0.01) for p in module.parameters()]
    for _ in play(game, data(), rounds=3):
        assert max(float(p.detach().abs().max()) for p in game["D"].module.parameters()) <= 0.01 + 1e-9


def test_dynamics_that_step_together_refuse_k_critic_steps():
    with pytest.raises(ValueError, match="repeats of D=2: expected 1 under these dynamics"):
        next(play(linear_game(repeats=2), data(), dynamics=simultaneous))


@pytest.mark.parametrize(
    ("poison", "what"), [(float("nan"), "loss term 'real' is nan"), (float("inf"), "is -?inf|nan")]
)
def test_a_non_finite_loss_stops_before_the_step(poison, what):
    game = linear_game()
    feed = data()
    next(play(game, feed))
    before = snapshot(game["D"].module)
    with pytest.raises(NonFinite, match=f"round 2: player D's .*{what}"):
        next(play(game, lambda: Batch(torch.full((8, 2), poison))))
    assert all(same(before, game["D"].module))


def test_a_non_finite_gradient_is_named():
    number = nn.Linear(1, 1, bias=False)
    number.weight.data.zero_()
    player = Player("D", number, make_optimizer("sgd", number, 0.1, 0.0))
    game = Game([player], [Move("D", lambda batch, rng: {"root": number.weight.abs().sqrt().sum()})])
    with pytest.raises(NonFinite, match="round 1: player D's gradient is"):
        next(play(game, lambda: None))


def test_average_has_its_half_life_in_images():
    """After half_life images of a jump from 0 to 1, the average is 1/2, however the images come in batches."""
    for batch in (1, 8, 64):
        live = nn.Linear(1, 1, bias=False)
        live.weight.data.fill_(0.0)
        average = Average(live, half_life=64, ramp=0)
        live.weight.data.fill_(1.0)
        for seen in range(batch, 65, batch):
            average.update(live, batch, seen)
        assert float(average.module.weight) == pytest.approx(0.5, rel=1e-5)


def test_average_ramps_up_with_the_images_seen():
    live = nn.Linear(1, 1, bias=False)
    average = Average(live, half_life=1e9, ramp=0.05)
    live.weight.data.fill_(1.0)
    average.module.weight.data.fill_(0.0)
    average.update(live, batch=10, seen=1000)  # half-life 0.05 * 1000 images
    assert float(average.module.weight) == pytest.approx(1 - 0.5 ** (10 / 50), rel=1e-5)


def test_unknown_movers_and_double_names_are_refused():
    game = bilinear(0.1)
    with pytest.raises(ValueError, match="move=q: expected the name of a player: x, y"):
        Game(game.players, [Move("q", game.moves[0].loss)])
    with pytest.raises(ValueError, match="expected names that differ"):
        Game([game["x"], game["x"]], [])

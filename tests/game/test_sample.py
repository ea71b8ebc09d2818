"""Looking at a game: what is looked at is as it was before."""

import torch
from torch import nn

from saddle.data.spec import Batch
from saddle.game import Average, Game, Move, Player, Sampler, checkpoint, make_optimizer, play, sample, score
from saddle.game.sample import generate, latents


def normalised_game():
    """Batch norm and dropout in both players, and an average."""
    torch.manual_seed(0)
    G = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
    D = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.LeakyReLU(0.2), nn.Linear(8, 1))

    def critic(batch, rng):
        return {"gap": D(G(torch.randn(len(batch.x), 3, generator=rng))).mean() - D(batch.x).mean()}

    def generator(batch, rng):
        return {"fake": -D(G(torch.randn(len(batch.x), 3, generator=rng))).mean()}

    players = [
        Player("D", D, make_optimizer("adam", D, 0.01)),
        Player("G", G, make_optimizer("adam", G, 0.01), Average(G, half_life=50)),
    ]
    sampler = Sampler(
        prior=lambda n, rng: torch.randn(n, 3, generator=rng),
        generate=lambda nets, z, y: nets["G"](z),
        score=lambda nets, x, y: nets["D"](x).flatten(),
    )
    game = Game(players, [Move("D", critic), Move("G", generator, fresh=False)], sampler).seed(0)
    for _ in play(game, lambda: Batch(torch.randn(16, 2) + 3), rounds=5):
        pass
    return game


def test_looking_changes_nothing():
    game, x = normalised_game(), torch.randn(30, 2)
    before, facts = checkpoint.state(game)
    sample(game, 20, seed=1)
    score(game, x)
    after, facts_after = checkpoint.state(game)
    assert facts == facts_after
    assert [name for name in before if not torch.equal(before[name], after[name])] == []
    assert all(player.module.training for player in game.players)


def test_the_same_seed_gives_the_same_samples_in_any_batch_size():
    game = normalised_game()
    z = latents(game, 20, seed=4)
    whole, parts = generate(game, z, batch=20), generate(game, z, batch=7)
    torch.testing.assert_close(whole, parts)  # at rest, a sample does not depend on its batch
    assert torch.equal(sample(game, 20, seed=4)[0], whole)
    assert not torch.equal(sample(game, 20, seed=5)[0], whole)


def test_scores_are_made_as_in_training():
    """Batch norm sees the batch's own statistics: a batch shifted as a whole scores the same behind it."""
    game = normalised_game()
    D = game["D"].module
    D[0].weight.data.copy_(torch.eye(8, 2))
    x = torch.randn(50, 2)
    torch.testing.assert_close(score(game, x), score(game, x + 10.0), rtol=1e-3, atol=1e-4)

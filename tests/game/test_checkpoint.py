"""Checkpoints: bit for bit, whole or not at all, damage found and named."""

import pytest
import torch
from torch import nn

from saddle.data.spec import Batch
from saddle.game import Average, Game, Move, Player, alternating, checkpoint, make_optimizer, optimistic, play


def convolutional_game(seed, optimizer="adam"):
    """Convolutions in channels_last, batch norm, dropout, an average and a control: every kind of state there is."""
    torch.manual_seed(seed)
    G = nn.Sequential(nn.Unflatten(1, (4, 1, 1)), nn.ConvTranspose2d(4, 3, 4), nn.BatchNorm2d(3))
    D = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Flatten(), nn.Linear(16, 1))
    balance = nn.Module()
    balance.register_buffer("k", torch.zeros(()))

    def critic(batch, rng):
        return {"gap": D(G(torch.randn(len(batch.x), 4, generator=rng))).mean() - D(batch.x).mean()}

    def generator(batch, rng):
        return {"fake": -D(G(torch.randn(len(batch.x), 4, generator=rng))).mean()}

    def follow(terms):
        balance.k.add_(0.01 * terms["gap"])

    players = [
        Player("D", D, make_optimizer(optimizer, D, 0.01)),
        Player("G", G, make_optimizer(optimizer, G, 0.01), Average(G, half_life=100)),
    ]
    game = Game(players, [Move("D", critic, after=follow), Move("G", generator, fresh=False)], controls={"k": balance})
    return game.to("cpu").seed(seed)


class Feed:
    """Seeded draws whose place in the sequence can be saved."""

    def __init__(self):
        self.rng = torch.Generator().manual_seed(5)

    def __call__(self):
        return Batch(torch.randn(6, 3, 4, 4, generator=self.rng).contiguous(memory_format=torch.channels_last))


def run(game, feed, rounds, dynamics):
    for _ in play(game, feed, rounds=rounds, dynamics=dynamics):
        pass
    return checkpoint.state(game)


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "sgd"])
@pytest.mark.parametrize("dynamics", [alternating, optimistic])
def test_restored_games_go_on_bit_for_bit(tmp_path, optimizer, dynamics):
    game, feed = convolutional_game(0, optimizer), Feed()
    run(game, feed, 3, dynamics)
    checkpoint.save(game, tmp_path, {"feed": feed.rng.get_state()})
    straight, facts = run(game, feed, 6, dynamics)

    torch.manual_seed(99)
    other, later = convolutional_game(7, optimizer), Feed()
    path, complaints = checkpoint.newest(tmp_path)
    later.rng.set_state(checkpoint.restore(other, path)["feed"])
    assert (other.round, other.images, complaints) == (3, 18, [])
    resumed, facts_too = run(other, later, 6, dynamics)
    assert facts == facts_too
    assert straight.keys() == resumed.keys()
    assert [name for name in straight if not torch.equal(straight[name], resumed[name])] == []


def test_only_the_last_three_are_kept(tmp_path):
    game, feed = convolutional_game(0), Feed()
    for _ in play(game, feed, rounds=5):
        checkpoint.save(game, tmp_path)
    assert [path.name for path in checkpoint.saved(tmp_path)] == [f"round-00000000{i}.safetensors" for i in (3, 4, 5)]
    assert len(list(tmp_path.iterdir())) == 3  # no temporary file is left


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "text"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(tmp_path, damage):
    game, feed = convolutional_game(0), Feed()
    for _ in play(game, feed, rounds=2):
        checkpoint.save(game, tmp_path)
    older, newer = checkpoint.saved(tmp_path)
    whole = newer.read_bytes()
    flipped = bytearray(whole)
    flipped[-40] ^= 1
    newer.write_bytes({"cut": whole[: len(whole) // 2], "flip": bytes(flipped), "empty": b"", "text": b"hello"}[damage])
    path, complaints = checkpoint.newest(tmp_path)
    assert path == older
    assert len(complaints) == 1
    assert str(newer) in complaints[0]


def test_a_write_that_fails_leaves_the_old_file_whole(tmp_path, monkeypatch):
    game = convolutional_game(0)
    path = checkpoint.save(game, tmp_path)
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save(game, tmp_path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_checkpoint_of_another_game_is_refused_by_name(tmp_path):
    path = checkpoint.save(convolutional_game(0), tmp_path)
    other = convolutional_game(0)
    other["D"].module[0] = nn.Conv2d(3, 8, 3)
    with pytest.raises(checkpoint.Mismatch, match=r"holds \(4,\) for D/module/0.bias, this game has \(8,\)"):
        checkpoint.restore(other, path)

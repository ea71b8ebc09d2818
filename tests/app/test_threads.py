"""How long a round takes, by a clock that the moves themselves put forward."""

import pytest
import torch
from torch import nn

from saddle.app.threads import time_rounds
from saddle.game import Game, Move, Player


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("saddle.app.threads.perf_counter", lambda: now[0])
    return now


def game_of(clock, costs):
    """A game whose moves take so many seconds each, once in so many rounds."""
    net = nn.Linear(1, 1)

    def taking(seconds):
        def loss(batch, rng):
            clock[0] += seconds
            return {"value": net.weight.sum()}

        return loss

    player = Player("G", net, torch.optim.SGD(net.parameters(), 0.1))
    return Game([player], [Move("G", taking(seconds), every=every) for seconds, every in costs])


@pytest.mark.parametrize("seconds", [30.0, 11.0, 100.0])
def test_a_round_has_its_share_of_lazy_moves(clock, seconds):
    timing = time_rounds(lambda: (game_of(clock, [(1.0, 1), (7.0, 4)]), lambda: None), [1], seconds)
    assert timing == {1: pytest.approx(1 + 7 / 4)}


def test_a_game_of_slow_rounds_is_timed_by_one(clock):
    timing = time_rounds(lambda: (game_of(clock, [(50.0, 1), (7.0, 16)]), lambda: None), [1], 3.0)
    assert timing == {1: pytest.approx(50.0)}
    assert clock[0] == pytest.approx(57 + 50)  # the first round is nobody's

"""The GAN of gan_in_30_lines.py with saddle's Game, Move and Player: the same networks, losses and steps.

What differs:

- A loss is a function that returns named terms, which are also the log. It steps and detaches nothing:
  a player's gradient is taken in its own parameters, so the other one stands still by itself.
- How a round is played is a value. ``alternating`` is what the 30 lines do; with ``simultaneous``, ``extragradient``,
  ``optimistic`` or ``consensus`` in its place the same two losses are played another way.
- All randomness comes from seeded generators that belong to the game, so it can be saved at any round and goes on bit
  for bit: ``saddle.game.checkpoint``.
- The data have a name and know their density. ``saddle train gan --data ring8`` is this game as a recipe.
"""

import torch
from torch import nn
from torch.nn.functional import softplus

from saddle import Game, Move, Player, play
from saddle.data import load
from saddle.game import alternating

torch.manual_seed(0)
data = load("ring8")
G = nn.Sequential(nn.Linear(2, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 2))  # z -> x
D = nn.Sequential(nn.Linear(2, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 1))  # x -> logit


def critic_loss(batch, rng):
    fake = G(torch.randn(len(batch.x), 2, generator=rng))
    return {"real": softplus(-D(batch.x)).mean(), "fake": softplus(D(fake)).mean()}


def generator_loss(batch, rng):
    fake = G(torch.randn(len(batch.x), 2, generator=rng))
    return {"adversarial": softplus(-D(fake)).mean()}


players = [
    Player("D", D, torch.optim.Adam(D.parameters(), 1e-3, (0.5, 0.99))),
    Player("G", G, torch.optim.Adam(G.parameters(), 5e-4, (0.5, 0.99))),
]
game = Game(players, [Move("D", critic_loss), Move("G", generator_loss, fresh=False)]).seed(0)
for report in play(game, data.draw(batch=256, seed=0), rounds=1500, dynamics=alternating):
    if report.round % 500 == 0:
        print(f"round {report.round:4d}", {name: round(value, 2) for name, value in report.values().items()})

distance, nearest = torch.cdist(G(torch.randn(2000, 2)), data.means.float()).min(1)
near = distance < 0.3
print(f"modes found: {nearest[near].unique().numel()} of 8; {100 * near.float().mean():.0f} % of samples near one")

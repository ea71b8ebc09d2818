"""Plays the recipe beside this file on eight Gaussians, without the command."""

import lazy_r1
import torch

from saddle.data import load
from saddle.game import play, sample

data = load("ring8")
config = lazy_r1.Config(z_dim=2, every=4, lr_generator=1e-3, lr_critic=1e-3)
torch.manual_seed(0)
game = lazy_r1.build(config, data.spec).seed(0)
for report in play(game, data.draw(config.batch, seed=0), rounds=1500):
    if report.round % 500 == 0:
        print(report.round, {name: round(value, 3) for name, value in report.values().items()})

x, _ = sample(game, 2000, seed=1)  # (2000, 2), from the moving average of G
distance, mode = torch.cdist(x, data.means.float()).min(1)
print("modes found:", mode[distance < 0.3].unique().numel(), "of 8")

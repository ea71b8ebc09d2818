"""A GAN in 30 lines of torch: eight Gaussians on a ring, by algorithm 1 of Goodfellow et al. 2014, arXiv:1406.2661."""

import torch
from torch import nn
from torch.nn.functional import softplus

torch.manual_seed(0)
angle = torch.arange(8) * torch.pi / 4
modes = 2 * torch.stack([angle.cos(), angle.sin()], 1)  # (8, 2)
G = nn.Sequential(nn.Linear(2, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 2))  # z -> x
D = nn.Sequential(nn.Linear(2, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 1))  # x -> logit
down = torch.optim.Adam(G.parameters(), 5e-4, (0.5, 0.99))
up = torch.optim.Adam(D.parameters(), 1e-3, (0.5, 0.99))

for _ in range(1500):
    real = modes[torch.randint(8, (256,))] + 0.02 * torch.randn(256, 2)
    fake = G(torch.randn(256, 2)).detach()  # G stands still
    loss = softplus(-D(real)).mean() + softplus(D(fake)).mean()  # -E[log D(x)] - E[log(1 - D(G(z)))]
    up.zero_grad()
    loss.backward()
    up.step()

    loss = softplus(-D(G(torch.randn(256, 2)))).mean()  # -E[log D(G(z))], which does not saturate
    down.zero_grad()
    loss.backward()
    down.step()

distance, nearest = torch.cdist(G(torch.randn(2000, 2)), modes).min(1)
near = distance < 0.3
print(f"modes found: {nearest[near].unique().numel()} of 8; {100 * near.float().mean():.0f} % of samples near one")

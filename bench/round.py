"""A round on 32x32 images in float32: how near the machine's limit, and DCGAN's how far ahead of the usual loop.

    python bench/round.py [--width 64] [--pairs 12] [--json]
    python bench/round.py --recipes sngan,stylegan2    or all: every convolution recipe against the limit

Two ratios for DCGAN at batch 64, from runs that alternate in one process:

(a) limit / saddle: the time that the round's necessary floating-point operations take as large matrix products, over
    the time of saddle's round. Necessary: G's forward pass once, D's on the real and the fake batch, D's gradients in
    its own weights, D's forward pass on the fake batch again (its weights have moved), and G's gradients; neither the
    gradient in z or in the images of D's own move, nor D's weight gradients in G's move.
(b) saddle / usual: the usual hand-written loop on the same networks written with `nn.Conv2d` and `nn.ConvTranspose2d`,
    in PyTorch's default layout, with both players' gradients on. The two are checked to compute the same function.

With `--recipes`, limit / saddle of each recipe at its own batch, and at its own width unless one is given. Operations
are counted as a round makes them, and StyleGAN2's once more as the plain formulation makes them, at the full side:
plain / saddle of 0.67 is a round of 1.5 times the plain operations' time.
"""

import argparse
import json
import os
from collections.abc import Iterator
from itertools import pairwise
from statistics import median
from time import perf_counter

import torch
from games import SETTINGS, build, lap, product_speed, rounds
from games import operations as counted
from torch import Tensor, nn
from torch.nn.functional import softplus

from saddle.data.spec import Batch, Spec
from saddle.game import play
from saddle.recipes import find

SIZE, BATCH, Z = 32, 64, 100
PLAIN = ("stylegan2",)
"""Recipes whose convolutions of stride 2 are a resampling through a filter and a convolution in one."""


def saddle_round(width: int, x: Tensor) -> Iterator[object]:
    """The recipe dcgan on the engine, moving average included."""
    recipe = find("dcgan")
    torch.manual_seed(0)
    game = recipe.build(recipe.Config(batch=BATCH, z_dim=Z, width=width), Spec(1, SIZE)).to("cpu").seed(0)
    x = x.contiguous(memory_format=torch.channels_last)
    return play(game, lambda: Batch(x))


def plain_networks(width: int) -> tuple[nn.Module, nn.Module]:
    """DCGAN's networks as a tutorial writes them."""
    widths = [4 * width, 2 * width, width]
    up: list[nn.Module] = [nn.ConvTranspose2d(Z, widths[0], 4, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU(True)]
    down: list[nn.Module] = [nn.Conv2d(1, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True)]
    for wide, narrow in pairwise(widths):
        up += [nn.ConvTranspose2d(wide, narrow, 4, 2, 1, bias=False), nn.BatchNorm2d(narrow), nn.ReLU(True)]
    for wide, narrow in reversed(list(pairwise(widths))):
        down += [nn.Conv2d(narrow, wide, 4, 2, 1, bias=False), nn.BatchNorm2d(wide), nn.LeakyReLU(0.2, True)]
    G = nn.Sequential(nn.Unflatten(1, (Z, 1, 1)), *up, nn.ConvTranspose2d(width, 1, 4, 2, 1, bias=False), nn.Tanh())
    D = nn.Sequential(*down, nn.Conv2d(4 * width, 1, 4, bias=False), nn.Flatten(0))
    return G, D


def usual_round(width: int, x: Tensor) -> Iterator[object]:
    """The loop of the tutorials: `zero_grad`, `backward`, `step`, one player after the other."""
    torch.manual_seed(0)
    G, D = plain_networks(width)
    g_step = torch.optim.Adam(G.parameters(), lr=2e-4, betas=(0.5, 0.999))
    d_step = torch.optim.Adam(D.parameters(), lr=2e-4, betas=(0.5, 0.999))
    while True:
        d_step.zero_grad()
        loss = softplus(-D(x)).mean()
        loss.backward()
        fake = G(torch.randn(BATCH, Z))
        loss = softplus(D(fake.detach())).mean()
        loss.backward()
        d_step.step()
        g_step.zero_grad()
        loss = softplus(-D(fake)).mean()
        loss.backward()
        g_step.step()
        yield loss


def operations(width: int) -> float:
    """Necessary floating-point operations of a round: two for each multiplication and addition of a convolution."""
    G, D = plain_networks(width)
    g, d = layer_costs(G, torch.zeros(1, Z)), layer_costs(D, torch.zeros(1, 1, SIZE, SIZE))
    generator = 3 * sum(g) - g[0]  # forward, weights, inputs; z needs no gradient
    critic_move = 2 * (3 * sum(d) - d[0])  # real and fake; the images need no gradient
    through_critic = 2 * sum(d)  # G's move: forward, and the gradient in the images
    return BATCH * (generator + critic_move + through_critic)


def layer_costs(net: nn.Module, x: Tensor) -> list[float]:
    """Operations of each convolution's forward pass on one sample, in order."""
    costs: list[float] = []

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        places = inputs[0] if isinstance(layer, nn.ConvTranspose2d) else output  # each meets the whole kernel
        costs.append(2.0 * layer.weight.numel() * places.shape[2] * places.shape[3])  # type: ignore[union-attr,operator]

    hooks = [m.register_forward_hook(count) for m in net.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    with torch.no_grad():
        net.eval()(x)
    for hook in hooks:
        hook.remove()
    return costs


def timed(rounds: Iterator[object]) -> float:
    """Seconds of one round."""
    start = perf_counter()
    next(rounds)
    return perf_counter() - start


def of_recipe(name: str, width: int | None, pairs: int) -> dict[str, object]:
    """How near a recipe's round comes to the limit, with operations as made and as plainly formulated."""
    made, plain = counted(name, width)
    game, multiply = build(name, width), product_speed()
    played, count = rounds(game, name), game.period
    lap(played, 2 * count), multiply(), multiply()
    rows = [(lap(played, count), multiply()) for _ in range(pairs)]
    fastest, speed = min(mine for mine, _ in rows), max(speed for _, speed in rows)
    found: dict[str, object] = {"recipe": name, "width": width, "gigaflop_per_round": round(made / 1e9, 2)}
    for word, needed in {"limit": made, "plain": plain}.items() if name in PLAIN else [("limit", made)]:
        found[f"{word}_over_saddle_median"] = round(median(needed / speed / mine for mine, speed in rows), 3)
        found[f"{word}_over_saddle_of_minima"] = round(needed / speed / fastest, 3)
    return found


def dcgan(width: int, pairs: int) -> dict[str, object]:
    """Both of DCGAN's ratios."""
    x = torch.randn(BATCH, 1, SIZE, SIZE).clamp(-1, 1)
    ours, usual, multiply = saddle_round(width, x), usual_round(width, x), product_speed()
    for _ in range(3):
        timed(ours), timed(usual), multiply()
    rows = [(timed(ours), timed(usual), multiply()) for _ in range(pairs)]
    needed = operations(width)
    limits = [needed / speed for _, _, speed in rows]
    return {
        "width": width,
        "gigaflop_per_round": round(needed / 1e9, 2),
        "limit_over_saddle_median": round(
            median(limit / mine for limit, (mine, _, _) in zip(limits, rows, strict=True)), 3
        ),
        "limit_over_saddle_of_minima": round(min(limits) / min(mine for mine, _, _ in rows), 3),
        "saddle_over_usual_median": round(median(mine / theirs for mine, theirs, _ in rows), 3),
        "saddle_over_usual_of_minima": round(
            min(mine for mine, _, _ in rows) / min(theirs for _, theirs, _ in rows), 3
        ),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", default="")
    parser.add_argument("--width", type=int)
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    names = list(SETTINGS) if args.recipes == "all" else [name for name in args.recipes.split(",") if name]
    for name in names:
        print(json.dumps(of_recipe(name, args.width, args.pairs)), flush=True)
    if not names:
        found = dcgan(args.width or 64, args.pairs)
        print(json.dumps(found) if args.json else "\n".join(f"{name:<30} {value}" for name, value in found.items()))


if __name__ == "__main__":
    main()

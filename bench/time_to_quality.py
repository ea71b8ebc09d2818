"""The demo's two minutes against two and five minutes of the usual DCGAN loop: Frechet distance over time.

    python bench/time_to_quality.py [--minutes 2] [--seeds 1] [--json]

Both train on the 5,000 digits in one process, in turns of a few seconds, so that a machine whose speed drifts treats
them alike; each has its own clock, which stops while the other trains and while samples are measured. The usual loop
has DCGAN's published settings (Adam 2e-4, beta1 0.5, batch 128, width 64) and runs 2.5 times as long. The distance is
between 5,000 samples and the 5,000 digits, in the 64 features of a small digit classifier trained here (fixed seed).
"""

import argparse
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import perf_counter

import torch
from round import plain_networks
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, softplus

from saddle.data import load
from saddle.data.dataset import Images, to_floats
from saddle.game import generate, latents, play
from saddle.recipes import find

PLAIN_BATCH, SAMPLES = 128, 5_000


def classifier(x: Tensor, y: Tensor) -> tuple[nn.Module, float]:
    """A network whose first part gives the features, and its accuracy on 500 digits kept from its training."""
    torch.manual_seed(0)
    blocks: list[nn.Module] = []
    for inputs, outputs in ((1, 32), (32, 64), (64, 64)):
        blocks += [nn.Conv2d(inputs, outputs, 3, 2, 1), nn.BatchNorm2d(outputs), nn.ReLU()]
    features = nn.Sequential(*blocks, nn.Flatten(), nn.Dropout(0.3), nn.Linear(1024, 64), nn.ReLU())
    net = nn.Sequential(features, nn.Linear(64, 10))
    order, epochs = torch.randperm(len(x)), 20
    train, held = order[:-500], order[-500:]
    step = torch.optim.Adam(net.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(step, 3e-3, total_steps=epochs * len(train.split(100)))
    for _ in range(epochs):
        for index in train[torch.randperm(len(train))].split(100):
            shift = torch.randint(-2, 3, (2,)).tolist()
            step.zero_grad()
            cross_entropy(net(x[index].roll(shift, (2, 3))), y[index]).backward()
            step.step()
            schedule.step()
    net.eval()
    with torch.no_grad():
        return features, float((net(x[held]).argmax(1) == y[held]).float().mean())


def frechet(a: Tensor, b: Tensor) -> float:
    """|mean difference|^2 + tr(A + B - 2 (A^1/2 B A^1/2)^1/2) for features (N, d), (M, d), in float64."""
    cov_a, cov_b = torch.cov(a.T), torch.cov(b.T)
    values, vectors = torch.linalg.eigh(cov_a)
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ cov_b @ root).clamp_min(0).sqrt().sum()
    return float((a.mean(0) - b.mean(0)).square().sum() + cov_a.trace() + cov_b.trace() - 2 * cross)


@dataclass
class Runner:
    """Something that trains, with a clock that runs only while it does."""

    rounds: Iterator[object]
    sample: Callable[[], Tensor]
    seconds: float = 0.0
    played: int = 0
    curve: list[tuple[float, float]] = field(default_factory=list)

    def train(self, seconds: float) -> None:
        """Play rounds until the clock has moved on by ``seconds``."""
        end = self.seconds + seconds
        while self.seconds < end:
            start = perf_counter()
            next(self.rounds)
            self.seconds += perf_counter() - start
            self.played += 1


def usual(x: Tensor, seed: int) -> Runner:
    """DCGAN's published settings in the loop of the tutorials."""
    torch.manual_seed(seed)
    G, D = plain_networks(width=64)
    for m in [*G.modules(), *D.modules()]:
        if isinstance(m, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(m.weight, 0.0, 0.02)
        elif isinstance(m, nn.BatchNorm2d):
            nn.init.normal_(m.weight, 1.0, 0.02)
    g_step = torch.optim.Adam(G.parameters(), lr=2e-4, betas=(0.5, 0.999))
    d_step = torch.optim.Adam(D.parameters(), lr=2e-4, betas=(0.5, 0.999))

    def rounds() -> Iterator[object]:
        while True:
            for index in torch.randperm(len(x)).split(PLAIN_BATCH)[:-1]:  # the short batch would upset batch norm
                d_step.zero_grad()
                fake = G(torch.randn(len(index), 100))
                (softplus(-D(x[index])).mean() + softplus(D(fake.detach())).mean()).backward()
                d_step.step()
                g_step.zero_grad()
                softplus(-D(fake)).mean().backward()
                g_step.step()
                yield None

    def sample() -> Tensor:
        rng = torch.Generator().manual_seed(1)
        G.eval()
        with torch.no_grad():
            made = torch.cat([G(torch.randn(250, 100, generator=rng)) for _ in range(SAMPLES // 250)])
        G.train()
        return made

    return Runner(rounds(), sample)


def demo(data: Images, seed: int) -> Runner:
    """What ``saddle train dcgan --data mnist --budget 2m`` plays."""
    recipe, config = find("dcgan"), find("dcgan").Config()
    torch.manual_seed(seed)
    game = recipe.build(config, data.spec).to("cpu").seed(seed)
    return Runner(play(game, data.draw(config.batch, seed)), lambda: generate(game, latents(game, SAMPLES, seed=1)))


def measure(data: Images, features: nn.Module, seed: int, minutes: float) -> dict[str, object]:
    """Train both in turns; distances at the end, and when saddle passed the usual loop's last one."""
    x = to_floats(data.images)

    def look(x: Tensor) -> Tensor:
        with torch.no_grad():
            return torch.cat([features(part) for part in x.split(500)]).double()

    real, budget = look(x), 60 * minutes
    ours, theirs = demo(data, seed), usual(x, seed)
    turns, ratio = round(budget / 5), 2.5
    for turn in range(1, turns + 1):
        ours.train(5 * turn - ours.seconds)
        ours.curve.append((round(ours.seconds, 1), frechet(look(ours.sample()), real)))
        theirs.train(5 * ratio * turn - theirs.seconds)
        if turn % 4 == 0 or turn == turns or 5 * ratio * turn - budget in (0.0, 2.5, 5.0, 7.5, 10.0):
            theirs.curve.append((round(theirs.seconds, 1), frechet(look(theirs.sample()), real)))
    at_budget = min(theirs.curve, key=lambda point: abs(point[0] - budget))
    last = theirs.curve[-1]
    reached = next((seconds for seconds, distance in ours.curve if distance <= last[1]), None)
    return {
        "seed": seed,
        "saddle": ours.curve[-1],
        "usual_same_time": at_budget,
        "usual_at_the_end": last,
        "ratio": round(ours.curve[-1][1] / at_budget[1], 3),
        "usual_end_reached_after_seconds": reached,
        "rounds": [ours.played, theirs.played],
        "saddle_curve": ours.curve,
        "usual_curve": theirs.curve,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    data = load("mnist")
    assert isinstance(data, Images)
    assert data.labels is not None
    features, accuracy = classifier(to_floats(data.images), data.labels)
    features.eval()
    found = [measure(data, features, seed, args.minutes) for seed in range(args.seeds)]
    if args.json:
        print(json.dumps({"classifier_accuracy": accuracy, "seeds": found}))
        return
    print(f"classifier: {accuracy:.1%} of 500 held-out digits")
    for row in found:
        for name, value in row.items():
            if name.endswith("curve"):
                value = "  ".join(f"{seconds:.0f}s {distance:.1f}" for seconds, distance in value)  # type: ignore[attr-defined]
            print(f"{name:<32} {value}")


if __name__ == "__main__":
    main()

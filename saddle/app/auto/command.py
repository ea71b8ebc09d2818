"""From ``saddle train auto FLAGS`` to a plan: look at the data, time candidates, choose, and say why."""

import shlex
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from saddle.app.auto.legible import legible
from saddle.app.auto.rules import Seen, Settings, choose_for
from saddle.app.devices import device_of
from saddle.app.options import TrainOptions, duration, parse_flags
from saddle.app.threads import time_rounds
from saddle.app.train import AUTO, Plan, load_data, make_plan, thread_counts, whole_path, with_target
from saddle.config import require
from saddle.data.spec import Batch, Spec
from saddle.recipes import find

if TYPE_CHECKING:
    from saddle.data import Dataset
    from saddle.game import Game
    from saddle.game.game import Draw

__all__ = ["make_auto_plan"]

SUMMARY = "Choose recipe, size, width and augmentation by the data, the time and the machine, and train."
LEAST = 16
"""Side in pixels that smaller images are enlarged to: the convolutional networks begin there."""
TRIAL = 1.5
"""Seconds a candidate is timed for."""


@dataclass(frozen=True)
class Nothing:
    """No settings: they are chosen"""


def make_auto_plan(flags: list[str]) -> tuple[Plan, bool]:
    """What ``saddle train auto FLAGS`` would do, and whether it was asked for JSON; nothing is written.

    What is chosen, why, and the same command without ``auto`` go to standard error.

    Raises:
        ValueError: a flag, a value or the data cannot be used.
    """
    options, _, _ = parse_flags(f"saddle train {AUTO}", SUMMARY, flags, Nothing)
    require(options.resume is None, "resume", options.resume, "saddle train --resume RUN: what was chosen stays chosen")
    data = load_data(replace(options, data=whole_path(options.data)), LEAST)
    device = device_of(options.device)
    options, threads = with_target(options), thread_counts(options.threads)

    def speed(recipe: str, settings: Settings, spec: Spec, precision: str) -> float:
        return images_a_second(recipe, settings, spec, precision, device, threads)

    own = any(word.partition("=")[0] == "--precision" for word in flags)
    choice = choose_for(seen(data, options, own, device), speed)
    for reason in choice.reasons:
        print(f"{AUTO}: {reason}", file=sys.stderr)
    words = [*choice.flags(), *flags]
    print(f"{AUTO}: the same is: saddle train {choice.recipe} {shlex.join(words)}", file=sys.stderr, flush=True)
    plan, as_json = make_plan(choice.recipe, words, data if choice.size in (None, data.spec.size) else None)
    return replace(plan, chosen=choice.reasons), as_json


def seen(data: "Dataset", options: TrainOptions, own_precision: bool, device: str) -> Seen:
    """What the rules ask for; ``own_precision`` says whether the one in the options is the user's word."""
    labels = getattr(data, "labels", None)
    rarest = 0 if labels is None else int(torch.bincount(labels, minlength=data.spec.classes).min())
    seconds = duration(options.budget) if options.budget else None
    points = data.sample(10_000, torch.Generator().manual_seed(0)).x if data.spec.points else None
    variance = 0.0 if points is None else float(points.var(0).mean())
    target = (options.images or 0, options.rounds or 0)
    shown = legible(data) if rarest and not data.spec.points else 0.0
    precision = options.precision if own_precision else None
    return Seen(
        data.spec, len(data), rarest, shown, variance, options.size is not None, precision, device, seconds, *target
    )


def images_a_second(
    recipe: str, settings: Settings, spec: Spec, precision: str, device: str, threads: list[int]
) -> float:
    """How many images a candidate is shown in a second here, on the number of threads that suits it best."""
    module = find(recipe)
    config = module.Config(**settings)
    batch = Batch(
        torch.zeros(config.batch, *spec.shape, device=device),
        torch.arange(config.batch, device=device) % spec.classes if spec.classes else None,
    )

    def make() -> "tuple[Game, Draw]":
        game: Game = module.build(config, spec).to(device)
        game.autocast = torch.bfloat16 if precision == "bf16" else None
        return game.seed(0), lambda: batch

    timing = time_rounds(make, threads, TRIAL)
    return float(config.batch * config.n_critic) / min(timing.values())

"""Looking into a run for `saddle doctor`: its log, its newest checkpoint, its samples, and what a replay shows."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import torch

from saddle.app.options import TrainOptions
from saddle.app.runs import Run, at_checkpoint, load_data
from saddle.app.train import Plan
from saddle.data import Dataset, Mixture
from saddle.evaluation.features import Extractor, Identity
from saddle.evaluation.features.pixels import Pixels
from saddle.evaluation.health import Verdict, exploding, non_finite, oscillation, ranked
from saddle.evaluation.health.critic import (
    Scores,
    chance_loss,
    critic_overfitting,
    critic_too_strong,
    direction,
    generator_exploiting,
)
from saddle.evaluation.health.curves import critic_share, fading
from saddle.evaluation.health.samples import Look, look, memorisation, mode_collapse
from saddle.evaluation.health.steps import first_steps, learning_rate, moved, weights
from saddle.evaluation.side import Model, Side
from saddle.evaluation.study import Study
from saddle.game import Game, NonFinite, checkpoint, play, sample, score

__all__ = ["Examination", "examine"]

SAMPLES = 1000
"""Samples of each kind that are looked at."""
LARGEST = 16
"""Side in pixels at which images are compared."""
PATIENCE = 60.0
"""Seconds that the replay of a run that ended without a word may take."""


@dataclass(frozen=True)
class Examination:
    """What was found, and what could not be looked at."""

    verdicts: list[Verdict]
    """The strongest first."""
    round: int
    """Rounds played."""
    left_out: dict[str, str]
    """Checks that could not be made, and why."""


@dataclass(frozen=True)
class _Case:
    """A run with what is needed to play it again."""

    run: Run
    rows: list[dict[str, Any]]
    plan: Plan
    settings: Mapping[str, Any]

    @property
    def data(self) -> Dataset:
        return self.plan.data

    def draw(self) -> Any:
        """The run's own order of data."""
        options = self.plan.options
        return self.data.draw(self.plan.settings.batch, options.seed, "cpu", mirror=options.mirror)


def examine(run: Run, held_out: Side | None = None) -> Examination:
    """Make every check that the run's folder allows.

    Args:
        run: it may be going on, have ended, or have failed.
        held_out: real samples that it was not trained on.
    Raises:
        ValueError: its settings, its data set or all of its checkpoints cannot be used.
    """
    torch.set_num_threads(int(run.config["threads"]))
    case = _open(run)
    path, _ = checkpoint.newest(run.checkpoints)
    left_out: dict[str, str] = {}
    failure = _failure(case, path)
    precision = case.plan.options.precision
    found = [non_finite(case.rows, failure, case.settings, precision), exploding(case.rows, case.settings)]
    found.append(oscillation(case.rows, case.settings))
    played = int(case.rows[-1]["round"]) if case.rows else 0
    if path is None:
        left_out["all but the curves"] = "there is no checkpoint yet"
    else:
        game = at_checkpoint(run, path)
        played = max(played, game.round)
        found += _of_game(case, game, held_out, left_out)
    return Examination(ranked(found, played), played, left_out)


def _open(run: Run) -> _Case:
    from saddle.recipes import find

    module = find(run.config["recipe"])
    settings = run.settings(module.Config, "settings")
    options = run.settings(TrainOptions, "options")
    plan = Plan(run.config["recipe"], module, options, settings, load_data(run), "cpu", None, run.folder)
    return _Case(run, run.log(), plan, run.config["settings"])


def _failure(case: _Case, path: Path | None) -> str | None:
    """What a run that ended without saving its last rounds says when they are played again; None if nothing.

    An end that was meant, or an interrupt, saves. So a log that goes beyond the newest checkpoint, where nobody trains,
    was cut off by a failure or a kill; the same rounds then end the same way, bit for bit.
    """
    last = int(case.rows[-1]["round"]) if case.rows else 0
    saved = int(path.stem.rpartition("-")[2]) if path is not None else 0
    if (saved >= last and path is not None) or _going(case.run):
        return None
    game, draw, until = case.plan.build(), case.draw(), monotonic() + PATIENCE
    try:
        if path is not None:
            draw.load_state_dict(checkpoint.restore(game, path))
        for report in play(game, draw):
            if report.round > last + case.plan.options.log_every or monotonic() > until:
                return None
    except NonFinite as error:
        return str(error)
    return None


def _going(run: Run) -> bool:
    """Whether a process trains in it now."""
    try:
        with run.locked():
            return False
    except (ValueError, OSError):
        return True


def _of_game(case: _Case, game: Game, held_out: Side | None, left_out: dict[str, str]) -> list[Verdict | None]:
    """What the newest checkpoint shows."""
    settings, found = case.settings, [_steps(case, game)]
    if game.sampler is None:
        left_out["critic, samples"] = "this game generates nothing"
        return found
    with torch.random.fork_rng(devices=[]):
        seen = _look(case, game, held_out, left_out)
        scores = _scores(case, game, held_out, left_out)
    if seen is not None:
        found += [mode_collapse(seen, settings), memorisation(seen, settings)]
    if scores is not None:
        found.append(critic_overfitting(scores, settings))
    if scores is not None and seen is not None:
        share = critic_share(case.rows, chance_loss(game, case.draw()()))
        found.append(critic_too_strong(scores, seen.far, share, fading(case.rows), settings))
        found.append(generator_exploiting(scores, seen.far, share, settings))
    return found


def _steps(case: _Case, game: Game) -> Verdict | None:
    start = case.plan.build()
    before = weights(start)
    try:
        first = first_steps(start, case.draw())
    except NonFinite:
        first = {}
    return learning_rate(first, moved(before, weights(game)), game.round, case.settings)


def _look(case: _Case, game: Game, held_out: Side | None, left_out: dict[str, str]) -> Look | None:
    data = case.data
    count = min(len(data), SAMPLES) if len(data) else SAMPLES
    real, model = Side.of_data(data, count), Model(game, data.spec)
    try:
        fake = Side.of_model(model, max(count, SAMPLES // 4))
        study = Study(real, fake, _eyes(real), held_out)
        kept = None if held_out is None else study.features_of(held_out).rows
        modes = data.means if isinstance(data, Mixture) else None
        return look(study, game.round, len(data) > 0, modes, kept)
    except ValueError as error:  # samples that are not finite, or too few
        left_out["samples"] = str(error)
        return None


def _eyes(real: Side) -> Extractor:
    """How samples are compared: points as they are, images by their pixels at no more than 16 to a side."""
    if real.images is None:
        return Identity()
    return Pixels(LARGEST) if real.images.shape[-1] > LARGEST else Pixels()


def _scores(case: _Case, game: Game, held_out: Side | None, left_out: dict[str, str]) -> Scores | None:
    assert game.sampler is not None
    if game.sampler.score is None:
        left_out["critic"] = "this game has no critic"
        return None
    data, rng = case.data, torch.Generator().manual_seed(0)
    batch = case.draw()()
    real = data.sample(min(len(data), SAMPLES) if len(data) else SAMPLES, rng)
    made, labels = sample(game, max(len(real.x), SAMPLES // 4), 0, averaged=False)
    if not bool(made.isfinite().all()):
        left_out["critic"] = "the samples are not finite"
        return None
    way = direction(game, batch)
    takes = game.sampler.classes > 0
    outputs = [score(game, real.x, real.y if takes else None), score(game, made, labels)]
    if way == 0.0:  # a generator without any gradient: the medians say which way is real
        way = 1.0 if float(outputs[0].median()) >= float(outputs[1].median()) else -1.0
    kept = None
    if held_out is None:
        left_out["critic-overfitting"] = "needs real samples that were kept from training: --held-out"
    elif takes and held_out.labels is None:
        left_out["critic-overfitting"] = "the held-out samples have no labels, which this critic needs"
    else:
        kept = way * score(game, held_out.floats, held_out.labels if takes else None)
    return Scores(way * outputs[0], way * outputs[1], kept, game.round)

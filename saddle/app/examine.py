"""Looking into a run for `saddle doctor`: its log, its newest checkpoint, its samples, and what a replay shows."""

from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import torch

from saddle.app.options import TrainOptions
from saddle.app.prescribe import prescribe
from saddle.app.probe import Probe, settings_of
from saddle.app.replay import replay
from saddle.app.runs import Run, at_checkpoint, load_data
from saddle.app.train import Plan
from saddle.evaluation.health import Verdict, exploding, non_finite, oscillation, ranked
from saddle.evaluation.health.critic import Scores, critic_overfitting, critic_too_strong, generator_exploiting
from saddle.evaluation.health.curves import best_share, critic_share, fading
from saddle.evaluation.health.samples import Look, memorisation, mode_collapse
from saddle.evaluation.side import Side
from saddle.game import Game, NonFinite, checkpoint, play

__all__ = ["Examination", "examine"]

PATIENCE = 60.0
"""Seconds that the replay of a run that ended without a word may take."""
OFFER = "give some with --held-out PATH, or --replay TIME trains again without a fifth of the data"
"""How a user can have the check made."""


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
    """A run with what is needed to play it again, and what is found out about it."""

    run: Run
    rows: list[dict[str, Any]]
    plan: Plan
    held_out: Side | None
    replay: float | None
    left_out: dict[str, str]

    @property
    def settings(self) -> dict[str, Any]:
        return settings_of(self.plan)


def examine(run: Run, held_out: Side | None = None, replay: float | None = None) -> Examination:
    """Make every check that the run's folder allows.

    Args:
        run: it may be going on, have ended, or have failed.
        held_out: real samples that it was not trained on.
        replay: seconds for playing it again without a fifth of its data, where a critic may know them by heart and
            nothing is held out; None: it is not played again.
    Raises:
        ValueError: its settings, its data set or all of its checkpoints cannot be used.
    """
    torch.set_num_threads(int(run.config["threads"]))
    case = _open(run, held_out, replay)
    path, _ = checkpoint.newest(run.checkpoints)
    failure = _failure(case, path)
    precision = case.plan.options.precision
    found = [non_finite(case.rows, failure, case.settings, precision), exploding(case.rows, case.settings)]
    played = int(case.rows[-1]["round"]) if case.rows else 0
    if path is None:
        case.left_out["all but the curves"] = "there is no checkpoint yet"
        found.append(oscillation(case.rows, case.settings))
    else:
        game = at_checkpoint(run, path)
        played = max(played, game.round)
        found += _of_game(case, game)
    verdicts = [prescribe(verdict, case.plan) for verdict in ranked(found, played)]
    return Examination(verdicts, played, case.left_out)


def _open(run: Run, held_out: Side | None = None, replay: float | None = None) -> _Case:
    from saddle.recipes import find

    module = find(run.config["recipe"])
    settings = run.settings(module.Config, "settings")
    options = run.settings(TrainOptions, "options")
    plan = Plan(run.config["recipe"], module, options, settings, load_data(run), "cpu", None, run.folder)
    return _Case(run, run.log(), plan, held_out, replay, {})


def _failure(case: _Case, path: Path | None) -> str | None:
    """What a run that ended without saving its last rounds says when they are played again; None if nothing.

    An end that was meant, or an interrupt, saves. So a log that goes beyond the newest checkpoint, where nobody trains,
    was cut off by a failure or a kill; the same rounds then end the same way, bit for bit.
    """
    last = int(case.rows[-1]["round"]) if case.rows else 0
    saved = int(path.stem.rpartition("-")[2]) if path is not None else 0
    if (saved >= last and path is not None) or _going(case.run):
        return None
    game = case.plan.build()
    draw, until = Probe(case.plan, game).draw(), monotonic() + PATIENCE
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


def _of_game(case: _Case, game: Game) -> list[Verdict | None]:
    """What the newest checkpoint shows, and the curves beside it."""
    probe, settings = Probe(case.plan, game), case.settings
    found = [_turning(case, probe)]
    if game.sampler is None:
        case.left_out["critic, samples"] = "this game generates nothing"
        return [*found, probe.learning_rate(None)]
    with probe.forked():
        seen = _look(case, probe)
        found.append(probe.learning_rate(None if seen is None else seen.far))
        if seen is not None:
            found += [mode_collapse(seen, settings), memorisation(seen, settings)]
        return found + _of_critic(case, probe, seen)


def _turning(case: _Case, probe: Probe) -> Verdict | None:
    """Oscillation by the curves, and what the field says to it where there is some."""
    verdict = oscillation(case.rows, case.settings)
    if verdict is None:
        return None
    try:
        return oscillation(case.rows, case.settings, probe.field())
    except ValueError as error:
        case.left_out["the field's spectrum"] = str(error)
        return verdict


def _look(case: _Case, probe: Probe) -> Look | None:
    try:
        return probe.look(case.held_out)
    except ValueError as error:  # samples that are not finite, or too few
        case.left_out["samples"] = str(error)
        return None


def _of_critic(case: _Case, probe: Probe, seen: Look | None) -> list[Verdict | None]:
    assert probe.game.sampler is not None
    if probe.game.sampler.score is None:
        case.left_out["critic"] = "this game has no critic"
        return []
    held = case.held_out
    if held is not None and probe.labelled and held.labels is None:
        case.left_out["critic-overfitting"] = "the held-out samples have no labels, which this critic needs"
        held = None
    try:
        scores = probe.scores(held)
    except ValueError as error:
        case.left_out["critic"] = str(error)
        return []
    found = [_overfitting(case, probe, scores)]
    if seen is not None:
        chance = probe.chance()
        share, best = critic_share(case.rows, chance), best_share(case.rows, chance)
        found.append(critic_too_strong(scores, seen.far, share, fading(case.rows), case.settings))
        found.append(generator_exploiting(scores, seen.far, share, best, case.settings))
    return found


def _overfitting(case: _Case, probe: Probe, scores: Scores) -> Verdict | None:
    """By held-out samples, or by a run that is played again to have some; where no sample came twice there is none."""
    if scores.held_out is not None:
        return critic_overfitting(scores, case.settings)
    endless = len(probe.data) == 0 and probe.data.spec.points  # endless images are made of finite ones
    if "critic-overfitting" in case.left_out or endless or probe.game.images <= len(probe.data):
        return None
    if case.replay is None:
        case.left_out["critic-overfitting"] = f"needs real samples that were kept from training: {OFFER}"
        return None
    try:
        again = replay(case.plan, probe.game.round, case.replay)
    except (ValueError, NonFinite) as error:
        case.left_out["critic-overfitting"] = str(error)
        return None
    if not again.whole:
        played = f"{again.scores.round:,} of {probe.game.round:,} rounds"
        case.left_out["critic-overfitting after that"] = f"the replay had time for {played}"
    return critic_overfitting(again.scores, case.settings)

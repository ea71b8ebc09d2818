"""One training session: the ordinary code around ``for report in play(...)``: log, pictures, checkpoints, stopping."""

import json
import math
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import IO, TYPE_CHECKING, Any

import torch

from saddle.app.options import Every, duration, spell_duration
from saddle.app.progress import Screen
from saddle.app.runs import Run, next_free
from saddle.app.threads import time_rounds
from saddle.app.train import Plan, thread_counts
from saddle.app.watch import Watch
from saddle.game import Game, NonFinite, Report, Terms, checkpoint, play

if TYPE_CHECKING:
    from saddle.app.judge import Judge

__all__ = ["Outcome", "Session"]


@dataclass(frozen=True)
class Outcome:
    """How a session ended."""

    run: Path
    """The run folder."""
    recipe: str
    """The recipe's name."""
    data: str
    """The data set's name or path."""
    rounds: int
    """Rounds played in all, those before a resume included."""
    images: int
    """Real images drawn in all."""
    seconds: float
    """Time trained in all."""
    stopped: str
    """budget, rounds, images, interrupted or failed."""
    error: str | None = None
    """What went wrong, when it failed."""
    kept: str | None = None
    """The checkpoint a resume would start from."""
    diverged: bool = False
    """Whether it failed because a number became infinite or NaN."""

    def document(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        facts = {name: getattr(self, name) for name in ("recipe", "data", "rounds", "images", "seconds", "stopped")}
        facts |= {"run": str(self.run), "checkpoint": self.kept}
        facts |= {"error": self.error} if self.error else {}
        return facts | ({"diverged": True} if self.diverged else {})

    def words(self) -> str:
        """What the terminal shows."""
        done = f"{self.rounds:,} rounds, {self.images:,} images, {spell_duration(self.seconds)}"
        if self.stopped == "failed":
            return f"saddle: {self.error}\nstopped after {done}; kept {self.kept or 'no checkpoint'}"
        if self.stopped == "interrupted":
            return f"interrupted after {done}, everything saved; go on with: saddle train --resume {self.run}"
        look = [path for name in ("report.html", "samples.png", "curves.png") if (path := self.run / name).exists()]
        files = "".join(f"\n  {path}" for path in look)
        return (
            f"done: {done}\nrun folder: {self.run}{files}\nsample it: saddle sample {self.run} -n 64 --out samples.png"
        )


@dataclass
class Session:
    """A game, its data and its run folder, ready to train."""

    plan: Plan
    run: Run
    game: Game
    draw: Any
    before: float
    """Seconds trained before this session."""
    rate: float
    """Rounds a second, as measured before training."""
    _interrupted: bool = field(default=False, init=False)

    @classmethod
    def prepare(cls, plan: Plan, announce: Callable[[str], None]) -> "Session":
        """Choose threads, say what will happen, make or reopen the run folder, restore its newest checkpoint."""
        if plan.options.compile:
            announce("compiling, which can take minutes and is not part of the budget")
        threads, seconds_a_round, why = _choose_threads(plan)
        torch.set_num_threads(threads)
        game, draw = plan.to_train(), _draw(plan)
        announce(_announcement(plan, game, threads, seconds_a_round, why))
        run, before = plan.resume, 0.0
        if run is None:
            if plan.options.out is None:  # the number may have been taken meanwhile
                plan = replace(plan, folder=next_free(plan.folder.parent))
            run = Run.create(plan.folder, plan.config(threads))
        else:
            with run.locked():
                before = _restore(run, game, draw, announce)
        return cls(plan, run, game, draw, before, 1 / seconds_a_round)

    def train(self) -> Outcome:
        """Play until the target, an interrupt or a failure; whatever happens, what can be saved is saved."""
        try:
            with ExitStack() as stack:
                stack.enter_context(self.run.locked())
                stack.enter_context(self._signals())
                seconds, stopped = self._play(stack)
                outcome = self._outcome(seconds, stopped, kept=self._save().name)
                if stopped != "interrupted":
                    self._finish(outcome)
                return outcome
        except NonFinite as error:
            return replace(self._failed(str(error)), diverged=True)
        except OSError as error:
            return self._failed(f"{error.filename or self.run.folder}: {error.strerror or error}")

    def _play(self, stack: ExitStack) -> tuple[float, str]:
        options, game = self.plan.options, self.game
        log = stack.enter_context((self.run.folder / "log.jsonl").open("a", encoding="utf-8"))
        scalars = _scalars(stack, self.run.folder) if options.tensorboard else None
        screen = stack.enter_context(Screen(f"{self.plan.recipe} on {self.plan.data.name}"))
        save = Every(options.checkpoint_every, "checkpoint_every")
        look = Every(options.sample_every, "sample_every")
        judge, judged = self._judge()
        watch = Watch.of(self.plan, game, screen.say)
        start = monotonic()
        done, stopped = self._progress(0.0)
        if stopped:
            return self.before, stopped
        latest: Terms = {}
        for report in play(game, self.draw):
            spent = monotonic() - start
            latest |= report.terms  # a lazy move's terms stand until it is made again
            report = replace(report, terms=latest)
            if report.round % options.log_every == 0 or report.round == 1:
                values = self._log(log, report, spent, scalars)
                watch.see(report.round, values)
            if look.due(report.round, spent):
                self._picture()
            if judge and judged and judged.due(report.round, spent):
                judge.measure(game, self.before + spent)
            if save.due(report.round, spent):
                self._save()
            done, stopped = self._progress(spent)
            if stopped or screen.wants(spent):
                screen.show(
                    done, spent, report.round, report.images, report.values(), f"into {self.run.folder}, Ctrl-C saves"
                )
            if stopped:
                return self.before + spent, stopped
        raise AssertionError("play without rounds ends only when its caller does")

    def _progress(self, spent: float) -> tuple[float, str]:
        """How far the nearest target is, in [0, 1], and why to stop, or nothing."""
        options, game = self.plan.options, self.game
        shares = {
            "budget": spent / duration(options.budget) if options.budget else 0.0,
            "rounds": game.round / options.rounds if options.rounds else 0.0,
            "images": game.images / options.images if options.images else 0.0,
        }
        nearest = max(shares, key=lambda name: shares[name])
        if self._interrupted:
            return shares[nearest], "interrupted"
        return shares[nearest], nearest if shares[nearest] >= 1 else ""

    def _log(self, log: IO[str], report: Report, spent: float, scalars: Any) -> dict[str, float]:
        values = report.values()
        bad = next((name for name, value in values.items() if not math.isfinite(value)), None)
        if bad is not None:  # an accelerator looks at its numbers every sixteenth round only, and JSON knows no NaN
            raise NonFinite(f"round {report.round}: {bad} is {values[bad]}")
        row = {"round": report.round, "images": report.images, "seconds": round(self.before + spent, 3)} | values
        log.write(json.dumps(row) + "\n")
        log.flush()
        if scalars is not None:
            scalars.write(values, report.images)
        return values

    def _picture(self, *more: Path) -> None:
        from saddle.app.pictures import draw, save_png

        image = draw(self.game, self.plan.data, seed=0)
        for path in (self.run.folder / "samples" / f"round-{self.game.round:09d}.png", *more):
            save_png(image, path)

    def _judge(self) -> tuple["Judge | None", Every | None]:
        """Who measures the game as it trains, and when; nobody, unless asked for."""
        text = self.plan.options.evaluate_every
        if text is None or self.game.sampler is None:
            return None, None
        from saddle.app.judge import Judge

        return Judge(self.plan.data, self.run.folder), Every(text, "evaluate_every")

    def _save(self) -> Path:
        return checkpoint.save(self.game, self.run.checkpoints, self.draw.state_dict())

    def _finish(self, outcome: Outcome) -> None:
        from saddle.app.curves import save_curves
        from saddle.app.report import write_report

        self._picture(self.run.folder / "samples.png")
        if self.plan.options.evaluate_every is not None and self.game.sampler is not None:
            self._last_score(outcome.seconds)
        save_curves(self.run.log(), self.run.folder / "curves.png")
        write_report(self.run.folder, self.game, self.plan.data, outcome.document())

    def _last_score(self, seconds: float) -> None:
        """Measure the game as it ends, unless that has just been done, and draw the curves of its quality."""
        from saddle.app.curves import save_score_curves

        judge, _ = self._judge()
        rows = self.run.scores()
        if judge and (not rows or rows[-1]["round"] < self.game.round):
            judge.measure(self.game, seconds)
        save_score_curves(self.run.scores(), self.run.folder / "scores.png")

    def _failed(self, message: str) -> Outcome:
        found = checkpoint.saved(self.run.checkpoints)
        rows = self.run.log()
        seconds = rows[-1]["seconds"] if rows else self.before
        return self._outcome(seconds, "failed", message, found[-1].name if found else None)

    def _outcome(self, seconds: float, stopped: str, error: str | None = None, kept: str | None = None) -> Outcome:
        game, plan = self.game, self.plan
        seconds = round(seconds, 2)
        return Outcome(
            self.run.folder, plan.recipe, plan.options.data, game.round, game.images, seconds, stopped, error, kept
        )

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Ctrl-C and a polite kill end the session after the round in play; a second one ends it at once."""

        def note(number: int, frame: object) -> None:
            if self._interrupted:
                raise KeyboardInterrupt
            self._interrupted = True

        old = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in old.items():
                signal.signal(number, handler)


def _draw(plan: Plan) -> Any:
    return plan.data.draw(plan.settings.batch, plan.options.seed, plan.device, mirror=plan.options.mirror)


def _choose_threads(plan: Plan) -> tuple[int, float, str]:
    """Threads to use, seconds a round takes with them, and why in words."""
    if plan.resume is not None:
        candidates = [int(plan.resume.config["threads"])]  # sums split over threads differently round differently
    else:
        candidates = thread_counts(plan.options.threads)
    seconds = 3.0 if len(candidates) > 1 else 0.3  # one candidate is only timed for the announcement
    timing = time_rounds(lambda: (plan.to_train(), _draw(plan)), candidates, seconds)
    best = min(timing, key=lambda count: timing[count])
    worst = max(timing, key=lambda count: timing[count])
    why = f", {timing[worst] / timing[best]:.1f}x as fast as {worst}" if len(timing) > 1 else ""
    return best, timing[best], why


def _announcement(plan: Plan, game: Game, threads: int, seconds_a_round: float, why: str) -> str:
    """The line before training: parameters, device, threads, data, expected rounds and time, memory."""
    options, spec = plan.options, plan.data.spec
    sizes = " + ".join(f"{p.name} {sum(q.numel() for q in p.parameters):,}" for p in game.players)
    kind = f"points of {spec.channels}" if spec.points else f"images {spec.channels}x{spec.size}x{spec.size}"
    count = f"{len(plan.data):,} {kind}" if len(plan.data) else f"endless {kind}"
    labels = f", {spec.classes} labels" if spec.classes else ""
    per_round = plan.settings.batch * max((move.repeats for move in game.moves if move.fresh), default=1)
    limits = {
        "budget": duration(options.budget) / seconds_a_round if options.budget else None,
        "rounds": options.rounds,
        "images": options.images / per_round if options.images else None,
    }
    rounds = min(float(limit) for limit in limits.values() if limit is not None)
    time = spell_duration(rounds * seconds_a_round)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    where = plan.device if plan.device != "cpu" else f"cpu, {threads} thread{'s' * (threads > 1)}{why}"
    how = f"{options.precision}, compiled" if options.compile else options.precision
    return (
        f"{plan.recipe} on {plan.data.name} ({count}{labels}): {sizes} parameters; {where}; {how}; "
        f"about {rounds:,.0f} rounds in {time}; memory so far {memory:,.0f} MB"
    )


def _restore(run: Run, game: Game, draw: Any, announce: Callable[[str], None]) -> float:
    path, complaints = checkpoint.newest(run.checkpoints)
    if path is None and complaints:
        raise ValueError(f"resume={run.folder}: no checkpoint is whole: {complaints[0]}; the run is left as it was")
    for complaint in complaints:
        announce(f"saddle: {complaint}; using the one before")
    if path is None:
        announce(f"no whole checkpoint in {run.checkpoints}: starting from the first round")
        return run.cut_log(0)
    draw.load_state_dict(checkpoint.restore(game, path))
    for part in [*run.folder.glob(".*.part"), *run.checkpoints.glob(".*.part")]:  # left by a kill in mid-write
        part.unlink(missing_ok=True)
    announce(f"resuming {run.folder} at round {game.round:,}")
    return run.cut_log(game.round)


def _scalars(stack: ExitStack, folder: Path) -> Any:
    from saddle.app.tensorboard import Scalars

    return stack.enter_context(Scalars(folder))

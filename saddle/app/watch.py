"""The doctor's cheap checks while a run trains: each cause is named once, as soon as the curves show it."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from saddle.data.spec import Batch
from saddle.evaluation.health import Verdict, exploding, oscillation
from saddle.evaluation.health.critic import NOTHING_LEFT, chance_loss, weaker
from saddle.evaluation.health.curves import critic_share
from saddle.evaluation.health.steps import CRAWL, LONG, moved, weights
from saddle.evaluation.health.verdict import Evidence, severity

if TYPE_CHECKING:
    from saddle.app.probe import Probe
    from saddle.app.train import Plan
    from saddle.game import Game

__all__ = ["Watch"]

EVERY = 100
"""Lines of the log from one look to the next."""
KEPT = 2000
"""Lines that are looked at: the last ones."""


@dataclass
class Watch:
    """Looks at the log of one session every so often, and says each thing once."""

    settings: Mapping[str, Any]
    """The recipe's."""
    chance: float
    """The critic's loss at chance, from `saddle.evaluation.health.critic.chance_loss`; 0: it has none."""
    say: Callable[[str], None]
    """Told each warning, a line."""
    probe: "Probe | None" = None
    """The game that is watched, for its weights and for what a warning's advice may name; None: the log is all."""
    _rows: deque[Mapping[str, Any]] = field(default_factory=lambda: deque(maxlen=KEPT), init=False)
    _seen: int = field(default=0, init=False)
    _said: set[str] = field(default_factory=set, init=False)
    _before: dict[str, Tensor] = field(default_factory=dict, init=False)

    @classmethod
    def of(cls, plan: "Plan", game: "Game", say: Callable[[str], None]) -> "Watch":
        """For a game that is about to play; it is left as it was, bit for bit."""
        from saddle.app.probe import Probe, settings_of

        drawn = plan.data.sample(plan.settings.batch, torch.Generator().manual_seed(0))
        batch = Batch(drawn.x.to(game.device), None if drawn.y is None else drawn.y.to(game.device))
        critic = game.sampler is not None and game.sampler.score is not None
        return cls(settings_of(plan), chance_loss(game, batch) if critic else 0.0, say, Probe(plan, game))

    def see(self, round: int, values: Mapping[str, float]) -> list[Verdict]:
        """Take a line of the log, look at all of them if it is time, and say what is new; returns what was said."""
        self._rows.append({"round": round, **values})
        self._seen += 1
        if self._seen == EVERY - 1 and self.probe is not None:
            self._before = weights(self.probe.game)
        if self._seen % EVERY:
            return []
        rows = list(self._rows)
        checks = (
            exploding(rows, self.settings),
            oscillation(rows, self.settings),
            self._nothing_left(rows),
            self._crawling(rows),
        )
        new = [verdict for verdict in checks if verdict is not None and verdict.cause not in self._said]
        return [self._tell(verdict, round) for verdict in new]

    def _tell(self, verdict: Verdict, round: int) -> Verdict:
        from saddle.app.prescribe import prescribe

        self._said.add(verdict.cause)
        verdict = verdict if self.probe is None else prescribe(verdict, self.probe.plan)
        first = verdict.evidence[0]
        found = f"{first.what} {first.number:.3g} (threshold {first.threshold:g})"
        self.say(f"round {round:,}: {verdict.cause}? {found}; try {verdict.advice}")
        return verdict

    def _nothing_left(self, rows: list[Mapping[str, Any]]) -> Verdict | None:
        """Stricter than the doctor by a factor of two, who also looks at the samples."""
        share = critic_share(rows, self.chance) if self.chance > 0 else None
        if share is None or share >= NOTHING_LEFT / 2:
            return None
        evidence = Evidence(
            "the critic's loss over its loss at chance", share, NOTHING_LEFT / 2, int(rows[-1]["round"])
        )
        strength = severity(NOTHING_LEFT / 2, max(share, 0.0))
        return Verdict("critic-too-strong", strength, (evidence,), weaker(self.settings))

    def _crawling(self, rows: list[Mapping[str, Any]]) -> Verdict | None:
        """At the first look only. Where no weights came far from one line to the next, the doctor's own check is made,
        which plays the first round again and draws samples."""
        before, self._before = self._before, {}
        if self.probe is None or not before:
            return None
        game, rounds = self.probe.game, rows[-1]["round"] - rows[-2]["round"]
        come = moved(before, weights(game))
        if game.sampler is None or max(come.values()) * LONG >= CRAWL * rounds:
            return None
        try:
            with self.probe.forked():
                return self.probe.learning_rate(self.probe.look().far)
        except ValueError:  # samples that are not finite: training itself will say so
            return None

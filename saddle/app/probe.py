"""What the doctor measures of a game beside its log: first steps, samples, the critic's outputs, the field."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import torch

from saddle.app.train import Plan
from saddle.data import Dataset, Mixture
from saddle.data.draw import Draw
from saddle.evaluation.features import Extractor, Identity
from saddle.evaluation.features.pixels import Pixels
from saddle.evaluation.health import Verdict
from saddle.evaluation.health.critic import Scores, chance_loss, direction
from saddle.evaluation.health.field import Field, field
from saddle.evaluation.health.samples import Look, look
from saddle.evaluation.health.steps import first_steps, learning_rate, moved, weights
from saddle.evaluation.side import Model, Side
from saddle.evaluation.study import Study
from saddle.game import Game, NonFinite, sample, score

__all__ = ["Probe", "settings_of"]

SAMPLES = 1000
"""Samples of each kind that are looked at."""
LARGEST = 16
"""Side in pixels at which images are compared."""
ENOUGH = 128
"""Samples that a field is the mean of, at the least."""


@dataclass(frozen=True)
class Probe:
    """A game with what is needed to measure it; it is left as it was, bit for bit."""

    plan: Plan
    """The run's, on the CPU or where it trains."""
    game: Game
    """At some round."""

    @property
    def data(self) -> Dataset:
        """What it was trained on."""
        return self.plan.data

    def draw(self) -> Draw:
        """The run's own order of data, from its beginning."""
        options = self.plan.options
        return self.data.draw(self.plan.settings.batch, options.seed, self.plan.device, mirror=options.mirror)

    def learning_rate(self, far: float | None) -> Verdict | None:
        """Whether the step sizes are out of range, by the run's first round played again.

        Args:
            far: of the samples, where it is known.
        """
        with self.forked():
            start = self.plan.build()
            before = weights(start)
            try:
                first = first_steps(start, self.draw())
            except NonFinite:
                first = {}
        come = moved(before, weights(self.game))
        return learning_rate(first, come, self.game.round, settings_of(self.plan), far)

    @contextmanager
    def forked(self) -> Iterator[None]:
        """Give back torch's random numbers, which weights and dropout are drawn from."""
        devices = [self.game.device] if self.game.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            yield

    def look(self, held_out: Side | None = None) -> Look:
        """Its samples against the data.

        Raises:
            ValueError: samples that are not finite, or too few.
        """
        data, count = self.data, self._count
        real, model = Side.of_data(data, count), Model(self.game, data.spec)
        fake = Side.of_model(model, max(count, SAMPLES // 4))
        study = Study(real, fake, _eyes(real), held_out)
        kept = None if held_out is None else study.features_of(held_out).rows
        modes = data.means if isinstance(data, Mixture) else None
        return look(study, self.game.round, len(data) > 0, modes, kept)

    def scores(self, held_out: Side | None = None) -> Scores:
        """What its critic says of each kind of sample.

        Raises:
            ValueError: samples that are not finite, or no labels where the critic needs some.
        """
        game = self.game
        real = self.data.sample(self._count, torch.Generator().manual_seed(0))
        made, labels = sample(game, max(len(real.x), SAMPLES // 4), 0, averaged=False)
        if not bool(made.isfinite().all()):
            raise ValueError("the samples are not finite")
        way, y = direction(game, self.draw()()), real.y if self.labelled else None
        outputs = [score(game, real.x, y), score(game, made, labels)]
        if way == 0.0:  # a generator without any gradient: the medians say which way is real
            way = 1.0 if float(outputs[0].median()) >= float(outputs[1].median()) else -1.0
        kept = None
        if held_out is not None:
            kept = way * score(game, held_out.floats, held_out.labels if self.labelled else None)
        return Scores(way * outputs[0], way * outputs[1], kept, game.round)

    @property
    def labelled(self) -> bool:
        """Whether its critic judges a sample by the data's labels."""
        sampler = self.game.sampler
        return sampler is not None and sampler.classes > 0 and not sampler.own_labels

    def chance(self) -> float:
        """Its critic's loss at chance."""
        return chance_loss(self.game, self.draw()())

    def field(self) -> Field:
        """The spectrum of its field.

        Raises:
            ValueError: it is too large, or cannot be differentiated twice.
        """
        batch = self.plan.settings.batch
        drawn = self.data.sample(batch * -(-ENOUGH // batch), torch.Generator().manual_seed(0))
        return field(self.game, drawn)

    @property
    def _count(self) -> int:
        return min(len(self.data), SAMPLES) if len(self.data) else SAMPLES


def settings_of(plan: Plan) -> dict[str, Any]:
    """What advice is given on: the recipe's settings and its name."""
    return asdict(plan.settings) | {"recipe": plan.recipe}


def _eyes(real: Side) -> Extractor:
    """How samples are compared: points as they are, images by their pixels at no more than 16 to a side."""
    if real.images is None:
        return Identity()
    return Pixels(LARGEST) if real.images.shape[-1] > LARGEST else Pixels()

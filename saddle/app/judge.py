"""Measuring a game while it trains: FID, KID, precision and recall by the code of ``saddle evaluate``."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from saddle.app.pictures import aside
from saddle.data import Dataset
from saddle.evaluation.features import Extractor, default_for, find
from saddle.evaluation.scoring import as_side, evaluate
from saddle.evaluation.side import Model, Side
from saddle.game import Game

__all__ = ["SCORES", "Judge"]

SCORES = "scores.jsonl"
"""The file in the run folder: a line for each time the game was measured."""
MEASURES = ("fid", "kid", "precision-recall")
PARTS = ("precision", "recall", "density", "coverage")


@dataclass
class Judge:
    """Measures one run's game against its data, always on the same real samples and the same z."""

    data: Dataset
    """What the run trains on."""
    folder: Path
    """The run's folder."""
    samples: int = 2_000
    """Samples of each side."""
    seed: int = 0
    """Of the real samples and of z."""

    @cached_property
    def real(self) -> Side:
        """The real samples."""
        count = min(len(self.data), self.samples) if len(self.data) else self.samples
        return as_side(self.data, "real", count, self.seed)

    @cached_property
    def extractor(self) -> Extractor:
        """What turns both sides into features: made once."""
        return find(default_for(self.real, self.real))

    def measure(self, game: Game, seconds: float) -> dict[str, Any]:
        """Measure the game as it is, write a line of ``scores.jsonl`` and return it; training is not disturbed.

        Args:
            game: is left as it was, bit for bit.
            seconds: time trained so far.
        Raises:
            OSError: the line cannot be written.
        """
        with aside(game, self.seed):
            model = Model(game, self.data.spec, f"round {game.round}")
            card = evaluate(self.real, model, MEASURES, self.extractor, n=len(self.real), seed=self.seed)
        row: dict[str, Any] = {"round": game.round, "images": game.images, "seconds": round(seconds, 3)}
        row |= {name: card[name].value for name in ("fid", "kid")}
        row |= {name: card["precision-recall"].details[name] for name in PARTS}
        row |= {"features": card.context.features, "n": len(self.real)}
        with (self.folder / SCORES).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        return row

"""What a measure looks at: two sides, and what is computed of them once and shared by all."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from saddle.data.divide import divide
from saddle.evaluation.features import Extractor, Features, extract
from saddle.evaluation.side import Model, Side

if TYPE_CHECKING:
    from saddle.evaluation.moments import Moments
    from saddle.evaluation.pairs import Pairs

__all__ = ["Study"]

NEIGHBOURS = 5
"""Nearest neighbours that the one pass keeps of every sample."""


@dataclass(frozen=True)
class Study:
    """Real against generated samples in the features of one extractor.

    Everything costly is computed when a measure first asks for it, and once.
    """

    real: Side
    """The data; what a generator was trained on, as far as anybody knows."""
    fake: Side
    """What is judged."""
    extractor: Extractor
    """What turns images into features."""
    held_out: Side | None = None
    """Real samples that the generator never saw, where the user has any."""
    rivals: Sequence[Side] = field(default_factory=tuple)
    """Samples of other models (with the models, where at hand), for measures that rank."""
    seed: int = 0
    """Where every measure's random numbers start."""

    def rng(self, measure: str) -> torch.Generator:
        """The measure's own random numbers: they do not depend on which other measures run."""
        digest = blake2b(f"{self.seed}/{measure}".encode(), digest_size=7).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest, "big"))

    def features_of(self, side: Side) -> Features:
        """Features of any side: extracted once, then from the cache."""
        return extract(side, self.extractor)

    @cached_property
    def real_features(self) -> Tensor:
        """Of the real side: (N, d), float32 as extracted or in the precision given."""
        return self.features_of(self.real).rows

    @cached_property
    def fake_features(self) -> Tensor:
        """Of the generated side: (M, d), likewise."""
        return self.features_of(self.fake).rows

    @cached_property
    def real_log_probs(self) -> Tensor:
        """log p(y|x) under the extractor's classifier, float64 (N, K).

        Raises:
            ValueError: this extractor has no classifier.
        """
        return _log_probs(self.features_of(self.real), self.extractor)

    @cached_property
    def fake_log_probs(self) -> Tensor:
        """log p(y|x) under the extractor's classifier, float64 (M, K)."""
        return _log_probs(self.features_of(self.fake), self.extractor)

    @cached_property
    def pairs(self) -> "Pairs":
        """The one tiled pass over the distances within and between the two sides."""
        from saddle.evaluation.pairs import sweep

        return sweep(self.real_features, self.fake_features, neighbours=NEIGHBOURS)

    @cached_property
    def real_moments(self) -> "Moments":
        """Mean and covariance of the real features, float64."""
        from saddle.evaluation.moments import Moments

        return Moments.of(self.real_features)

    @cached_property
    def fake_moments(self) -> "Moments":
        """Mean and covariance of the generated features, float64."""
        from saddle.evaluation.moments import Moments

        return Moments.of(self.fake_features)

    @cached_property
    def halves(self) -> tuple[Side, Side]:
        """Real samples to fit on, and real samples kept from it, for measures that need both.

        The second is ``held_out`` where the user gave one; otherwise the real side is cut in two by the seed, variants
        of one sample (`Side.groups`) on one side.
        """
        if self.held_out is not None:
            return self.real, self.held_out
        fit, kept = self._cut
        return self.real.take(fit), self.real.take(kept)

    @cached_property
    def half_features(self) -> tuple[Tensor, Tensor]:
        """The features of `halves`, row for row, without a second extraction: (n, d) and (m, d)."""
        if self.held_out is not None:
            return self.real_features, self.features_of(self.held_out).rows
        fit, kept = self._cut
        return self.real_features[fit], self.real_features[kept]

    @cached_property
    def _cut(self) -> tuple[Tensor, Tensor]:
        count = len(self.real)
        parts = divide(count, (count + 1) // 2, self.rng("halves"), self.real.groups, self.real.name)
        return parts[0].sort().values, parts[1].sort().values

    @property
    def model(self) -> Model:
        """The generated side's model.

        Raises:
            ValueError: samples were given, not a run.
        """
        if self.fake.model is None:
            raise ValueError(f"fake={self.fake.name}: expected a run, whose generator can be asked")
        return self.fake.model


def _log_probs(features: Features, extractor: Extractor) -> Tensor:
    if features.log_probs is None:
        raise ValueError(f"features={extractor.name}: expected an extractor with a classifier, such as digits")
    return features.log_probs

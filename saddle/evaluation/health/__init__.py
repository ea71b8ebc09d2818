"""What is wrong with a run: pure checks of its log, its critic, its steps and its samples, each with a verdict."""

from saddle.evaluation.health.advice import Settings
from saddle.evaluation.health.curves import exploding, non_finite, oscillation
from saddle.evaluation.health.verdict import CAUSES, EXPLAINS, Evidence, Verdict, ranked

__all__ = ["CAUSES", "EXPLAINS", "Evidence", "Settings", "Verdict", "exploding", "non_finite", "oscillation", "ranked"]

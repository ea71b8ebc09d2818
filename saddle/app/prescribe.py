"""The remedies that a verdict calls for and that the run's recipe takes, as it is found by trying."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from saddle.evaluation.health import Verdict
from saddle.evaluation.health.advice import REMEDIES

if TYPE_CHECKING:
    from saddle.app.train import Plan

__all__ = ["accepted", "prescribe"]

MOST = 2
"""Remedies that one verdict names."""


def prescribe(verdict: Verdict, plan: "Plan") -> Verdict:
    """The verdict with flags for the likeliest remedies in its advice, where any are left to try.

    Args:
        verdict: one of the doctor's.
        plan: the run's, with its recipe, settings and data.
    """
    now = getattr(plan.settings, "remedies", "")
    flags: list[str] = []
    for name in REMEDIES.get(verdict.cause, ()):
        with_it = f"{now},{name}" if now else name
        if len(flags) < MOST and accepted(plan, with_it):
            flags.append(f"--remedies {with_it}" + (f" (now {now})" if now else ""))
    return replace(verdict, advice="; or ".join([verdict.advice, *flags])) if flags else verdict


def accepted(plan: "Plan", remedies: str) -> bool:
    """Whether the recipe makes a game of its settings with these remedies: each knows what it does not go with.

    torch's random numbers stay as they were.
    """
    if not hasattr(plan.settings, "remedies"):
        return False
    with torch.random.fork_rng(devices=[]):
        try:
            settings: Any = replace(plan.settings, remedies=remedies)
            plan.module.build(settings, plan.data.spec)
        except ValueError:
            return False
    return True

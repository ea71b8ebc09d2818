"""How they play: players, moves, games, dynamics, averages, the loop, and checkpoints."""

from saddle.game.average import Average
from saddle.game.dynamics import (
    DYNAMICS,
    Dynamics,
    NonFinite,
    alternating,
    apply,
    choose_dynamics,
    consensus,
    extragradient,
    gradient,
    optimistic,
    simultaneous,
)
from saddle.game.game import Draw, Game, Loss, Move, Nets, Player, Sampler, Terms
from saddle.game.optimizers import OPTIMIZERS, make_optimizer
from saddle.game.play import Report, play
from saddle.game.programs import compiled, eager
from saddle.game.repeat import repeatable
from saddle.game.sample import generate, latents, reconstruct, sample, score, truncated
from saddle.game.seeds import play_seeds
from saddle.game.unrolled import descent, unroll, unroll_ahead, zero_sum

__all__ = [
    "DYNAMICS",
    "OPTIMIZERS",
    "Average",
    "Draw",
    "Dynamics",
    "Game",
    "Loss",
    "Move",
    "Nets",
    "NonFinite",
    "Player",
    "Report",
    "Sampler",
    "Terms",
    "alternating",
    "apply",
    "choose_dynamics",
    "compiled",
    "consensus",
    "descent",
    "eager",
    "extragradient",
    "generate",
    "gradient",
    "latents",
    "make_optimizer",
    "optimistic",
    "play",
    "play_seeds",
    "reconstruct",
    "repeatable",
    "sample",
    "score",
    "simultaneous",
    "truncated",
    "unroll",
    "unroll_ahead",
    "zero_sum",
]

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
from saddle.game.sample import generate, latents, reconstruct, sample, score

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
    "consensus",
    "extragradient",
    "generate",
    "gradient",
    "latents",
    "make_optimizer",
    "optimistic",
    "play",
    "reconstruct",
    "sample",
    "score",
    "simultaneous",
]

"""Zero-centred penalties on the critic's slope as remedies: the look at the samples is the loss's own."""

import torch
from torch import Tensor

from saddle.config import require
from saddle.data.spec import Batch
from saddle.game import Game, Loss, Terms
from saddle.recipes.critics import penalised
from saddle.recipes.settings import Adversarial
from saddle.recipes.watch import Call, calls_of, changed, look_at

__all__ = ["flattened", "slope"]


def flattened(game: Game, config: Adversarial, kind: str, remedy: str, gamma: float) -> Game:
    """The game whose critic pays gamma/2 E[|grad D|^2] at each of its steps, in a term called as the remedy.

    Args:
        game: whose D moves are changed.
        config: the recipe's settings.
        kind: where the slope is taken: at ``"real"`` samples or at ``"fake"`` ones.
        remedy: who asks.
        gamma: the weight.
    Raises:
        ValueError: the recipe penalises slopes of its own, or its critic's outputs are energies.
    """
    require(config.outputs != "energy", "remedies", remedy, "a critic whose outputs are no energies, steep by nature")
    require(not penalised(config), "remedies", remedy, "a recipe that does not penalise the critic's slope already")

    def change(old: Loss) -> Loss:
        def loss(batch: Batch, rng: torch.Generator) -> Terms:
            with calls_of(game, batch, leaves=(kind,)) as calls:
                terms = old(batch, rng)
            require(remedy not in terms, "remedies", remedy, "a recipe without this term")
            return terms | {remedy: gamma / 2 * slope(look_at(calls, kind, remedy), rng)}

        return loss

    return changed(game, "D", change)


def slope(call: Call, rng: torch.Generator) -> Tensor:
    r"""The mean of a critic's outputs' squared slopes, 1/N sum_i |grad D_i(X)|^2, in all samples X that it was shown.

    It is E[|grad D(x)|^2] where each output depends on its own sample. Where a pack of samples has one output, N counts
    packs. Where outputs depend on the whole batch (batch norm, minibatch layers), the gradient of their plain sum would
    let them cancel: before batch norm it is next to nothing. So they are summed with signs s_i = +-1 drawn at random:

        E_s |grad sum_i s_i D_i(X)|^2 = sum_i |grad D_i(X)|^2,

    and signs change nothing where outputs do not share samples.

    Args:
        call: what the critic was shown, as a tensor with gradient, and its outputs (N, ...).
        rng: draws the signs.
    Returns:
        Scalar in [0, inf), with the graph that leads to the critic's weights.
    """
    out = call.out
    signs = 2 * torch.randint(2, (len(out),), generator=rng, device=rng.device).to(out) - 1  # (N,)
    total = (signs * out.flatten(1).sum(1) if out.dim() > 1 else signs * out).sum()
    (gradient,) = torch.autograd.grad(total, call.x, create_graph=True)
    return gradient.square().sum() / len(out)

"""Directions of latent space that change samples most, found without labels: SeFa and GANSpace."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from saddle.config import require
from saddle.evaluation.measures.internals import first_layer, principal_directions, sefa
from saddle.evaluation.side import Model
from saddle.latent.spaces import Space, labels_of, mixed, styled

__all__ = ["METHODS", "Directions", "ganspace", "moves", "sefa_directions", "style_layers"]

DRAWS = 1000
"""Draws that a spread or a principal component is estimated from."""


@dataclass(frozen=True)
class Directions:
    """Where to go from any latent."""

    rows: Tensor
    """Unit directions (k, d), the strongest first; their signs mean nothing."""
    strengths: Tensor
    """(k,): singular values of the layer (SeFa), or shares of its output's variance (GANSpace)."""
    deviations: Tensor
    """(k,): standard deviation of the space's draws along each direction, the unit in which samples are moved."""


def sefa_directions(model: Model, space: Space, k: int, label: int | None = None) -> Directions:
    """Eigenvectors of A^T A, with A the weight of the first linear layer that a latent reaches.

    Of z this is the first layer of the generator. Of w it is all layers that read w, one above the other.

    Args:
        model: whose averaged generator is looked at.
        space: z or w of it.
        k: how many.
        label: the label, where the generator takes any.
    Returns:
        Orthogonal directions; the strengths are A's singular values.
    Raises:
        ValueError: k is above the number of dimensions.
    Source: Shen and Zhou 2021, arXiv:2007.06600, eq. 5.
    """
    layer = _reached(model, space, label)
    zero = torch.zeros_like(space.draw(1, torch.Generator().manual_seed(0)))
    A = (layer(torch.eye(zero.shape[1])) - layer(zero)).T  # (m, d): the layer is affine
    rows, s = sefa(A)
    require(1 <= k <= len(rows), "k", k, f"1 to {len(rows)} directions")
    return _told(space, rows[:k], s[:k])


def ganspace(model: Model, space: Space, k: int, label: int | None = None) -> Directions:
    """Principal components of w, or those of the first layer's outputs and the directions of z that regress on them.

    Args:
        model: whose averaged generator is looked at.
        space: z or w of it.
        k: how many.
        label: the label, where the generator takes any.
    Returns:
        Directions; the strengths are shares of the variance.
    Raises:
        ValueError: k is above what the layer's outputs can have.
    Source: Härkönen et al. 2020, arXiv:2004.02546, section 2.
    """
    latents = space.draw(DRAWS, torch.Generator().manual_seed(1))
    h = latents if space.name == "w" else _reached(model, space, label)(latents)
    slopes, shares = principal_directions(h, latents, k)
    return _told(space, slopes / slopes.norm(dim=1, keepdim=True).clamp_min(1e-300), shares)


METHODS: dict[str, Callable[[Model, Space, int, int | None], Directions]] = {
    "sefa": sefa_directions,
    "ganspace": ganspace,
}
"""Ways to find directions, by name."""


def moves(start: Tensor, directions: Directions, far: float, steps: int) -> Tensor:
    """A latent moved along each direction, from -far to far standard deviations in equal steps.

    Args:
        start: (d,).
        directions: k of them.
        far: 0 or more; 3 is where hardly any draws lie.
        steps: 2 or more.
    Returns:
        (k, steps, d).
    """
    require(steps >= 2, "steps", steps, "2 or more steps")
    a = torch.linspace(-far, far, steps, dtype=start.dtype)  # (steps,)
    scaled = (directions.rows * directions.deviations[:, None]).to(start.dtype)  # (k, d)
    return start + a[None, :, None] * scaled[:, None]


def style_layers(model: Model) -> Callable[[Tensor], Tensor]:
    """w (n, w_dim) -> outputs (n, m) of all layers of a synthesis that read w and nothing else, side by side."""
    net = styled(model)
    assert net is not None
    assert isinstance(net, nn.Module)
    leaves = [part for part in net.modules() if not [*part.children()]]

    def outputs(w: Tensor) -> Tensor:
        caught: list[Tensor] = []

        def catch(_: nn.Module, given: tuple[object, ...], out: Tensor) -> None:
            if given and isinstance(given[0], Tensor) and given[0].shape == w.shape and torch.equal(given[0], w):
                caught.append(out.flatten(1))

        hooks = [leaf.register_forward_hook(catch) for leaf in leaves]
        try:
            with model.generator(), torch.no_grad():
                net.synthesis(mixed(w, w, 0, net.layers))
        finally:
            for hook in hooks:
                hook.remove()
        require(bool(caught), "run", model.name, "a synthesis with layers that read w")
        return torch.cat(caught, 1)

    return outputs


def _reached(model: Model, space: Space, label: int | None) -> Callable[[Tensor], Tensor]:
    return style_layers(model) if space.name == "w" else first_layer(model, labels_of(label, 1))


def _told(space: Space, rows: Tensor, strengths: Tensor) -> Directions:
    if space.name == "z":  # N(0, I) spreads alike in all directions
        return Directions(rows, strengths, torch.ones(len(rows), dtype=rows.dtype))
    draws = space.draw(DRAWS, torch.Generator().manual_seed(2)).to(rows)
    return Directions(rows, strengths, (draws @ rows.T).std(0))

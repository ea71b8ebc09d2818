"""The looking part of a run's page: samples, curves, what the critic thinks, and what the generator has learnt."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from saddle.app import page
from saddle.app.curves import panels, score_curves, score_histograms, svg, term_curves
from saddle.app.pictures import GAP, aside, draw, grid, nearest, row_labels, samples_by_label, slerp
from saddle.data.dataset import Dataset, Images, to_floats
from saddle.game import Game, Sampler, generate, latents, reconstruct, sample
from saddle.game.sample import as_in_training

__all__ = ["manifold", "newest", "sections"]

SEED = 1
"""Of the page's samples: other z than in the pictures over time."""
TOP, BESIDE, FULL = 800, 984, 1060
"""Pixels there are for a picture beside the facts, beside captions, and alone."""


def newest(game: Game, dataset: Dataset) -> str:
    """The picture at the top: samples of the game as it is now."""
    if game.sampler is None:
        return page.note("This game generates nothing.")
    if dataset.spec.points:
        return page.picture(draw(game, dataset, seed=SEED), "samples among real points")
    rows = samples_by_label(game, dataset, SEED, 64)
    if len(rows) == 1:
        return page.picture(grid(rows[0][1], columns=8, scale=_scale(dataset, 8, TOP)), "samples")
    return _lines(dataset, rows, TOP - 60)


def sections(
    game: Game,
    dataset: Dataset,
    rows: Sequence[Mapping[str, Any]],
    over_time: Sequence[tuple[str, Path]],
    scores: Sequence[Mapping[str, Any]] = (),
) -> Iterator[str]:
    """All other pictures of the page, each in a section; those that the game or its data do not allow are left out.

    Args:
        game: is left as it was, bit for bit.
        dataset: what it plays on.
        rows: lines of log.jsonl.
        over_time: captions and PNG files of the pictures drawn so far.
        scores: lines of scores.jsonl.
    """
    beside = [_over_time(over_time)]
    sampler = game.sampler
    if sampler is not None and sampler.score is not None:
        beside.append(_scores(game, dataset, sampler))
    yield f'<div class="pair">{"".join(beside)}</div>\n'
    yield _curves(rows)
    if scores:
        yield _quality(scores)
    if sampler is None or dataset.spec.points:
        return
    if sampler.classes == 0 and latents(game, 1, SEED).shape[1:] == (2,):
        yield _manifold(game, dataset)
    yield _interpolation(game, dataset, sampler)
    if isinstance(dataset, Images):
        yield _nearest(game, dataset)
    if sampler.reconstruct is not None:
        yield _reconstructions(game, dataset)


def manifold(side: int) -> Tensor:
    """A lattice of two-dimensional z at equal steps of probability: the standard Gaussian's inverse CDF of even ticks.

    Args:
        side: places on each axis.
    Returns:
        (side², 2), row by row: the first number grows to the right, the second upwards.
    Source: Kingma & Welling 2014, arXiv:1312.6114, figure 4.

    >>> manifold(3)[:2]
    tensor([[-0.9674,  0.9674],
            [ 0.0000,  0.9674]])
    """
    ticks = torch.special.ndtri((torch.arange(side, dtype=torch.float64) + 0.5) / side).float()  # (side,)
    second, first = torch.meshgrid(ticks.flip(0), ticks, indexing="ij")
    return torch.stack([first.flatten(), second.flatten()], 1)  # (side², 2)


def _over_time(pictures: Sequence[tuple[str, Path]]) -> str:
    if not pictures:
        return page.section("over-time", "Samples over time", page.note("No picture was drawn during this run."))
    text = "The same z in every picture, with the averaged weights where the game keeps an average."
    return page.section("over-time", "Samples over time", page.note(text), page.frames(pictures))


def _curves(rows: Sequence[Mapping[str, Any]]) -> str:
    if not panels(rows):
        return page.section("curves", "Curves", page.note("Nothing was logged yet."))
    text = "Every logged term: raw values faint, running mean strong. “gradient” is the norm of a player's gradient."
    return page.section("curves", "Curves", page.note(text), page.vector(svg(term_curves(rows)), "curves of all terms"))


def _quality(scores: Sequence[Mapping[str, Any]]) -> str:
    last = scores[-1]
    numbers = ", ".join(f"{name} {last[name]:.4g}" for name in ("fid", "precision", "recall"))
    text = f"Measured in the features “{last.get('features')}”. At the end: {numbers}."
    figure = svg(score_curves(scores))
    return page.section("quality", "Quality", page.note(text), page.vector(figure, "curves of the measures"))


def _scores(game: Game, dataset: Dataset, sampler: Sampler) -> str:
    text = (
        "The critic's output on real and on generated samples, 1,000 each, both networks as they are in training. "
        "Apart: it tells them from each other. Together: it does not."
    )
    figure = score_histograms(*_scores_in_training(game, dataset, sampler))
    return page.section("critic", "D(x) and D(G(z))", page.note(text), page.vector(svg(figure), "two histograms"))


def _scores_in_training(game: Game, dataset: Dataset, sampler: Sampler, n: int = 1000) -> tuple[Tensor, Tensor]:
    """D(x) and D(G(z)), (n,) each, by batches in training mode: the numbers that the players' losses are made of."""
    assert sampler.score is not None
    real, z = dataset.sample(n, torch.Generator().manual_seed(SEED)), latents(game, n, SEED)
    any_label = torch.randint(max(1, sampler.classes), (n,), generator=torch.Generator().manual_seed(SEED))
    labels = any_label if sampler.own_labels else real.y if sampler.classes else None
    found: tuple[list[Tensor], list[Tensor]] = ([], [])
    with as_in_training(game, SEED) as nets:
        for part in torch.arange(n).split(100):
            y = None if labels is None else labels[part].to(game.device)
            fake = sampler.generate(nets, z[part.to(z.device)], y)
            for scores, x in zip(found, (real.x[part].to(game.device), fake), strict=True):
                scores.append(sampler.score(nets, x, y).float().cpu())
    return torch.cat(found[0]), torch.cat(found[1])


def _manifold(game: Game, dataset: Dataset, side: int = 15) -> str:
    text = "Each place is one z. Both axes are cut into pieces of equal probability under the prior."
    with aside(game, SEED):
        x = generate(game, manifold(side).to(game.device))
    image = grid(x, columns=side, scale=_scale(dataset, side, FULL))
    return page.section("manifold", "The latent plane", page.note(text), page.picture(image, "samples over the plane"))


def _interpolation(game: Game, dataset: Dataset, sampler: Sampler, rows: int = 4, steps: int = 10) -> str:
    text = "Left to right along an arc from one z to another. Jumps would say that G has learnt images by heart."
    z = latents(game, 2 * rows, SEED)
    ends = z.flatten(1)
    path = torch.cat([slerp(ends[2 * i], ends[2 * i + 1], steps) for i in range(rows)]).unflatten(1, z.shape[1:])
    y = (torch.arange(rows) % sampler.classes).repeat_interleave(steps) if sampler.classes else None
    with aside(game, SEED):
        x = generate(game, path, y)
    if y is None:
        shown = page.picture(grid(x, columns=steps, scale=_scale(dataset, steps, FULL)), "interpolation")
    else:
        names = row_labels(dataset, sampler)
        shown = _lines(dataset, [(names[i % len(names)], part) for i, part in enumerate(x.chunk(rows))], BESIDE)
    return page.section("interpolation", "Interpolation", page.note(text), shown)


def _nearest(game: Game, dataset: Images, n: int = 20, columns: int = 10) -> str:
    text = (
        "Below each sample the training image nearest to it in the Euclidean distance of the pixels. "
        "Pairs that are all but equal would say that G copies."
    )
    with aside(game, SEED):
        x, _ = sample(game, n, SEED)
    found = to_floats(dataset.images[nearest(x, dataset.images)])
    shown = _lines(dataset, _pairs("generated", x, "nearest", found, columns), BESIDE)
    return page.section("nearest", "Nearest training images", page.note(text), shown)


def _reconstructions(game: Game, dataset: Dataset, n: int = 20, columns: int = 10) -> str:
    x = dataset.sample(n, torch.Generator().manual_seed(SEED)).x
    with aside(game, SEED):
        rebuilt = reconstruct(game, x)
    text = "Below each real image what the encoder and the decoder make of it."
    shown = _lines(dataset, _pairs("real", x, "rebuilt", rebuilt, columns), BESIDE)
    return page.section("reconstructions", "Reconstructions", page.note(text), shown)


def _pairs(above: str, x: Tensor, below: str, y: Tensor, columns: int) -> list[tuple[str, Tensor]]:
    parts = zip(x.split(columns), y.split(columns), strict=True)
    return [row for upper, lower in parts for row in ((above, upper), (below, lower))]


def _lines(dataset: Dataset, rows: Sequence[tuple[str, Tensor]], width: int) -> str:
    scale = _scale(dataset, max(len(x) for _, x in rows), width)
    return page.rows((caption, grid(x, columns=len(x), scale=scale)) for caption, x in rows)


def _scale(dataset: Dataset, columns: int, width: int) -> int:
    """The largest whole factor, at least 1, with which so many images side by side are at most so wide."""
    return max(1, ((width - GAP) // columns - GAP) // dataset.spec.size)

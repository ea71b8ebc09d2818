"""``saddle arithmetic``: sums of concepts in latent space, beside the same sums of pixels."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saddle.app.asked import add_common, require_out, say
from saddle.app.parser import Parser
from saddle.config import choose, require

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from torch import Tensor

    from saddle.app.runs import Run
    from saddle.evaluation.side import Model
    from saddle.latent import Examples, Term
    from saddle.latent.concepts import Word

__all__ = ["main"]

REAL = 5000
"""Real samples that a classifier learns from at most."""


def main(argv: list[str]) -> int:
    """Find the concepts, add them up in both spaces, and draw what comes out."""
    args = _parser().parse_args(argv)
    require(1 <= args.n <= 16, "n", args.n, "1 to 16 examples of each concept")
    require(args.n <= args.most <= 100_000, "most", args.most, f"{args.n} to 100,000 samples to choose from")
    out = require_out(args.out, ".png")
    from saddle.app.latents import model_of
    from saddle.app.pictures import aside, labelled_grid, save_png
    from saddle.latent.concepts import parse, spelt

    terms = parse(" ".join(args.sum))
    run, model = model_of(args.run, args.seed)
    require(not run.spec.points, "run", args.run, "a run on images, because these samples are points")
    with aside(model.game, args.seed):
        added = _by_label(args, model, terms) if model.classes else _by_word(args, run, model, terms)
    save_png(labelled_grid(added.rows), out)
    document: dict[str, Any] = {"run": args.run, "sum": spelt(terms), "space": added.space, "examples": args.n}
    document |= {"said": added.said, "out": str(out), "seed": args.seed, "round": model.game.round}
    if args.json:
        print(json.dumps(document, allow_nan=False))
    else:
        print(f"{out}: {spelt(terms)}, in {added.space} and in pixels; on the left the sum of the means")
        for where, words in added.said.items():
            told = ", ".join(f"{name} {share:.0%}" for name, share in words.items())
            print(f"the classifier takes the sum of {where} for: {told}")
    return 0


@dataclass(frozen=True)
class _Added:
    """What came out."""

    rows: "list[tuple[str, Tensor]]"
    """Of the picture."""
    space: str
    """Where latents were added."""
    said: dict[str, dict[str, float]]
    """What a classifier says of both sums, where there is one: its likeliest classes."""


def _by_label(args: "argparse.Namespace", model: "Model", terms: "Sequence[Term]") -> _Added:
    """A generator that is told the label has its concepts in the labels' rows; z is the same for all."""
    import torch

    from saddle.app.latents import label_of
    from saddle.latent import Examples, label_space

    held = []
    for term in terms:
        with label_space(model, label_of(model, term.concept)) as space:
            latents = space.draw(args.n, torch.Generator().manual_seed(args.seed))
            held.append(Examples(latents, space.samples(latents)))
    with label_space(model, label_of(model, terms[0].concept)) as space:
        return _Added(*_rows(terms, held, space.samples)[:1], space.name, {})


def _by_word(args: "argparse.Namespace", run: "Run", model: "Model", terms: "Sequence[Term]") -> _Added:
    """A generator that is told nothing: its samples are named by a classifier."""
    import torch

    from saddle.latent import chosen, open_space

    word, names = _classifier(args, run)
    known = {name: k for k, name in enumerate(names)} | {str(k): k for k in range(len(names))}
    concepts = list(dict.fromkeys(choose(term.concept, known, "concept") for term in terms))
    with open_space(model, args.space) as space:
        rng = torch.Generator().manual_seed(args.seed)
        found = chosen(space, word, concepts, args.n, args.most, rng, [names[k] for k in concepts])
        held = [found[concepts.index(known[term.concept])] for term in terms]
        rows, sums = _rows(terms, held, space.samples)
        said = {}
        for where, x in zip((space.name, "pixels"), sums, strict=True):
            best = word(x)[0].exp().topk(min(3, len(names)))
            said[where] = {names[int(k)]: float(p) for p, k in zip(best.values, best.indices, strict=True)}
        return _Added(rows, space.name, said)


def _rows(
    terms: "Sequence[Term]", held: "Sequence[Examples]", make: Any
) -> "tuple[list[tuple[str, Tensor]], tuple[Tensor, Tensor]]":
    """Rows of the picture, on the left the means and then the examples; and the two sums of means."""
    import torch

    from saddle.latent import combined

    means = [examples.latents.mean(0, keepdim=True) for examples in held]
    shown = [make(mean) for mean in means]
    rows = []
    for term, examples, mean in zip(terms, held, shown, strict=True):
        rows.append((f"{'+' if term.sign > 0 else '−'} {term.concept}", torch.cat([mean, examples.samples])))
    latents = [torch.cat([mean, e.latents]) for mean, e in zip(means, held, strict=True)]
    pixels = [torch.cat([e.samples.mean(0, keepdim=True), e.samples]) for e in held]
    in_space, in_pixels = make(combined(terms, latents)), combined(terms, pixels).clamp(-1, 1)
    rows += [("= in latents", in_space), ("= in pixels", in_pixels)]
    return rows, (in_space[:1], in_pixels[:1])


def _classifier(args: "argparse.Namespace", run: "Run") -> "tuple[Word, list[str]]":
    """What names samples, and its names."""
    from saddle.app.runs import load_data
    from saddle.evaluation.features import default_for, find
    from saddle.evaluation.side import Side
    from saddle.latent import classifier

    data = load_data(run)
    real = Side.of_data(data, min(REAL, len(data) or REAL))
    extractor = find(args.features or default_for(real, real, say), args.weights, say=say)
    word = classifier(real, extractor)
    if real.labels is None:
        say(f"{run.config['options']['data']} has no labels: concepts are the numbers of {extractor.name}'s classes")
        return word, [str(k) for k in range(extractor.classes)]
    return word, list(real.class_names) or [str(k) for k in range(real.classes)]


def _parser() -> "argparse.ArgumentParser":
    parser = Parser(
        prog="saddle arithmetic",
        description="Sums of concepts in latent space, beside the same sums of pixels.",
        epilog='Concepts are labels by name or number, with spaces about the signs: saddle arithmetic RUN "7 - 1 + 4".',
    )
    add_common(parser, "arithmetic.png", label=False)
    parser.add_argument("sum", nargs="+", metavar="CONCEPT - CONCEPT + CONCEPT", help="in quotes or not")
    parser.add_argument("-n", type=int, default=3, help="examples of each concept, as in the paper (default: 3)")
    parser.add_argument("--most", type=int, default=2000, help="samples they are chosen from (default: 2000)")
    parser.add_argument("--features", help="an extractor that the classifier sees by (default: by the data)")
    parser.add_argument("--weights", help="the file of its weights, for extractors that need one")
    parser.add_argument("--space", choices=("z", "w"), help="z, or w of generators with styles (default: w if any)")
    return parser

"""Arithmetic of concepts: "smiling woman - neutral woman + neutral man", each the mean of its examples' latents."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from saddle.config import require
from saddle.evaluation.features import Extractor, extract
from saddle.evaluation.measures.probes import ClassMoments, discriminant
from saddle.evaluation.side import Side, to_bytes
from saddle.latent.spaces import Space

__all__ = ["Examples", "Term", "Word", "chosen", "classifier", "combined", "parse", "spelt"]

Word = Callable[[Tensor], Tensor]
"""What a classifier says: images (N, C, S, S) in [-1, 1] -> log p(y|x), float64 (N, K)."""
AT_ONCE = 500
"""Samples drawn and judged at a time."""


@dataclass(frozen=True)
class Term:
    """One concept of a sum."""

    sign: int
    """1 or -1."""
    concept: str
    """Its name, as the user wrote it."""


@dataclass(frozen=True)
class Examples:
    """Samples that show a concept."""

    latents: Tensor
    """(n, d)."""
    samples: Tensor
    """(n, ...), what the generator makes of them."""


def parse(text: str) -> list[Term]:
    """The terms of a sum. Signs stand between spaces, because names may hold signs and spaces of their own.

    Raises:
        ValueError: a name is missing between two signs, at the start or at the end.

    >>> [(term.sign, term.concept) for term in parse("smiling woman - neutral woman + well-known man")]
    [(1, 'smiling woman'), (-1, 'neutral woman'), (1, 'well-known man')]
    """
    words = text.split()
    words = words if words[:1] in (["+"], ["-"]) else ["+", *words]
    places = [i for i, word in enumerate(words) if word in ("+", "-")]
    parts = [words[i:j] for i, j in pairwise([*places, len(words)])]  # each a sign and the words of a name
    terms = [Term(-1 if sign == "-" else 1, " ".join(name)) for sign, *name in parts]
    whole = all(term.concept for term in terms)
    require(whole, "sum", repr(text), 'names with + and - between them, such as "7 - 1 + 4"')
    return terms


def spelt(terms: Sequence[Term]) -> str:
    """The sum in words.

    >>> spelt(parse("7   -  1 + 4"))
    '7 - 1 + 4'
    """
    words = " ".join(f"{'+' if term.sign > 0 else '-'} {term.concept}" for term in terms)
    return words.removeprefix("+ ")


def combined(terms: Sequence[Term], rows: Sequence[Tensor]) -> Tensor:
    """The sum of one tensor for each term, with the terms' signs: of mean latents, or of pixels.

    Source: Radford, Metz, Chintala 2016, arXiv:1511.06434, section 6.3.2.

    >>> combined(parse("a - b + c"), [torch.tensor([5.0]), torch.tensor([1.0]), torch.tensor([2.0])])
    tensor([6.])
    """
    return torch.stack([term.sign * row for term, row in zip(terms, rows, strict=True)]).sum(0)


def classifier(real: Side, extractor: Extractor) -> Word:
    """What names concepts: a linear discriminant that learnt the data's own labels, on an extractor's features.

    Where the data have no labels, the extractor's own classifier.

    Args:
        real: labelled images, or images without labels.
        extractor: what looks at them.
    Raises:
        ValueError: no labels, and an extractor without a classifier.
    """
    if real.labels is None:
        expected = "data with labels (a folder needs a sub-folder a label), or features with classes of their own"
        require(extractor.classes > 0, "concepts", f"no labels in {real.name}", expected)
        return lambda x: _log_probs(_seen(x), extractor)
    probe = discriminant(ClassMoments.of(extract(real, extractor).rows, real.labels, real.classes))
    return lambda x: probe(extract(_seen(x), extractor).rows).log_softmax(1)


def chosen(
    space: Space,
    word: Word,
    concepts: Sequence[int],
    n: int,
    most: int,
    rng: torch.Generator,
    names: Sequence[str] = (),
) -> list[Examples]:
    """For each concept the n of ``most`` draws that a classifier is surest of.

    Args:
        space: what samples are made from.
        word: the classifier.
        concepts: its classes.
        n: examples of each; the paper takes 3.
        most: draws that are looked at.
        rng: of the draws.
        names: of the concepts, for messages; by default their numbers.
    Raises:
        ValueError: the classifier gives a class to fewer than n of the draws; names it.
    """
    latents = space.draw(most, rng)
    parts = [(x := space.samples(part), word(x)) for part in latents.split(AT_ONCE)]
    x, log_p = torch.cat([x for x, _ in parts]), torch.cat([p for _, p in parts])  # log_p: (most, K)
    found = []
    for k, name in zip(concepts, names or [str(k) for k in concepts], strict=True):
        said = int((log_p.argmax(1) == k).sum())
        expected = f"{n} or more of {most:,} samples that the classifier takes for it"
        require(said >= n, f"concept {name}", f"{said} samples", expected)
        index = torch.where(log_p.argmax(1) == k, log_p[:, k], -torch.inf).topk(n).indices
        found.append(Examples(latents[index], x[index]))
    return found


def _seen(x: Tensor) -> Side:
    return Side.of_images(to_bytes(x.clamp(-1, 1)), "samples")


def _log_probs(side: Side, extractor: Extractor) -> Tensor:
    log_probs = extract(side, extractor).log_probs
    assert log_probs is not None
    return log_probs

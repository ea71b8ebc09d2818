"""Sums of concepts: their grammar, their examples, and what linear generators make of them."""

import pytest
import torch

from saddle.evaluation.features import find
from saddle.evaluation.side import Side
from saddle.latent.concepts import Term, chosen, classifier, combined, parse
from saddle.latent.spaces import z_space


@pytest.mark.parametrize(
    "text, expected",
    [
        ("7", [(1, "7")]),
        (" 7 - 1 + 4 ", [(1, "7"), (-1, "1"), (1, "4")]),
        ("- a + b", [(-1, "a"), (1, "b")]),
        ("well-known man - t+shirt", [(1, "well-known man"), (-1, "t+shirt")]),
        ("7-1", [(1, "7-1")]),
    ],
)
def test_sums_are_read(text, expected):
    assert parse(text) == [Term(*pair) for pair in expected]


@pytest.mark.parametrize("text", ["", "7 - ", "7 + - 1", "+", "7 - + 4"])
def test_what_is_no_sum_is_refused(text):
    with pytest.raises(ValueError, match="names with"):
        parse(text)


def test_a_linear_generator_adds_in_latents_as_in_pixels(linear):
    """G(mean z_a - mean z_b + mean z_c) = mean G(z_a) - mean G(z_b) + mean G(z_c), the signs adding to 1."""
    rng = torch.Generator().manual_seed(0)
    terms = parse("a - b + c")
    with z_space(linear(torch.randn(6, 4, generator=rng))) as space:
        latents = [space.draw(3, rng) for _ in terms]
        added = space.samples(combined(terms, [z.mean(0, keepdim=True) for z in latents]))
        pixels = combined(terms, [space.samples(z).mean(0, keepdim=True) for z in latents])
    torch.testing.assert_close(added, pixels)


def test_examples_are_those_the_classifier_is_surest_of(linear):
    """Of G(z) = z + 1/2 and log-odds x_0, the surest are the largest and the smallest first coordinates."""
    with z_space(linear(torch.eye(2))) as space:
        draws = space.draw(50, torch.Generator().manual_seed(3))
        first, second = chosen(
            space,
            lambda x: torch.stack([x[:, 0], -x[:, 0]], 1).double().log_softmax(1),
            [0, 1],
            n=3,
            most=50,
            rng=torch.Generator().manual_seed(3),
        )
        torch.testing.assert_close(first.latents, draws[draws[:, 0].topk(3).indices])
        torch.testing.assert_close(second.latents, draws[draws[:, 0].topk(3, largest=False).indices])
        torch.testing.assert_close(first.samples, first.latents + 0.5)
        rng = torch.Generator().manual_seed(3)
        with pytest.raises(ValueError, match="concept cat=0 samples"):
            chosen(space, lambda x: torch.tensor([[0.0, -9.0]]).expand(len(x), 2), [1], 3, 50, rng, ["cat"])


def test_the_data_name_what_the_classifier_says():
    """Light and dark images, whose labels a linear discriminant of their pixels must learn."""
    rng = torch.Generator().manual_seed(0)
    y = torch.arange(40) % 2
    images = (torch.randint(0, 60, (40, 1, 4, 4), generator=rng) + 150 * y.view(-1, 1, 1, 1)).to(torch.uint8)
    word = classifier(Side.of_images(images, labels=y), find("pixels"))
    said = word(torch.stack([torch.full((1, 4, 4), 0.5), torch.full((1, 4, 4), -0.8)]))
    assert said.argmax(1).tolist() == [1, 0]
    torch.testing.assert_close(said.exp().sum(1), torch.ones(2).double())
    with pytest.raises(ValueError, match="data with labels"):
        classifier(Side.of_images(images), find("pixels"))

"""The scorecard: what it says, that it survives JSON, and what it refuses to compare."""

import json
import math

import numpy as np
import pytest
import torch

from saddle.evaluation import Incomparable, Result, Scorecard, evaluate
from saddle.evaluation.scoring import chosen


def rows(n: int, seed: int, shift: float = 0.0, dimensions: int = 6) -> torch.Tensor:
    return torch.randn(n, dimensions, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + shift


FAST = ["fid", "kid", "precision-recall"]


@pytest.fixture(scope="module")
def card() -> Scorecard:
    return evaluate(rows(200, 0), rows(200, 1), FAST)


def test_the_document_has_the_promised_keys(card):
    document = card.document()
    assert list(document["measures"]) == FAST
    for entry in document["measures"].values():
        assert {"value", "interval", "direction", "n_real", "n_fake", "features", "seed", "seconds"} <= set(entry)
        assert (entry["n_real"], entry["n_fake"], entry["features"]) == (200, 200, "identity")
    assert {"precision", "recall", "density", "coverage", "f1"} <= set(document["measures"]["precision-recall"])
    json.dumps(document, allow_nan=False)


def test_a_card_survives_json(card, tmp_path):
    path = tmp_path / "card.json"
    path.write_text(json.dumps(card.document()))
    again = Scorecard.read(path)
    assert again.context == card.context
    assert {name: result.value for name, result in again.results.items()} == {
        name: result.value for name, result in card.results.items()
    }


def test_infinity_survives_json_and_nan_is_refused():
    document = Result(math.inf, (0.0, math.inf)).document()
    assert document == {"value": None, "interval": [0.0, None], "infinite": 1.0}
    with pytest.raises(ValueError, match="undefined"):
        Result(math.nan)


def test_equal_calls_give_equal_numbers_and_one_measure_does_not_move_another(card):
    again = evaluate(rows(200, 0), rows(200, 1), ["fid"])
    assert again["fid"].value == card["fid"].value
    assert again["fid"].interval == card["fid"].interval


def test_a_better_model_is_called_better(card):
    worse = evaluate(rows(200, 0), rows(200, 1, shift=2.0), FAST)
    found = {one.measure: one.better for one in card.compare(worse)}
    assert found["fid"] is True
    assert {one.measure: one.better for one in worse.compare(card)}["fid"] is False
    assert all(one.better is None for one in card.compare(card))


@pytest.mark.parametrize(
    "real, fake, reason",
    [
        (rows(200, 0), rows(150, 1), "N of the generated side: 200 and 150"),
        (rows(150, 0), rows(200, 1), "N of the real side"),
        (rows(200, 7), rows(200, 1), "real samples"),
    ],
)
def test_cards_measured_otherwise_are_not_compared(card, real, fake, reason):
    with pytest.raises(Incomparable, match=reason):
        card.compare(evaluate(real, fake, ["fid"]))


def test_another_extractor_or_resize_is_not_compared(card):
    from dataclasses import replace

    for change, words in (({"features": "pixels"}, "features"), ({"resize": "bilinear 64"}, "resize")):
        other = Scorecard(replace(card.context, **change), card.results, card.seconds)
        with pytest.raises(Incomparable, match=words):
            card.compare(other)


def test_a_file_that_is_no_card_is_refused(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('{"measures": 3}')
    with pytest.raises(ValueError, match="expected the JSON"):
        Scorecard.read(path)


def test_what_a_measure_needs_is_said_in_one_line():
    card = evaluate(rows(60, 0), rows(60, 1), "all")
    assert card.skipped["inception-score"].startswith("needs an extractor with a classifier")
    assert card.skipped["preference"].startswith("needs answers of people")
    assert card.skipped["gam"].count("\n") == 0
    with pytest.raises(KeyError, match="needs an extractor"):
        card["inception-score"]


def test_a_measure_that_was_named_and_cannot_run_stops_the_call_before_any_is_computed():
    begun = []
    with pytest.raises(ValueError, match=r"measures=am-score: needs an extractor with a classifier"):
        evaluate(rows(60, 0), rows(60, 1), ["fid", "am-score"], progress=lambda name, done, of: begun.append(name))
    assert begun == []


def test_unknown_measures_are_refused_with_the_nearest_name():
    with pytest.raises(ValueError, match="Did you mean 'fid'"):
        chosen("fdi")


@pytest.mark.parametrize(
    "real, fake, words",
    [
        (rows(20, 0), rows(20, 0, dimensions=5), "rows of 6"),
        (rows(20, 0), torch.zeros(20, 1, 8, 8, dtype=torch.uint8), "expected features"),
        (rows(20, 0), torch.full((20, 6), float("nan")), "finite"),
        (torch.zeros(4, 8, 8, 3, dtype=torch.uint8), torch.zeros(4, 3, 8, 8, dtype=torch.uint8), "permute"),
        (torch.full((4, 1, 8, 8), 3.0), torch.zeros(4, 1, 8, 8), "numbers in"),
        (torch.zeros(4, 1, 8, 8, dtype=torch.int32), torch.zeros(4, 1, 8, 8), "uint8, or floats"),
        (rows(20, 0).int(), rows(20, 1), "float32 or float64"),
        (torch.zeros(0, 6), rows(20, 1), "1 or more samples"),
        (torch.zeros(6), rows(20, 1), r"images \(N, C, H, W\)"),
    ],
)
def test_sides_that_cannot_be_meant_are_refused(real, fake, words):
    with pytest.raises(ValueError, match=words):
        evaluate(real, fake, ["fid"])


def test_arrays_tensors_and_names_are_taken_alike():
    x, y = rows(100, 0), rows(100, 1)
    assert evaluate(x.numpy(), y.numpy(), ["fid"])["fid"].value == evaluate(x, y, ["fid"])["fid"].value
    assert evaluate("ring8", np.zeros((100, 2)), ["modes"], n=100)["modes"].value == 0


def test_two_sides_of_one_density_are_different_draws():
    """As the same points they would be copies of each other, at a distance of exactly 0."""
    card = evaluate("ring8", "ring8", ["fid", "nearest-neighbours"], n=300)
    assert card["fid"].value > 1e-6
    assert card["nearest-neighbours"].value < 0.1


def test_n_takes_as_many_of_both_sides():
    card = evaluate(rows(200, 0), rows(300, 1), ["kid"], n=50)
    assert (card.context.n_real, card.context.n_fake) == (50, 50)

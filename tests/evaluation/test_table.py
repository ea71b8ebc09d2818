"""The table of measures is whole: Borji's 24 and 5 are there, every line holds, and every measure has its proof."""

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from inspect import getdoc, signature
from pathlib import Path

import pytest

from saddle.evaluation import MEASURES
from saddle.evaluation.table import NEEDS, catalogue

TESTS = Path(__file__).parents[1]
FILES = sorted([*TESTS.glob("evaluation/test_*.py"), *TESTS.glob("browser/test_*.py")])
KINDS = ("closed form", "golden", "planted defect")
BORJI = [*map(str, range(1, 25)), "Q1", "Q2", "Q3", "Q4", "Q5"]


def proofs(source: str) -> Iterator[tuple[str, str, str]]:
    """(test, measure, kind) of every ``@pytest.mark.proves(measure, kind)`` above a test that pytest would collect."""
    for node in ast.parse(source).body:
        if not isinstance(node, ast.FunctionDef):
            continue
        for mark in node.decorator_list:
            if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.proves":
                assert node.name.startswith("test_"), f"{node.name} is no test"
                measure, kind = (ast.literal_eval(argument) for argument in mark.args)
                yield node.name, measure, kind


PROOFS = [(file.name, *proof) for file in FILES for proof in proofs(file.read_text(encoding="utf-8"))]


def test_borjis_numbers_are_all_there_once():
    assert Counter(entry.number for entry in MEASURES.values() if entry.number is not None) == Counter(BORJI)


@pytest.mark.parametrize("name", MEASURES)
def test_a_line_holds(name):
    entry = MEASURES[name]
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
    assert entry.needs and set(entry.needs) <= set(NEEDS)
    assert entry.direction in ("up", "down", "target")
    low, high = entry.range
    assert low is None or high is None or low < high
    if entry.ideal is not None:
        assert (low is None or low <= entry.ideal) and (high is None or entry.ideal <= high)
    assert entry.ideal is not None or entry.direction != "target"
    assert entry.summary and entry.reading and entry.summary[-1] != "." and entry.reading[-1] != "."


@pytest.mark.parametrize("name", MEASURES)
def test_the_best_value_lies_where_the_direction_points(name):
    """Down: at the lower end where there is one, or at 0 of an unbiased estimate; up: at the upper end."""
    entry = MEASURES[name]
    low, high = entry.range
    if entry.direction == "down" and entry.ideal is not None:
        assert entry.ideal == (0.0 if low is None or low < 0 else low)
    if entry.direction == "up" and entry.ideal is not None:
        assert entry.ideal == high


@pytest.mark.parametrize("name", MEASURES)
def test_every_source_names_somebody_and_a_year(name):
    for source in MEASURES[name].source.split(";"):
        assert re.match(r"\s*[A-ZÀ-Ž]\w+.*\b(19|20)\d\d\b", source)
        assert all(
            re.fullmatch(r"\d{4}\.\d{4,5}", number) for number in re.findall(r"arXiv:(\S+?)(?=[,;\s]|$)", source)
        )


@pytest.mark.parametrize("name", MEASURES)
def test_every_home_is_a_function_of_a_study_or_of_answers_that_says_what_it_returns(name):
    function = MEASURES[name].load()
    assert list(signature(function).parameters) == ["answers" if "humans" in MEASURES[name].needs else "study"]
    assert signature(function).return_annotation.__name__ == "Result"
    assert getdoc(function)


def test_homes_are_all_different():
    assert len({entry.home for entry in MEASURES.values()}) == len(MEASURES)


def test_the_fast_ones_need_no_more_than_two_sets_of_images():
    """They run when nobody named any, so a folder against a folder must do."""
    assert {need for entry in MEASURES.values() if entry.fast for need in entry.needs} <= {"features", "probabilities"}


def test_the_catalogue_is_json_and_tells_all():
    told = json.loads(json.dumps(catalogue(), allow_nan=False))
    assert [entry["name"] for entry in told] == list(MEASURES)
    for entry in told:
        line = MEASURES[entry["name"]]
        assert (entry["number"], entry["direction"], entry["ideal"]) == (line.number, line.direction, line.ideal)
        assert (entry["needs"], entry["range"]) == (list(line.needs), list(line.range))


# Proofs


@pytest.mark.parametrize("name", MEASURES)
def test_every_measure_has_a_proof(name):
    assert [proof for proof in PROOFS if proof[2] == name], (
        f'no test is marked @pytest.mark.proves("{name}", KIND), KIND one of {", ".join(KINDS)}'
    )


@pytest.mark.parametrize("file, test, measure, kind", PROOFS)
def test_a_proof_is_of_a_measure_and_of_a_kind(file, test, measure, kind):
    assert measure in MEASURES
    assert kind in KINDS


def test_no_proof_is_skipped_or_left_to_the_slow_tests():
    """Proofs run whenever tests do."""
    for file in FILES:
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            marks = [ast.unparse(mark) for mark in getattr(node, "decorator_list", [])]
            if any(mark.startswith("pytest.mark.proves") for mark in marks):
                assert not [mark for mark in marks if re.match(r"pytest\.mark\.(slow|skip|xfail)", mark)], node.name


def test_a_marked_test_is_found_and_a_marked_helper_refused():
    source = '@pytest.mark.proves("fid", "golden")\n@pytest.mark.slow\ndef {}_x():\n    pass\n'
    assert list(proofs(source.format("test"))) == [("test_x", "fid", "golden")]
    with pytest.raises(AssertionError, match="is no test"):
        list(proofs(source.format("helper")))

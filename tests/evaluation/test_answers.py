"""From the page to the measures: what is written hides what an image is, what is read is checked, what was planted
comes back from simulated raters."""

import json
import math
import re
from collections import Counter
from itertools import chain

import numpy as np
import pytest
import torch
from PIL import Image

from saddle.evaluation.human.answers import read_answers
from saddle.evaluation.human.page import page, write_page
from saddle.evaluation.human.plan import Trials, mark, study_document
from saddle.evaluation.human.psychometric import staircase_durations
from saddle.evaluation.human.report import analyse, results
from saddle.evaluation.side import Side

TRIALS = Trials(per_exposure=8, staircase=60, pairs=45, ratings=30, pool=20)
PERIOD = 1000 / 60


def side(name, n=80, seed=0, shape=(1, 8, 8)):
    rng = torch.Generator().manual_seed(seed)
    return Side.of_images(torch.randint(0, 256, (n, *shape), generator=rng, dtype=torch.uint8), name)


@pytest.fixture(scope="module")
def study():
    return study_document(side("data"), [side("good", seed=1), side("bad", seed=2)], seed=0, trials=TRIALS)


class Simulated:
    """A rater: a threshold for glances, strengths for comparisons, ratings that follow them, known carelessness."""

    def __init__(self, study, name, seed, threshold=200.0, log_odds=(0.0, -0.7, -2.0), bias=0.0, careless=False):
        self.study, self.name, self.rs = study, name, np.random.default_rng(seed)
        self.threshold, self.log_odds, self.bias, self.careless = threshold, log_odds, bias, careless
        self.answers = []

    def source(self, image):
        known = self.study["images"][image]["mark"]
        return next(k for k in range(5) if mark(k, self.study["study"], image) == known)

    def glance(self, image, ms, block):
        source = self.source(image)
        frames = max(1, round(ms / PERIOD))
        real = source == 0
        if self.careless or self.threshold is None:
            judged = self.rs.random() < 0.5
        elif source >= 3:
            judged = False
        else:
            right = self.rs.random() < 0.5 + 0.5 / (1 + (self.threshold / (frames * PERIOD)) ** 2)
            judged = real if right else not real
            judged = judged or self.rs.random() < self.bias
        self.answers.append({
            "block": block, "image": image, "mark": self.study["images"][image]["mark"], "asked_ms": ms,
            "frames": frames, "shown_ms": frames * PERIOD, "interrupted": False,
            "answer": "real" if judged else "fake", "rt_ms": 400.0, "period_ms": PERIOD,
        })  # fmt: skip
        return judged == real

    def pair(self, images):
        images = list(self.rs.permutation(images))
        odds = [self.log_odds[k] if k < 3 else -9.0 for k in map(self.source, images)]
        p = 0.5 if self.careless else 1 / (1 + math.exp(odds[1] - odds[0]))
        marks = [self.study["images"][image]["mark"] for image in images]
        answer = "left" if self.rs.random() < p else "right"
        self.answers.append({"block": "pairs", "images": images, "marks": marks, "answer": answer, "rt_ms": 900.0})

    def rate(self, image, noise=0.5):
        value = 4 + self.log_odds[self.source(image)] + noise * self.rs.standard_normal()
        value = int(self.rs.integers(1, 6)) if self.careless else min(5, max(1, round(value)))
        known = self.study["images"][image]["mark"]
        self.answers.append({"block": "ratings", "image": image, "mark": known, "answer": value, "rt_ms": 700.0})

    def work(self, blocks=("glance", "staircase", "pairs", "ratings")):
        settings, pool = self.study["settings"], self.study["pool"]
        real = [image for image in pool if self.source(image) == 0]
        fake = [image for image in pool if self.source(image) != 0]
        if "glance" in blocks:
            for ms in settings["exposures"]:
                for k in range(settings["per_exposure"]):
                    self.glance(str(self.rs.choice(real if k % 2 else fake)), ms, "glance")
            for image in self.study["catches"]:
                self.glance(image, 2000, "glance")
        right = []
        for _ in range(settings["staircase"] if "staircase" in blocks else 0):
            ms = staircase_durations(right)[-1]
            right.append(self.glance(str(self.rs.choice(real if self.rs.random() < 0.5 else fake)), ms, "staircase"))
        for images in self.study["pairs"] if "pairs" in blocks else []:
            self.pair(images)
        for image in self.study["ratings"] if "ratings" in blocks else []:
            self.rate(image)
        for press in (1, 5, 3) if "ratings" in blocks else ():
            value = int(self.rs.integers(1, 6)) if self.careless else press
            self.answers.append({"block": "ratings", "press": press, "answer": value, "rt_ms": 700.0})
        return self

    def document(self):
        kept = {key: self.study[key] for key in ("version", "study", "settings", "sources")}
        return {"format": "saddle-human-answers", **kept, "rater": self.name, "answers": self.answers}

    def save(self, folder):
        path = folder / f"{self.name}.json"
        path.write_text(json.dumps(self.document()), encoding="utf-8")
        return path


def saved(folder, study, count=20, **planted):
    return [Simulated(study, f"r{k}", k, **planted).work().save(folder) for k in range(count)]


def test_the_page_holds_everything_and_tells_nothing(tmp_path):
    """No address, no file, no name beside an image; ids are random numbers in their own order."""
    write_page(tmp_path / "a" / "study.html", side("data"), [side("model", seed=1)], seed=3)
    text = (tmp_path / "a" / "study.html").read_text(encoding="utf-8")
    assert re.findall(r"""(?:src|href)=["']?(?!data:)\w+""", text) == []
    assert "://" not in text
    study = json.loads(re.search(r'id="study">(.*?)</script>', text, re.DOTALL)[1])
    images = study["images"]
    assert list(images) == sorted(images)
    assert all(set(image) == {"mark", "src"} and re.fullmatch("[0-9a-f]{12}", name) for name, image in images.items())
    assert text == page(side("data"), [side("model", seed=1)], seed=3)
    assert text != page(side("data"), [side("model", seed=1)], seed=4)


def test_every_image_comes_back_from_the_page_bit_for_bit_with_its_source(study):
    import base64
    import io

    sides = [side("data"), side("good", seed=1), side("bad", seed=2)]
    known = {bytes(image.numpy().tobytes()): k for k, s in enumerate(sides) for image in s.images}
    count = Counter()
    for name, held in study["images"].items():
        png = Image.open(io.BytesIO(base64.b64decode(held["src"].partition(",")[2])))
        assert (png.mode, png.info) == ("L", {})
        source = known.get(np.asarray(png).tobytes())
        marks = [mark(k, study["study"], name) == held["mark"] for k in range(5)]
        assert sum(marks) == 1
        assert source == marks.index(True) or (source is None and marks.index(True) >= 3)
        count[marks.index(True)] += 1
    assert count[0] >= 50 and count[1] >= 40 and count[2] >= 40


def test_no_image_serves_two_blocks(study):
    shown = [*study["practice"], *study["ratings"], *study["catches"], *study["pool"]]
    shown += chain.from_iterable(study["practice_pairs"] + study["pairs"])
    assert len(shown) == len(set(shown)) == len(study["images"])


def test_colour_images_stay_in_colour():
    study = study_document(side("a", shape=(3, 8, 8)), [side("b", seed=1, shape=(3, 8, 8))], 0, Trials())
    assert study["settings"]["width"] == 8


@pytest.mark.parametrize("questions", [30, 47, 120, 500])
def test_a_number_of_questions_is_kept(questions):
    trials = Trials.of(questions)
    document = study_document(side("a", n=400), [side("b", n=400, seed=1)], 0, trials)
    asked = 11 * trials.per_exposure + len(document["catches"]) + trials.staircase
    assert asked + len(document["pairs"]) + len(document["ratings"]) + trials.catches == questions


def test_a_name_cannot_end_the_script():
    text = page(side("</script><b>"), [side("model", seed=1)])
    assert text.count("</script>") == 2


@pytest.mark.parametrize(
    "real, fakes, trials, expected",
    [
        (side("a"), [], {}, "1 or more sides"),
        (side("a"), [side("b", shape=(1, 8, 9))], {}, "one shape"),
        (side("a"), [side("b", shape=(3, 8, 8))], {}, "one shape"),
        (side("a"), [side("a")], {}, "a name of its own"),
        (side("a"), [side("noise")], {}, "a name of its own"),
        (side("a", n=20), [side("b")], {}, "a images=20: expected"),
        (side("a"), [Side.of_features(torch.zeros(3, 2))], {}, "for people to look at"),
        (side("a"), [side("b")], {"exposures": ()}, "exposures="),
        (side("a"), [side("b")], {"exposures": (1,)}, "exposures="),
        (side("a"), [side("b")], {"pairs": -1}, "pairs=-1"),
        (side("a"), [side("b")], {"staircase_start": 5}, "staircase_start=5"),
        (side("a"), [side("b")], {"staircase_step": 1.0}, "staircase_step=1.0"),
        (side("a"), [side("b")], {"per_exposure": 0, "staircase": 0, "pairs": 0, "ratings": 0}, "at least one block"),
    ],
)
def test_studies_that_cannot_be_are_refused(real, fakes, trials, expected):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        page(real, fakes, trials=Trials(**trials))
    assert expected in str(caught.value)


@pytest.mark.parametrize("questions", [0, 29, 10**6])
def test_too_few_or_too_many_questions_are_refused(questions):
    with pytest.raises(ValueError, match=f"trials={questions}"):
        page(side("a"), [side("b")], trials=questions)


def test_a_folder_is_no_page(tmp_path):
    with pytest.raises(ValueError, match="a file to write"):
        write_page(tmp_path, side("a"), [side("b")])


@pytest.mark.proves("preference", "planted defect")
@pytest.mark.proves("scene-categorisation", "planted defect")
def test_twenty_raters_give_back_what_was_planted(tmp_path, study):
    """Threshold 200 ms, strengths -0.7 and -2: each within its interval; value 0.5 + 0.25 on the mean of the curve."""
    answers = read_answers(saved(tmp_path, study))
    assert len(answers.raters) == 20 and not answers.excluded
    assert answers.sources == ("data", "good", "bad")
    found = results(answers)
    glances = found["scene-categorisation"]
    durations = [max(1, round(ms / PERIOD)) * PERIOD for ms in TRIALS.exposures]
    truth = np.mean([0.5 + 0.5 / (1 + (200 / t) ** 2) for t in durations])
    assert glances.interval[0] < truth < glances.interval[1]
    low, high = glances.details["curve"]["threshold_interval"]
    assert low < 200 < high < 300
    staircase = glances.details["staircase"]
    assert staircase["interval"][0] < 200 * math.sqrt(0.2937 / 0.2063) < staircase["interval"][1]
    assert glances.details["sprt"]["decision"] == "better than chance"
    assert glances.details["judgements"] == 20 * 88
    assert glances.pictures["psychometric"].dtype == torch.uint8 and glances.pictures["psychometric"].shape[-1] == 3

    preferred = found["preference"]
    for name, planted in (("good", -0.7), ("bad", -2.0)):
        low, high = preferred.details["strengths"][name]["interval"]
        assert low < planted < high
    truth = (1 / (1 + math.exp(0.7)) + 1 / (1 + math.exp(2.0))) / 2
    assert preferred.interval[0] < truth < preferred.interval[1]
    assert preferred.details["left"]["interval"][0] < 0.5 < preferred.details["left"]["interval"][1]
    opinions = preferred.details["ratings"]["mean_opinion"]
    assert opinions["data"]["mean"] > opinions["good"]["mean"] > opinions["bad"]["mean"]
    assert opinions["data"]["interval"][0] < 4 < opinions["data"]["interval"][1]
    assert preferred.details["ratings"]["agreement"]["alpha_interval"] > 0.5
    assert preferred.details["agreement"]["fleiss_kappa"] > 0.1


def test_raters_who_cannot_tell_score_a_half(tmp_path, study):
    """The catches are obvious to them all the same: they are no careless raters."""
    paths = []
    for k in range(8):
        rater = Simulated(study, f"r{k}", k, threshold=1e9, log_odds=(0.0, 0.0, 0.0))
        paths.append(rater.work().save(tmp_path))
    found = results(read_answers(paths))
    glances, preferred = found["scene-categorisation"], found["preference"]
    assert glances.interval[0] < 0.5 < glances.interval[1]
    assert glances.details["curve"]["p_chance"] > 0.02
    low, high = glances.details["models"]["good"]["d_prime_interval"]
    assert low < 0 < high
    assert preferred.interval[0] < 0.5 < preferred.interval[1]
    assert abs(preferred.details["agreement"]["alpha_nominal"]) < 0.1


def test_a_bias_shows_in_the_criterion(tmp_path, study):
    """Half of the "generated" answers turned into "real" make the criterion negative."""
    paths = [Simulated(study, f"r{k}", k, bias=0.5).work(("glance",)).save(tmp_path) for k in range(6)]
    details = results(read_answers(paths))["scene-categorisation"].details
    assert details["models"]["good"]["criterion"] < -0.4
    assert details["real_judged_real"]["share"] > 0.8
    assert details["staircase"] is None


def test_the_careless_are_set_apart(tmp_path, study):
    paths = saved(tmp_path, study, 6)
    paths += [Simulated(study, f"c{k}", 100 + k, careless=True).work().save(tmp_path) for k in range(4)]
    answers = read_answers(paths)
    assert [rater.name for rater in answers.excluded] == ["c0", "c1", "c2", "c3"]
    document = analyse(answers)
    assert document["excluded"] == ["c0", "c1", "c2", "c3"]
    assert document["measures"]["scene-categorisation"]["raters"] == 6
    assert document == json.loads(json.dumps(document, allow_nan=False))
    assert (
        analyse(read_answers(paths[:6]))["measures"]["preference"]["value"]
        == document["measures"]["preference"]["value"]
    )


def test_only_careless_raters_are_an_error(tmp_path, study):
    path = Simulated(study, "c", 1, careless=True).work().save(tmp_path)
    with pytest.raises(ValueError, match="0 careful raters, 1 who missed"):
        analyse(read_answers([path]))


def test_ratings_alone_give_a_preference(tmp_path, study):
    """4 for the data, 2 for the worse model, 3.3 for the better one: generated ones rarely win."""
    paths = [Simulated(study, f"r{k}", k).work(("ratings",)).save(tmp_path) for k in range(5)]
    found = results(read_answers(paths))
    assert list(found) == ["preference"]
    assert found["preference"].details["compared"] == "ratings"
    assert found["preference"].value < 0.25


def test_one_rater_has_an_interval_over_judgements(tmp_path, study):
    path = Simulated(study, "r", 1).work().save(tmp_path)
    found = results(read_answers([path]))
    assert "too few raters" in found["scene-categorisation"].details["interval_over"]
    assert found["preference"].details["strengths"]["good"]["interval"] is None
    assert found["preference"].details["agreement"] is None


def test_interrupted_glances_are_left_out_and_late_ones_counted_by_what_was_seen(tmp_path, study):
    rater = Simulated(study, "r", 1).work(("glance",))
    rater.answers[0]["interrupted"] = True
    rater.answers[1]["shown_ms"] += 3 * PERIOD
    (held,) = read_answers([rater.save(tmp_path)]).raters
    assert (held.interrupted, len(held.glances), sum(g.late for g in held.glances)) == (1, 87, 1)


def test_a_file_saved_twice_counts_once(tmp_path, study):
    rater = Simulated(study, "r", 1).work()
    whole = rater.save(tmp_path)
    early = tmp_path / "early.json"
    early.write_text(json.dumps(rater.document() | {"answers": rater.answers[:50]}), encoding="utf-8")
    one, two = read_answers([whole]), read_answers([early, whole])
    assert one == two
    other = Simulated(study, "r", 2).work()
    early.write_text(json.dumps(other.document()), encoding="utf-8")
    with pytest.raises(ValueError, match="rater 'r'"):
        read_answers([whole, early])


def change(document, path, value):
    *way, last = path
    held = document
    for key in way:
        held = held[key]
    held[last] = value
    return document


@pytest.mark.parametrize(
    "path, value",
    [
        (("format",), "other"),
        (("version",), 2),
        (("rater",), 7),
        (("settings",), {}),
        (("settings", "exposures"), ["long"]),
        (("sources",), []),
        (("sources", 0, "kind"), "fake"),
        (("answers",), None),
        (("answers", 0), 5),
        (("answers", 0), {}),
        (("answers", 0, "block"), "other"),
        (("answers", 0, "mark"), 1),
        (("answers", 0, "answer"), "maybe"),
        (("answers", 0, "shown_ms"), math.nan),
        (("answers", 0, "shown_ms"), -1),
        (("answers", 0, "interrupted"), "no"),
        (("answers", -1, "answer"), 6),
        (("answers", -1, "answer"), True),
    ],
)
def test_files_that_say_something_else_are_refused(tmp_path, study, path, value):
    rater = Simulated(study, "r", 1).work()
    document = change(json.loads(json.dumps(rater.document())), path, value)
    file = tmp_path / "changed.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ValueError, match=r"changed\.json"):
        read_answers([file])


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe\x00", b"[" * 100_000])
def test_files_of_another_kind_are_refused(tmp_path, content):
    file = tmp_path / "odd.json"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"odd\.json"):
        read_answers([file])


def test_no_files_other_studies_and_missing_files_are_refused(tmp_path, study):
    with pytest.raises(ValueError, match="1 or more files"):
        read_answers([])
    with pytest.raises(ValueError, match=r"gone\.json"):
        read_answers([tmp_path / "gone.json"])
    one = Simulated(study, "r", 1).work().save(tmp_path)
    two = Simulated(study_document(side("data"), [side("x", seed=5)], 0, TRIALS), "s", 2).work(()).save(tmp_path)
    with pytest.raises(ValueError, match="the same study"):
        read_answers([one, two])

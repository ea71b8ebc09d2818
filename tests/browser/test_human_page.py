"""The page that asks people, in a real browser: simulated raters look at its canvases and press keys, as people do.

What they see is read from the screen's pixels, frame by frame, by a watcher of their own; what is real they know
because the test made the images.
"""

import json
import math
from collections import Counter, defaultdict

import pytest
import torch

from saddle.evaluation.human.answers import read_answers
from saddle.evaluation.human.page import write_page
from saddle.evaluation.human.plan import Trials
from saddle.evaluation.human.psychometric import staircase_durations
from saddle.evaluation.human.report import results
from saddle.evaluation.side import Side

TRIALS = Trials(
    exposures=(30, 60, 120, 240),
    per_exposure=6,
    staircase=12,
    staircase_start=120,
    pairs=15,
    ratings=6,
    catches=4,
    practice=2,
    fixation_ms=60,
    feedback_ms=30,
)
THRESHOLD = 80.0  # ms
LOG_ODDS = {"data": 0.0, "near": -0.4, "far": -1.5, "noise": -20.0}
GOLDEN = (math.sqrt(5) - 1) / 2
EYES = """
window.seen = [];  // what the left canvas showed, from which frame's time on
const pixels = (id) => {
  const canvas = document.getElementById(id);
  if (!canvas || !canvas.width || canvas.hidden || canvas.closest("[hidden]")) return null;
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return Array.from(data).filter((_, k) => k % 4 === 0).join();
};
const after = new MessageChannel();  // a message arrives when all that is drawn in this frame has been drawn
after.port1.onmessage = ({ data }) => {
  const shown = pixels("left"), last = seen[seen.length - 1];
  if (shown !== null && (!last || last.shown !== shown)) seen.push({ shown, from: data });
};
const look = (now) => {
  after.port2.postMessage(now);
  requestAnimationFrame(look);
};
requestAnimationFrame(look);
// Two frames after the buttons are there, so that the eyes have seen what the page drew with them.
window.asked = () => new Promise((done) => {
  const frame = () => {
    const menu = !document.getElementById("menu").hidden;
    const buttons = [...document.querySelectorAll("#choices button")].map((button) => button.textContent);
    if (!menu && !buttons.length) return requestAnimationFrame(frame);
    requestAnimationFrame(() => requestAnimationFrame(() => done({
      menu, buttons, question: document.getElementById("question").textContent,
      progress: document.getElementById("progress-label").textContent,
      left: pixels("left"), right: pixels("right"), flashed: seen.slice(-2),
    })));
  };
  frame();
});
"""


def side(name, seed):
    pixels = torch.randint(0, 256, (60, 1, 8, 8), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    return Side.of_images(pixels, name)


SIDES = [side("data", 1), side("near", 2), side("far", 3)]
KNOWN = {",".join(map(str, image.flatten().tolist())): held.name for held in SIDES for image in held.images}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    path = tmp_path_factory.mktemp("study") / "study.html"
    write_page(path, SIDES[0], SIDES[1:], seed=5, trials=TRIALS)
    return path


class Person:
    """Sits before one page; answers by evenly spread chances, so that shares come out near what is planted."""

    def __init__(self, browser, study, name, careless=False):
        self.context = browser.new_context(accept_downloads=True)
        self.page = self.context.new_page()
        self.page.add_init_script(EYES)
        self.requests, self.errors, self.flashes = [], [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.study, self.name, self.careless = study, name, careless
        self.turns, self.orders = Counter(), defaultdict(list)

    def chance(self, what):
        self.turns[what] += 1
        return self.turns[what] * GOLDEN % 1

    def enter(self):
        self.page.goto(self.study.as_uri())
        self.page.wait_for_selector("#begin:enabled")
        self.page.keyboard.type(self.name)
        self.page.keyboard.press("Enter")
        self.page.wait_for_selector("#menu:not([hidden])")

    def start_next_part(self):
        """Enter on the button that has the focus, and again on Start."""
        self.page.keyboard.press("Enter")
        self.page.wait_for_selector("#intro:not([hidden])")
        self.page.keyboard.press("Enter")

    def asked(self):
        return self.page.evaluate("asked()")

    def key(self, asked):
        """Which key to press, from what stands on the screen."""
        keys = {text.rsplit(" ", 1)[0].strip(): text.rsplit(" ", 1)[1].lower() for text in asked["buttons"]}
        if "press" in asked["question"]:
            return "2" if self.careless else asked["question"].rstrip(".").split()[-1]
        if "How real" in asked["question"]:
            return {"data": "5", "near": "3", "far": "2"}[KNOWN[asked["left"]]]
        if self.careless:
            return "f"
        if "Which" in asked["question"]:
            names = [KNOWN.get(asked[hand], "noise") for hand in ("left", "right")]
            self.orders[frozenset(names)].append(names[0])
            first, second = sorted(names)
            wins = self.chance((first, second)) < 1 / (1 + math.exp(LOG_ODDS[second] - LOG_ODDS[first]))
            return "f" if names.index(first if wins else second) == 0 else "j"
        flash, mask = asked["flashed"]
        name = KNOWN.get(flash["shown"], "noise")
        shown = mask["from"] - flash["from"]
        self.flashes.append((asked["progress"], name, shown))
        if name == "noise":
            return keys["Generated"]
        right = self.chance("glance") < 0.5 + 0.5 / (1 + (THRESHOLD / shown) ** 3)
        return keys["Real" if right == (name == "data") else "Generated"]

    def answer(self, count=10**6):
        """Answers until the menu is back, or so many questions."""
        for done in range(count):
            asked = self.asked()
            if asked["menu"]:
                return done
            self.page.keyboard.press(self.key(asked))
        return count

    def save(self, folder, press):
        with self.page.expect_download() as waiting:
            press()
        path = folder / waiting.value.suggested_filename
        waiting.value.save_as(path)
        return path


def finish(person, folder):
    """All parts; the file that the page saves by itself at the end."""
    for _ in range(3):
        person.start_next_part()
        person.answer()
    person.start_next_part()
    return person.save(folder, person.answer)


@pytest.fixture(scope="module")
def whole(browser, study, tmp_path_factory):
    """One rater who went through everything with the keyboard alone, and the file."""
    person = Person(browser, study, "rater-1")
    person.enter()
    path = finish(person, tmp_path_factory.mktemp("answers"))
    return person, path


def test_a_rater_goes_through_by_keyboard_and_nothing_is_fetched(whole, study):
    person, path = whole
    document = json.loads(path.read_text(encoding="utf-8"))
    assert Counter(answer["block"] for answer in document["answers"]) == {
        "glance": 4 * 6 + 4, "staircase": 12, "pairs": 15 + 4, "ratings": 6 + 4
    }  # fmt: skip
    assert document["rater"] == "rater-1" and document["finished"]
    assert person.errors == []
    assert [url for url in person.requests if not url.startswith(("data:", "blob:")) and url != study.as_uri()] == []


def test_what_the_rater_knows_comes_back(whole):
    """Careful; the planted threshold and strengths lie within their intervals."""
    (rater,) = (answers := read_answers([whole[1]])).raters
    assert (rater.catches, rater.caught) == (12, 0)
    found = results(answers)
    glances, preferred = found["scene-categorisation"].details, found["preference"].details
    low, high = glances["curve"]["threshold_interval"]
    assert (low or 0) < THRESHOLD < (high or math.inf)
    assert glances["judgements"] + glances["interrupted"] == 24
    for k, name in ((1, "near"), (2, "far")):
        met = preferred["wins"][k][0] + preferred["wins"][0][k]
        assert met == 5
        assert preferred["win_rates"][k][0] == pytest.approx(1 / (1 + math.exp(-LOG_ODDS[name])), abs=0.2)
    means = {name: told["mean"] for name, told in preferred["ratings"]["mean_opinion"].items()}
    assert means == {"data": 5, "near": 3, "far": 2}


def test_glances_last_whole_frames_and_the_page_says_how_long(whole):
    """No glance ends before the frames asked for; the page's measure is the eyes' (which may miss a frame if busy)."""
    person, path = whole
    answers = json.loads(path.read_text(encoding="utf-8"))["answers"]
    glances = [answer for answer in answers if answer["block"] in ("glance", "staircase")]
    seen = [shown for progress, _, shown in person.flashes if not progress.startswith("Practice")]
    assert len(seen) == len(glances) == 40
    for answer in glances:
        assert answer["frames"] == max(1, math.floor(answer["asked_ms"] / answer["period_ms"] + 0.5))
        assert answer["shown_ms"] >= (answer["frames"] - 0.5) * answer["period_ms"]
    same = [abs(ms - a["shown_ms"]) < 0.5 * a["period_ms"] for a, ms in zip(glances, seen, strict=True)]
    assert sum(same) >= 35


def test_durations_kinds_and_sides_are_in_balance_and_disorder(whole):
    person, path = whole
    (rater,) = read_answers([path]).raters
    plain = [glance for glance in rater.glances if not glance.adaptive]
    assert Counter((g.asked_ms, g.real) for g in plain) == {(ms, real): 3 for ms in TRIALS.exposures for real in (0, 1)}
    assert [g.asked_ms for g in plain] != sorted(g.asked_ms for g in plain)
    stood_left = [name for names in person.orders.values() for name in names]
    assert set(person.orders[frozenset({"data", "noise"})]) <= {"data", "noise"}
    assert 4 < sum(name == "data" for name in stood_left) < 14  # of 16 comparisons with real images


def test_the_staircase_follows_the_answers(whole):
    """As the analysis itself works it out."""
    (rater,) = read_answers([whole[1]]).raters
    glances = [glance for glance in rater.glances if glance.adaptive]
    levels = staircase_durations([g.right for g in glances], 120, 1.25, 30, 240)
    assert [g.asked_ms for g in glances] == pytest.approx(levels[:-1])


def test_after_a_reload_it_goes_on_where_it_stopped(browser, study, tmp_path):
    """Three answers (after two of practice), a reload, the rest: no trial twice, none lost, no practice anew."""
    person = Person(browser, study, "rater-2")
    person.enter()
    person.start_next_part()
    person.answer(2 + 3)
    assert person.asked()["progress"] == "4 of 28"
    person.enter()
    assert "3 of 28" in person.page.text_content("#blocks")
    person.start_next_part()
    assert person.asked()["progress"] == "4 of 28"
    person.answer()
    path = person.save(tmp_path, lambda: person.page.click("#download"))
    (rater,) = read_answers([path]).raters
    assert Counter(g.asked_ms for g in rater.glances) == dict.fromkeys(TRIALS.exposures, 6)
    assert len({g.image for g in rater.glances}) == 24
    assert rater.catches == 4


def test_a_rater_who_only_presses_one_key_is_set_apart(browser, study, tmp_path):
    person = Person(browser, study, "rater-3", careless=True)
    person.enter()
    for part in range(2):  # pairs and ratings alone are quick; the glances stay undone
        person.page.locator("#blocks button").nth(2 + part).focus()
        person.start_next_part()
        person.answer()
    path = person.save(tmp_path, lambda: person.page.click("#download"))
    (rater,) = read_answers([path]).excluded
    assert rater.catches == 8 and rater.caught >= 2


def test_pause_keeps_the_question_and_its_clock(browser, study):
    """Ten minutes of the browser's clock pass in the pause; the answer's time knows nothing of them."""
    person = Person(browser, study, "rater-4")
    person.page.clock.install()
    person.enter()
    person.page.locator("#blocks button").nth(3).focus()
    person.start_next_part()
    before = person.asked()
    person.page.keyboard.press("p")
    person.page.wait_for_selector("#paused:not([hidden])")
    person.page.keyboard.press("4")
    person.page.clock.fast_forward(600_000)
    assert person.page.is_hidden("#trial")
    person.page.keyboard.press("Enter")
    after = person.asked()
    assert all(after[told] == before[told] for told in ("question", "left", "progress"))
    person.page.keyboard.press(person.key(after))
    person.asked()
    (answer,) = json.loads(person.page.evaluate("localStorage.getItem(Object.keys(localStorage)[0])"))["answers"]
    assert person.page.evaluate("performance.now()") > 600_000
    assert answer["rt_ms"] < 300_000


def test_hands_and_order_differ_between_raters(browser, tmp_path):
    """Which key says "real", and which image comes first."""
    path = tmp_path / "study.html"
    write_page(path, SIDES[0], SIDES[1:], trials=Trials(exposures=(30,), staircase=0, practice=0, fixation_ms=0))
    hands, firsts = set(), set()
    for name in "abcdef":
        person = Person(browser, path, name)
        person.enter()
        person.start_next_part()
        asked = person.asked()
        hands.add(asked["buttons"][0].split()[0])
        firsts.add(asked["flashed"][0]["shown"])
        person.context.close()
    assert hands == {"Real", "Generated"}
    assert len(firsts) >= 3


def test_it_can_be_read_in_both_schemes(browser, study):
    """Text against its ground: a contrast of 7 : 1 at least (WCAG AAA)."""
    for scheme in ("light", "dark"):
        context = browser.new_context(color_scheme=scheme)
        page = context.new_page()
        page.goto(study.as_uri())
        style = page.evaluate(
            "(({ color, backgroundColor }) => [color, backgroundColor])(getComputedStyle(document.body))"
        )
        dark, light = sorted(_luminance(colour) for colour in style)
        assert (light + 0.05) / (dark + 0.05) >= 7
        assert (light == _luminance(style[0])) == (scheme == "dark")
        context.close()


def _luminance(colour):
    parts = [int(part) / 255 for part in colour[4:-1].split(",")]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

"""Defects planted in real digits: what each measure must notice, and what it must not (lectures' E30)."""

from dataclasses import dataclass, field
from statistics import mean, stdev

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis

from saddle.data import load
from saddle.evaluation import MEASURES, Result, Side, Study
from saddle.evaluation.defects import DEFECTS, plant
from saddle.evaluation.features import Extractor, Identity
from saddle.evaluation.measures.frechet import frechet_distance
from saddle.evaluation.moments import Moments
from saddle.evaluation.scoring import run

N, POOL, PIXELS = 500, 1200, 12
CLEAN, SEEDS = range(6), range(3)
SEEN, UNSEEN = 3.0, 5.0
"""Seen is what moves the mean by more than so many standard deviations of the clean repetitions, every seed beyond all
of these; not seen what moves it by less than so many."""


class Known(Extractor):
    """Pixels, and ten classes by quadratic discriminant analysis of their main directions, right 96 times in 100."""

    name, classes = "pixels of digits", 10

    def __init__(self, side):
        rows = side.images.flatten(1).numpy() / 255
        self.turn = PCA(32, random_state=0).fit(rows)
        self.rule = QuadraticDiscriminantAnalysis(reg_param=0.02).fit(self.turn.transform(rows), side.labels.numpy())

    def __call__(self, images):
        rows = images.flatten(1) / 255
        logits = self.rule.decision_function(self.turn.transform(rows.numpy()))
        return rows, torch.from_numpy(logits).float()


@dataclass(repr=False)
class Bench:
    """Digits shared out for good, and every value measured so far."""

    train: Side
    pool: Side
    held_out: Side
    extractor: Extractor
    studies: dict = field(default_factory=dict)
    results: dict = field(default_factory=dict)

    def study(self, defect, seed):
        if (defect, seed) not in self.studies:
            fake = plant(defect, self.train, self.pool, N, seed)
            self.studies[defect, seed] = Study(self.train, fake, self.extractor, self.held_out, seed=seed)
        return self.studies[defect, seed]

    def result(self, measure, defect, seed) -> Result:
        key = measure, defect, seed
        if key not in self.results:
            self.results[key] = run(self.study(defect, seed), [measure])[measure]
        return self.results[key]

    def value(self, row, defect, seed):
        measure, _, part = row.partition("/")
        result = self.result(measure, defect, seed)
        if not part:
            return result.value
        held = result.details
        for key in part.split("/"):
            held = held[key]
        return held


@pytest.fixture(scope="module")
def bench():
    whole = Side.of_data(load("mnist", size=PIXELS))
    order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(0))
    sizes = [N, POOL, N, len(whole) - 2 * N - POOL]
    train, pool, held_out, others = (whole.take(index) for index in order.split(sizes))
    known = Known(others)
    sure = known(pool.images)[1].log_softmax(1).gather(1, pool.labels[:, None])[:, 0]
    pool = pool.take(sure.argsort(descending=True))  # what is repeated of each class is what most looks like it
    return Bench(train, pool, held_out, known)


NOT = None
"""Nothing is claimed: theory does not say, it hangs on the classifier or on the images repeated, or is small."""

COLUMNS = ("modes-dropped", "noise", "blur", "copies", "one-per-class")
SEES = {
    # worse: seen. better: taken for an improvement. blind: not moved. fooled: not moved, or taken for one.
    "log-likelihood": ("worse", "worse", "worse", "blind", "worse"),
    "coverage-metric": ("worse", NOT, "worse", NOT, "worse"),
    "inception-score": ("worse", NOT, NOT, "blind", "better"),  # E30: one sure image a class scores all classes
    "modified-inception-score": (NOT, NOT, NOT, "blind", "worse"),  # the one score that looks within a class
    "mode-score": ("worse", NOT, NOT, "fooled", "better"),
    "am-score": ("worse", NOT, NOT, "fooled", "better"),
    "fid": ("worse", "worse", "worse", "better", "worse"),  # E30
    "fid-infinity": ("worse", "worse", "worse", "better", "worse"),
    "kid": ("worse", "worse", "worse", "fooled", "worse"),
    "mmd": ("worse", "worse", "worse", "fooled", "worse"),
    "cmmd": ("worse", "worse", "worse", "fooled", "worse"),
    "c2st": ("worse", "worse", "worse", NOT, "worse"),
    "c2st/nearest_neighbour": ("worse", NOT, "worse", "worse", "worse"),  # copies: below one half
    "classification": ("worse", NOT, NOT, "fooled", "worse"),  # GAN-train
    "classification/lda/gan_test": ("fooled", NOT, NOT, "better", "better"),  # easy samples, or known ones
    "boundary-distortion": ("worse", NOT, NOT, "fooled", "worse"),
    "ndb": ("worse", "blind", "worse", "fooled", "worse"),  # noise carries few samples into another bin
    "ndb/jensen_shannon": ("worse", "blind", "worse", "fooled", "worse"),
    "retrieval": ("worse", "worse", "worse", NOT, "worse"),  # copies score 0 exactly: below
    "adversarial-accuracy": ("worse", NOT, NOT, "fooled", "worse"),
    "image-quality": (NOT, "fooled", "worse", "blind", "worse"),  # noise passes for diversity
    "low-level-statistics": (NOT, "worse", "worse", "better", NOT),
    "precision-recall": ("worse", "worse", "worse", "better", "worse"),
    "precision-recall/precision": ("blind", "worse", "better", "better", NOT),  # blur shrinks into the support
    "precision-recall/density": ("blind", "worse", "better", "better", NOT),
    "precision-recall/recall": ("worse", "fooled", "worse", "better", "worse"),
    "precision-recall/coverage": ("worse", "worse", "worse", "fooled", "worse"),
    "nearest-neighbours": (NOT, NOT, NOT, "worse", NOT),
    "modes/kl": ("worse", NOT, NOT, "fooled", "fooled"),
    "vendi": (NOT, "better", "worse", "blind", "worse"),  # noise makes samples different
    "alpha-precision": (NOT, "worse", "worse", "fooled", NOT),
    "alpha-precision/beta_recall": ("worse", "worse", "worse", "better", "worse"),
    "alpha-precision/authenticity": ("blind", "better", NOT, "worse", NOT),  # noise passes for novelty
    "data-copying": (NOT, "worse", NOT, "worse", NOT),  # from two sides: below 0 copies, above 0 far from the data
    "rarity": (NOT, "better", NOT, NOT, NOT),
    "realism": (NOT, "worse", NOT, "better", NOT),
}
"""What the literature says that each measure (or a part of it) makes of each defect, in pixels."""

LABELLED = {
    "classification": "worse",
    "classification/lda/gan_test": "worse",
    "boundary-distortion": "worse",
    "adversarial-accuracy": "worse",
    "image-quality": "better",  # pairs of one label are less alike when the label is wrong
}
"""Who sees three labels in ten swapped: whoever looks at labels."""

SLOW = {
    "wasserstein-critic": ("worse", "worse", "worse", "fooled", "worse"),
    "geometry-score": (NOT, NOT, NOT, "fooled", "worse"),  # ten points have no holes to speak of
}
"""Those that train networks or count holes."""

PARTS = {"c2st/nearest_neighbour": ("target", 0.5), "ndb/jensen_shannon": ("down", 0.0), "modes/kl": ("down", 0.0)}
"""Direction and ideal of parts that differ from their measure's."""


def said(row, clean, now):
    """How many standard deviations of clean samples a row moved for the worse, and whether every seed says so."""
    entry = MEASURES[row.partition("/")[0]]
    direction, ideal = PARTS.get(row, (entry.direction, entry.ideal))
    moved = mean(now) - mean(clean)
    if direction == "target":
        worse = 1 if abs(mean(now) - ideal) > abs(mean(clean) - ideal) else -1
        sign = worse if moved > 0 else -worse
    else:
        sign = 1 if direction == "down" else -1
    apart = min(now) > max(clean) if moved > 0 else max(now) < min(clean)
    return sign * moved / max(stdev(clean), 1e-3 * abs(mean(clean)), 1e-9), apart


def check(bench, row, defect, expected):
    clean = [bench.value(row, "none", seed) for seed in CLEAN]
    now = [bench.value(row, defect, seed) for seed in SEEDS]
    worse, apart = said(row, clean, now)
    verdict = {
        "worse": worse > SEEN and apart,
        "better": worse < -SEEN and apart,
        "blind": abs(worse) < UNSEEN,
        "fooled": worse < UNSEEN,
    }
    assert verdict[expected], f"worse by {worse:.1f} sigma: clean {clean}, {defect} {now}"


def cells(table):
    return [
        (row, defect, expected)
        for row, claims in table.items()
        for defect, expected in zip(COLUMNS, claims, strict=True)
        if expected is not NOT
    ]


@pytest.mark.parametrize("row, defect, expected", cells(SEES))
def test_what_is_seen_and_what_is_not(bench, row, defect, expected):
    check(bench, row, defect, expected)


@pytest.mark.parametrize("row, expected", LABELLED.items())
def test_swapped_labels_are_seen_by_those_who_look_at_labels(bench, row, expected):
    check(bench, row, "label-swaps", expected)


@pytest.mark.parametrize("measure", sorted({row.partition("/")[0] for row in SEES} - {*LABELLED}))
def test_swapped_labels_change_nothing_else(bench, measure):
    """The images are those of the clean samples of that seed, so the numbers are the same, bit for bit."""
    swapped, clean = (bench.result(measure, defect, 0).document() for defect in ("label-swaps", "none"))
    assert swapped == clean


@pytest.mark.slow
@pytest.mark.parametrize("row, defect, expected", cells(SLOW))
def test_what_is_seen_at_leisure(bench, row, defect, expected):
    if row == "geometry-score":
        pytest.importorskip("gudhi")
    check(bench, row, defect, expected)


@pytest.mark.slow
@pytest.mark.parametrize("defect", ["modes-dropped", "noise", "blur", "one-per-class"])
def test_a_critic_rejects_the_defect_sooner(bench, defect):
    """NRDS among two: the share of the spoilt samples is below one half, that of the clean ones."""
    study = bench.study(defect, 0)
    rivals = [plant("none", bench.train, bench.pool, N, seed=1)]
    found = run(Study(study.real, study.fake, study.extractor, rivals=rivals), ["nrds"])["nrds"]
    assert found.interval[1] < 0.5


def test_copies_have_their_exact_values(bench):
    """A generator that replays the training set: ideal to most measures, betrayed by four."""
    value = {row: bench.value(row, "copies", 0) for row in SEES}
    assert value["fid"] == pytest.approx(0, abs=1e-9) and value["retrieval"] == pytest.approx(0, abs=1e-12)
    assert value["kid"] < 0 and value["mmd"] < 0
    fooled = ("precision", "recall", "coverage")
    assert [value[f"precision-recall/{part}"] for part in fooled] == [1, 1, 1]
    assert value["alpha-precision/authenticity"] == 0 and value["nearest-neighbours"] == 1
    assert value["c2st/nearest_neighbour"] == 0 and value["data-copying"] < -3


def test_one_image_a_class_in_exact_values(bench):
    """E30: all ten classes, ten samples: IS is content and FID is not; within a class nothing differs."""
    ten = bench.result("inception-score", "one-per-class", 0).value
    assert ten > 9 > bench.result("inception-score", "none", 0).value
    assert bench.value("fid", "one-per-class", 0) > 10 * bench.value("fid", "none", 0)
    assert bench.value("modified-inception-score", "one-per-class", 0) == pytest.approx(1, abs=1e-9)
    assert bench.value("image-quality", "one-per-class", 0) == pytest.approx(1)
    assert bench.value("precision-recall/recall", "one-per-class", 0) == 0
    assert bench.value("modes", "one-per-class", 0) == 10
    low, high = bench.result("birthday", "one-per-class", 0).interval
    assert low < 10 < high < bench.result("birthday", "none", 0).interval[0]


def test_data_copying_tells_copies_from_samples_far_off(bench):
    assert all(bench.value("data-copying", "copies", seed) < -3 for seed in SEEDS)
    assert all(bench.value("data-copying", "noise", seed) > 0 for seed in SEEDS)


def test_noise_costs_precision_and_a_dropped_half_recall(bench):
    lost = {
        (part, defect): mean(bench.value(f"precision-recall/{part}", "none", seed) for seed in CLEAN)
        - mean(bench.value(f"precision-recall/{part}", defect, seed) for seed in SEEDS)
        for part in ("precision", "recall")
        for defect in ("noise", "modes-dropped")
    }
    assert lost["precision", "noise"] > 0.15 > 5 * lost["recall", "noise"]
    assert lost["recall", "modes-dropped"] > 0.15 > 5 * lost["precision", "modes-dropped"]


@pytest.mark.parametrize("row, sign", [("fid", 1), ("kid", 1), ("mode-score", -1), ("precision-recall/recall", -1)])
def test_each_further_class_that_is_missing_is_seen(bench, row, sign):
    """FID rises when modes are missing (E30), and goes on rising."""
    order, found = torch.randperm(POOL, generator=torch.Generator().manual_seed(0)), []
    for classes in (10, 7, 4, 2):
        index = order[bench.pool.labels[order] < classes][: POOL // 6]
        some = Bench(bench.train, bench.pool, bench.held_out, bench.extractor)
        some.studies["fewer", 0] = Study(bench.train, bench.pool.take(index), bench.extractor)
        found.append(sign * some.value(row, "fewer", 0))
    assert found == sorted(found) and len(set(found)) == len(found)


DIGITS = [("none", 0.084211, 0.00038162), ("noise", 0.583900, 0.00983431), ("modes-dropped", 0.657383, 0.00897249)]


@pytest.mark.parametrize("defect, fd, kid", DIGITS)
def test_goldens_of_scikit_learns_digits(defect, fd, kid):
    """Computed once by SciPy's square root and NumPy, of pixels: one number cannot tell noise from missing digits."""
    x, y = load_digits(return_X_y=True)
    rs = np.random.RandomState(0)
    order = rs.permutation(1797)
    A, B = x[order[:898]] / 16, x[order[898:1796]] / 16
    noisy = np.clip(B + 0.2 * rs.randn(*B.shape), 0, 1)
    fake = {"none": B, "noise": noisy, "modes-dropped": B[y[order[898:1796]] < 5]}[defect]
    real, fake = torch.from_numpy(A), torch.from_numpy(fake)
    assert frechet_distance(Moments.of(real), Moments.of(fake)) == pytest.approx(fd, abs=5e-7)
    study = Study(Side.of_features(real), Side.of_features(fake), Identity())
    assert run(study, ["kid"])["kid"].value == pytest.approx(kid, abs=5e-9)


class Thumbnail(Extractor):
    name, size, channels, resize = "two by two pixels", 2, 1, "tf1-bilinear"

    def __call__(self, images):
        return self.fit(images).flatten(1), None


@pytest.mark.proves("clean-fid", "closed form")
def test_clean_fid_sees_the_level_and_not_what_is_finer_than_a_pixel():
    """Flat images moved by c levels are c^2 apart in each of four pixels; a chequerboard around a level is that level.

    The resize that takes single pixels sees its white fields only, which are 40 levels off.
    """
    levels = torch.arange(60, 180, 4)
    flat = levels.to(torch.uint8)[:, None, None, None].expand(-1, 1, 16, 16)
    row = torch.arange(16)
    board = (40 * (1 - 2 * ((row[:, None] + row) % 2)) + flat).to(torch.uint8)

    def value(name, fake):
        study = Study(Side.of_images(flat), Side.of_images(fake), Thumbnail())
        return run(study, [name])[name].value

    assert value("clean-fid", flat + 9) == pytest.approx(4 * 9**2, rel=1e-5)
    assert value("clean-fid", board) < 0.05
    assert value("fid", board) == pytest.approx(4 * 40**2)


# The defects themselves


def test_each_defect_is_what_it_says(bench):
    planted = {name: plant(name, bench.train, bench.pool, N, seed=5) for name in DEFECTS}
    assert [side.name for side in planted.values()] == list(DEFECTS) and {len(side) for side in planted.values()} == {N}
    clean = planted["none"]
    assert set(planted["modes-dropped"].labels.tolist()) == {0, 1, 2, 3, 4}
    assert torch.equal(planted["copies"].images.flatten(1).unique(dim=0), bench.train.images.flatten(1).unique(dim=0))
    assert len(planted["one-per-class"].images.unique(dim=0)) == 10
    swapped = planted["label-swaps"].labels != clean.labels
    assert torch.equal(planted["label-swaps"].images, clean.images) and 0.2 < swapped.double().mean() < 0.4
    assert torch.equal(planted["label-swaps"].labels[swapped], (clean.labels[swapped] + 1) % 10)
    grey = clean.images.float()
    inside = (grey > 80) & (grey < 175)  # where noise is not cut off
    noise = (planted["noise"].images.float() - grey)[inside]
    assert float(noise.std()) == pytest.approx(25.5, rel=0.1) and abs(float(noise.mean())) < 1.5
    blurred = planted["blur"].images.float()
    assert float(blurred.mean()) == pytest.approx(float(grey.mean()), rel=0.02)
    assert float(blurred.diff(dim=3).square().mean()) < 0.3 * float(grey.diff(dim=3).square().mean())


def test_a_flat_image_is_not_blurred_and_a_seed_repeats():
    flat = Side.of_images(torch.full((3, 1, 9, 9), 77, dtype=torch.uint8), labels=torch.zeros(3, dtype=torch.long))
    assert torch.equal(plant("blur", flat, flat, 3).images, flat.images)
    one, two, other = (plant("noise", flat, flat, 3, seed).images for seed in (4, 4, 5))
    assert torch.equal(one, two) and not torch.equal(one, other)


def test_what_cannot_be_planted_is_refused():
    images = Side.of_images(torch.zeros(4, 1, 8, 8, dtype=torch.uint8))
    rows = Side.of_features(torch.zeros(4, 2), labels=torch.tensor([0, 0, 1, 1]))
    with pytest.raises(ValueError, match="n=5: expected at most 4"):
        plant("none", images, images, 5)
    with pytest.raises(ValueError, match="expected samples with labels"):
        plant("label-swaps", images, images, 2)
    with pytest.raises(ValueError, match="expected images"):
        plant("blur", rows, rows, 2)

"""The table of measures: Borji's 24 quantitative and 5 qualitative ones, and newer ones. Imports no torch.

To add a measure, write its function in a file of ``measures`` and its line here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from saddle.evaluation.result import Result
    from saddle.evaluation.study import Study

__all__ = ["MEASURES", "NEEDS", "Measure", "catalogue"]

NEEDS = {
    "features": "features of both sides",
    "probabilities": "an extractor with a classifier, such as digits or efficientnet-lite0",
    "images": "images on both sides",
    "real labels": "labels on the real side",
    "labels": "labels on both sides: a labelled folder, or a run of a recipe that takes labels",
    "generator": "a run, whose generator can be asked",
    "discriminator": "a run with a critic",
    "rivals": "other models to compare with: --against RUN",
    "modes": "data whose modes are known: ring8, grid25, stacked-mnist, or images with a classifier of their labels",
    "humans": "answers of people: --human writes the page that asks them, --answers reads what they said",
}
"""What a measure may need, and what gives it."""


@dataclass(frozen=True)
class Measure:
    """One line of the table."""

    number: str | None
    """Its number in Borji's review: 1 to 24, Q1 to Q5; None for newer ones."""
    summary: str
    """What it measures, in one line."""
    needs: tuple[str, ...]
    """Keys of `NEEDS`; all must be there."""
    direction: str
    """``up`` or ``down``: which way is better; ``target``: the ideal is best, both ways off are worse."""
    range: tuple[float | None, float | None]
    """Least and greatest value; None where there is no bound, or where it depends (on classes, on N)."""
    ideal: float | None
    """The best value; None where there is no such number."""
    home: str
    """``module:function`` under `saddle.evaluation.measures`: `Study` -> `Result`; those of people take answers."""
    source: str
    """The paper."""
    reading: str
    """How to read a value, in a few words."""
    fast: bool = False
    """Whether it belongs to the set that runs when none is named."""

    def load(self) -> Callable[[Study], Result]:
        """The function itself."""
        module, _, function = self.home.partition(":")
        return getattr(import_module(f"saddle.evaluation.measures.{module}"), function)


F, P, IMG, GEN, CRITIC = "features", "probabilities", "images", "generator", "discriminator"

# fmt: off
MEASURES = {
    "log-likelihood": Measure(
        "1", "mean log density of held-out real features under a Parzen window; AIS beside it for small generators",
        (F,), "up", (None, None), None, "likelihood:log_likelihood",
        "Goodfellow et al. 2014, arXiv:1406.2661; Wu et al. 2017, arXiv:1611.04273",
        "compare only at equal samples and width; ranks models badly in many dimensions",
    ),
    "coverage-metric": Measure(
        "2", "share of the real mass where the model's density is above its own 5 % level", (F,), "target", (0, 1),
        0.95, "coverage:coverage_metric", "Tolstikhin et al. 2017 (AdaGAN), arXiv:1701.02386",
        "0.95 when both agree, 0 apart",
    ),
    "inception-score": Measure(
        "3", "exp of the information that a sample gives about its class", (P,), "up", (1, None), None,
        "class_scores:inception_score", "Salimans et al. 2016, arXiv:1606.03498",
        "up to the number of classes; blind to one image per class and to copies", True,
    ),
    "modified-inception-score": Measure(
        "4", "diversity of class posteriors within a class", (P,), "up", (1, None), None,
        "class_scores:modified_inception_score", "Gurumurthy et al. 2017 (DeLiGAN), arXiv:1706.02071",
        "1: all samples of a class look alike to the classifier",
    ),
    "mode-score": Measure(
        "5", "Inception Score less the divergence of the classes from those of the data", (P,), "up", (0, None), None,
        "class_scores:mode_score", "Che et al. 2017, arXiv:1612.02136",
        "as the Inception Score, but knows the data's classes",
    ),
    "am-score": Measure(
        "6", "uncertainty of a sample's class plus divergence of the classes from those of the data", (P,), "down",
        (0, None), 0.0, "class_scores:am_score", "Zhou et al. 2018, arXiv:1703.02000",
        "0: sharp classes in the data's shares",
    ),
    "fid": Measure(
        "7", "Fréchet distance of Gaussians fitted to the features", (F,), "down", (0, None), 0.0, "frechet:fid",
        "Heusel et al. 2017, arXiv:1706.08500", "compare only at equal N and features", True,
    ),
    "mmd": Measure(
        "8", "maximum mean discrepancy: Gaussian kernels at several widths, and KID", (F,), "down", (None, None), 0.0,
        "kernel:mmd", "Gretton et al. 2012; Bińkowski et al. 2018, arXiv:1801.01401",
        "unbiased: below 0 means no difference seen",
    ),
    "wasserstein-critic": Measure(
        "9", "gap of an independent critic between real and generated samples; exact and sliced distances beside it",
        (F,), "down", (None, None), 0.0, "wasserstein:wasserstein_critic",
        "Arjovsky et al. 2017, arXiv:1701.07875; Danihelka et al. 2017, arXiv:1705.05263",
        "0: the critic finds nothing",
    ),
    "birthday": Measure(
        "10", "number of distinct samples that the generator seems to have, from near-duplicates in a batch", (F,),
        "up", (0, None), None, "birthday:birthday", "Arora and Zhang 2017, arXiv:1706.08224",
        "compare with the data's own (real); open upwards where no duplicates were seen",
    ),
    "c2st": Measure(
        "11", "accuracy of classifiers told to tell real from generated", (F,), "target", (0, 1), 0.5, "c2st:c2st",
        "Lopez-Paz and Oquab 2017, arXiv:1610.06545; Xu et al. 2018, arXiv:1806.07755",
        "0.5: nothing to tell; 1: told apart; clearly below 0.5: copies", True,
    ),
    "classification": Measure(
        "12", "GAN-train and GAN-test: a classifier trained on one side, tested on the other", (F, "labels"), "up",
        (0, 1), 1.0, "classification:classification",
        "Shmelkov et al. 2018, arXiv:1807.09499; Ravuri and Vinyals 2019, arXiv:1905.10887",
        "compare with the accuracy from real to real beside it",
    ),
    "boundary-distortion": Measure(
        "13", "accuracy on real data that a classifier loses when it learns from generated data", (F, "labels"), "down",
        (-1, 1), 0.0, "boundary:boundary_distortion", "Santurkar et al. 2018, arXiv:1711.00970",
        "0: boundaries as in the data",
    ),
    "ndb": Measure(
        "14", "share of the data's bins whose count differs significantly among generated samples", (F,), "down",
        (0, 1), None, "bins:ndb", "Richardson and Weiss 2018, arXiv:1805.12462",
        "0.05 by chance alone; more samples find more",
    ),
    "retrieval": Measure(
        "15",
        "how much farther a held-out real sample is from its nearest generated one than from its nearest real one",
        (F,), "down", (-1, None), 0.0, "retrieval:retrieval", "Wang et al. 2016, arXiv:1607.05387",
        "0: as near as data; copies of the data score perfectly",
    ),
    "gam": Measure(
        "16", "generative adversarial metric: each model's critic judges the other's samples", (GEN, CRITIC, "rivals"),
        "up", (0, 1), 1.0, "gam:gam", "Im et al. 2016, arXiv:1602.05110",
        "share of battles won against the others; a tie counts half",
    ),
    "skill-rating": Measure(
        "17", "tournament of generators against critics: win rate and Glicko-2 rating", (GEN, CRITIC), "up",
        (None, None), None, "skill:skill_rating", "Olsson et al. 2018, arXiv:1808.04888",
        "means something within one tournament only",
    ),
    "nrds": Measure(
        "18", "normalised relative discriminative score: how long a new critic takes to reject each model",
        (F, "rivals"), "up", (0, 1), None, "nrds:nrds", "Zhang et al. 2018, arXiv:1803.03345",
        "shares add up to 1 over the models compared",
    ),
    "adversarial-accuracy": Measure(
        "19", "accuracies and divergence of classifiers trained on labelled real and generated samples", (F, "labels"),
        "down", (0, None), 0.0, "classification:adversarial_accuracy", "Yang et al. 2017 (LR-GAN), arXiv:1703.01560",
        "mean KL of their answers on real data; compare with real_halves",
    ),
    "geometry-score": Measure(
        "20", "difference of the number of holes seen at random scales", (F,), "down", (0, None), 0.0,
        "geometry:geometry_score", "Khrulkov and Oseledets 2018, arXiv:1802.02664",
        "tiny numbers are usual: compare with that of two halves of the data",
    ),
    "reconstruction-error": Measure(
        "21", "how near the generator can come to held-out real samples, searching z", (GEN,), "down", (0, None), 0.0,
        "reconstruction:reconstruction_error",
        "Xiang and Li 2017, arXiv:1704.03971; Metz et al. 2017, arXiv:1611.02163",
        "mean squared error per number, samples in [-1, 1]",
    ),
    "image-quality": Measure(
        "22", "similarity of pairs of images: SSIM, MS-SSIM, PSNR, sharpness difference", (IMG,), "down", (-1, 1), None,
        "quality:image_quality",
        "Wang et al. 2004; Odena et al. 2017, arXiv:1610.09585; Mathieu et al. 2016, arXiv:1511.05440",
        "value: mean SSIM of random generated pairs; above the data's: less diverse",
    ),
    "low-level-statistics": Measure(
        "23", "spectra, filter responses, contrast, components, gradients and colours of images", (IMG,), "down",
        (0, None), 0.0, "low_level:low_level_statistics",
        "Zeng et al. 2017, arXiv:1708.02688; Durall et al. 2020, arXiv:2003.01826",
        "value: mean distance of the histograms; the parts say where it comes from",
    ),
    "precision-recall": Measure(
        "24", "share of samples within the data's support and of data within the samples', with density and coverage",
        (F,), "up", (0, 1), 1.0, "manifold:precision_recall",
        "Lucic 2018, arXiv:1711.10337; Kynkäänniemi 2019, arXiv:1904.06991; Naeem 2020, arXiv:2002.09797",
        "value: F1; low precision: bad samples; low recall: missing modes", True,
    ),
    "nearest-neighbours": Measure(
        "Q1", "each sample beside its nearest training samples, in pixels and in features, and a count of copies", (F,),
        "target", (0, 1), 0.01, "neighbours:nearest_neighbours", "Borji 2018, arXiv:1802.03446",
        "0.01 by chance; near 1: copies",
    ),
    "scene-categorisation": Measure(
        "Q2", "how often people take a sample for real after a glance of 50 to 2000 ms", ("humans",), "target", (0, 1),
        0.5, "people:scene_categorisation",
        "Denton et al. 2015, arXiv:1506.05751; Zhou et al. 2019 (HYPE), arXiv:1904.01121",
        "accuracy 0.5: people cannot tell; depends on the durations shown",
    ),
    "preference": Measure(
        "Q3", "which model's samples people prefer, and how they rate them", ("humans",), "up", (0, 1), None,
        "people:preference", "Salimans et al. 2016, arXiv:1606.03498; Bradley and Terry 1952",
        "share of comparisons with real images that generated ones won",
    ),
    "modes": Measure(
        "Q4",
        "modes of the data that are found, share of samples near one, divergence of their shares; a verdict in words",
        ("modes",), "up", (0, None), None, "modes:modes",
        "Srivastava et al. 2017 (VEEGAN), arXiv:1705.07761; Lin et al. 2018 (PacGAN), arXiv:1712.04086",
        "out of the number of modes; the protocol is named",
    ),
    "internals": Measure(
        "Q5", "the generator's latent space: conditioning of its Jacobian, main directions, interpolations", (GEN,),
        "down", (0, None), 0.0, "internals:internals",
        "Odena et al. 2018, arXiv:1802.08768; Shen and Zhou 2021, arXiv:2007.06600",
        "value: mean log condition number of J'J; large: some directions do nothing",
    ),
    "clean-fid": Measure(
        None, "FID with the antialiased bicubic resize that loses no detail", (F, IMG), "down", (0, None), 0.0,
        "frechet:clean_fid", "Parmar et al. 2022, arXiv:2104.11222", "as FID; equal to it where no resize is needed",
    ),
    "fid-infinity": Measure(
        None, "FID extrapolated to infinitely many samples", (F,), "down", (None, None), 0.0, "frechet:fid_infinity",
        "Chong and Forsyth 2020, arXiv:1911.07023", "free of most of the bias of N on the generated side",
    ),
    "kid": Measure(
        None, "kernel distance: unbiased MMD with a cubic kernel", (F,), "down", (None, None), 0.0, "kernel:kid",
        "Bińkowski et al. 2018, arXiv:1801.01401",
        "unbiased, so right for few samples; below 0 means no difference seen", True,
    ),
    "cmmd": Measure(
        None, "MMD of normalised features under one wide Gaussian, times 1000", (F,), "down", (0, None), 0.0,
        "kernel:cmmd", "Jayasumana et al. 2024, arXiv:2401.09603",
        "defined on CLIP's features; with others, comparable only with itself",
    ),
    "ppl": Measure(
        None, "perceptual path length: how fast features change along interpolations of z", (GEN,), "down", (0, None),
        None, "ppl:ppl", "Karras et al. 2019, arXiv:1812.04948",
        "smaller: smoother; compare with its chord; a constant generator scores 0",
    ),
    "lpips-diversity": Measure(
        None, "mean perceptual distance of pairs of samples", (IMG,), "up", (0, None), None, "lpips:lpips_diversity",
        "Zhang et al. 2018, arXiv:1801.03924; Zhu et al. 2017, arXiv:1711.11586",
        "compare with the data's own; noise raises it",
    ),
    "vendi": Measure(
        None, "effective number of different samples", (F,), "up", (1, None), None, "vendi:vendi",
        "Friedman and Dieng 2022, arXiv:2210.02410", "compare with the data's own at equal N", True,
    ),
    "alpha-precision": Measure(
        None, "integrated alpha-precision and beta-recall, and the share of samples that are not copies", (F,), "up",
        (0, 1), 1.0, "alpha:alpha_precision", "Alaa et al. 2022, arXiv:2102.08921",
        "beta-recall of equal laws is about 0.5; authenticity: compare with that of held-out data",
    ),
    "data-copying": Measure(
        None, "C_T: whether samples lie nearer to the training data than held-out data do", (F,), "target",
        (None, None), 0.0, "copying:data_copying", "Meehan et al. 2020, arXiv:2004.05675",
        "a z-score: below -3 copies, above 3 underfits",
    ),
    "rarity": Measure(
        None, "how sparse the data are around each sample", (F,), "up", (0, None), None, "manifold:rarity",
        "Han et al. 2023, arXiv:2206.08549", "only of samples within the data's support; compare with the data's own",
    ),
    "realism": Measure(
        None, "how far within the data's support each sample lies", (F,), "up", (0, None), None, "manifold:realism",
        "Kynkäänniemi et al. 2019, arXiv:1904.06991", "above 1: within",
    ),
}
"""The measures by name."""
# fmt: on


def catalogue() -> list[dict[str, Any]]:
    """The table as ``saddle list measures --json`` prints it.

    >>> [entry["name"] for entry in catalogue() if entry["number"] == "7"]
    ['fid']
    """
    return [
        {
            "name": name,
            "number": measure.number,
            "summary": measure.summary,
            "needs": list(measure.needs),
            "direction": measure.direction,
            "range": list(measure.range),
            "ideal": measure.ideal,
            "reading": measure.reading,
            "source": measure.source,
            "default": measure.fast,
        }
        for name, measure in MEASURES.items()
    ]

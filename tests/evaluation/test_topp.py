"""Topological precision and recall."""

import math

import pytest
import torch

from saddle.evaluation.measures.topp import TopPR, top_precision_recall


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def by_hand(x, y, rng, alpha):
    """TopP as its definition reads, with every resample drawn out."""

    def density(at, points, h):
        total = torch.zeros(len(at), dtype=torch.float64)
        for i, a in enumerate(at):
            for b in points:
                r = float((a - b).norm())
                total[i] += math.cos(math.pi / 2 * r / h) if r <= h else 0.0
        return total / len(points)

    def fit(points):
        n, k = len(points), 5 * points.shape[1]
        near = sorted(sorted(float((a - b).norm()) for b in points)[k] for a in points)
        h = (near[(n - 1) // 2] + near[n // 2]) / 2
        p = density(points, points, h)
        drawn = torch.randint(n, (100, n), generator=rng)
        noise = torch.stack([(density(points, points[rows], h) - p).abs().max() for rows in drawn])
        return h, float(noise.quantile(1 - alpha)), p

    (h, c, _), (_, c_y, p_y) = fit(x), fit(y)
    inside = (density(y, x, h) > c) & (p_y > c_y)
    return int(inside.sum()) / int((p_y > c_y).sum())


def test_it_is_its_definition():
    """Resamples only re-weight columns of one kernel matrix; drawn out one by one they give the same."""
    x, y = torch.randn(14, 2, generator=seeded(1)).double(), 0.7 + torch.randn(13, 2, generator=seeded(2)).double()
    found = top_precision_recall(x, y, seeded(3), alpha=0.4)
    assert found.precision == pytest.approx(by_hand(x, y, seeded(3), 0.4), abs=1e-12)


def test_same_samples_are_wholly_within(arrays):
    found = top_precision_recall(arrays["R"], arrays["R"], seeded())
    assert found.precision > 0.97 and found.recall > 0.97


def test_same_law_scores_high_and_a_shrunk_one_loses_recall(arrays):
    same = top_precision_recall(arrays["R"], arrays["F"], seeded())
    shrunk = top_precision_recall(arrays["R"], arrays["G"], seeded())
    assert min(same.precision, same.recall) > 0.85
    assert shrunk.precision > 0.8 and shrunk.recall < 0.3


def test_disjoint_supports_score_zero(arrays):
    found = top_precision_recall(arrays["R"], arrays["F"] + 100, seeded())
    assert (found.precision, found.recall, found.f1) == (0.0, 0.0, 0.0)


def test_swapping_the_sides_swaps_precision_and_recall(arrays):
    one = top_precision_recall(arrays["R"], arrays["G"], seeded())
    other = top_precision_recall(arrays["G"], arrays["R"], seeded())
    assert other.precision == pytest.approx(one.recall, abs=0.05)
    assert other.recall == pytest.approx(one.precision, abs=0.05)


def test_a_few_outliers_do_not_matter(arrays):
    """Single real points far away hold up no support: fakes there are not precise."""
    far = torch.full((3, 16), 50.0).double() + arrays["T"][:3]
    found = top_precision_recall(torch.cat([arrays["R"], far]), torch.cat([arrays["F"], far]), seeded())
    clean = top_precision_recall(arrays["R"], arrays["F"], seeded())
    assert found.precision == pytest.approx(clean.precision, abs=0.05)


def test_scale_and_order_do_not_matter(arrays):
    """Thresholds and densities scale together; the order of rows decides no bandwidth (upstream's loop let it)."""
    one = top_precision_recall(arrays["R"], arrays["F"], seeded())
    assert top_precision_recall(1e6 * arrays["R"], 1e6 * arrays["F"], seeded()) == one
    assert top_precision_recall(1e-6 * arrays["R"], 1e-6 * arrays["F"], seeded()) == one
    order = torch.randperm(300, generator=seeded(1))
    shuffled = top_precision_recall(arrays["R"][order], arrays["F"], seeded())
    assert shuffled.f1 == pytest.approx(one.f1, abs=0.05)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_few_dimensions_work(d):
    """Upstream fails there on a name it never assigned."""
    x, y = (torch.randn(100, d, generator=seeded(i)) for i in (1, 2))
    assert top_precision_recall(x, y, seeded(), neighbours=40).f1 > 0.8


def test_no_significant_sample_is_an_error_and_not_a_score():
    """One neighbour: every density is little more than a sample's own kernel, which resampling doubles or drops."""
    x, y = (torch.randn(100, 16, generator=seeded(i)) for i in (1, 2))
    with pytest.raises(ValueError, match="more of them"):
        top_precision_recall(x, y, seeded(), neighbours=1)


def test_many_dimensions_are_projected_and_no_global_state_is_touched():
    """Upstream resets the seeds of three libraries and multiplies by (pi / 4h)^d, which over- or underflows."""
    before = torch.random.get_rng_state()
    x, y = (torch.randn(300, 600, generator=seeded(i)) for i in (1, 2))
    assert top_precision_recall(x, y, seeded()).f1 > 0.8
    assert torch.equal(before, torch.random.get_rng_state())


def test_f1_is_the_harmonic_mean():
    assert TopPR(0.5, 1.0).f1 == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        (torch.zeros(1, 2), torch.zeros(5, 2), "2 or more"),
        (torch.zeros(5, 2), torch.zeros(5, 3), "N, d"),
        (torch.zeros(5, 2), torch.randn(5, 2, generator=seeded()), "samples that differ"),
        (torch.full((5, 2), torch.nan), torch.zeros(5, 2), "finite"),
    ],
)
def test_bad_input_is_refused(x, y, said):
    with pytest.raises(ValueError, match=said):
        top_precision_recall(x, y, seeded())

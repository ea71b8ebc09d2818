"""Fréchet distance: closed forms, golden values, invariances, its bias and error against Monte-Carlo, FID-infinity."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from saddle.evaluation.features import Extractor, Identity
from saddle.evaluation.measures.frechet import (
    clean_fid,
    extrapolate,
    fid,
    fid_infinity,
    frechet_bias,
    frechet_distance,
    frechet_error,
    memorisation_distance,
    mifid,
)
from saddle.evaluation.moments import Moments
from saddle.evaluation.side import Side
from saddle.evaluation.study import Study


def distance(x: Tensor, y: Tensor) -> float:
    return frechet_distance(Moments.of(x), Moments.of(y))


def gaussian(mean: list[float], covariance: list[list[float]]) -> Moments:
    return Moments(1001, torch.tensor(mean).double(), torch.tensor(covariance).double() * 1000)


def rows(n: int, d: int, seed: int = 0) -> Tensor:
    return torch.randn(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def study(real: Tensor, fake: Tensor) -> Study:
    return Study(Side.of_features(real), Side.of_features(fake), Identity())


@pytest.mark.proves("fid", "golden")
def test_golden(arrays: dict[str, Tensor]) -> None:
    R, F, G = (arrays[name] for name in "RFG")
    assert distance(R, F) == pytest.approx(0.5460296962154, rel=1e-9)
    assert distance(R, G) == pytest.approx(5.4411450292450, rel=1e-9)
    assert distance(R[:10], G[:12]) == pytest.approx(15.385582272, rel=1e-9)


@pytest.mark.proves("fid", "closed form")
def test_closed_forms() -> None:
    eye = torch.eye(16).tolist()
    shrunk = (0.64 * torch.eye(16)).tolist()
    assert frechet_distance(gaussian([0.0] * 16, eye), gaussian([0.5] * 16, shrunk)) == pytest.approx(4.64, rel=1e-6)
    a = gaussian([1.0, 0.0], [[2.0, 0.5], [0.5, 1.0]])
    b = gaussian([0.0, 1.0], [[1.0, -0.3], [-0.3, 3.0]])
    trace_root = math.sqrt(2 * 1 + 2 * 0.5 * -0.3 + 1 * 3 + 2 * math.sqrt((2 - 0.25) * (3 - 0.09)))
    assert frechet_distance(a, b) == pytest.approx(2 + 3 + 4 - 2 * trace_root, rel=1e-6)
    assert frechet_distance(a, b) == pytest.approx(2.9293118550, rel=1e-6)


@pytest.mark.parametrize(("least", "near"), [(0.25, 1e-9), (0.0, 1e-7)])
def test_covariances_that_commute(least: float, near: float) -> None:
    """Where a variance is 0, the root of what rounding makes of it keeps half the digits."""
    q = torch.linalg.qr(rows(6, 6)).Q
    s, t = torch.arange(1.0, 7.0).double(), torch.tensor([2.0, 1.0, least, 0.5, 3.0, least]).double()
    a, b = (Moments(2, torch.zeros(6).double(), (q * x.square()) @ q.T) for x in (s, t))
    assert frechet_distance(a, b) == pytest.approx(float((s - t).square().sum()), rel=near)


@pytest.mark.parametrize(("n", "m", "d"), [(40, 50, 5), (8, 9, 30), (8, 60, 30), (60, 8, 30), (31, 30, 30)])
def test_few_and_many_samples_take_different_roads_to_one_number(n: int, m: int, d: int) -> None:
    """Against the definition by eigenvalues of the product, whose root loses half the digits when it is singular."""
    x, y = rows(n, d), rows(m, d, 1) * 1.5 + 0.3
    S, T = (np.cov(z.numpy(), rowvar=False) for z in (x, y))
    trace_root = np.sqrt(np.maximum(np.linalg.eigvals(S @ T).real, 0)).sum()
    expected = float((x.mean(0) - y.mean(0)).square().sum()) + np.trace(S) + np.trace(T) - 2 * trace_root
    assert distance(x, y) == pytest.approx(expected, rel=1e-6)
    assert distance(x, y) == pytest.approx(distance(y, x), rel=1e-10)


@pytest.mark.parametrize("n", [4, 20, 200])
def test_equal_covariances_leave_the_shift(n: int) -> None:
    x = rows(n, 20)
    assert distance(x, x + 2.0) == pytest.approx(80.0, rel=1e-9)
    assert 0.0 <= distance(x, x) < 1e-9


def test_a_singular_covariance_loses_no_digits() -> None:
    """Constant and repeated features, on which eigenvalues of the product scatter by 1e-7 and sqrtm fails."""
    x, y = (torch.cat([z, z[:, :3], torch.ones(len(z), 4)], 1) for z in (rows(90, 8), 2 * rows(90, 8, 1)))
    q = torch.linalg.qr(rows(15, 15, 2)).Q
    plain = [z[:, :8] * torch.tensor([2.0] * 3 + [1.0] * 5).double().sqrt() for z in (x, y)]
    assert distance(x @ q, y @ q) == pytest.approx(distance(*plain), rel=1e-10)


def test_an_almost_singular_covariance_keeps_nine_digits() -> None:
    """Variances from 1 to 1e-24: squaring the condition number would lose them, so singular values take over."""
    scales = torch.logspace(0, -12, 30).double()
    q = torch.linalg.qr(rows(30, 30, 2)).Q
    x = (rows(500, 30) * scales) @ q
    assert distance(x, x) < 1e-9 * Moments.of(x).trace
    assert distance(x, 3 * x) == pytest.approx(4 * Moments.of(x).trace + 4 * float(x.mean(0).square().sum()), rel=1e-9)


def test_four_samples_in_four_dimensions_give_a_number() -> None:
    """torch-fidelity's case, where a root was taken of a tiny negative eigenvalue: NaN."""
    rs = np.random.RandomState(1)
    x, y = (torch.from_numpy(rs.rand(4, 4)) for _ in range(2))
    S, T = (np.cov(z.numpy(), rowvar=False) for z in (x, y))
    trace_root = np.sqrt(np.linalg.eigvals(S @ T).astype(complex)).real.sum()
    expected = float((x.mean(0) - y.mean(0)).square().sum()) + np.trace(S) + np.trace(T) - 2 * trace_root
    assert distance(x, y) == pytest.approx(expected, rel=1e-6)


@given(seed=st.integers(0, 50), n=st.sampled_from([3, 7, 40]), scale=st.floats(0.1, 10.0))
def test_rotation_translation_order_and_scale(seed: int, n: int, scale: float) -> None:
    x, y = rows(n, 6, seed), rows(n + 2, 6, seed + 100) * 0.5 + 1.0
    q = torch.linalg.qr(rows(6, 6, seed + 200)).Q
    moved = distance(x.flip(0) @ q * scale + 3.0, y @ q * scale + 3.0)
    assert moved == pytest.approx(scale**2 * distance(x, y), rel=1e-8)


def test_sides_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="as many"):
        distance(rows(5, 2), rows(5, 3))
    with pytest.raises(ValueError, match="2 or more"):
        distance(rows(1, 2), rows(5, 2))


SPECTRUM = torch.tensor([4, 2, 1, 0.5, 0.25, 0.1, 0.05, 0.01], dtype=torch.float64)


def test_bias_of_the_closed_form() -> None:
    predicted = [frechet_bias(SPECTRUM, n) for n in (100, 200, 400, 1600)]
    assert predicted == pytest.approx([0.17438, 0.08719, 0.04360, 0.010899], rel=1e-4)
    assert frechet_bias(SPECTRUM, 100, 100) == pytest.approx(2 * predicted[0])
    assert frechet_bias(torch.zeros(3), 10) == 0.0


Draw = Callable[[torch.Generator], tuple[Tensor, Tensor]]


def sampler(n: int, m: int, spectrum: Tensor, shift: float, scale: float) -> Draw:
    def draw(rng: torch.Generator) -> tuple[Tensor, Tensor]:
        x, y = (torch.randn(k, len(spectrum), dtype=torch.float64, generator=rng) * spectrum.sqrt() for k in (n, m))
        return x, y * scale + shift

    return draw


@pytest.mark.parametrize(
    "draw",
    [
        sampler(200, 200, SPECTRUM, 0.0, 1.0),
        sampler(200, 300, SPECTRUM, 0.5, 0.8),
        sampler(100, 100, torch.ones(6), 0.1, 1.0),
        sampler(30, 40, torch.logspace(0, -2, 60), 0.3, 1.3),
    ],
    ids=["same law", "far", "near", "fewer samples than features"],
)
def test_error_is_the_spread_over_samples(draw: Draw) -> None:
    """150 repeats: the root mean square of the estimated errors within 35 % of the spread seen."""
    rng = torch.Generator().manual_seed(0)
    values, errors = [], []
    for _ in range(150):
        x, y = draw(rng)
        a, b = Moments.of(x), Moments.of(y)
        values.append(frechet_distance(a, b))
        errors.append(frechet_error(x, y, a, b))
    ratio = float(torch.tensor(errors).square().mean().sqrt() / torch.tensor(values).std())
    assert 0.8 < ratio < 1.35


def test_mean_over_samples_of_one_law_is_the_bias() -> None:
    rng = torch.Generator().manual_seed(1)
    draw = sampler(200, 200, SPECTRUM, 0.0, 1.0)
    values = torch.tensor([distance(*draw(rng)) for _ in range(200)])
    error = float(values.std()) / 200**0.5
    assert float(values.mean()) == pytest.approx(frechet_bias(SPECTRUM, 200, 200), abs=3 * error)


@pytest.mark.proves("fid-infinity", "closed form")
def test_extrapolation_removes_the_generated_sides_bias() -> None:
    """Real rows in plenty: the intercepts' mean is the distance of the laws, and their errors match their spread."""
    rng = torch.Generator().manual_seed(0)
    spectrum = torch.ones(6).double()
    far = 6 * 0.3**2 + 6 * 0.2**2
    reference = torch.randn(20_000, 6, dtype=torch.float64, generator=rng)
    values, errors, slopes = [], [], []
    for _ in range(60):
        fake = torch.randn(300, 6, dtype=torch.float64, generator=rng) * 1.2 + 0.3
        found = extrapolate(reference, fake, rng)
        values.append(found.value)
        errors.append(found.error)
        slopes.append(found.slope)
    mean, spread = float(np.mean(values)), float(np.std(values))
    assert mean == pytest.approx(far, abs=2.5 * spread / 60**0.5 + 0.02)
    assert 0.75 < float(np.mean(errors)) / spread < 1.35
    assert float(np.mean(slopes)) > 0.5 * frechet_bias(spectrum, 1)


def test_extrapolation_of_few_samples() -> None:
    found = extrapolate(rows(10, 3), rows(4, 3, 1), torch.Generator().manual_seed(0))
    assert found.sizes == (2, 3, 4)
    with pytest.raises(ValueError, match="4 or more"):
        extrapolate(rows(10, 3), rows(3, 3), torch.Generator())


def test_the_last_point_is_the_distance_itself() -> None:
    x, y = rows(80, 5), rows(90, 5, 1) + 0.2
    found = extrapolate(x, y, torch.Generator().manual_seed(0))
    assert found.sizes[-1] == 90
    assert len(found.sizes) == 15
    assert found.distances[-1] == pytest.approx(distance(x, y), rel=1e-12)


def test_memorisation_golden(arrays: dict[str, Tensor]) -> None:
    assert memorisation_distance(arrays["F"], arrays["R"]) == pytest.approx(0.3091522475, rel=1e-9)
    assert memorisation_distance(arrays["R"], arrays["F"]) == pytest.approx(0.3072812499, rel=1e-9)
    assert memorisation_distance(arrays["R"], 2 * arrays["R"][:9]) == pytest.approx(0.0, abs=1e-12)


def test_mifid_rises_where_samples_are_copies() -> None:
    assert mifid(1.0, 0.1) == 1.0
    assert mifid(1.0, 0.0999) == pytest.approx(1 / 0.0999)


def test_fid_states_what_it_takes_to_read_it(arrays: dict[str, Tensor]) -> None:
    found = fid(study(arrays["R"], arrays["G"]))
    assert found.value == pytest.approx(5.4411450292450, rel=1e-9)
    assert found.interval is not None
    assert found.interval[0] < found.value < found.interval[1]
    assert 0 < found.details["baseline"] < 2.0
    assert found.details["baseline_samples"] == 150
    assert found.details["bias_if_equal"] == pytest.approx(frechet_bias(torch.full((16,), 0.82), 300, 300), rel=0.1)
    assert "warning" not in found.details
    assert "singular" in fid(study(rows(9, 16), rows(30, 16))).details["warning"]


def test_fid_infinity_of_one_law_covers_zero(arrays: dict[str, Tensor]) -> None:
    found = fid_infinity(study(arrays["R"], arrays["F"]))
    assert found.value < distance(arrays["R"], arrays["F"])
    assert found.interval is not None
    assert found.interval[0] < frechet_bias(torch.ones(16), 300) < found.interval[1]


class Tiny(Extractor):
    """Images brought to 2 x 2 pixels by the extractor's own resize."""

    name, dimensions, size, channels = "tiny", 4, 2, 1

    def __init__(self, resize: str) -> None:
        self.resize = resize

    def __call__(self, images: Tensor) -> tuple[Tensor, None]:
        return self.fit(images).flatten(1), None


class Native(Tiny):
    size = 0


def images() -> tuple[Side, Side]:
    rng = torch.Generator().manual_seed(0)
    made = [torch.randint(256, (30, 1, 16, 16), dtype=torch.uint8, generator=rng) for _ in range(2)]
    return Side.of_images(made[0], "real"), Side.of_images(made[1], "fake")


def test_clean_fid_takes_the_antialiased_resize() -> None:
    real, fake = images()
    clean = clean_fid(Study(real, fake, Tiny("bilinear")))
    assert clean.value == fid(Study(real, fake, Tiny("bicubic-aa"))).value
    assert clean.value == clean_fid(Study(real, fake, Tiny("bicubic-aa"))).value
    assert clean.value < fid(Study(real, fake, Tiny("bilinear"))).value / 2  # which aliases noise
    assert clean.details["resize"] == "bicubic-aa"


def test_clean_fid_of_an_extractor_without_a_resize_is_refused() -> None:
    real, fake = images()
    with pytest.raises(ValueError, match="takes images at the size they have"):
        clean_fid(Study(real, fake, Native("none")))

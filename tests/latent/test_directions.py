"""Directions of linear generators, whose singular vectors and principal axes are known."""

import pytest
import torch

from saddle.latent.directions import Directions, ganspace, moves, sefa_directions
from saddle.latent.spaces import w_space, z_space


def rotation(d, seed=0):
    return torch.linalg.qr(torch.randn(d, d, generator=torch.Generator().manual_seed(seed)).double())[0]


def alike(rows, expected):
    """Whether unit rows are the same up to sign, as a number: the smallest |cosine|."""
    return float((rows.double() * expected.double()).sum(1).abs().min())


@pytest.fixture
def stretched():
    """A = U diag(s) V^T with its s and the rows of V^T."""
    U, V, s = rotation(6, 1)[:, :4], rotation(4, 2), torch.tensor([8.0, 4.0, 2.0, 1.0]).double()
    return (U * s) @ V.T, s, V.T


def test_sefa_finds_the_eigenvectors(linear, stretched):
    A, s, axes = stretched
    model = linear(A.float())
    with z_space(model) as space:
        found = sefa_directions(model, space, 3)
    torch.testing.assert_close(found.strengths, s[:3], rtol=1e-5, atol=0)
    assert alike(found.rows, axes[:3]) == pytest.approx(1, abs=1e-6)
    vectors = torch.linalg.eigh(A.T @ A).eigenvectors
    assert alike(found.rows, vectors.flip(1).T[:3]) == pytest.approx(1, abs=1e-6)
    assert found.deviations.tolist() == [1, 1, 1]


def test_ganspace_recovers_the_principal_axes(linear, stretched):
    """Of a thousand draws, so up to their chance: the components of A z are A's singular vectors."""
    A, s, axes = stretched
    model = linear(A.float())
    with z_space(model) as space:
        found = ganspace(model, space, 4)
    assert alike(found.rows, axes) > 0.98
    torch.testing.assert_close(found.strengths, s.square() / s.square().sum(), rtol=0.2, atol=0)


def test_sefa_of_w_is_of_all_layers_that_read_it(halves):
    """A is the layers' weights one above the other; the layer that reads no w has no part in it."""
    A = torch.cat([layer.weight for layer in halves.net.synthesis.affine]).detach()
    _, s, Vh = torch.linalg.svd(A.double(), full_matrices=False)
    with w_space(halves.model) as space:
        found = sefa_directions(halves.model, space, 4)
        draws = space.draw(20_000, torch.Generator().manual_seed(9))
    torch.testing.assert_close(found.strengths, s, rtol=1e-5, atol=0)
    assert alike(found.rows, Vh) == pytest.approx(1, abs=1e-5)
    torch.testing.assert_close(found.deviations, (draws.double() @ Vh.T).std(0), rtol=0.1, atol=0)


def test_ganspace_of_w_is_its_principal_components(halves):
    """w = M z + b has covariance M M^T."""
    M = halves.net.mapping.weight.detach().double()
    values, vectors = torch.linalg.eigh(M @ M.T)
    with w_space(halves.model) as space:
        found = ganspace(halves.model, space, 2)
    assert alike(found.rows, vectors.flip(1).T[:2]) > 0.97
    torch.testing.assert_close(found.deviations, values.flip(0)[:2].sqrt(), rtol=0.1, atol=0)


def test_moves_go_evenly_from_end_to_end():
    found = Directions(torch.eye(2).double(), torch.ones(2), torch.tensor([1.0, 10.0]).double())
    rows = moves(torch.tensor([1.0, 1.0]), found, far=3, steps=3)
    assert rows[0].tolist() == [[-2, 1], [1, 1], [4, 1]]
    assert rows[1].tolist() == [[1, -29], [1, 1], [1, 31]]


def test_more_directions_than_dimensions(linear):
    model = linear(torch.eye(2))
    with z_space(model) as space:
        for method in (sefa_directions, ganspace):
            with pytest.raises(ValueError, match="k=3"):
                method(model, space, 3)

"""Spaces: what is drawn, what is made of it, and who has which."""

import pytest
import torch

from saddle.data.spec import Spec
from saddle.latent.spaces import label_space, mixed, open_space, styled, w_space, z_space
from saddle.networks import LabelledGenerator, MLPGenerator


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_z_and_w_make_the_same_samples(halves):
    """x of w(z) is x of z."""
    with z_space(halves.model) as of_z:
        z = of_z.draw(6, seeded())
        x = of_z.samples(z)
    with w_space(halves.model) as of_w:
        w = of_w.draw(6, seeded())
        torch.testing.assert_close(w, halves.net.mapping(z))
        torch.testing.assert_close(of_w.samples(w), x)
        torch.testing.assert_close(of_w.centre(100_000), halves.net.mapping.bias, atol=0.02, rtol=0)


def test_w_is_opened_where_there_is_one(halves, linear):
    plain = linear(torch.eye(2))
    assert styled(plain) is None
    with open_space(halves.model) as one, open_space(plain) as other:
        assert (one.name, other.name) == ("w", "z")
    with pytest.raises(ValueError, match="styles"), open_space(plain, "w"):
        pass


def test_gradients_flow_through_rows_but_not_into_weights(halves):
    with w_space(halves.model) as space:
        w = space.draw(2, seeded()).requires_grad_(True)
        space.make(w).sum().backward()
    assert w.grad is not None
    assert all(p.grad is None and p.requires_grad for p in halves.net.parameters())


def test_a_mix_at_either_end_is_one_of_the_two(halves):
    with w_space(halves.model) as space:
        a, b = space.draw(2, seeded()).split(1)
        for cut, whole in ((0, b), (3, a)):
            x = halves.net.synthesis(mixed(a, b, cut, 3))
            torch.testing.assert_close(x, space.make(whole))
    with pytest.raises(ValueError, match="cut"):
        mixed(a, b, 4, 3)


def test_the_label_is_a_row_beside_z(model_of):
    torch.manual_seed(0)
    net = LabelledGenerator(MLPGenerator(3 + 2, (4,), (8,)), classes=5, embedding=2)
    model = model_of(net, 3, Spec(channels=4, classes=5), classes=5)
    with label_space(model, 3) as space:
        rows = space.draw(6, seeded())
        z = model.prior(6, seeded())
        torch.testing.assert_close(rows, torch.cat([z, net.embed.weight[3].expand(6, 2)], 1))
        torch.testing.assert_close(space.samples(rows), net(z, torch.full((6,), 3)).detach())


@pytest.mark.parametrize("label, message", [(None, "label from 0 to 4"), (5, "label from 0 to 4")])
def test_a_label_that_is_missing_or_out_of_range(model_of, label, message):
    net = LabelledGenerator(MLPGenerator(5, (4,), (8,)), classes=5, embedding=2)
    with pytest.raises(ValueError, match=message), z_space(model_of(net, 3, Spec(4, classes=5), classes=5), label):
        pass


def test_a_label_that_is_of_no_use(linear):
    with pytest.raises(ValueError, match="no label"), z_space(linear(torch.eye(2)), 1):
        pass
    with pytest.raises(ValueError, match="row beside z"), label_space(linear(torch.eye(2))):
        pass

"""cuda:1 is a device of its own, which is never mixed up with cuda:0."""

import numpy as np
import pytest

import chainrule as cr


def test_what_is_made_on_a_numbered_device_is_there(strict):
    made = [cr.zeros(2, device="strict:1"), cr.tensor([1.0], device="strict:1"), cr.random.normal(size=3, device="strict:1"),
            cr.ones(2).to("strict:1"), cr.ones(2, device=strict).to("strict:1")]  # fmt: skip
    assert {x.device for x in made} == {"strict:1"}
    assert {x.data.device.id for x in made} == {1}


def test_a_device_that_is_named_is_not_the_current_one(strict):
    with cr.backends.use("strict:1"):
        made = cr.zeros(2, device=strict), cr.tensor([1.0], device=strict), cr.random.normal(size=2, device=strict)
        assert [x.device for x in made] == [strict] * 3
        assert cr.ones(2).device == "strict:1"


def test_number_0_is_the_device_without_a_number(strict):
    assert cr.backends.get("strict:0") is cr.backends.get(strict)
    assert cr.ones(2, device="strict:0").device == strict


def test_the_same_random_bits_are_drawn_everywhere(strict):
    drawn = []
    for device in ("strict:1", "cpu"):
        cr.random.seed(3)
        drawn.append(cr.random.normal(size=5, device=device).numpy())
    np.testing.assert_array_equal(*drawn)


def test_a_tensor_moves_from_number_to_number_and_its_gradient_back(strict):
    x = cr.ones(2, device=strict, requires_grad=True)
    there = x.to("strict:1")
    assert there.to("strict:1") is there
    with cr.backends.use("strict:1"):
        there.backward(cr.ones(2))
    assert x.grad.device == strict


@pytest.mark.parametrize("call", [lambda x, y: x + y, lambda x, y: cr.where(x > 0, x, y), lambda x, y: x @ y])
def test_mixing_names_both_devices(strict, call):
    with pytest.raises(cr.DeviceError, match=r"given .* on 'strict' and .* on 'strict:1'; move one"):
        call(cr.ones(2, device=strict), cr.ones(2, device="strict:1"))


def test_computing_away_from_the_current_device_says_where_to_compute(strict):
    with pytest.raises(
        cr.DeviceError, match=r"x is on 'strict:1', and the current .* chainrule.backends.use\('strict:1'\)"
    ):
        cr.exp(cr.ones(2, device="strict:1"))


def test_a_number_that_does_not_exist_is_refused_with_the_count(strict):
    with pytest.raises(cr.DeviceError, match="'strict:7': there are 2"):
        cr.ones(1).to("strict:7")
    with pytest.raises(cr.DeviceError, match="'cpu:1': 'cpu' is one device"):
        cr.ones(1, device="cpu:1")


def test_a_network_is_trained_on_a_numbered_device(strict):
    x, y = np.random.default_rng(0).normal(size=(12, 4)), np.arange(12) % 3

    def weights(device):
        cr.random.seed(0)
        with cr.backends.use(device):
            model = cr.nn.MLP([4, 5, 3])
            cr.fit(model, cr.nn.cross_entropy, cr.optim.Adam(model.parameters()), (x, y), 2, verbose=0, batch_size=4)
            assert {p.device for p in model.parameters()} == {device}
            return [p.numpy() for p in model.parameters()]

    for there, here in zip(weights("strict:1"), weights("cpu"), strict=True):
        np.testing.assert_allclose(there, here, rtol=1e-4, atol=1e-6)


def test_a_check_is_told_where_its_device_is_read(strict):
    with cr.backends.use("strict:1"):
        out = cr.ones(3)[cr.tensor([5])]
    cr.ones(1, device=strict).numpy()
    with cr.backends.use("strict:1"), pytest.raises(cr.ShapeError, match="index"):
        out.numpy()


def test_a_check_is_told_wherever_an_array_of_its_device_is_read(strict):
    with cr.backends.use("strict:1"):
        out = cr.ones(3)[cr.tensor([5])]
    with pytest.raises(cr.ShapeError, match="index"):
        out.numpy()


def test_constants_are_kept_on_each_device(strict):
    for device in (strict, "strict:1", strict):
        with cr.backends.use(device):
            assert cr.arange(4)[[1, 3]].tolist() == [1, 3]

"""Data of the host reaches a model on a device by itself, and stays there; but never as an operand of arithmetic."""

import device_double
import numpy as np
import pytest
from device_double import streams

import chainrule as cr
from chainrule import nn, optim

X = np.random.default_rng(0).normal(size=(40, 4))
LABELS = np.random.default_rng(1).integers(0, 3, 40)
DEVICES = ["strict", pytest.param("cuda", marks=pytest.mark.gpu)]


@pytest.fixture(params=DEVICES)
def away(request):
    """A device that is not the host."""
    return request.getfixturevalue("strict") if request.param == "strict" else request.param


DATA = {
    "a pair": lambda: (X, LABELS), "lists": lambda: (X.tolist(), LABELS.tolist()),
    "tensors": lambda: (cr.tensor(X), cr.tensor(LABELS)),
    "Batches": lambda: cr.data.Batches(X.astype("f"), LABELS, batch_size=32),
    "batches in a list": lambda: [(X.astype("f"), LABELS)] * 2,
    "Prefetch": lambda: cr.data.Prefetch(cr.data.Batches(X.astype("f"), LABELS)),
}  # fmt: skip


def fitted(device, data, **options):
    """The losses and weights of two epochs."""
    cr.random.seed(0)
    model = nn.MLP([4, 8, 3]).to(device)
    history = cr.fit(model, nn.cross_entropy, optim.Adam(model.parameters()), data, 2, verbose=0, **options)
    return history, [p.numpy() for p in model.parameters()]


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
def test_fit_takes_data_of_the_host_to_the_model(away, data):
    options = dict(validation=(X, LABELS), metrics="accuracy")
    (there, weights), (here, expected) = fitted(away, data(), **options), fitted("cpu", data(), **options)
    np.testing.assert_allclose(there["val_accuracy"], here["val_accuracy"])
    for a, b in zip(weights, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def asked(data, **options):
    with device_double.counting() as seen:
        fitted("strict", data, **options)
    return seen


def test_a_data_set_that_fits_is_uploaded_once_however_many_batches_there_are(strict):
    few, many = asked((X, LABELS), batch_size=40), asked((X, LABELS), batch_size=4)
    assert few.uploads == many.uploads


@pytest.mark.parametrize("whole", [True, False], ids=["a pair", "Batches"])
def test_what_half_of_the_free_memory_does_not_hold_is_uploaded_batch_by_batch(strict, whole, monkeypatch):
    monkeypatch.setitem(streams.memory, "free", 1000)
    x, uploads = X.astype("f"), []
    for size in (20, 8):
        data = (x, LABELS) if whole else cr.data.Batches(x, LABELS, batch_size=size)
        uploads.append(asked(data, batch_size=size).uploads.total())
    assert uploads[1] - uploads[0] == 2 * 2 * (5 - 2)  # two arrays of each batch in two epochs


def test_validation_data_that_does_not_fit_gives_the_same_scores(strict, monkeypatch):
    options = dict(validation=(X, LABELS), metrics="accuracy")
    expected, _ = fitted(strict, (X, LABELS), **options)
    monkeypatch.setitem(streams.memory, "free", 10)
    given, _ = fitted(strict, (X, LABELS), **options)
    assert given["val_loss"] == expected["val_loss"]
    assert given["val_accuracy"] == expected["val_accuracy"]


def test_a_batch_is_gathered_by_one_launch_for_each_array(strict):
    batches = cr.data.Batches(cr.tensor(X, device=strict), cr.tensor(LABELS, device=strict), batch_size=8)
    passing = iter(batches)
    next(passing)
    with device_double.counting() as seen:
        next(passing)
    assert seen.launches == {"take": 2}


def test_batches_that_fit_has_moved_are_those_of_the_caller_still(away):
    batches = cr.data.Batches(X.astype("f"), LABELS, seed=3)
    fitted(away, batches)
    assert {a.device for a in batches.arrays} == {"cpu"}
    assert batches.generator.get_state()[1] == 2 * 40  # its generator has gone on


def test_predict_and_evaluate_take_data_of_the_host_to_the_model(away):
    model, twin = (nn.MLP([4, 8, 3]) for _ in range(2))
    twin.load_state_dict(model.state_dict())
    model.to(away)
    for size in (4096, 16):
        given = cr.predict(model, X, batch_size=size)
        assert given.device == away
        np.testing.assert_allclose(given.numpy(), cr.predict(twin, X).numpy(), rtol=1e-4, atol=1e-6)
    there, here = (cr.evaluate(m, nn.cross_entropy, X, LABELS, "accuracy") for m in (model, twin))
    assert there == pytest.approx(here, rel=1e-4)


def test_lr_find_and_sanity_check_take_data_of_the_host_to_the_model(away):
    model = nn.MLP([4, 8, 3]).to(away)
    assert cr.lr_find(model, nn.cross_entropy, optim.SGD(model.parameters(), lr=0.1), [(X.astype("f"), LABELS)]).losses
    assert list(cr.sanity_check(model, (X.astype("f"), LABELS)))


def test_data_of_a_device_stays_there(away):
    model = nn.Linear(4, 3)
    with pytest.raises(cr.DeviceError, match="must be on one device"):
        cr.predict(model, cr.tensor(X, device=away))


def test_an_operand_is_never_moved(away):
    model = nn.Linear(4, 3).to(away)
    with pytest.raises(cr.DeviceError, match="must be on one device"):
        model(cr.tensor(X.astype("f")))


# ---- the default device

CREATIONS = {
    "zeros": lambda: cr.zeros(2), "a list": lambda: cr.tensor([1, 2]), "an array": lambda: cr.tensor(X),
    "a number": lambda: cr.tensor(1.5), "an array scalar": lambda: cr.tensor(np.float32(1)), "arange": lambda: cr.arange(3),
    "one_hot": lambda: cr.one_hot([0, 2], 3), "normal": lambda: cr.random.normal(size=2), "asarray of a list": lambda: cr.asarray([1.0]),
    "moons": lambda: cr.data.moons(4, seed=0)[0],
}  # fmt: skip


@pytest.mark.parametrize("create", CREATIONS.values(), ids=CREATIONS)
def test_what_is_made_goes_to_the_default_device(away, create):
    with cr.backends.use(away):
        assert create().device == away


def test_a_tensor_and_an_operand_do_not_go_to_the_default_device(away):
    here = cr.ones(2)
    with cr.backends.use(away):
        assert cr.tensor(here).device == "cpu"
        assert cr.asarray(np.ones(2)).device == "cpu"
        assert (here + [1.0, 2.0]).device == "cpu"
        with pytest.raises(cr.DeviceError, match="must be on one device"):
            cr.ones(2) + np.ones(2, "f")


def test_arrays_do_not_go_to_the_device_of_single_numbers():
    with cr.backends.use("scalar"):
        assert cr.tensor(X).device == "cpu"

"""Random tensors: the same everywhere for the same seed, and distributed as they say."""

import math
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import NormalDist

import numpy as np
import pytest
from device_double import forbid

import chainrule as cr
from chainrule.autograd.ops.special import normal_quantile
from chainrule.backends.base import philox

DRAWS = {
    "uniform": lambda **k: cr.random.uniform(-1.0, 3.0, **k),
    "normal": lambda **k: cr.random.normal(1.0, 2.0, **k),
    "bernoulli": lambda **k: cr.random.bernoulli(0.3, **k),
    "integers": lambda **k: cr.random.integers(-5, 40, **k),
}
FLOATING = ["uniform", "normal", "bernoulli"]
N = 100_000


def draw(name, **options):
    """A sample from the start of the stream of seed 3, as a NumPy array."""
    cr.random.seed(3)
    return DRAWS[name](**options).numpy()


# ---- the same everywhere


@pytest.mark.parametrize("name", DRAWS)
def test_every_device_draws_the_same_bits(name, device):
    assert (draw(name, size=(50, 3), device=device) == draw(name, size=(50, 3))).all()


@pytest.mark.parametrize("dtype", ["float16", "float64"])
@pytest.mark.parametrize("name", FLOATING)
def test_every_device_draws_the_same_bits_in_every_dtype(name, dtype, device):
    there = draw(name, size=200, dtype=dtype, device=device)
    assert there.dtype == dtype
    assert (there == draw(name, size=200, dtype=dtype)).all()


def test_every_device_draws_the_same_permutation(device):
    cr.random.seed(3)
    there = cr.random.permutation(100, device=device)
    cr.random.seed(3)
    assert there.tolist() == cr.random.permutation(100).tolist()


@pytest.mark.parametrize("name", FLOATING)
def test_a_single_number_is_the_first_of_an_array(name, device):
    assert draw(name, dtype="float64", device=device) == draw(name, dtype="float64", size=5)[0]


@pytest.mark.parametrize("name", FLOATING)
def test_a_number_on_the_scalar_device_is_the_first_of_an_array(name):
    assert draw(name, dtype="float64", device="scalar") == draw(name, dtype="float64", size=5)[0]


@pytest.mark.parametrize("name", DRAWS)
def test_a_single_number_is_an_array_that_can_be_assigned(name, device):
    x = DRAWS[name](device=device)
    x.assign(7)
    assert x.item() == 7


@pytest.mark.parametrize("name", DRAWS)
def test_drawing_does_not_make_the_host_wait(name, strict):
    with forbid("waits"):
        DRAWS[name](size=10, device=strict)


def test_words_are_those_of_numpys_philox():
    assert (philox(9, 0, 10) == np.random.Philox(key=9, counter=2**256 - 1).random_raw(10)).all()


def test_words_depend_on_the_key_and_their_place_alone():
    assert (philox(7, 5, 6) == philox(7, 0, 11)[5:]).all()


def test_random_numbers_can_be_differentiated():
    noise = cr.random.normal(size=3, requires_grad=True)
    (noise * noise).sum().backward()
    np.testing.assert_allclose(noise.grad.numpy(), 2 * noise.detach().numpy())


# ---- state


def test_the_same_seed_gives_the_same_numbers():
    assert (draw("uniform", size=9) == draw("uniform", size=9)).all()


def test_another_seed_gives_other_numbers():
    first = cr.random.Generator(1).uniform(size=9)
    assert not (first == cr.random.Generator(2).uniform(size=9)).any()


def test_a_generator_without_a_seed_is_seeded_from_the_system():
    assert cr.random.Generator().get_state() != cr.random.Generator().get_state()


def test_a_restored_state_repeats_what_followed():
    cr.random.normal(size=5)
    state = cr.random.get_state()
    first = cr.random.normal(size=7).tolist()
    cr.random.set_state(state)
    assert cr.random.normal(size=7).tolist() == first


@pytest.mark.parametrize("size", [None, (), 0, 5, (2, 3), (4, 0)])
@pytest.mark.parametrize("name", DRAWS)
def test_the_counter_advances_by_one_for_each_number(name, size):
    cr.random.seed(11)
    DRAWS[name](size=size)
    assert cr.random.get_state() == (11, math.prod(np.empty(() if size is None else size).shape))


def test_two_short_draws_are_one_long_draw():
    generator = cr.random.Generator(5)
    parts = generator.uniform(size=3).tolist() + generator.uniform(size=4).tolist()
    assert parts == cr.random.Generator(5).uniform(size=7).tolist()


@pytest.mark.parametrize("name", DRAWS)
def test_a_draw_in_many_pieces_is_the_same_as_in_one(name, monkeypatch, device):
    whole = draw(name, size=(5, 3), device=device)
    monkeypatch.setattr(cr.random, "PIECE", 4)
    monkeypatch.setattr(cr.random, "DEVICE_PIECE", 4)
    assert (draw(name, size=(5, 3), device=device) == whole).all()
    assert cr.random.get_state() == (3, 15)


def test_generators_do_not_disturb_each_other():
    state = cr.random.get_state()
    cr.random.Generator(5).uniform(size=3)
    assert cr.random.get_state() == state


def test_threads_share_a_generator_without_overlap():
    class Slow(cr.random.Generator):
        """A generator that loses its turn between reading the counter and writing it."""

        @property
        def counter(self):
            value = self._value
            time.sleep(1e-4)
            return value

        @counter.setter
        def counter(self, value):
            self._value = value

    generator = Slow(8)
    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(lambda _: generator.uniform(size=7, dtype="float64").tolist(), range(40)))
    everything = sorted(number for part in parts for number in part)
    assert everything == sorted(cr.random.Generator(8).uniform(size=280, dtype="float64").tolist())


# ---- distributions


def distance(sample, cdf):
    """The largest gap between the sample's distribution function and `cdf`, times √n: seldom over 2 (Kolmogorov)."""
    at = np.asarray(cdf(np.sort(sample)))
    steps = np.arange(len(at) + 1) / len(at)
    return max((steps[1:] - at).max(), (at - steps[:-1]).max()) * len(at) ** 0.5


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_uniform_numbers_are_uniform(dtype):
    sample = draw("uniform", size=N, dtype=dtype).astype(float)
    assert distance(sample, lambda x: (x + 1) / 4) < 2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normal_numbers_are_normal(dtype):
    sample = draw("normal", size=N, dtype=dtype).astype(float)
    assert distance(sample, np.vectorize(NormalDist(1, 2).cdf)) < 2


def test_normal_numbers_have_normal_tails():
    sample = np.abs(draw("normal", size=1_000_000, dtype="float64") - 1) / 2
    for bound in (2, 3, 4):
        expected = 2e6 * NormalDist().cdf(-bound)
        assert abs((sample > bound).sum() - expected) < 4 * expected**0.5


def test_neighbouring_numbers_are_uncorrelated():
    sample = draw("normal", size=N, dtype="float64")
    for lag in (1, 2, 3, 4):
        assert abs(np.corrcoef(sample[lag:], sample[:-lag])[0, 1]) < 4 / N**0.5


def test_bernoulli_numbers_are_one_as_often_as_they_should():
    sample = draw("bernoulli", size=N)
    assert set(sample.tolist()) == {0.0, 1.0}
    assert abs(sample.mean() - 0.3) < 4 * (0.3 * 0.7 / N) ** 0.5


@pytest.mark.parametrize(("p", "value"), [(0, 0.0), (1, 1.0)])
def test_bernoulli_is_certain_at_both_ends(p, value):
    assert set(cr.random.bernoulli(p, size=1000).tolist()) == {value}


def test_integers_are_equally_frequent():
    counts = np.bincount(draw("integers", size=N) + 5)
    assert len(counts) == 45
    assert ((counts - N / 45) ** 2 / (N / 45)).sum() < 44 + 4 * 88**0.5  # χ² with 44 degrees of freedom


def test_integers_reach_the_ends_of_int64():
    assert cr.random.integers(-(2**63), -(2**63) + 1).item() == -(2**63)
    assert cr.random.integers(2**63 - 1, 2**63).item() == 2**63 - 1


def test_one_bound_alone_is_the_upper_one():
    assert set(cr.random.integers(3, size=200).tolist()) == {0, 1, 2}


def test_a_permutation_holds_every_number_once():
    order = cr.random.permutation(1000)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(1000))


def test_every_permutation_is_equally_frequent():
    orders = [tuple(cr.random.permutation(3).tolist()) for _ in range(3000)]
    counts = np.array([orders.count(order) for order in set(orders)])
    assert len(counts) == 6
    assert ((counts - 500) ** 2 / 500).sum() < 5 + 4 * 10**0.5


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_uniform_numbers_lie_between_the_bounds_and_never_reach_the_upper(dtype, monkeypatch, device):
    backend = cr.backends.get(device)
    largest = np.array([2**64 - 1], np.uint64)
    monkeypatch.setattr(backend, "drawn", lambda make, *_: backend.fused(make, backend.from_numpy(largest)))
    x = cr.random.uniform(1.0, 2.0, size=1, dtype=dtype, device=device).item()
    assert x == np.nextafter(np.dtype(dtype).type(2), 1)


def test_an_empty_interval_holds_its_bound():
    assert cr.random.uniform(2.5, 2.5, size=3).tolist() == [2.5] * 3


# ---- what is refused


@pytest.mark.parametrize("seed", [-1, 2**64, 1.0, "1", True, [1]])
def test_a_seed_must_be_a_whole_number_that_fits(seed):
    with pytest.raises(cr.ArgumentError, match=r"seed: must be a whole number in \[0, 2\^64\)"):
        cr.random.seed(seed)


@pytest.mark.parametrize("state", [(1,), (1, 2, 3), (-1, 0), (0, -1), (2**64, 0), (0.5, 0), 7, None])
def test_a_state_must_be_one_that_get_state_gave(state):
    with pytest.raises(cr.ArgumentError, match=r"set_state: needs \(key, counter\)"):
        cr.random.set_state(state)


@pytest.mark.parametrize(("call", "error", "complaint"), [
    (lambda: cr.random.uniform(1, 0), cr.ArgumentError, "uniform: needs low ≤ high"),
    (lambda: cr.random.uniform(0, math.inf), cr.ArgumentError, "both finite, not 0 and inf"),
    (lambda: cr.random.uniform(math.nan, 1), cr.ArgumentError, "uniform"),
    (lambda: cr.random.uniform(dtype="int64"), cr.DtypeError, "uniform: cannot give numbers of dtype int64"),
    (lambda: cr.random.uniform(size=-1), cr.ShapeError, "lengths must be ≥ 0, not -1"),
    (lambda: cr.random.uniform(size=(2, -1)), cr.ShapeError, "lengths must be ≥ 0"),
    (lambda: cr.random.uniform(size=2.5), cr.ArgumentError, "size: each length must be a whole number, not 2.5"),
    (lambda: cr.random.uniform(size=2, device="scalar"), cr.ShapeError, "device 'scalar' holds single numbers"),
    (lambda: cr.random.normal(scale=-1), cr.ArgumentError, "scale must be ≥ 0, not -1"),
    (lambda: cr.random.normal(scale=math.nan), cr.ArgumentError, "scale must be ≥ 0, not nan"),
    (lambda: cr.random.normal(dtype="bool"), cr.DtypeError, "normal: cannot give numbers of dtype bool"),
    (lambda: cr.random.bernoulli(1.1), cr.ArgumentError, r"p must lie in \[0, 1\], not 1.1"),
    (lambda: cr.random.bernoulli(math.nan), cr.ArgumentError, "not nan"),
    (lambda: cr.random.integers(0), cr.ArgumentError, r"\[0, 0\) must hold 1 to 2\^53 numbers"),
    (lambda: cr.random.integers(5, 4), cr.ArgumentError, r"\[5, 4\)"),
    (lambda: cr.random.integers(0, 2**53 + 1), cr.ArgumentError, "must hold 1 to"),
    (lambda: cr.random.integers(2**63, 2**63 + 1), cr.ArgumentError, "of int64"),
    (lambda: cr.random.integers(0.5), cr.ArgumentError, "integers: a bound must be a whole number, not 0.5"),
    (lambda: cr.random.integers(3, device="scalar"), cr.DeviceError, "device 'scalar' holds floats only"),
    (lambda: cr.random.permutation(-1), cr.ArgumentError, "n must be a whole number of at least 0, not -1"),
    (lambda: cr.random.permutation(3, device="scalar"), cr.DeviceError, "device 'scalar' holds floats only"),
])  # fmt: skip
def test_wrong_arguments_are_refused_and_draw_nothing(call, error, complaint):
    with pytest.raises(error, match=complaint):
        call()
    assert cr.random.get_state() == (0, 0)


# ---- the functions that numbers are made with


def ulps(given, expected):
    """The distance in units of the last place of the expected number."""
    return np.abs(given - expected) / np.spacing(np.abs(expected))


def test_the_normal_quantile_agrees_with_the_standard_library():
    p = np.concatenate([np.linspace(0.0005, 0.9995, 2001), 2.0 ** -np.arange(2, 53), 1 - 2.0 ** -np.arange(2, 53)])
    expected = np.array([NormalDist().inv_cdf(x) for x in p])
    assert np.abs(normal_quantile(np, p) - expected).max() < 4e-15


def test_the_normal_quantile_takes_nothing_whose_last_bit_depends_on_the_platform():
    class Named:
        def __getattr__(self, name):
            used.add(name)
            return getattr(np, name)

    used = set()
    normal_quantile(Named(), np.linspace(0.01, 0.99, 9))  # operators are + - * / and comparisons
    assert used <= {"absolute", "copysign", "float64", "frexp", "minimum", "sqrt", "where"}


def test_the_normal_quantile_is_odd():
    p = np.linspace(0.01, 0.5, 50)
    np.testing.assert_allclose(normal_quantile(np, p), -normal_quantile(np, 1 - p), rtol=1e-14, atol=1e-15)


def test_erf_is_right_to_a_few_units_in_the_last_place(device):
    x = np.concatenate([np.linspace(-7, 7, 2003), 10.0 ** np.arange(-300, 3)])
    expected = np.array([math.erf(v) for v in x])
    assert ulps(cr.erf(cr.tensor(x, device=device)).numpy(), expected)[expected != 0].max() <= 4


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_erf_is_right_in_low_precision(dtype, device):
    x = np.linspace(-7, 7, 1001).astype(dtype)
    expected = np.array([math.erf(v) for v in x]).astype(dtype)
    assert ulps(cr.erf(cr.tensor(x, device=device)).numpy(), expected)[expected != 0].max() <= 4


def test_erf_keeps_its_limits():
    values = cr.erf(np.array([math.inf, -math.inf, 0.0, -0.0, math.nan]))
    assert values[:4].tolist() == [1, -1, 0, 0]
    assert np.signbit(values[3])
    assert np.isnan(values[4])


def test_float16_uniform_numbers_are_the_first_11_bits_of_each_word():
    words = np.random.Philox(key=9, counter=2**256 - 1).random_raw(50)
    numbers = cr.random.Generator(9).uniform(size=50, dtype="float16").numpy()
    assert numbers.tolist() == ((words >> 53) / 2**11).tolist()


def test_float64_normal_numbers_are_the_quantiles_of_the_words():
    mpmath = pytest.importorskip("mpmath")
    words = np.random.Philox(key=9, counter=2**256 - 1).random_raw(50)
    numbers = cr.random.Generator(9).normal(size=50, dtype="float64").numpy()
    for word, number in zip(words, numbers, strict=True):
        p = (int(word >> 12) + mpmath.mpf(1) / 2) / 2**52
        exact = -mpmath.sqrt(2) * mpmath.erfinv(1 - 2 * p)
        assert number == pytest.approx(float(exact), rel=1e-13, abs=1e-15)

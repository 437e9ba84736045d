"""Examples 7 to 9, 11 and 12 print and draw what they promise; test_examples.py sees to it that they end well."""

import re

import device_double
import numpy as np
import pytest

import chainrule as cr
from chainrule.backends.gpu import Cuda
from examples import FOLDER, example, numbers

pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")


pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the examples are not here: this is no source tree")


# ---- 7: optimisers


def test_every_optimiser_takes_part_in_the_race():
    assert {make for make, *_ in example("07_adaptive_rates").RACERS.values()} == set(cr.optim.OPTIMIZERS.values())


def test_the_families_hold_every_racer_once():
    module = example("07_adaptive_rates")
    assert [name for members in module.FAMILIES.values() for name in members] == list(module.RACERS)


@pytest.mark.parametrize(
    ("surface", "point", "loss"),
    [("ravine", (1, 1), 0), ("turned ravine", (0, 2**0.5), 0), ("saddle", (0, -1), 0), ("saddle", (0, 0), 0.05),
     ("Beale", (3, 0.5), 0), ("Beale", (0, 0), 1.5**2 + 2.25**2 + 2.625**2)],
)  # fmt: skip
def test_a_surface_has_its_minimum_where_it_should(surface, point, loss):
    f = example("07_adaptive_rates").SURFACES[surface][0]
    assert float(f(*map(float, point))) == pytest.approx(loss, abs=1e-12)


@pytest.mark.parametrize("name", ["SGD", "momentum", "Adagrad", "RMSprop", "Adam"])
def test_no_neighbouring_rate_wins_the_race_along_the_ravine(name):
    module = example("07_adaptive_rates")
    loss, start, *_ = module.SURFACES["ravine"]
    make, options, (chosen, *_) = module.RACERS[name]
    tried = [m * 10.0**k for k in (-3, -2, -1, 0) for m in (1, 2, 5)]
    place = int(np.argmin(np.abs(np.array(tried) - chosen)))
    assert tried[place] == pytest.approx(chosen)

    def arrival(rate):
        with np.errstate(all="ignore"):
            try:
                losses = module.race(loss, start, make, options, rate)[1]
            except cr.GraphError:
                return np.inf
        return module.arrival(losses) if losses.max() <= losses[0] else np.inf

    best = arrival(chosen)
    assert best < np.inf
    assert all(arrival(rate) >= best for rate in tried[max(place - 1, 0) : place + 2])


def test_arrival_is_when_the_loss_stays_low():
    losses = np.full(200, 1e-4)
    losses[[0, 3]] = 1
    assert example("07_adaptive_rates").arrival(losses) == 4
    losses[195] = 1
    assert example("07_adaptive_rates").arrival(losses) == np.inf


def test_turning_the_ravine_matters_to_adaptive_rates_only(run):
    text = run("07_adaptive_rates")[0]
    straight, turned = numbers(text, "SGD ")[:3:2]
    assert straight == turned
    straight, turned = numbers(text, "Adagrad ")[:3:2]
    assert turned > 10 * straight


# ---- 8: mini-batches


def test_the_gradient_of_all_is_the_mean_of_the_gradients_of_each():
    module = example("08_mini_batches")
    x, y = (part[:20] for part in module.data())
    model = module.network()
    each = [module.gradient(model, x[i : i + 1], y[i : i + 1]) for i in range(20)]
    np.testing.assert_allclose(np.mean(each, axis=0), module.gradient(model, x, y), atol=1e-6)


def test_the_noise_of_a_batch_falls_as_one_over_its_size(run):
    text = run("08_mini_batches")[0]
    variance = {size: numbers(text, f"{size:10}")[0] for size in (1, 4, 16, 64, 256)}
    for size, value in variance.items():
        assert value == pytest.approx(variance[1] / size * (1797 - size) / 1796, rel=0.25)


def test_larger_batches_need_fewer_steps_and_more_examples(run):
    text = run("08_mini_batches")[0]
    batch, mini, single = (
        numbers(text, name)[:2] for name in ("batch: all 1,797", "mini-batches of 32", "stochastic: single examples")
    )
    assert batch[0] < mini[0] < single[0]
    assert batch[1] == 1797 * batch[0] > 10 * mini[1]


# ---- 9: overfitting


def test_the_training_part_alone_says_how_measurements_are_standardised():
    x = np.random.default_rng(0).normal(3, 2, size=(50, 4))
    train, other = example("09_overfitting").standardized(x[:30], x[30:])
    np.testing.assert_allclose(train.numpy().mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(other.numpy(), (x[30:] - x[:30].mean(axis=0)) / x[:30].std(axis=0), rtol=1e-5, atol=1e-6)


def test_a_sure_mistake_is_a_wrong_answer_at_more_than_99_percent():
    logits, truth = cr.tensor([[5.0], [-5.0], [4.0], [5.0]]), cr.tensor([[0.0], [1.0], [0.0], [1.0]])
    assert float(example("09_overfitting").sure_and_wrong(logits, truth)) == 2


def test_each_cure_keeps_the_validation_loss_down(run):
    text = run("09_overfitting")[0]
    losses = {cure: numbers(text, f"{cure} ")[1:3] for cure in example("09_overfitting").CURES}
    training, sick = losses.pop("no cure")
    assert training < 0.001
    assert max(validation for _, validation in losses.values()) < 0.85 * sick


def test_cross_validation_reaches_97_percent(run):
    means = [numbers(run("09_overfitting")[0], f"{seed:7}  ")[-1] for seed in range(3)]
    assert min(means) >= 97


# ---- 11: regression


def test_the_straight_line_scores_as_scikit_learns(run):
    from sklearn.linear_model import LinearRegression

    module = example("11_regression")
    patients = module.Patients(seed=0)
    x, y = (part.numpy() for part in patients.train)
    expected = LinearRegression().fit(x, y).score(patients.test_x.numpy(), patients.y.transform(patients.test_y))
    assert numbers(run("11_regression")[0], f"{0:5}  ")[1] == pytest.approx(expected, abs=0.0051)


def test_the_parts_of_the_patients_do_not_overlap():
    module = example("11_regression")
    patients = module.Patients(seed=1)
    parts = [patients.train[0], patients.val[0], patients.test_x]
    assert [len(part) for part in parts] == [265, 89, 88]
    assert len(np.unique(np.concatenate([part.numpy() for part in parts]), axis=0)) == 442


def test_network_and_straight_line_beat_the_mean_and_are_even(run):
    mean, line, network = numbers(run("11_regression")[0], "mean ")
    assert mean <= 0.01
    assert min(line, network) > 0.35
    assert abs(line - network) < 0.06


# ---- 12: on the GPU


def test_the_cpu_alone_shows_no_figure_of_a_gpu(tmp_path, monkeypatch, capsys):
    module = example("12_gpu")
    monkeypatch.setenv("DEVICE", "cpu")
    monkeypatch.setattr(module, "EPOCHS", 2)
    monkeypatch.chdir(tmp_path)
    module.main()
    text = capsys.readouterr().out
    assert "No GPU was used: DEVICE=cpu" in text
    assert "On the GPU" not in text
    assert "Seconds" not in text


def test_the_same_seed_gives_the_same_bits(run):
    assert re.search(r"4,810 weights, and 0 of them differ", run("12_gpu")[0])


@pytest.mark.parametrize("device", ["nonsense", "scalar"])
def test_a_device_that_cannot_take_part_ends_the_example_on_the_gpu_with_a_clear_line(device, tmp_path, monkeypatch):
    monkeypatch.setenv("DEVICE", device)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=f"DEVICE={device}: .*DEVICE=cuda"):
        example("12_gpu").main()
    assert list(tmp_path.iterdir()) == []


def test_a_missing_gpu_that_is_asked_for_ends_the_example_with_a_clear_line(tmp_path, monkeypatch):
    if "cuda" in cr.backends.available():
        pytest.skip("there is a GPU here")
    monkeypatch.setenv("DEVICE", "cuda")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="^DEVICE=cuda: device 'cuda'"):
        example("12_gpu").main()
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def gpu(monkeypatch):
    """The real GPU where there is one, else the device double under its name."""
    if "cuda" in cr.backends.available():
        yield
        return
    monkeypatch.delitem(cr.backends._BACKENDS, "cuda", raising=False)  # CuPy, installed without a GPU
    cr.backends.register("cuda", Cuda(device_double.cupy))
    yield
    cr.backends.unregister("cuda")


def test_the_example_compares_the_cpu_with_a_gpu(gpu, tmp_path, monkeypatch, capsys):
    module = example("12_gpu")
    monkeypatch.setenv("DEVICE", "cuda")
    monkeypatch.setattr(module, "EPOCHS", 2)
    monkeypatch.chdir(tmp_path)
    module.main()
    text = capsys.readouterr().out
    assert "On the GPU: 0 of 100,000 random numbers differ" in text
    assert "No GPU" not in text
    assert (tmp_path / "runs/12_gpu/same.png").exists()

"""Batch and layer normalisation: against PyTorch, against their plain form, and on devices."""

import copy
import re
import warnings

import device_double
import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.nn.norm import moments, normalize

SHAPES = [(6, 3), (2, 3), (4, 5, 3), (2, 1, 4, 3)]
LAYERS = {"BatchNorm": nn.BatchNorm, "LayerNorm": nn.LayerNorm}
OVER = {"BatchNorm": "examples", "LayerNorm": "features"}

every_layer = pytest.mark.parametrize("name", LAYERS)
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape) * 3 + 5


def made(name, features=3, seed=1, **options):
    """A layer in float64 with a weight and a bias unlike those it starts with."""
    layer = LAYERS[name](features, **options).to("float64")
    for p in layer.parameters():
        p.assign(drawn(features, seed=seed))
    return layer


def plain(x, weight, bias, over, eps):
    """Normalisation as the papers write it, from elementary operations."""
    axis = tuple(range(x.ndim - 1)) if over == "examples" else -1
    return (x - cr.mean(x, axis, True)) / cr.sqrt(cr.var(x, axis, keepdims=True) + eps) * weight + bias


def assert_near(given, expected, tolerance=1e-12):
    for a, b in zip(given, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


# ---- against PyTorch


class Twins:
    """A layer of ours and the same one of PyTorch's, which has the channels of a BatchNorm on the second axis."""

    def __init__(self, name, **options):
        torch = pytest.importorskip("torch")
        self.torch, self.ours = torch, made(name, **options)
        self.theirs = getattr(torch.nn, {"BatchNorm": "BatchNorm1d"}.get(name, name))(3, dtype=torch.float64, **options)
        with torch.no_grad():
            for mine, other in zip(self.ours.parameters(), self.theirs.parameters(), strict=True):
                other.copy_(torch.tensor(mine.numpy()))

    def passes(self, x, g):
        """(output, gradients of x, weight and bias) of ours, and of theirs."""
        ours, theirs = cr.tensor(x, requires_grad=True), self.torch.tensor(x, requires_grad=True)
        y = self.ours(ours)
        z = self.theirs(theirs.reshape(-1, 3) if "Batch" in type(self.theirs).__name__ else theirs).reshape(x.shape)
        y.backward(g)
        z.backward(self.torch.tensor(g))
        result = (
            [y.detach().numpy(), ours.grad.numpy(), *(p.grad.numpy() for p in self.ours.parameters())],
            [z.detach().numpy(), theirs.grad.numpy(), *(p.grad.numpy() for p in self.theirs.parameters())],
        )
        self.ours.zero_grad()
        self.theirs.zero_grad()
        return result

    def running(self):
        names = ("running_mean", "running_var")
        return [getattr(self.ours, n).numpy() for n in names], [getattr(self.theirs, n).numpy() for n in names]


@every_shape
@every_layer
def test_a_layer_agrees_with_pytorch_forward_and_backward(name, shape):
    assert_near(*Twins(name).passes(drawn(*shape), drawn(*shape, seed=2)))


@every_layer
def test_a_layer_agrees_with_pytorch_for_another_eps(name):
    assert_near(*Twins(name, eps=0.5).passes(drawn(6, 3), drawn(6, 3, seed=2)))


@every_shape
@pytest.mark.parametrize("momentum", [0.0, 0.1, 0.7, 1.0])
def test_the_running_statistics_agree_with_pytorch_after_several_batches(momentum, shape):
    twins = Twins("BatchNorm", momentum=momentum)
    for step in range(5):
        twins.passes(drawn(*shape, seed=step), drawn(*shape))
    assert_near(*twins.running())


@every_shape
@every_layer
def test_a_layer_in_evaluation_agrees_with_pytorch(name, shape):
    twins = Twins(name)
    for step in range(3):
        twins.passes(drawn(*shape, seed=step), drawn(*shape))
    twins.ours.eval()
    twins.theirs.eval()
    assert_near(*twins.passes(drawn(*shape, seed=9), drawn(*shape)))


def test_a_batch_norm_without_weight_and_bias_agrees_with_pytorch():
    twins = Twins("BatchNorm", affine=False)
    assert twins.ours.parameters() == []
    for mode in (True, False):
        twins.ours.train(mode)
        twins.theirs.train(mode)
        assert_near(*twins.passes(drawn(6, 3), drawn(6, 3, seed=2)))


# ---- against the plain form


def both(over, shape=(6, 4), eps=0.1):
    """The fused and the plain function of (x, weight, bias), and inputs for them."""
    fused = lambda x, weight, bias: normalize(x, weight, bias, over=over, eps=eps)
    return fused, lambda *inputs: plain(*inputs, over, eps), [cr.tensor(drawn(*s)) for s in (shape, (4,), (4,))]


over_both = pytest.mark.parametrize("over", ["examples", "features"])


@over_both
def test_the_fused_form_has_the_values_and_gradients_of_the_plain_one(over):
    fused, composed, inputs = both(over)
    (y, pull), (expected, expected_pull) = cr.vjp(fused, *inputs), cr.vjp(composed, *inputs)
    g = drawn(6, 4, seed=7)
    assert_near([y.numpy(), *(s.numpy() for s in pull(g))], [expected.numpy(), *(s.numpy() for s in expected_pull(g))])


@over_both
def test_the_fused_form_has_the_forward_derivative_of_the_plain_one(over):
    fused, composed, inputs = both(over)
    tangents = [cr.tensor(drawn(*x.shape, seed=8)) for x in inputs]
    assert_near([cr.jvp(fused, inputs, tangents)[1].numpy()], [cr.jvp(composed, inputs, tangents)[1].numpy()])


@over_both
def test_the_fused_form_has_the_second_derivatives_of_the_plain_one(over):
    fused, composed, inputs = both(over, shape=(3, 4))
    weights = cr.tensor(drawn(3, 4, seed=8))
    for i in range(3):
        hessians = [
            cr.hessian(lambda *xs, f=f: (f(*xs) * weights).sum() ** 2, i)(*inputs).numpy() for f in (fused, composed)
        ]
        assert_near([hessians[0] / 1e3], [hessians[1] / 1e3])


@over_both
def test_known_moments_change_neither_values_nor_derivatives(over):
    x, weight, bias = (cr.tensor(drawn(*s)) for s in ((6, 4), (4,), (4,)))
    known = moments(x.numpy(), over)
    with_known = lambda *inputs: normalize(*inputs, over=over, known=known)
    without = lambda *inputs: normalize(*inputs, over=over)
    for derive in (lambda f: lambda *xs: (f(*xs) ** 3).sum(), lambda f: cr.grad(lambda *xs: (f(*xs) ** 3).sum())):
        assert_near([derive(with_known)(x, weight, bias).numpy()], [derive(without)(x, weight, bias).numpy()])
    second = [cr.hvp(lambda x, f=f: (f(x, weight, bias) ** 3).sum(), x, cr.ones_like(x)) for f in (with_known, without)]
    assert_near(*([h.numpy()] for h in second))


@over_both
def test_the_gradient_of_a_weight_can_be_differentiated_where_the_input_is_constant(over):
    x, weight, bias = (cr.tensor(drawn(*s)) for s in ((6, 4), (4,), (4,)))
    loss = lambda f: lambda w: (f(x, w, bias) ** 3).sum()
    fused, composed, _ = both(over)
    assert_near(*([cr.hessian(loss(f))(weight).numpy()] for f in (fused, composed)))


@pytest.mark.parametrize("over", ["rows", None, 0])
def test_an_unknown_direction_lists_those_that_exist(over):
    with pytest.raises(cr.ArgumentError, match=f"unknown over {over!r}: choose one of 'examples', 'features'"):
        normalize(np.ones((2, 3)), np.ones(3), np.ones(3), over=over)


@pytest.mark.parametrize("shapes", [((3,), (1,)), ((1,), (3,)), ((2, 3), (3,)), ((4,), (4,)), ((), ())], ids=str)
def test_weights_of_another_length_are_refused_rather_than_broadcast(shapes):
    with pytest.raises(cr.ShapeError, match=r"normalize: .* weight and bias \(n,\); given \(2, 3\)"):
        normalize(np.ones((2, 3)), *map(np.ones, shapes), over="features")


# ---- derivatives of the layers


@every_shape
@pytest.mark.parametrize("mode", [True, False], ids=["training", "evaluation"])
@every_layer
def test_the_derivatives_of_a_layer_are_right_to_second_order(name, mode, shape):
    def f(x, weight, bias):
        layer = LAYERS[name](3, eps=0.1).to("float64").train(mode)
        vars(layer).update(weight=weight, bias=bias)
        return layer(x)

    assert cr.gradcheck(f, drawn(*shape) / 3, drawn(3, seed=1), drawn(3, seed=2))


# ---- what normalised means


def test_a_batch_norm_gives_every_feature_mean_zero_and_variance_one():
    y = nn.BatchNorm(3)(drawn(50, 3)).numpy()
    assert_near([y.mean(axis=0), y.var(axis=0)], [np.zeros(3), np.ones(3)], 1e-5)


def test_a_layer_norm_gives_every_example_mean_zero_and_variance_one():
    y = nn.LayerNorm(50)(drawn(3, 50)).numpy()
    assert_near([y.mean(axis=1), y.var(axis=1)], [np.zeros(3), np.ones(3)], 1e-5)


@every_layer
def test_what_is_constant_becomes_the_bias(name):
    layer = LAYERS[name](3)
    layer.bias.assign([1.0, 2.0, 3.0])
    y = layer(cr.full((4, 3), 1000.0))
    np.testing.assert_allclose(y.detach().numpy(), [[1, 2, 3]] * 4, atol=1e-3)


@every_layer
def test_a_small_spread_about_a_large_mean_keeps_its_digits(name):
    x = np.random.default_rng(0).normal(size=(64, 64)) + 1000
    single, double = (LAYERS[name](64)(cr.tensor(x, dtype=dtype)).detach().numpy() for dtype in ("float32", "float64"))
    np.testing.assert_allclose(single, double, atol=1e-3)  # x itself is rounded to 6e-5 in float32


@every_layer
def test_sums_of_halves_do_not_overflow(name):
    x = np.random.default_rng(0).normal(size=(1000, 1000)) + 100
    layer = LAYERS[name](1000).to("float16")
    x = cr.tensor(x, dtype="float16", requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = layer(x)
        y.sum().backward()
    assert (y.dtype, x.grad.dtype) == ("float16", "float16")
    assert y.detach().numpy().astype(float).std() == pytest.approx(1, rel=1e-2)
    assert np.isfinite(x.grad.numpy()).all()


# ---- running statistics


def test_running_statistics_start_as_if_all_were_normal():
    layer = nn.BatchNorm(2)
    assert (layer.running_mean.tolist(), layer.running_var.tolist()) == ([0, 0], [1, 1])


def test_running_statistics_come_to_those_of_the_data():
    layer, rng = nn.BatchNorm(2), np.random.default_rng(0)
    for _ in range(100):
        layer((rng.normal(size=(500, 2)) * [1, 3] + [-2, 7]).astype("f"))
    assert layer.running_mean.tolist() == pytest.approx([-2, 7], abs=0.15)
    assert layer.running_var.tolist() == pytest.approx([1, 9], rel=0.1)


def test_running_statistics_are_state_and_no_parameters():
    layer = nn.BatchNorm(2)
    assert list(layer.state_dict()) == ["weight", "bias", "running_mean", "running_var"]
    assert [name for name, _ in layer.named_parameters()] == ["weight", "bias"]


def test_a_loaded_batch_norm_evaluates_the_same():
    layer, x = made("BatchNorm"), drawn(6, 3)
    layer(x)
    other = nn.BatchNorm(3).to("float64").load_state_dict(layer.state_dict())
    assert other.eval()(x).tolist() == layer.eval()(x).tolist()


def test_a_copied_batch_norm_has_running_statistics_of_its_own():
    layer = nn.BatchNorm(3)
    twin = copy.deepcopy(layer)
    twin(drawn(6, 3))
    assert layer.running_mean.tolist() == [0, 0, 0]


def test_evaluation_leaves_the_running_statistics_alone():
    layer = nn.BatchNorm(3)
    layer(drawn(6, 3))
    before = layer.state_dict()
    layer.eval()(drawn(6, 3, seed=1))
    assert layer.running_mean.tolist() == before["running_mean"].tolist()
    assert layer.running_var.tolist() == before["running_var"].tolist()


def test_evaluation_treats_each_example_by_itself():
    layer, x = nn.BatchNorm(3).eval(), cr.tensor(drawn(6, 3))
    assert layer(x)[2:3].tolist() == layer(x[2:3]).tolist()


def test_running_statistics_keep_the_dtype_of_the_layer():
    layer = nn.BatchNorm(3)
    layer(drawn(6, 3))
    assert (layer.running_mean.dtype, layer.running_var.dtype) == ("float32", "float32")


def test_a_batch_that_is_refused_leaves_the_running_statistics_alone():
    layer = nn.BatchNorm(3)
    for shape in ((1, 3), (6, 4)):
        with pytest.raises(cr.ShapeError):
            layer(drawn(*shape))
    assert layer.running_mean.tolist() == [0, 0, 0]


# ---- bad input


@pytest.mark.parametrize("shape", [(1, 3), (3,), (0, 3), (1, 1, 3), (2, 0, 3)], ids=str)
def test_a_batch_norm_cannot_train_on_fewer_than_two_examples_and_says_what_to_do(shape):
    message = f"BatchNorm: training needs at least two examples, given shape {shape}; use larger batches"
    with pytest.raises(cr.ShapeError, match=re.escape(message) + ".*drop_last=True.*eval"):
        nn.BatchNorm(3)(np.ones(shape))


@pytest.mark.parametrize("shape", [(1, 3), (3,), (0, 3)], ids=str)
def test_evaluation_and_layer_norm_take_any_number_of_examples(shape):
    for layer in (nn.BatchNorm(3).eval(), nn.LayerNorm(3)):
        x = cr.ones(shape, requires_grad=True)
        layer(x).sum().backward()
        assert x.grad.shape == shape


@pytest.mark.parametrize("shape", [(6, 4), (6, 1), (3, 6), ()], ids=str)
@every_layer
def test_another_width_is_refused_and_both_are_named(name, shape):
    with pytest.raises(cr.ShapeError, match=re.escape(f"{name}: needs x (…, 3), given {shape}")):
        LAYERS[name](3)(np.ones(shape))


@pytest.mark.parametrize("features", [0, -1, 2.0, "3", None])
@every_layer
def test_a_size_that_is_none_is_refused(name, features):
    with pytest.raises(cr.ArgumentError, match=f"{name}: features must be a whole number of at least 1"):
        LAYERS[name](features)


@pytest.mark.parametrize("eps", [0, -1e-5, np.nan, np.inf, "1e-5", None])
@every_layer
def test_an_eps_that_is_not_positive_is_refused(name, eps):
    with pytest.raises(cr.ArgumentError, match=f"{name}: eps must be a finite number above 0, not {eps!r}"):
        LAYERS[name](3, eps=eps)


@pytest.mark.parametrize("momentum", [-0.1, 1.1, np.nan, "0.1", None])
def test_a_momentum_outside_its_range_is_refused(momentum):
    with pytest.raises(cr.ArgumentError, match=rf"BatchNorm: momentum must lie in \[0, 1\], not {momentum!r}"):
        nn.BatchNorm(3, momentum=momentum)


def test_the_repr_shows_the_options():
    assert repr(nn.BatchNorm(3)) == "BatchNorm(3, momentum=0.1, eps=1e-05)"
    assert repr(nn.BatchNorm(3, affine=False)) == "BatchNorm(3, momentum=0.1, eps=1e-05, affine=False)"
    assert repr(nn.LayerNorm(3)) == "LayerNorm(3, eps=1e-05)"


# ---- on devices


def passed(device, name, mode):
    """Output, gradients and state after two batches on a device; no value is read on the way."""
    layer = made(name).to(device).train(mode)
    xs = [cr.tensor(drawn(8, 3, seed=i), device=device, requires_grad=True) for i in range(2)]
    with device_double.forbid("waits"):
        ys = [layer(x) for x in xs]
        sum((y * y).sum() for y in ys).backward()
    tensors = [*ys, *(x.grad for x in xs), *(p.grad for p in layer.parameters()), *layer.state_dict().values()]
    assert {t.device for t in tensors} == {device}
    return [t.detach().numpy() for t in tensors]


@pytest.mark.parametrize("mode", [True, False], ids=["training", "evaluation"])
@every_layer
def test_a_device_gives_what_the_cpu_gives_and_never_makes_the_host_wait(name, mode, device):
    assert_near(passed(device, name, mode), passed("cpu", name, mode))


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_a_training_step_with_a_norm_never_makes_the_host_wait(norm, strict):
    model = nn.MLP([4, 16, 8, 3], norm=norm).to(strict)
    optimizer = cr.optim.Adam(model.parameters())
    x, y = cr.tensor(drawn(20, 4), dtype="float32", device=strict), cr.tensor(np.arange(20) % 3, device=strict)
    with device_double.forbid("waits"):
        for _ in range(3):
            optimizer.zero_grad()
            nn.cross_entropy(model(x), y).backward()
            optimizer.step()
    assert np.isfinite(model.eval()(x).detach().numpy()).all()


# ---- in a multi-layer perceptron


@pytest.mark.parametrize(("norm", "axis"), [("batch", 0), ("layer", 1)])
def test_an_mlp_normalises_before_each_hidden_activation(norm, axis):
    seen = []
    model = nn.MLP([4, 60, 70, 3], norm=norm, activation=lambda x: seen.append(x.detach().numpy()) or x)
    model(drawn(50, 4))
    assert [x.shape for x in seen] == [(50, 60), (50, 70)]
    for x in seen:
        assert_near([x.mean(axis), x.var(axis)], [np.zeros(x.shape[1 - axis]), np.ones(x.shape[1 - axis])], 1e-2)


def test_an_mlp_without_norm_has_none():
    assert [name for name, _ in nn.MLP([2, 3, 1]).named_parameters()] == [
        "layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias",
    ]  # fmt: skip


def test_an_mlp_has_no_bias_that_a_batch_norm_would_undo():
    biases = {
        norm: [layer.bias is not None for layer in nn.MLP([2, 3, 4, 1], norm=norm).layers]
        for norm in ("batch", "layer")
    }
    assert biases == {"batch": [False, False, True], "layer": [True, True, True]}


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_an_mlp_with_a_norm_learns_from_inputs_of_any_size(norm):
    cr.random.seed(0)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    model = nn.MLP([2, 32, 2], norm=norm)
    optimizer = cr.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(150):
        optimizer.zero_grad()
        nn.cross_entropy(model(1e4 * x), y).backward()
        optimizer.step()
    assert (model.eval()(1e4 * x).detach().numpy().argmax(1) == y).mean() > 0.95


# ---- numbers whose squares overflow or vanish


def exact(x, g, over, eps=0):
    """z and the gradient that g at z sends to x, in long doubles."""
    axis = tuple(range(x.ndim - 1)) if over == "examples" else -1
    mean = lambda a: a.mean(axis, keepdims=True)
    x, g = x.astype(np.longdouble), g.astype(np.longdouble)
    centred = x - mean(x)
    s = np.sqrt(mean(centred * centred) + eps)
    z = centred / s
    return z, (g - mean(g) - z * mean(g * z)) / s


@pytest.mark.parametrize(
    ("dtype", "exponents"), [("float32", [66, 126]), ("float64", [520, 1022]), ("float16", [10, 14])]
)
@every_layer
def test_a_layer_normalises_numbers_of_any_size(name, dtype, exponents, device):
    x, g = np.array([[1.0, 2, 0], [1, -1, 0], [0.5, 3, 2], [2, 1, -1]]), drawn(4, 3, seed=2).astype(dtype)
    layer = LAYERS[name](3).to(device).to(dtype)
    for k in exponents:
        at = cr.tensor(np.ldexp(x, k).astype(dtype), device=device, requires_grad=True)
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            z = layer(at)
        z.backward(cr.tensor(g, device=device))
        value, slope = exact(np.ldexp(x, k), g, OVER[name])
        tolerance = 16 * np.finfo(dtype).eps
        np.testing.assert_allclose(z.numpy(), value, rtol=tolerance, atol=tolerance)
        slope, found = np.ldexp(slope, k), np.ldexp(at.grad.numpy().astype(np.longdouble), k)
        np.testing.assert_allclose(found, slope, rtol=0, atol=8 * tolerance * abs(slope).max())


@every_layer
def test_numbers_far_below_eps_are_divided_by_its_root(name, device):
    x = np.array([[1.0, 2, 0], [1, -1, 0], [0.5, 3, 2]]) * 1e-25
    z = LAYERS[name](3).to(device)(cr.tensor(x, dtype="float32", device=device))
    np.testing.assert_allclose(z.numpy(), exact(x, x, OVER[name], 1e-5)[0], rtol=1e-5)


@every_layer
def test_derivatives_of_derivatives_are_right_for_large_numbers(name):
    x, t = np.ldexp(drawn(4, 3), 600), drawn(4, 3, seed=4)
    layer = LAYERS[name](3).to("float64")
    small = cr.hvp(lambda x: (layer(x) ** 3).sum(), cr.tensor(np.ldexp(x, -500)), cr.tensor(t)).numpy()
    large = cr.hvp(lambda x: (layer(x) ** 3).sum(), cr.tensor(x), cr.tensor(np.ldexp(t, 400))).numpy()
    np.testing.assert_allclose(np.ldexp(large, 600), small, rtol=1e-11)


def test_a_running_variance_beyond_its_dtype_is_an_error_when_it_is_used(device):
    layer = nn.BatchNorm(1).to(device)
    layer(cr.tensor([[1e30], [2e30]], device=device))
    with pytest.raises(cr.ArgumentError, match="a running variance is not finite"):
        layer.eval()(cr.zeros((2, 1), device=device)).numpy()


def test_the_running_variance_is_that_of_a_sample():
    x = drawn(6, 3)
    layer = nn.BatchNorm(3, momentum=0.25)
    layer(x)
    np.testing.assert_allclose(layer.running_mean.numpy(), 0.25 * x.mean(0), rtol=1e-5)
    np.testing.assert_allclose(layer.running_var.numpy(), 0.75 + 0.25 * x.var(0, ddof=1), rtol=1e-5)


def test_a_batch_norm_without_weight_and_bias_only_standardizes():
    x = drawn(6, 3)
    layer = nn.BatchNorm(3, affine=False, eps=1e-3)
    np.testing.assert_allclose(layer(x).numpy(), (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-3), rtol=1e-5, atol=1e-6)
    assert layer.parameters() == []


def test_a_summary_leaves_the_running_statistics_alone():
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm(3))
    before = {name: x.tolist() for name, x in model.named_tensors()}
    nn.summary(model, 2)
    assert {name: x.tolist() for name, x in model.named_tensors()} == before

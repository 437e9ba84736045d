"""Modules, layers, activations and initialisers."""

import copy
import math
import pickle
import warnings
from functools import partial

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn


class Tree(nn.Module):
    """Parameters wherever a model may keep them."""

    def __init__(self):
        self.scale = nn.Parameter([2.0])
        self.stack = [nn.Linear(2, 3), (nn.Linear(3, 3, bias=False), "text")]
        self.heads = {"a": nn.Linear(3, 1), "b": nn.Parameter([[1.0]])}
        self.running = cr.tensor([5.0])
        self.steps = cr.tensor([7])
        self.rate = 0.5

    def forward(self, x):
        return self.heads["a"](self.stack[1][0](self.stack[0](x))) * self.scale


NAMES = ["scale", "stack.0.weight", "stack.0.bias", "stack.1.0.weight", "heads.a.weight", "heads.a.bias", "heads.b"]


def values(model):
    return {name: p.numpy() for name, p in model.named_parameters()}


def assert_equal_values(a, b):
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


# ---- Module: what it is made of


def test_parameters_are_found_in_attributes_lists_tuples_and_dicts():
    assert [name for name, _ in Tree().named_parameters()] == NAMES


def test_parameters_are_listed_in_the_order_of_their_names():
    tree = Tree()
    assert [id(p) for p in tree.parameters()] == [id(p) for _, p in tree.named_parameters()]


def test_a_plain_tensor_is_no_parameter():
    tree = Tree()
    assert all(p is not tree.running for p in tree.parameters())


def test_a_parameter_requires_grad():
    assert nn.Parameter([1.0, 2.0]).requires_grad


def test_a_parameter_copies_its_data():
    data = np.ones(3)
    p = nn.Parameter(data)
    data[0] = 9
    assert p.tolist() == [1, 1, 1]


def test_a_parameter_of_whole_numbers_is_refused():
    with pytest.raises(cr.DtypeError, match="only floating tensors have gradients"):
        nn.Parameter([1, 2])


def test_a_shared_parameter_comes_once_under_its_first_name():
    a, b = nn.Linear(2, 2), nn.Linear(2, 2)
    b.weight = a.weight
    assert [name for name, _ in nn.Sequential(a, b).named_parameters()] == [
        "layers.0.weight",
        "layers.0.bias",
        "layers.1.bias",
    ]


def test_a_shared_module_comes_once():
    layer = nn.Linear(2, 2)
    model = nn.Sequential(layer, layer)
    assert [name for name, _ in model.named_modules()] == ["", "layers.0"]


def test_a_shared_parameter_gets_the_gradients_of_all_its_uses():
    layer = nn.Linear(1, 1, bias=False, init="ones")
    layer.weight.assign([[3.0]])
    nn.Sequential(layer, layer)(cr.ones((1, 1))).sum().backward()
    assert layer.weight.grad.tolist() == [[6.0]]


def test_modules_are_named_by_their_paths():
    assert [name for name, _ in Tree().named_modules()] == ["", "stack.0", "stack.1.0", "heads.a"]


def test_a_module_that_knows_its_parent_is_walked_once():
    parent = nn.Sequential(nn.Linear(2, 2))
    parent.layers[0].parent = parent
    assert [name for name, _ in parent.named_parameters()] == ["layers.0.weight", "layers.0.bias"]


def test_a_parameter_added_later_is_found():
    layer = nn.Linear(2, 2, bias=False)
    layer.gain = nn.Parameter([1.0])
    assert [name for name, _ in layer.named_parameters()] == ["weight", "gain"]


def test_a_parameter_set_to_none_is_gone():
    layer = nn.Linear(2, 2)
    layer.bias = None
    assert [name for name, _ in layer.named_parameters()] == ["weight"]


def test_calling_a_module_passes_arguments_and_options_to_forward():
    class Sum(nn.Module):
        def forward(self, x, y, scale=1):
            return (x + y) * scale

    assert Sum()(cr.ones(1), 2.0, scale=10).tolist() == [30.0]


def test_a_module_without_forward_says_so():
    class Empty(nn.Module):
        pass

    with pytest.raises(NotImplementedError, match="Empty must define forward"):
        Empty()(1.0)


def test_a_module_of_ones_own_learns():
    class Line(nn.Module):
        def __init__(self):
            self.slope = nn.Parameter(0.0)
            self.offset = nn.Parameter(0.0)

        def forward(self, x):
            return self.slope * x + self.offset

    x = np.linspace(-1, 1, 20, dtype=np.float32)
    model = Line()
    optimizer = cr.optim.SGD(model.parameters(), lr=0.3)
    for _ in range(100):
        optimizer.zero_grad()
        nn.mse(model(x), 3 * x - 1).backward()
        optimizer.step()
    assert [model.slope.item(), model.offset.item()] == pytest.approx([3, -1], abs=1e-3)


# ---- state


def test_a_state_dict_holds_parameters_and_other_tensors():
    assert sorted(Tree().state_dict()) == sorted([*NAMES, "running", "steps"])


def test_a_state_dict_does_not_change_with_the_model():
    model = nn.Linear(2, 1, init="ones")
    state = model.state_dict()
    model.weight.assign([[5.0], [5.0]])
    assert state["weight"].tolist() == [[1.0], [1.0]]


def test_a_model_does_not_change_with_its_state_dict():
    model = nn.Linear(2, 1, init="ones")
    model.state_dict()["weight"][...] = 5.0
    assert model.weight.tolist() == [[1.0], [1.0]]


def test_a_state_dict_needs_no_gradients():
    assert not any(x.requires_grad for x in Tree().state_dict().values())


def test_a_loaded_model_computes_the_same():
    model, other, x = Tree(), Tree(), cr.ones((4, 2))
    other.load_state_dict(model.state_dict())
    assert other(x).tolist() == model(x).tolist()


def test_loading_returns_the_model():
    model = nn.Linear(2, 1)
    assert model.load_state_dict(model.state_dict()) is model


def test_loading_keeps_the_parameters_themselves():
    model = nn.Linear(2, 1)
    before = model.parameters()
    model.load_state_dict(nn.Linear(2, 1).state_dict())
    assert all(a is b for a, b in zip(before, model.parameters(), strict=True))


def test_loading_keeps_the_dtype_of_the_model():
    model = nn.Linear(2, 1)
    model.load_state_dict({"weight": np.ones((2, 1)), "bias": np.ones(1, dtype="int64")})
    assert {p.dtype.name for p in model.parameters()} == {"float32"}


def test_lists_and_numbers_can_be_loaded():
    neuron = nn.Perceptron(2).load_state_dict({"weight": [1.0, 2.0], "bias": 0.5})
    assert (neuron.weight.tolist(), neuron.bias.item()) == ([1.0, 2.0], 0.5)


def test_a_state_that_does_not_fit_names_every_fault():
    state = Tree().state_dict()
    del state["scale"], state["heads.b"]
    state |= {"stack.0.bias": cr.zeros(4), "stack.0.weight": cr.zeros((2, 1)), "extra": cr.zeros(2), "more": [1.0]}
    state["running"] = np.array(["five"])
    with pytest.raises(cr.CheckpointError) as error:
        Tree().load_state_dict(state)
    for fault in (
        "missing: scale (1,)", "missing: heads.b (1, 1)", "unexpected: extra (2,)", "unexpected: more (1,)",
        "stack.0.bias is (4,), the model needs (3,)", "stack.0.weight is (2, 1), the model needs (2, 3)",
        "no numbers: running is <U4",
    ):  # fmt: skip
        assert fault in str(error.value)


@pytest.mark.parametrize(
    "fault",
    [{"bias": None}, {"bias": np.zeros(4)}, {"bias": np.array(["a", "b"])}, {"extra": np.zeros(1)}],
    ids=["missing", "shape", "text", "unexpected"],
)
def test_a_state_that_does_not_fit_changes_nothing(fault):
    model = nn.Linear(3, 2)
    before = values(model)
    state = {"weight": np.ones((3, 2)), "bias": np.ones(2)} | fault
    with pytest.raises(cr.CheckpointError):
        model.load_state_dict({name: x for name, x in state.items() if x is not None})
    assert_equal_values(values(model), before)


class Counting(nn.Module):
    """A parameter and tensors of other kinds."""

    def __init__(self):
        self.weight = nn.Parameter(np.zeros(2, "f"))
        self.count, self.small = cr.tensor(0), cr.tensor(np.zeros(2, "int8"))
        self.flags, self.half = cr.tensor([True, False]), cr.tensor(np.zeros(2, "float16"))


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("weight", [1.0, 1e39], "out of range: weight has 1e+39, the model holds float32"),
        ("weight", [True, False], "no numbers: weight is bool"),
        ("weight", [[1.0], [1.0, 2.0]], "no numbers: weight is a ragged list"),
        ("weight", np.ma.masked_array([1.0, 2.0], [True, False]), "no numbers: weight is masked"),
        ("weight", [1j, 2j], "no numbers: weight is complex128"),
        ("weight", None, "of another shape: weight is (), the model needs (2,)"),
        ("count", 2.5, "out of range: count has 2.5, the model holds int64"),
        ("count", np.nan, "out of range: count has nan, the model holds int64"),
        ("count", np.uint64(2**63), "out of range: count has 9223372036854775808, the model holds int64"),
        ("count", {}, "no numbers: count is object"),
        ("count", None, "no numbers: count is object"),
        ("small", [1, 300], "out of range: small has 300, the model holds int8"),
        ("flags", [1, 0], "no numbers: flags is int64"),
        ("half", np.array([1.0, 7e4], "f"), "out of range: half has 70000.0, the model holds float16"),
    ],
)
def test_a_value_that_the_model_cannot_hold_is_refused(name, value, fault):
    model = Counting()
    with pytest.raises(cr.CheckpointError) as error:
        model.load_state_dict(model.state_dict() | {name: value})
    assert fault in str(error.value)


def test_a_value_of_another_dtype_that_the_model_can_hold_is_rounded():
    state = {
        "weight": [1 / 3, np.inf],
        "count": 3.0,
        "small": np.array([-128, 127]),
        "flags": [True, True],
        "half": [1, 2],
    }
    model = Counting().load_state_dict(state)
    assert model.weight.tolist() == [float(np.float32(1 / 3)), np.inf]
    assert (model.count.item(), model.small.tolist(), model.half.tolist()) == (3, [-128, 127], [1, 2])


def test_memory_that_may_not_be_written_to_leaves_the_model_as_it_was():
    class Borrowed(nn.Module):
        def __init__(self):
            locked = np.ones(2)
            locked.flags.writeable = False
            self.first, self.second, self.third = cr.tensor([1.0]), cr.asarray(locked), cr.tensor([3.0])

    model = Borrowed()
    with pytest.raises(cr.GraphError, match="read-only"):
        model.load_state_dict({"first": [7.0], "second": [7.0, 7.0], "third": [7.0]})
    assert [x.tolist() for x in model.state_dict().values()] == [[1.0], [1.0, 1.0], [3.0]]


@pytest.mark.parametrize("state", [None, [("weight", 1)], "weights.safetensors"])
def test_a_state_that_is_no_dict_is_refused(state):
    with pytest.raises(cr.CheckpointError, match="needs a dict of tensors"):
        nn.Linear(2, 1).load_state_dict(state)


def test_zero_grad_forgets_all_gradients():
    model = nn.MLP([2, 3, 1])
    model(cr.ones((1, 2))).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())


def test_zero_grad_passes_over_frozen_parameters():
    model = nn.Linear(2, 1)
    model.weight.requires_grad = False
    model(cr.ones((1, 2))).sum().backward()
    model.zero_grad()
    assert model.bias.grad is None


def test_a_model_starts_in_training():
    assert all(m.training for _, m in Tree().named_modules())


@pytest.mark.parametrize("mode", [True, False])
def test_train_and_eval_reach_every_module_below(mode):
    model = nn.Sequential(nn.Sequential(nn.Dropout(), cr.tanh), Tree()).train(not mode)
    assert (model.train() if mode else model.eval()) is model
    assert [m.training for _, m in model.named_modules()] == [mode] * 7


# ---- moving


def test_to_a_dtype_converts_every_floating_tensor():
    tree = Tree().to("float64")
    assert {x.dtype.name for _, x in tree.named_parameters()} | {tree.running.dtype.name} == {"float64"}


def test_to_a_dtype_leaves_whole_numbers_alone():
    assert Tree().to("float16").steps.dtype == "int64"


def test_to_a_dtype_keeps_the_values():
    model = nn.Linear(3, 2)
    before = values(model)
    assert_equal_values(values(model.to("float64")), before)


def test_a_converted_model_computes_in_its_dtype():
    model = nn.MLP([2, 3, 1]).to("float64")
    y = model(cr.ones((1, 2), dtype="float64"))
    y.sum().backward()
    assert {y.dtype.name, *(p.grad.dtype.name for p in model.parameters())} == {"float64"}


def test_to_keeps_the_parameters_themselves():
    model = nn.Linear(2, 1)
    before = model.parameters()
    assert all(a is b for a, b in zip(before, model.to("float64").parameters(), strict=True))


def test_to_forgets_the_gradients_of_what_it_moves():
    model = nn.Linear(2, 1)
    model(cr.ones((1, 2))).sum().backward()
    assert model.to("float64").weight.grad is None


@pytest.mark.parametrize("target", ["cpu", "float32"])
def test_to_where_the_model_is_already_changes_nothing(target):
    model = nn.Linear(2, 1)
    optimizer = cr.optim.SGD(model.parameters(), lr=1.0)
    model(cr.ones((1, 2))).sum().backward()
    model.to(target)
    optimizer.step()
    assert model.bias.tolist() == [-1.0]


@pytest.mark.parametrize("dtype", ["int64", "bool"])
def test_to_a_dtype_that_is_not_floating_is_refused(dtype):
    model = nn.Linear(2, 1)
    with pytest.raises(cr.DtypeError, match=f"floating dtype such as 'float32', not with {dtype}"):
        model.to(dtype)
    assert model.weight.dtype == "float32"


def test_to_an_unknown_device_names_those_that_exist():
    with pytest.raises(cr.DeviceError, match="'gpu' is neither a dtype .*.*'cpu'"):
        nn.Linear(2, 1).to("gpu")


def test_to_a_device_moves_every_tensor(strict):
    tree = Tree().to(strict)
    assert {x.device for _, x in tree.named_tensors()} == {"strict"}


def test_to_a_device_and_back_keeps_the_values(strict):
    model = nn.MLP([2, 3, 1])
    before = values(model)
    assert_equal_values(values(model.to(strict).to("cpu")), before)


@pytest.mark.parametrize("target", ["float64", "strict"])
@pytest.mark.usefixtures("strict")
def test_an_optimiser_made_before_the_model_moved_says_so(target):
    model = nn.Linear(2, 1)
    optimizer = cr.optim.Adam(model.parameters())
    model.to(target)
    x = cr.ones((1, 2), dtype=model.weight.dtype, device=model.weight.device)
    model(x).sum().backward()
    with pytest.raises(cr.GraphError, match="moved.*make the optimiser after model.to"):
        optimizer.step()


# ---- showing, copying, storing


def test_the_repr_shows_the_layers_and_their_sizes():
    assert repr(nn.MLP([4, 3, 2], activation="tanh", dropout=0.25)) == (
        "MLP(activation=tanh, output=identity\n"
        "  (input_dropout): Dropout(p=0.0)\n"
        "  (layers.0): Linear(4 → 3)\n"
        "  (layers.1): Linear(3 → 2)\n"
        "  (dropout): Dropout(p=0.25)\n"
        ")"
    )


def test_the_repr_shows_layers_in_dicts_and_nested_lists():
    shown = repr(Tree())
    assert [name for name in ("stack.0", "stack.1.0", "heads.a") if f"({name}): Linear" not in shown] == []


def test_the_repr_of_a_sequential_shows_functions_too():
    assert repr(nn.Sequential(nn.Linear(2, 3), cr.tanh, nn.Linear(3, 1))) == (
        "Sequential(\n  (layers.0): Linear(2 → 3)\n  (layers.1): tanh\n  (layers.2): Linear(3 → 1)\n)"
    )


def test_the_repr_of_a_sequential_shows_what_a_subclass_has_beside_its_layers():
    model = nn.Sequential(cr.tanh)
    model.head = nn.Linear(2, 1)
    assert repr(model) == "Sequential(\n  (layers.0): tanh\n  (head): Linear(2 → 1)\n)"


def test_the_repr_indents_what_lies_deeper():
    assert "\n    (layers.0): Linear(1 → 1, no bias)" in repr(nn.Sequential(nn.Sequential(nn.Linear(1, 1, bias=False))))


def test_the_repr_of_a_module_that_knows_its_parent_ends():
    parent = nn.Sequential(nn.Linear(2, 2))
    parent.layers[0].parent = parent
    assert "(parent): ..." in repr(parent)


COPIES = {"deepcopy": copy.deepcopy, "pickle": lambda model: pickle.loads(pickle.dumps(model))}


@pytest.mark.parametrize("how", COPIES)
def test_a_copied_model_computes_the_same(how):
    model, x = nn.MLP([2, 3, 1], activation="gelu", dropout=0.5).eval(), cr.ones((4, 2))
    assert COPIES[how](model)(x).tolist() == model(x).tolist()


@pytest.mark.parametrize("how", COPIES)
def test_a_copied_model_has_its_own_parameters(how):
    model = nn.Linear(2, 1, init="ones")
    COPIES[how](model).weight.assign([[5.0], [5.0]])
    assert model.weight.tolist() == [[1.0], [1.0]]


@pytest.mark.parametrize("how", COPIES)
def test_a_copied_model_keeps_its_parameters_parameters(how):
    twin = COPIES[how](nn.MLP([2, 3, 1]))
    assert [type(p) for p in twin.parameters()] == [nn.Parameter] * 4
    assert all(p.requires_grad for p in twin.parameters())


@pytest.mark.parametrize("how", COPIES)
def test_a_copied_model_shares_what_was_shared(how):
    layer = nn.Linear(2, 2)
    twin = COPIES[how](nn.Sequential(layer, layer))
    assert twin[0] is twin[1]


@pytest.mark.parametrize("how", COPIES)
def test_a_copied_model_keeps_frozen_parameters_frozen(how):
    layer = nn.Linear(2, 2)
    layer.weight.requires_grad = False
    assert [p.requires_grad for p in COPIES[how](layer).parameters()] == [False, True]


@pytest.mark.parametrize("how", COPIES)
def test_a_copied_model_goes_on_drawing_the_same_masks(how):
    layer = nn.Dropout(0.5, cr.random.Generator(3))
    layer(cr.ones(20))
    twin = COPIES[how](layer)
    assert twin(cr.ones(20)).tolist() == layer(cr.ones(20)).tolist()


@pytest.mark.parametrize("how", COPIES)
def test_a_model_in_training_can_be_copied(how):
    model = nn.Linear(2, 1)
    optimizer = cr.optim.Adam(model.parameters())
    model(cr.ones((1, 2))).sum().backward()
    optimizer.step()
    twin = COPIES[how](model)
    assert_equal_values(values(twin), values(model))


# ---- Linear


def test_linear_is_x_times_weight_plus_bias():
    layer = nn.Linear(3, 2)
    layer.bias.assign([0.5, -0.5])
    x = np.arange(12, dtype=np.float32).reshape(4, 3)
    np.testing.assert_allclose(layer(x).numpy(), x @ layer.weight.numpy() + layer.bias.numpy(), rtol=1e-6)


@pytest.mark.parametrize("batch", [(), (5,), (0,), (2, 5), (2, 1, 5)])
def test_linear_keeps_the_batch_axes(batch):
    assert nn.Linear(3, 2)(cr.zeros((*batch, 3))).shape == (*batch, 2)


def test_linear_without_bias_has_none():
    layer = nn.Linear(3, 2, bias=False, init="ones")
    assert [name for name, _ in layer.named_parameters()] == ["weight"]
    assert layer(cr.ones((1, 3))).tolist() == [[3.0, 3.0]]


def test_linear_starts_with_a_bias_of_zeros():
    assert nn.Linear(3, 2).bias.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("bias", [True, False])
def test_linear_has_the_right_gradients(bias):
    x = np.random.default_rng(0).normal(size=(4, 3))
    shapes = [(3, 2), (2,)][: 1 + bias]
    inputs = [np.random.default_rng(1).normal(size=shape) for shape in shapes]

    def f(x, weight, bias=None):
        layer = nn.Linear(3, 2, bias=bias is not None)
        vars(layer).update(weight=weight, bias=bias)
        return layer(x)

    assert cr.gradcheck(f, x, *inputs)


def test_linear_refuses_another_width_and_names_both():
    with pytest.raises(cr.ShapeError, match=r"\(4, 5\).*\(2, 3\)"):
        nn.Linear(2, 3)(cr.zeros((4, 5)))


@pytest.mark.parametrize("size", [0, -1, 2.0, "3", None, True])
@pytest.mark.parametrize("which", ["n_in", "n_out"])
def test_linear_refuses_bad_sizes_and_names_them(which, size):
    with pytest.raises(cr.ArgumentError, match=f"Linear: {which} must be a whole number of at least 1"):
        nn.Linear(**({"n_in": 2, "n_out": 2} | {which: size}))


def test_sizes_may_be_numpys_whole_numbers():
    assert nn.Linear(np.int64(2), np.int32(3)).weight.shape == (2, 3)


# ---- Perceptron


def test_a_perceptron_is_an_activation_of_a_weighted_sum_and_a_bias():
    neuron = nn.Perceptron(3, "tanh")
    neuron.bias.assign(0.25)
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    np.testing.assert_allclose(neuron(x).numpy(), np.tanh(x @ neuron.weight.numpy() + 0.25), rtol=1e-5)


def test_a_perceptron_has_weights_and_a_bias():
    assert [(name, p.shape) for name, p in nn.Perceptron(3).named_parameters()] == [("weight", (3,)), ("bias", ())]


def test_a_perceptron_is_a_sigmoid_unless_told_otherwise():
    neuron = nn.Perceptron(2, init="zeros")
    assert neuron(cr.ones(2)).item() == 0.5


@pytest.mark.parametrize("batch", [(), (5,), (2, 5)])
def test_a_perceptron_answers_one_number_for_each_example(batch):
    assert nn.Perceptron(3)(cr.zeros((*batch, 3))).shape == batch


@pytest.mark.parametrize(
    ("weights", "bias", "truth"),
    [([1, 1], -1.5, [0, 0, 0, 1]), ([1, 1], -0.5, [0, 1, 1, 1]), ([-1, -1], 1.5, [1, 1, 1, 0])],
    ids=["AND", "OR", "NAND"],
)
def test_a_perceptron_of_steps_computes_a_gate(weights, bias, truth):
    neuron = nn.Perceptron(2, "step").load_state_dict({"weight": np.array(weights), "bias": np.array(bias)})
    assert neuron(cr.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])).tolist() == truth


def test_a_perceptron_learns_or():
    cr.random.seed(1)
    x, y = cr.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), cr.tensor([0.0, 1.0, 1.0, 1.0])
    neuron = nn.Perceptron(2)
    optimizer = cr.optim.SGD(neuron.parameters(), lr=2.0)
    for _ in range(200):
        optimizer.zero_grad()
        nn.bce(neuron(x), y).backward()
        optimizer.step()
    assert (neuron(x) > 0.5).tolist() == [False, True, True, True]


def test_a_perceptron_refuses_another_width_and_names_both():
    with pytest.raises(cr.ShapeError, match=r"\(4, 5\).*\(2,\)"):
        nn.Perceptron(2)(cr.zeros((4, 5)))


def test_a_perceptron_refuses_bad_sizes():
    with pytest.raises(cr.ArgumentError, match="Perceptron: n_inputs must be a whole number of at least 1, not 0"):
        nn.Perceptron(0)


# ---- Sequential and MLP


def test_sequential_applies_modules_and_functions_in_order():
    model = nn.Sequential(lambda x: x + 1, lambda x: x * 10, nn.Linear(1, 1, init="ones"))
    assert model(cr.tensor([[2.0]])).tolist() == [[30.0]]


def test_sequential_of_nothing_is_the_identity():
    x = cr.ones(3)
    assert nn.Sequential()(x) is x


def test_sequential_has_a_length_and_items():
    layer = nn.Linear(1, 1)
    model = nn.Sequential(cr.tanh, layer)
    assert (len(model), model[1]) == (2, layer)


@pytest.mark.parametrize("layer", [3, "relu", [nn.Linear(1, 1)], None])
def test_sequential_refuses_what_cannot_be_called(layer):
    with pytest.raises(cr.ArgumentError, match="Sequential: a layer must be a module or a function"):
        nn.Sequential(cr.tanh, layer)


CLASSES = {
    "Sequential": lambda: nn.Sequential(nn.Linear(2, 3), nn.Dropout),
    "activation": lambda: nn.MLP([2, 3, 1], activation=nn.Dropout),
    "output": lambda: nn.MLP([2, 3, 1], output=nn.Dropout),
    "Perceptron": lambda: nn.Perceptron(2, nn.Dropout),
}


@pytest.mark.parametrize("place", CLASSES)
def test_a_class_in_place_of_a_layer_is_refused_with_what_to_do(place):
    with pytest.raises(cr.ArgumentError, match=r"Dropout is a class, not a layer; make one, e.g. Dropout\(...\)"):
        CLASSES[place]()


def test_an_mlp_is_affine_layers_with_an_activation_after_each_but_the_last():
    model = nn.MLP([3, 4, 5, 2], activation="tanh")
    x = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    h = x
    for i, layer in enumerate(model.layers):
        h = h @ layer.weight.numpy() + layer.bias.numpy()
        h = np.tanh(h) if i < 2 else h
    np.testing.assert_allclose(model(x).numpy(), h, rtol=1e-5, atol=1e-6)


def test_an_mlp_applies_its_output_activation_last():
    model, x = nn.MLP([3, 4, 2], output="sigmoid"), cr.ones((2, 3))
    plain = nn.MLP([3, 4, 2]).load_state_dict(model.state_dict())
    assert model(x).tolist() == cr.sigmoid(plain(x)).tolist()


def test_an_mlp_without_hidden_layers_is_affine():
    model, x = nn.MLP([3, 2], activation="relu"), cr.ones((1, 3))
    assert model(-x).tolist() == (-model(x)).tolist()


def test_an_mlp_counts_its_parameters():
    assert sum(p.size for p in nn.MLP([64, 32, 10]).parameters()) == 64 * 32 + 32 + 32 * 10 + 10


@pytest.mark.parametrize("sizes", [[], [3]])
def test_an_mlp_needs_two_sizes(sizes):
    with pytest.raises(cr.ArgumentError, match="MLP: sizes needs at least an input and an output size"):
        nn.MLP(sizes)


def test_an_mlp_of_sizes_that_are_no_list_says_how_to_give_them():
    with pytest.raises(cr.ArgumentError, match=r"MLP: sizes must be a list such as \[2, 8, 1\], not 2"):
        nn.MLP(2, 8, 1)


def test_an_mlp_refuses_bad_sizes():
    with pytest.raises(cr.ArgumentError, match="n_out must be a whole number of at least 1, not 0"):
        nn.MLP([3, 0, 2])


def test_an_mlp_takes_functions_and_modules_as_activation():
    slope = nn.Perceptron(1)
    model = nn.MLP([2, 3, 1], activation=slope, output=partial(nn.leaky_relu, slope=0.5))
    assert "activation.weight" in dict(model.named_parameters())
    assert repr(model).startswith("MLP(activation=Perceptron, output=partial")


@pytest.mark.parametrize(("activation", "variance"), [("relu", 2 / 400), ("tanh", 2 / (400 + 300))])
def test_an_mlp_starts_from_the_initialiser_that_fits_its_activation(activation, variance):
    weight = nn.MLP([400, 300, 1], activation).layers[0].weight.numpy()
    assert weight.var() == pytest.approx(variance, rel=0.02)


def test_an_mlp_has_the_right_gradients():
    shapes = [(3, 4), (4,), (4, 2), (2,)]
    rng = np.random.default_rng(0)

    def f(x, *parameters):
        model = nn.MLP([3, 4, 2], activation="silu")
        for layer, weight, bias in zip(model.layers, parameters[::2], parameters[1::2], strict=True):
            vars(layer).update(weight=weight, bias=bias)
        return model(x)

    assert cr.gradcheck(f, rng.normal(size=(5, 3)), *(rng.normal(size=s) for s in shapes))


def test_the_same_seed_gives_the_same_model():
    models = []
    for _ in range(2):
        cr.random.seed(5)
        models.append(values(nn.MLP([3, 4, 2])))
    assert_equal_values(*models)


def test_another_seed_gives_another_model():
    assert not np.array_equal(nn.Linear(3, 2).weight.numpy(), nn.Linear(3, 2).weight.numpy())


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_models_start_in_the_default_dtype(dtype):
    cr.set_default_dtype(dtype)
    try:
        model = nn.Sequential(nn.Linear(2, 2), nn.Perceptron(2))
    finally:
        cr.set_default_dtype("float32")
    assert {p.dtype.name for p in model.parameters()} == {dtype}


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_models_keep_the_dtype_of_their_parameters(dtype):
    model = nn.MLP([2, 3, 1], dropout=0.5).to(dtype)
    assert model(cr.ones((4, 2), dtype=dtype)).dtype == dtype


# ---- activations

X = [-30.0, -3.0, -1.0, -0.3, 0.0, 0.3, 1.0, 3.0, 30.0]
CLOSED = {
    "identity": lambda x: x,
    "step": lambda x: 1.0 if x >= 0 else 0.0,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "tanh": math.tanh,
    "relu": lambda x: max(x, 0.0),
    "leaky_relu": lambda x: x if x > 0 else 0.01 * x,
    "elu": lambda x: x if x > 0 else math.expm1(x),
    "softplus": lambda x: math.log1p(math.exp(x)),
    "gelu": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
    "silu": lambda x: x / (1 + math.exp(-x)),
}
SLOPES = {
    "identity": lambda x: 1.0,
    "step": lambda x: 0.0,
    "sigmoid": lambda x: math.exp(-abs(x)) / (1 + math.exp(-abs(x))) ** 2,
    "tanh": lambda x: 1 - math.tanh(x) ** 2,
    "relu": lambda x: float(x > 0),
    "leaky_relu": lambda x: 1.0 if x > 0 else 0.01,
    "elu": lambda x: 1.0 if x > 0 else math.exp(x),
    "softplus": lambda x: 1 / (1 + math.exp(-x)),
    "gelu": lambda x: (1 + math.erf(x / math.sqrt(2))) / 2 + x * math.exp(-x * x / 2) / math.sqrt(2 * math.pi),
    "silu": lambda x: (1 + math.exp(-x) * (1 + x)) / (1 + math.exp(-x)) ** 2,
}
ENDS = {  # at -e and e, far out
    "identity": lambda e: (-e, e), "step": lambda e: (0, 1), "sigmoid": lambda e: (0, 1), "tanh": lambda e: (-1, 1),
    "relu": lambda e: (0, e), "leaky_relu": lambda e: (-0.01 * e, e), "elu": lambda e: (-1, e),
    "softplus": lambda e: (0, e), "gelu": lambda e: (0, e), "silu": lambda e: (0, e),
}  # fmt: skip
END_SLOPES = {
    "identity": (1, 1), "step": (0, 0), "sigmoid": (0, 0), "tanh": (0, 0), "relu": (0, 1), "leaky_relu": (0.01, 1),
    "elu": (0, 1), "softplus": (0, 1), "gelu": (0, 1), "silu": (0, 1),
}  # fmt: skip


def test_every_activation_is_in_the_tables_of_this_file():
    assert {*CLOSED, "softmax"} == set(nn.ACTIVATIONS)


@pytest.mark.parametrize("name", CLOSED)
def test_an_activation_is_its_closed_form(name):
    y = nn.activation(name)(cr.tensor(X, dtype="float64")).numpy()
    np.testing.assert_allclose(y, [CLOSED[name](x) for x in X], rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", CLOSED)
def test_an_activation_of_a_value_is_its_closed_form(name):
    y = [nn.activation(name)(cr.Value(x)).item() for x in X]
    assert y == pytest.approx([CLOSED[name](x) for x in X], rel=1e-13, abs=1e-15)


@pytest.mark.parametrize("name", SLOPES)
def test_the_slope_of_an_activation_is_its_closed_form_also_at_a_kink(name):
    x = cr.tensor(X, dtype="float64", requires_grad=True)
    (nn.activation(name)(x) * 1.0).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [SLOPES[name](v) for v in X], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", nn.ACTIVATIONS)
def test_the_gradients_of_an_activation_are_right_to_second_order(name):
    x = np.array([[-2.3, -0.7, -0.2], [0.4, 1.1, 2.9]])
    assert cr.gradcheck(lambda x: nn.activation(name)(x) * 1.0, x)


@pytest.mark.parametrize(("dtype", "end"), [("float16", 200.0), ("float32", 1e4), ("float64", 1e4)])
@pytest.mark.parametrize("name", CLOSED)
def test_an_activation_reaches_its_ends_without_a_warning(name, dtype, end):
    x = cr.tensor([-end, end], dtype=dtype, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = nn.activation(name)(x)
        (y * 1.0).sum().backward()
    assert y.dtype == x.grad.dtype == dtype
    assert y.tolist() == pytest.approx(ENDS[name](end), abs=1e-6)
    assert x.grad.tolist() == pytest.approx(END_SLOPES[name], rel=1e-3)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_softmax_of_extremes_is_finite_and_adds_up_to_one(dtype):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = nn.softmax(cr.tensor([[-1e4, 0.0, 1e4], [1e4, 1e4, -1e4]], dtype=dtype))
    assert y.tolist() == [[0, 0, 1], [0.5, 0.5, 0]]


def test_softmax_is_its_closed_form_along_the_last_axis():
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    expected = np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(nn.softmax(cr.tensor(x)).numpy(), expected, rtol=1e-14)


@pytest.mark.parametrize("name", [n for n in CLOSED if n not in ("identity", "step")])
def test_an_activation_agrees_with_pytorch(name):
    torch = pytest.importorskip("torch")
    theirs = getattr(torch.nn.functional, name, None) or getattr(torch, name)
    x = np.random.default_rng(0).normal(size=50) * 3
    t = torch.tensor(x, requires_grad=True)
    theirs(t).sum().backward()
    ours = cr.tensor(x, requires_grad=True)
    y = nn.activation(name)(ours)
    y.sum().backward()
    np.testing.assert_allclose(y.numpy(), theirs(t).detach().numpy(), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(ours.grad.numpy(), t.grad.numpy(), rtol=1e-10, atol=1e-13)


def test_the_slope_of_leaky_relu_can_be_chosen():
    assert nn.leaky_relu(cr.tensor([-2.0, 2.0]), slope=0.5).tolist() == [-1.0, 2.0]


def test_the_depth_of_elu_can_be_chosen():
    assert nn.elu(cr.tensor([-1e4, 2.0]), alpha=3.0).tolist() == [-3.0, 2.0]


def test_activations_take_arrays_and_numbers():
    assert nn.relu(np.array([-1.0, 1.0])).tolist() == [0.0, 1.0]
    assert nn.leaky_relu(-2.0) == -0.02


def test_no_activation_is_the_identity():
    assert nn.activation(None) is nn.identity


def test_a_function_passes_as_an_activation():
    assert nn.activation(math.cos) is math.cos


UNKNOWN = {
    "activation": (lambda: nn.MLP([2, 3, 1], activation="rleu"), "'rleu'", nn.ACTIVATIONS),
    "output": (lambda: nn.MLP([2, 3, 1], output="sotfmax"), "'sotfmax'", nn.ACTIVATIONS),
    "of a perceptron": (lambda: nn.Perceptron(2, "rleu"), "'rleu'", nn.ACTIVATIONS),
    "no name": (lambda: nn.activation(["relu"]), r"\['relu'\]", nn.ACTIVATIONS),
    "initialiser": (lambda: nn.Linear(2, 3, init="xavier"), "'xavier'", nn.INITIALIZERS),
    "initialiser of a perceptron": (lambda: nn.Perceptron(2, init="he"), "'he'", nn.INITIALIZERS),
    "norm": (lambda: nn.MLP([2, 3, 1], norm="bach"), "'bach'", ["batch", "layer", None]),
    "loss": (lambda: nn.loss("msee"), "'msee'", nn.LOSSES),
}


@pytest.mark.parametrize("what", UNKNOWN)
def test_an_unknown_name_lists_those_that_exist(what):
    make, name, known = UNKNOWN[what]
    with pytest.raises(cr.ArgumentError, match=f"unknown .* {name}: choose one of") as error:
        make()
    assert [n for n in known if repr(n) not in str(error.value)] == []


def test_a_perceptron_without_bias_decides_at_the_origin():
    neuron = nn.Perceptron(2, "identity", bias=False)
    assert [name for name, _ in neuron.named_parameters()] == ["weight"]
    assert neuron(cr.zeros((1, 2))).tolist() == [0.0]


# ---- depth


class Wrapped(nn.Module):
    """A module in a list of a dict of a module, and a weight."""

    def __init__(self, inner):
        self.inner = {"part": [inner]}
        self.weight = nn.Parameter([1.0])


@pytest.fixture(scope="module")
def deep():
    """Modules nested deeper than Python's calls can be."""
    model = nn.Linear(1, 1)
    for _ in range(1500):
        model = Wrapped(model)
    return model


def test_deeply_nested_modules_have_names(deep):
    names = [name for name, _ in deep.named_parameters()]
    assert (len(names), names[-1]) == (1502, "weight")
    assert names[0] == "inner.part.0." * 1500 + "weight"
    assert len(list(deep.named_modules())) == 1501


def test_deeply_nested_modules_keep_their_state(deep):
    state = deep.state_dict()
    deep.load_state_dict(state)
    deep.eval()
    deep.zero_grad()
    assert not list(deep.named_modules())[-1][1].training


def test_deeply_nested_modules_are_shown(deep):
    lines = repr(deep).split("\n")
    assert (len(lines), lines[:2], lines[1500].strip()) == (
        3001, ["Wrapped(", "  (inner.part.0): Wrapped("], "(inner.part.0): Linear(1 → 1)"
    )  # fmt: skip


def test_a_list_that_holds_itself_is_walked_once():
    model = nn.Linear(1, 1)
    model.loop = [model]
    model.loop.append(model.loop)
    assert [name for name, _ in model.named_parameters()] == ["weight", "bias"]
    assert "(loop.0): ..." in repr(model)


# ---- a Parameter is not lost


@pytest.mark.parametrize(
    "value",
    [cr.ones((3, 2)), cr.ones((3, 2), requires_grad=True), np.ones((3, 2)), [[1.0, 2.0]] * 3, 1.0, "ones"],
    ids=["tensor", "leaf", "array", "list", "number", "text"],
)
def test_a_parameter_overwritten_by_what_would_not_be_trained_is_refused(value):
    layer = nn.Linear(3, 2)
    kept = layer.weight
    with pytest.raises(cr.GraphError, match=r"Linear\.weight: is a Parameter.*weight\.assign.*Parameter\(values\)"):
        layer.weight = value
    assert layer.weight is kept


def test_an_update_that_binds_a_parameter_anew_is_refused():
    layer = nn.Linear(3, 2)
    layer(np.ones((1, 3))).sum().backward()
    with pytest.raises(cr.GraphError, match=r"Linear\.weight: is a Parameter, and Tensor in its place"):
        layer.weight -= 0.1 * layer.weight.grad


def test_under_no_grad_an_update_of_an_attribute_changes_the_parameter():
    layer = nn.Linear(3, 2)
    kept, before = layer.weight, layer.weight.numpy()
    layer(np.ones((1, 3))).sum().backward()
    with cr.no_grad():
        layer.weight -= 0.5 * layer.weight.grad
    assert layer.weight is kept
    np.testing.assert_allclose(kept.numpy(), before - 0.5)


@pytest.mark.parametrize("value", [nn.Parameter([1.0]), None, nn.Linear(1, 1), [nn.Parameter([1.0])]])
def test_a_parameter_may_be_replaced_by_what_is_trained_or_by_nothing(value):
    layer = nn.Linear(3, 2)
    layer.weight = value
    assert layer.weight is value


def test_a_parameter_may_be_deleted_and_then_be_a_tensor():
    layer = nn.Linear(3, 2)
    del layer.weight
    layer.weight = cr.ones((3, 2))
    assert [name for name, _ in layer.named_parameters()] == ["bias"]


def test_a_state_that_was_computed_is_not_loaded_where_its_gradient_would_be_lost():
    model, w = nn.Linear(1, 1, bias=False), cr.tensor([[0.5]], requires_grad=True)
    before = model.weight.tolist()
    with pytest.raises(cr.GraphError, match="load_state_dict: weight: .* its gradient would be lost"):
        model.load_state_dict({"weight": w * 2})
    assert model.weight.tolist() == before
    model.load_state_dict({"weight": w})  # a leaf, such as a parameter of another model
    with cr.no_grad():
        assert model.load_state_dict({"weight": w * 2}).weight.tolist() == [[1.0]]

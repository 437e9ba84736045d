"""The table of a model's layers: what it says, and that it leaves the model as it was."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn


def column(model, shape, key):
    return [row[key] for row in nn.summary(model, shape).rows]


# ---- what it says


def test_the_rows_name_every_module_with_its_type_in_the_order_of_the_calls():
    model = nn.MLP([4, 8, 3], norm="batch", input_dropout=0.1)
    assert list(zip(column(model, 4, "path"), column(model, 4, "type"), strict=True)) == [
        ("(model)", "MLP"),
        ("input_dropout", "Dropout"),
        ("layers.0", "Linear"),
        ("norms.0", "BatchNorm"),
        ("dropout", "Dropout"),
        ("layers.1", "Linear"),
    ]


def test_functions_in_a_sequential_have_rows_too():
    model = nn.Sequential(nn.Linear(4, 8), cr.tanh, nn.Sequential(nn.Linear(8, 3), cr.softmax))
    rows = [tuple(row.values()) for row in nn.summary(model, 4).rows]
    assert ("layers.1", "tanh", "(n, 8)", 0, 0) in rows
    assert rows[-1] == ("layers.2.layers.1", "softmax", "(n, 3)", 0, 0)
    assert len(rows) == 6


def test_a_function_that_stands_twice_has_two_rows():
    model = nn.Sequential(nn.Linear(4, 8), cr.tanh, nn.Linear(8, 3), cr.tanh)
    assert column(model, 4, "output") == ["(n, 3)", "(n, 8)", "(n, 8)", "(n, 3)", "(n, 3)"]


def test_the_functions_of_a_sequential_stay():
    model = nn.Sequential(nn.Linear(4, 8), cr.tanh)
    layers = model.layers
    nn.summary(model, 4)
    assert model.layers is layers
    assert layers[1] is cr.tanh


def test_the_output_shapes_have_an_n_for_the_batch():
    assert column(nn.Sequential(nn.Linear(4, 8), nn.Perceptron(8)), 4, "output") == ["(n,)", "(n, 8)", "(n,)"]


def test_a_module_that_gives_several_shapes_shows_each_once():
    assert column(nn.MLP([4, 8, 5, 5, 3]), 4, "output")[3] == "(n, 8), (n, 5)"


def test_inner_axes_are_shown_as_they_are():
    assert column(nn.Linear(4, 8), (5, 4), "output") == ["(n, 5, 8)"]


def test_outputs_that_are_no_tensor_show_what_is_in_them():
    class Two(nn.Module):
        def forward(self, x):
            return x, (x.sum(), "text")

    assert column(Two(), 4, "output") == ["(n, 4), (), str"]


def test_a_module_that_is_not_called_says_so():
    class Spare(nn.Module):
        def __init__(self):
            self.spare, self.used = nn.Linear(4, 2), nn.Linear(4, 3)

        def forward(self, x):
            return self.used(x)

    assert column(Spare(), 4, "output") == ["(n, 3)", "(n, 3)", "not called"]
    assert column(Spare(), 4, "path") == ["(model)", "used", "spare"]


def test_each_row_counts_what_its_module_holds_itself():
    class Scaled(nn.Module):
        def __init__(self):
            self.layers, self.scale = [nn.Linear(4, 2)], {"a": nn.Parameter([1.0, 1.0])}

        def forward(self, x):
            return self.layers[0](x) * self.scale["a"]

    assert column(Scaled(), 4, "parameters") == [2, 10]


def test_the_total_is_that_of_the_parameters():
    model = nn.MLP([64, 128, 64, 10], norm="layer")
    result = nn.summary(model, 64)
    assert result.total_parameters == result.trainable_parameters == sum(p.size for p in model.parameters())
    assert result.total_parameters == sum(row["parameters"] for row in result.rows)


def test_frozen_parameters_are_told_from_trainable_ones():
    model = nn.MLP([4, 8, 3])
    model.layers[0].weight.requires_grad = False
    result = nn.summary(model, 4)
    assert [(row["parameters"], row["trainable"]) for row in result.rows if row["type"] == "Linear"] == [
        (40, 8),
        (27, 27),
    ]
    assert (result.total_parameters, result.trainable_parameters) == (67, 35)
    assert "67 parameters (32 of them frozen)" in repr(result)


def test_shared_parameters_count_once():
    a, b = nn.Linear(4, 4), nn.Linear(4, 4)
    b.weight = a.weight
    result = nn.summary(nn.Sequential(a, b, a), 4)
    assert [row["parameters"] for row in result.rows] == [0, 20, 4]
    assert result.total_parameters == 24


@pytest.mark.parametrize(("dtype", "size"), [("float16", 2), ("float32", 4), ("float64", 8)])
def test_the_memory_is_that_of_the_dtype(dtype, size):
    assert nn.summary(nn.Linear(9, 10).to(dtype), 9).parameter_bytes == 100 * size


@pytest.mark.parametrize(("sizes", "text"), [
    ((1, 1), "2 parameters, 8 bytes"), ((64, 10), "650 parameters, 2.5 KiB"), ((1023, 1024), "1,048,576 parameters, 4.0 MiB"),
])  # fmt: skip
def test_the_last_line_is_the_total(sizes, text):
    assert repr(nn.summary(nn.Linear(*sizes), sizes[0])).splitlines()[-1] == text


def test_the_table_has_straight_columns():
    lines = repr(nn.summary(nn.MLP([2000, 1000, 3]), 2000)).splitlines()
    head, body = lines[0], lines[2:-2]
    assert len({len(line) for line in [head, *body]}) == 1
    at = head.index("type")
    assert [line[at - 1 : at + 3] for line in body] == [" MLP", " Dro", " Lin", " Dro", " Lin"]
    assert "2,001,000" in lines[4]


def test_a_whole_number_is_the_shape_of_a_vector():
    assert repr(nn.summary(nn.Linear(4, 2), 4)) == repr(nn.summary(nn.Linear(4, 2), (4,)))


def test_an_example_can_be_a_number():
    class Line(nn.Module):
        def __init__(self):
            self.slope = nn.Parameter(2.0)

        def forward(self, x):
            return self.slope * x

    assert column(Line(), (), "output") == ["(n,)"]


def test_a_model_on_a_device_is_shown_there(device):
    model = nn.MLP([4, 8, 3], norm="batch").to(device)
    assert repr(nn.summary(model, 4)) == repr(nn.summary(nn.MLP([4, 8, 3], norm="batch"), 4))


# ---- that it leaves everything as it was


@pytest.mark.parametrize("mode", [True, False])
def test_the_mode_of_every_module_stays(mode):
    model = nn.MLP([4, 8, 3], norm="batch", dropout=0.5)
    model.norms[0].train(mode)
    before = [(module, dict(vars(module))) for _, module in model.named_modules()]
    nn.summary(model, 4)
    assert all(vars(module) == attributes for module, attributes in before)
    assert [module.training for _, module in model.named_modules()] == [True, True, True, True, mode, True]


def test_running_statistics_and_random_numbers_stay():
    model = nn.Sequential(nn.BatchNorm(4), nn.Dropout(0.5), lambda x: x + cr.random.normal(size=4))
    state = cr.random.get_state()
    nn.summary(model, 4)
    assert model[0].running_mean.tolist() == [0] * 4
    assert cr.random.get_state() == state


def test_gradients_stay_and_nothing_is_recorded():
    seen = []
    model = nn.Sequential(nn.Linear(4, 2), lambda x: seen.append(x.requires_grad) or x)
    model(cr.ones((3, 4))).sum().backward()
    before = model[0].weight.grad.tolist()
    nn.summary(model, 4)
    assert seen == [True, False]
    assert model[0].weight.grad.tolist() == before


def test_a_model_that_fails_stays_as_it_was():
    model = nn.MLP([4, 8, 3], dropout=0.5)
    before = [(module, dict(vars(module))) for _, module in model.named_modules()]
    with pytest.raises(cr.ShapeError):
        nn.summary(model, 5)
    assert all(vars(module) == attributes for module, attributes in before)


def test_a_forward_that_was_replaced_stays_replaced():
    model = nn.Linear(4, 2)
    model.forward = lambda x: x
    assert column(model, 4, "output") == ["(n, 4)"]
    assert model(7) == 7


# ---- bad input


def test_a_shape_that_does_not_fit_names_the_layer_and_what_reached_it():
    model = nn.Sequential(nn.Linear(4, 8), nn.Sequential(cr.tanh, nn.Linear(9, 3)))
    with pytest.raises(
        cr.ShapeError, match=r"summary: for input_shape=\(4,\), layers.1.layers.1 \(Linear\) cannot take"
    ) as error:
        nn.summary(model, 4)
    assert "(n, 8)" in str(error.value)
    assert "(9, 3)" in str(error.value)


def test_a_shape_that_does_not_fit_a_function_names_the_function():
    def fold(x):
        return x.reshape(-1, 3)

    with pytest.raises(cr.ShapeError, match=r"layers.1 \(fold\) cannot take \(n, 8\)"):
        nn.summary(nn.Sequential(nn.Linear(4, 8), fold), 4)


def test_a_shape_that_does_not_fit_outside_every_layer_names_the_model():
    class Product(nn.Module):
        def forward(self, x):
            return x @ cr.zeros((3, 3))

    with pytest.raises(cr.ShapeError, match=r"the model \(Product\) cannot take .*\(n, 4\)"):
        nn.summary(Product(), 4)


def test_another_error_passes_as_it_is():
    with pytest.raises(ZeroDivisionError):
        nn.summary(nn.Sequential(lambda x: 1 / 0), 4)


@pytest.mark.parametrize("shape", [0, -1, 2.5, "4", None, (4, 0), (None, 4), [-1]])
def test_what_is_no_shape_is_refused(shape):
    with pytest.raises(
        cr.ArgumentError, match="summary: every length of input_shape must be a whole number of at least 1"
    ):
        nn.summary(nn.Linear(4, 2), shape)


@pytest.mark.parametrize("model", [cr.tanh, nn.Linear, None, np.ones(3)])
def test_what_is_no_module_is_refused(model):
    with pytest.raises(cr.ArgumentError, match="summary: needs a Module, not"):
        nn.summary(model, 4)

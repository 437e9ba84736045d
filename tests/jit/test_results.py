"""What a function under jit gives back and leaves behind."""

import pytest
from jit_steps import data, model_of, training_step

import chainrule as cr
from chainrule import nn, optim
from chainrule.autograd.errors import GraphError

X, Y, _ = data(5, 3)


@pytest.fixture
def trained():
    """(model, optimizer, a step under jit that has run five times)."""
    model = model_of()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    step = cr.jit(training_step(model, optimizer, nn.cross_entropy))
    for _ in range(5):
        step(X, Y)
    return model, optimizer, step


def test_the_loss_has_no_graph_and_backward_says_so(trained):
    loss = trained[2](X, Y)
    assert not loss.requires_grad
    with pytest.raises(GraphError, match="under jit.*call backward.. inside that function"):
        loss.backward()


def test_a_returned_tensor_is_not_changed_by_later_calls(trained):
    first = trained[2](X, Y)
    value = first.item()
    trained[2](X, Y)
    assert first.item() == value


def test_a_gradient_that_was_read_is_not_changed_by_later_calls(trained):
    model, _, step = trained
    g = model.parameters()[0].grad
    value = g.tolist()
    step(X, Y)
    assert g.tolist() == value
    assert model.parameters()[0].grad.tolist() != value


def test_an_eager_backward_adds_to_the_gradients_that_a_step_left(trained):
    model, _, _ = trained
    p = model.parameters()[0]
    before = p.grad.numpy()
    p.sum().backward()
    assert (p.grad.numpy() == before + 1).all()


def test_zero_grad_forgets_the_gradients_that_a_step_left(trained):
    model, optimizer, step = trained
    optimizer.zero_grad()
    assert model.parameters()[0].grad is None
    step(X, Y)
    assert model.parameters()[0].grad is not None


def test_a_waiting_backward_sees_that_parameters_were_changed(trained):
    model, _, step = trained
    loss = nn.cross_entropy(model(X), Y)
    step(X, Y)
    with pytest.raises(GraphError, match="was changed at .*test_results.py"):
        loss.backward()


def test_several_results_in_any_form():
    f = cr.jit(lambda x: {"a": x + 1, "b": (x * 2, [None, 3])})
    for _ in range(4):
        out = f(cr.ones(2))
    assert out["a"].tolist() == [2, 2]
    assert out["b"][0].tolist() == [2, 2]
    assert out["b"][1] == [None, 3]


def test_value_and_grad():
    f = cr.jit(cr.value_and_grad(lambda x: (x * x).sum()))
    for n in (1.0, 2.0, 3.0, 4.0):
        value, slope = f(cr.tensor([n]))
        assert (value.item(), slope.item()) == (n * n, 2 * n)
    assert f.cache.replayed == 2


def test_inference():
    model = model_of(lambda: nn.BatchNorm(6)).eval()
    predict = cr.jit(lambda x: model(x))
    with cr.no_grad():
        for i in range(4):
            x, _, _ = data(5, 3, seed=i)
            assert predict(x).numpy().tobytes() == model(x).numpy().tobytes()
    assert predict.cache.replayed == 2


def test_arguments_in_lists_and_by_name():
    f = cr.jit(lambda pair, *, scale: pair[0] * scale["by"] + pair[1])
    for n in range(4):
        assert f([cr.ones(1) * n, cr.ones(1)], scale={"by": 3}).item() == 3 * n + 1


def test_an_argument_that_is_returned_is_the_argument():
    f = cr.jit(lambda x: (x, x + 1))
    for _ in range(4):
        x = cr.ones(1)
        assert f(x)[0] is x


def test_gradients_of_an_argument():
    f = cr.jit(lambda x: (x * x).sum().backward())
    for n in (1.0, 2.0, 3.0):
        x = cr.tensor([n], requires_grad=True)
        f(x)
        assert x.grad.item() == 2 * n


def test_a_method():
    class Trainer:
        def __init__(self):
            self.model = model_of()
            self.optimizer = optim.Adam(self.model.parameters())

        @cr.jit
        def step(self, x, y):
            return training_step(self.model, self.optimizer, nn.cross_entropy)(x, y)

    trainer = Trainer()
    losses = [trainer.step(X, Y).item() for _ in range(5)]
    assert losses == sorted(losses, reverse=True)
    assert trainer.step.cache.replayed == 3


def test_two_programs_on_one_optimizer():
    model = model_of()
    optimizer = optim.Adam(model.parameters())
    first, second = (
        cr.jit(training_step(model, optimizer, loss))
        for loss in (nn.cross_entropy, lambda x, y: 2 * nn.cross_entropy(x, y))
    )
    twin = model_of()
    twin_optimizer = optim.Adam(twin.parameters())
    one, two = (
        training_step(twin, twin_optimizer, loss)
        for loss in (nn.cross_entropy, lambda x, y: 2 * nn.cross_entropy(x, y))
    )
    for fast, slow in ((first, one), (second, two)) * 5:
        assert fast(X, Y).item() == slow(X, Y).item()
        assert model.parameters()[0].grad.tolist() == twin.parameters()[0].grad.tolist()
    assert first.cache.replayed == second.cache.replayed == 3


def test_a_printed_program_has_forms_bytes_flops_and_lines(trained):
    text = str(trained[2].program)
    assert "matmul(v0, v" in text
    assert "float32[8, 6]" in text
    assert "kflop" in text
    assert "x@W+b: contribution to operand 1" in text
    assert "jit_steps.py" in text

"""micrograd's names, in the form that rows.py describes."""

TABLE = """
## The same
Value(2.0), Value(2.0, label="a") | cr.Value(2.0), cr.Value(2.0, label="a") | or `cr.Value(2.0, "a")`; what micrograd's notebooks call `label` is also the `name`
v.data, v.grad, v._prev, v._op, v.label, v.backward(), v._backward() | | the same; `v.data -= 0.1 * v.grad` too
v + 1, v * u, v**2, v / u, -v, v.relu(), v.exp(), v.tanh() | | the same, with any power, and every other function of `cr` beside them: `cr.sin(v)`, `cr.log(v)`

## Another name
Value(3.0, (v, u), "+") | | a Value notes by itself what it was computed from
micrograd.nn.Neuron(2), micrograd.nn.Layer(2, 3) | | `cr.nn.Perceptron(2)` has tensors for weights, and `cr.nn.Linear(2, 3)` is a layer; of single numbers they are a list and a loop: `examples/00_engine_in_100_lines.py`
micrograd.nn.MLP(2, [16, 16, 1]) | | `cr.nn.MLP([2, 16, 16, 1])`: all sizes in one list, no activation at the end
model.parameters(), model.zero_grad() | | the same
draw_dot(loss), trace(loss) | | `cr.draw(loss)`, a graph with every value and gradient; `cr.step_through(loss)` walks through it
MLP(nin=), MLP(nouts=) | | `cr.nn.MLP([nin, *nouts])`
nin=, nout= | n_in=, n_out=
Perceptron(nonlin=), Perceptron(nin=) | | `cr.nn.Perceptron(2, activation="relu")`; `activation=None` is linear

## Other results
v.grad | | 0.0 before any backward, as there; of tensors None
loss.backward() | | a second one on the same graph is an error here, where micrograd adds wrong numbers: compute the loss anew, or `backward(retain_graph=True)`
"""

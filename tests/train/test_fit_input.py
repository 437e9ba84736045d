"""What fit refuses: with a sentence that helps, and before anything has changed."""

import re
from functools import partial

import numpy as np
import pytest
from training import bits, data, plain

import chainrule as cr
from chainrule import nn, optim

NAN, INF = float("nan"), float("inf")


@pytest.fixture
def trained():
    """A model in the middle of its life: with momentum, gradients, and modes that differ."""
    model = nn.MLP([2, 8, 2], dropout=0.2)
    optimizer = optim.Adam(model.parameters())
    cr.fit(model, nn.cross_entropy, optimizer, data(), 1, verbose=0)
    model.eval()
    model.layers[0].train()
    return model, optimizer


def everything(model, optimizer, folder):
    """All that a refused call might have changed, to the bit."""
    return (
        bits(model),
        [p.grad.numpy().tobytes() for p in model.parameters()],
        [module.training for _, module in model.named_modules()],
        plain(optimizer.state_dict()),
        cr.random.get_state(),
        {path.name: path.read_bytes() for path in folder.iterdir()},
    )


def changed(*, x=None, y=None):
    """The data with some elements replaced: {(row, column): value}, {row: value}."""
    points, labels = data()
    for place, value in (x or {}).items():
        points[place] = value
    for place, value in (y or {}).items():
        labels[place] = value
    return points, labels


X, Y = data()
CASES = {  # what is wrong: (how fit is called, the error, what it says)
    # the data
    "nan in x": (
        dict(data=changed(x={(3, 1): NAN, (7, 1): NAN})),
        cr.ArgumentError,
        "fit: x of the training data: 2 values are not finite: rows 3, 7 (column 1)",
    ),
    "infinity in x": (
        dict(data=changed(x={(0, 0): -INF})),
        cr.ArgumentError,
        "fit: x of the training data: 1 value is not finite: row 0 (column 0)",
    ),
    "nan in x of Batches": (
        dict(data=cr.data.Batches(*changed(x={(3, 1): NAN}))),
        cr.ArgumentError,
        "fit: x of the training data: 1 value is not finite: row 3 (column 1)",
    ),
    "nan in y": (
        dict(data=(X, np.where(np.arange(80) == 5, NAN, 0.5).reshape(40, 2).astype("f")), loss=nn.mse),
        cr.ArgumentError,
        "fit: y of the training data: 1 value is not finite: row 2 (column 1)",
    ),
    "nan in x of the validation data": (
        dict(validation=changed(x={(39, 0): NAN})),
        cr.ArgumentError,
        "fit: x of the validation data 'val': 1 value is not finite: row 39 (column 0)",
    ),
    "nan in y of one of two parts": (
        dict(
            data=(X, X),
            validation={"train": (X, X), "test": (X, changed(x={(9, 1): NAN})[0])},
            loss=nn.mse,
        ),
        cr.ArgumentError,
        "fit: y of the validation data 'test': 1 value is not finite: row 9 (column 1)",
    ),
    "nan in many rows": (
        dict(data=changed(x={(row, column): NAN for row in range(10, 30) for column in (0, 1)})),
        cr.ArgumentError,
        "fit: x of the training data: 40 values are not finite: rows 10, 11, 12, 13, 14 and 15 more (columns 0, 1)",
    ),
    "validation data of another width": (
        dict(validation=(X[:, :1], Y)),
        cr.ShapeError,
        "fit: the examples of the validation data 'val' have shape (1,), those of the training data (2,)",
    ),
    "data of another width than the model": (dict(data=(X[:, :1], Y)), cr.ShapeError, "affine: "),
    "a label too big": (
        dict(data=changed(y={4: 2})),
        cr.ArgumentError,
        "fit: the training data must have class indices 0 to 1: the model has 2 outputs, but y goes from 0 to 2",
    ),
    "a negative label": (
        dict(data=changed(y={4: -1})),
        cr.ArgumentError,
        "fit: the training data must have class indices 0 to 1: the model has 2 outputs, but y goes from -1 to 1",
    ),
    "labels from 1": (
        dict(data=(X, Y + 1)),
        cr.ArgumentError,
        "class indices 0 to 1: the model has 2 outputs, but y goes from 1 to 2",
    ),
    "a label too big in the validation data": (
        dict(validation=changed(y={0: 7})),
        cr.ArgumentError,
        "fit: the validation data 'val' must have class indices 0 to 1: the model has 2 outputs, but y goes from 0 to 7",
    ),
    "lengths that differ": (dict(data=(X, Y[:-1])), cr.ShapeError, "same length along axis 0, given shapes [(40, 2), (39,)]"),
    "validation lengths that differ": (
        dict(validation=(X, Y[:-1])),
        cr.ShapeError,
        "fit: validation data 'val' must be x and y of one length, at least 1, given (40, 2) and (39,)",
    ),
    "no data": (dict(data=(X[:0], Y[:0])), cr.ShapeError, "there are no examples"),
    "no validation data": (
        dict(validation=(X[:0], Y[:0])),
        cr.ShapeError,
        "fit: validation data 'val' must be x and y of one length, at least 1, given (0, 2) and (0,)",
    ),
    "three arrays": (dict(data=(X, X, Y)), cr.ArgumentError, "fit: data must be a pair (x, y), Batches, or something"),
    "three lists": (
        dict(data=[X.tolist(), X.tolist(), Y.tolist()]),
        cr.ArgumentError,
        "fit: data must be a pair (x, y), Batches, or something",
    ),
    "batches of three": (dict(data=cr.data.Batches(X, X, Y)), cr.ArgumentError, "fit: batches must be pairs (x, y); these hold 3"),
    "one array": (dict(data=X), cr.ArgumentError, "fit: data must be a pair (x, y), Batches, or something"),
    "one tensor": (dict(data=cr.tensor(X)), cr.ArgumentError, "fit: data must be a pair (x, y), Batches, or something"),
    "a file's name": (dict(data="data.csv"), cr.ArgumentError, "fit: data must be a pair (x, y), Batches, or something"),
    "no data at all": (dict(data=None), cr.ArgumentError, "fit: data must be a pair (x, y), Batches, or something"),
    "a dict": (dict(data={"x": X, "y": Y}), cr.ArgumentError, "fit: data must be a pair (x, y), Batches, or something"),
    "validation of three": (dict(validation=(X, X, Y)), cr.ArgumentError, "fit: validation data 'val' must be a pair (x, y)"),
    "validation of one": (dict(validation=X), cr.ArgumentError, "fit: validation data 'val' must be a pair (x, y)"),
    "a part of one": (
        dict(validation={"test": X}),
        cr.ArgumentError,
        "fit: validation data 'test' must be a pair (x, y)",
    ),
    # numbers
    **{
        f"epochs={value!r}": (dict(epochs=value), cr.ArgumentError, "fit: epochs must be a whole number of at least 1, not")
        for value in (0, -1, 1.5, "3", None, True)
    },
    **{
        f"verbose={value!r}": (
            dict(verbose=value), cr.ArgumentError, "fit: verbose must be a whole number of at least 0, not"
        )
        for value in (-1, 0.5, "yes", None)
    },
    **{
        f"{name}={value!r}": (
            {name: value}, cr.ArgumentError, f"fit: {name} must be a finite number above 0, not {value!r}"
        )
        for name in ("clip_norm", "clip_value")
        for value in (0, -1.0, INF, NAN, "1", True)
    },
    **{
        f"batch_size={value!r}": (
            dict(batch_size=value), cr.ArgumentError, "batch_size must be a whole number of at least 1, or None"
        )
        for value in (0, -1, 2.5, "all")
    },
    # metrics
    "an unknown metric": (
        dict(validation=(X, Y), metrics="acuracy"),
        cr.ArgumentError,
        "unknown metric 'acuracy': choose one of 'accuracy', 'f1', 'mae', 'mse', 'precision', 'r2', 'recall', 'rmse', 'roc_auc', 'top_k'",
    ),
    "one unknown metric of two": (
        dict(validation=(X, Y), metrics=["accuracy", "acuracy"]),
        cr.ArgumentError,
        "unknown metric 'acuracy': choose one of 'accuracy'",
    ),
    "a metric that is a number": (dict(validation=(X, Y), metrics=3), cr.ArgumentError, "metrics must be names, functions"),
    "metrics that are numbers": (dict(validation=(X, Y), metrics=[3]), cr.ArgumentError, "metrics need names"),
    "two metrics of one name": (
        dict(validation=(X, Y), metrics=["accuracy", cr.metrics.accuracy]),
        cr.ArgumentError,
        "metrics need names, each once, but have ['accuracy', 'accuracy']; give a dict of functions by name",
    ),
    "a metric without a name": (
        dict(validation=(X, Y), metrics=lambda p, y: 0.0),
        cr.ArgumentError,
        "metrics need names, each once, but have [None]; give a dict of functions by name",
    ),
    "metrics without validation data": (
        dict(metrics="accuracy"),
        cr.ArgumentError,
        "fit: metrics are measured on validation data; give validation=(x, y)",
    ),
    # what takes part
    "loss by name": (dict(loss="mse"), cr.ArgumentError, "fit: loss must be callable, not 'mse'; make it with chainrule.nn.loss('mse')"),
    "a penalty that is a number": (dict(penalty=0.1), cr.ArgumentError, "fit: penalty must be callable, not 0.1"),
    "the class of an optimiser": (
        dict(optimizer=optim.Adam),
        cr.ArgumentError,
        "fit: optimizer must be an Optimizer, not <class 'chainrule.optim.adam.Adam'>; "
        "make one: Adam(model.parameters(), ...)",
    ),
    "an optimiser by name": (
        dict(optimizer="adam"),
        cr.ArgumentError,
        "fit: optimizer must be an Optimizer, not 'adam'; make one: chainrule.optim.Adam(model.parameters(), ...)",
    ),
    **{
        f"callbacks={value!r}": (
            dict(callbacks=value), cr.ArgumentError, "fit: a callback must be a Callback or a function of the run, not"
        )
        for value in (3, None, "x", [None], cr.Callback, [cr.EarlyStopping])
    },
    # early stopping
    **{
        f"early_stopping={str(value).partition(' at ')[0]}": (
            dict(validation=(X, Y), early_stopping=value),
            cr.ArgumentError,
            "fit: early_stopping must be an EarlyStopping or its patience, not",
        )
        for value in (True, "val_loss", 2.5, cr.EarlyStopping, cr.Callback())
    },
    "no patience": (
        dict(validation=(X, Y), early_stopping=0),
        cr.ArgumentError,
        "EarlyStopping: patience must be a whole number of at least 1, not 0",
    ),
    "early stopping without validation data": (
        dict(early_stopping=3),
        cr.ArgumentError,
        "EarlyStopping: there is no column 'val_loss' to monitor; choose among 'epoch', 'loss', 'lr', 'grad_norm', "
        "'seconds', or give fit validation data",
    ),
    "early stopping on a column that is not measured": (
        dict(validation=(X, Y), early_stopping=cr.EarlyStopping(monitor="val_accuracy")),
        cr.ArgumentError,
        "EarlyStopping: there is no column 'val_accuracy' to monitor; choose among 'epoch', 'loss', 'val_loss', 'lr', "
        "'grad_norm', 'seconds'",
    ),
    # checkpoints
    "resume without checkpoint": (
        dict(resume=True),
        cr.ArgumentError,
        "fit: resume=True needs checkpoint=, the file to go on from",
    ),
    "a checkpoint that is no path": (
        dict(checkpoint=3),
        cr.ArgumentError,
        "fit: checkpoint must be a path or a Checkpoint, not 3",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_work_is_refused_before_anything_has_changed(case, trained, tmp_path, capsys):
    given, error, message = CASES[case]
    model, optimizer = trained
    options = dict(loss=nn.cross_entropy, optimizer=optimizer, data=(X, Y), epochs=2) | given
    before = everything(model, optimizer, tmp_path)
    with pytest.raises(error, match=re.escape(message)):
        cr.fit(model, **options)
    assert everything(model, optimizer, tmp_path) == before
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("kind", [tuple, list])
def test_lists_of_numbers_are_checked_like_arrays(kind, trained, tmp_path):
    model, optimizer = trained
    before = everything(model, optimizer, tmp_path)
    bad = changed(x={(3, 1): NAN})
    with pytest.raises(
        cr.ArgumentError, match=r"fit: x of the training data: 1 value is not finite: row 3 \(column 1\)"
    ):
        cr.fit(model, nn.cross_entropy, optimizer, kind(a.tolist() for a in bad), 1)
    assert everything(model, optimizer, tmp_path) == before


def test_a_folder_for_checkpoints_that_does_not_exist_is_refused(trained, tmp_path):
    model, optimizer = trained
    before = everything(model, optimizer, tmp_path)
    with pytest.raises(cr.ArgumentError, match=r"fit: the checkpoint's folder .*runs does not exist; make it first"):
        cr.fit(model, nn.cross_entropy, optimizer, (X, Y), 1, checkpoint=tmp_path / "runs" / "last")
    assert everything(model, optimizer, tmp_path) == before


@pytest.mark.parametrize("make", [str, lambda path: path, cr.Checkpoint])
def test_a_checkpoint_that_would_be_lost_is_refused(make, trained, tmp_path):
    model, optimizer = trained
    path = tmp_path / "last.safetensors"
    path.write_bytes(b"weeks of work")
    before = everything(model, optimizer, tmp_path)
    with pytest.raises(cr.ArgumentError, match=r"there is a checkpoint at .*last.safetensors; pass resume=True"):
        cr.fit(model, nn.cross_entropy, optimizer, (X, Y), 1, checkpoint=make(path))
    assert everything(model, optimizer, tmp_path) == before


@pytest.mark.parametrize("value", [-0.25, 2.0])
def test_targets_that_a_loss_cannot_compare_with_are_refused(value):
    def likelihood(prediction, y):
        return nn.bce_with_logits(prediction, y)

    likelihood.target_range = (0, 1)
    model = nn.Linear(2, 1)
    before, y = bits(model), np.full((40, 1), 0.5, "f")
    y[7] = value
    with pytest.raises(cr.ArgumentError, match=r"fit: the training data must have targets in \[0, 1\]: .*likelihood"):
        cr.fit(model, likelihood, optim.SGD(model.parameters(), lr=0.1), (X, y), 1, verbose=0)
    assert bits(model) == before


def test_the_targets_of_a_loss_with_options_are_checked_too():
    model, loss = nn.Linear(2, 1), partial(nn.bce_with_logits, label_smoothing=0.1)
    with pytest.raises(cr.ArgumentError, match=r"targets in \[0, 1\]: that is what bce_with_logits compares with"):
        cr.fit(model, loss, optim.SGD(model.parameters(), lr=0.1), (X, np.full((40, 1), 2.0, "f")), 1, verbose=0)


def test_the_number_of_epochs_may_be_numpys(trained):
    model, optimizer = trained
    history = cr.fit(model, nn.cross_entropy, optimizer, (X, Y), np.int64(2), verbose=np.int64(0))
    assert history["epoch"] == [1, 2]


def test_looking_at_the_data_does_not_train_on_it():
    model = nn.MLP([2, 8, 2])
    seen, forward = [], model.forward

    def watched(x):
        seen.append(len(x))
        return forward(x)

    model.forward = watched
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(cr.ArgumentError, match="class indices"):
        cr.fit(model, nn.cross_entropy, optimizer, (X, Y + 1), 1, verbose=0)
    assert seen == [1]


class Noisy(nn.Linear):
    """A layer that draws from a generator of its own, also in evaluation."""

    def forward(self, x):
        return super().forward(x) + self.generator.normal(size=(len(x), 2))


@pytest.mark.parametrize("labels", [Y, Y + 1], ids=["that fits", "that does not fit"])
def test_looking_at_data_takes_no_random_numbers_from_a_model_that_always_draws(labels):
    model, positions = Noisy(2, 2), []
    model.generator = cr.random.Generator(1)

    def never(prediction, y):
        positions.append(model.generator.get_state())
        raise ZeroDivisionError

    before = model.generator.get_state()
    with pytest.raises((ZeroDivisionError, cr.ArgumentError)):
        cr.fit(model, never, optim.SGD(model.parameters(), lr=0.1), (X, labels), 1, batch_size=None, verbose=0)
    after = model.generator.get_state()
    model.generator.set_state(before)
    model(X)
    assert positions == ([model.generator.get_state()] if labels is Y else [])  # one pass over all of it
    assert after == (positions or [before])[0]


def test_an_optimiser_of_another_model_is_refused():
    model, other = nn.MLP([2, 4, 2]), nn.MLP([2, 4, 2])
    with pytest.raises(cr.ArgumentError, match="none of the model's parameters; was it made for another model"):
        cr.fit(model, nn.cross_entropy, optim.SGD(other.parameters(), lr=0.1), data(), 1, verbose=0)


def test_lbfgs_on_mini_batches_is_refused():
    model = nn.MLP([2, 4, 2])
    with pytest.raises(cr.ArgumentError, match=r"LBFGS needs the same loss at every call: .*there are 2 batches"):
        cr.fit(model, nn.cross_entropy, optim.LBFGS(model.parameters()), data(), 1, verbose=0)


def test_a_rate_that_looks_at_a_column_which_does_not_exist_is_refused():
    model = nn.MLP([2, 4, 2])
    optimizer = optim.SGD(model.parameters(), lr=optim.schedule.warmup(optim.schedule.ReduceOnPlateau(0.1), 3))
    with pytest.raises(
        cr.ArgumentError, match=r"the learning rate warmup.*no column 'val_loss' to monitor.*validation data"
    ):
        cr.fit(model, nn.cross_entropy, optimizer, data(), 1, verbose=0)


def test_a_metric_that_cannot_be_measured_is_refused_before_a_step():
    x, y = data()
    model = nn.Linear(2, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    pair = x, y[:, None].astype("f")
    with pytest.raises(cr.ArgumentError, match="threshold"):
        cr.fit(model, nn.bce_with_logits, optimizer, pair, 1, validation=pair, metrics=["accuracy"], verbose=0)
    assert optimizer.steps == 0


def test_a_last_batch_too_small_for_batch_normalisation_is_refused():
    x, y = data(33)
    model = nn.MLP([2, 4, 2], norm="batch")
    with pytest.raises(cr.ArgumentError, match="the last batch has 1 example, too few for the model's BatchNorm"):
        cr.fit(model, nn.cross_entropy, optim.SGD(model.parameters(), lr=0.1), (x, y), 1, verbose=0)


def test_batches_of_ones_own_need_not_be_like_ours():
    class Loader(list):
        n, batch_size = 33, 16

    model = nn.MLP([2, 4, 2], norm="batch")
    history = cr.fit(model, nn.cross_entropy, optim.SGD(model.parameters(), lr=0.1), Loader([data(33)]), 1, verbose=0)
    assert len(history) == 1


@pytest.mark.parametrize("given", [lambda p, y: 1.5, lambda p, y: None, lambda p, y: nn.mse(p, y).item()])
@pytest.mark.parametrize("owner", ["fit", "lr_find"])
def test_a_loss_that_returns_no_tensor_is_refused(owner, given):
    model = nn.Linear(2, 1)
    optimizer, target = optim.SGD(model.parameters(), lr=0.1), np.ones((40, 1), "f")
    call = cr.lr_find if owner == "lr_find" else partial(cr.fit, epochs=1, verbose=0)
    with pytest.raises(
        cr.ArgumentError, match=f"^{owner}: the loss must return a Tensor, it returned (float|NoneType)"
    ):
        call(model, given, optimizer, (X, target))

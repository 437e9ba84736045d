"""The estimators: a classifier and a regressor."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets

from ..autograd.errors import ArgumentError, ShapeError
from ..autograd.ops.softmax import log_softmax, softmax
from ..metrics import accuracy
from .base import BaseMLP


class MLPClassifier(ClassifierMixin, BaseMLP):
    """A multi-layer perceptron that predicts classes: softmax outputs, trained on cross-entropy.

    X is taken as it is; scale it first, e.g. with scikit-learn's StandardScaler in a pipeline. Labels may be of any kind.
    Weights start from Glorot's uniform initialiser, as scikit-learn's own networks do.

    Fields:
        hidden_layer_sizes: the number of neurons in each hidden layer: (), (64,), (128, 64), …
        activation: after each hidden layer; a name among chainrule.nn.ACTIVATIONS, or a function.
        norm: None, "batch" or "layer": the normalisation before each hidden activation. (With "batch", a last batch of
            one example is left out of the epoch.)
        dropout, input_dropout: the share of hidden neurons, and of features, that is left out in each training step.
        loss: a name among chainrule.nn.LOSSES, or a function of (outputs (n, classes), indices of the true classes).
        optimizer: a name among chainrule.optim.OPTIMIZERS, a class, or a function from parameters to an optimiser.
        learning_rate: a number, or a schedule: a function of the step. None: the optimiser's default.
        optimizer_options: a dict of the optimiser's other options, e.g. {"betas": (0.8, 0.99)}.
        weight_decay: the optimiser's, for weights but not for biases. None: the optimiser's default, for both.
            (scikit-learn's alpha is divided by the batch size: weight_decay = alpha / batch_size does the same.)
        batch_size: examples in a step; "auto": 200 or all, if fewer; None: all.
        max_epochs: how often to go through the data; all of them are trained unless early_stopping ends it.
        early_stopping: end when the validation loss has not fallen by more than `tol` for `n_iter_no_change` epochs,
            and take the weights of the best one. The validation data are those given to `fit`, or a part
            `validation_fraction` of the training data, with each class's share.
        fit_options: a dict of other options of chainrule.fit, e.g. {"clip_norm": 1.0, "callbacks": [...]}.
        device: where to train, "cpu" or "cuda"; predictions are NumPy arrays in any case.
        dtype: "float32" or "float64"; None: that of X if it is one of these, else float64. float32 takes half the time.
        random_state: a whole number, or a RandomState to draw one from: for the same result each time.
        verbose: as in chainrule.fit; 0 is silent.

        classes_: the labels, sorted; the columns of predict_proba are in this order.
        n_features_in_, feature_names_in_: of the X in `fit`; names if its columns have them.
        model_: the network, a chainrule Module.
        history_: the chainrule History: per epoch loss, val_loss, val_accuracy, lr, grad_norm, seconds.
        n_iter_, best_epoch_, loss_curve_: read from it.

    Raises: ArgumentError from `fit` for parameters outside their ranges, naming what exists where they are names;
        ValueError for X and y that scikit-learn rejects, such as NaN.
    Example:
        >>> from chainrule.sklearn import MLPClassifier
        >>> from sklearn.datasets import make_moons
        >>> X, y = make_moons(400, noise=0.1, random_state=0)
        >>> model = MLPClassifier((32, 32), learning_rate=0.01, batch_size=32, early_stopping=True, random_state=0)
        >>> model = model.fit(X, y)
        >>> model.score(X, y) > 0.98
        True
        >>> model.predict_proba(X[:5]).shape
        (5, 2)
    """

    _loss, _stratified = "cross_entropy", True
    _metrics = {"accuracy": lambda outputs, index: accuracy(outputs.argmax(axis=-1), index)}

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """Train for one more epoch, on X and y; the first call makes the network, unless `fit` did.

        The first call needs `classes`: all labels that will ever occur.
        """
        first = not hasattr(self, "model_")
        if first and classes is None:
            raise ArgumentError("partial_fit: the first call needs classes, all labels that will ever occur")
        if not first and classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ArgumentError(
                f"partial_fit: classes must stay those of the first call, {self.classes_.tolist()}, not {classes!r}"
            )
        return self._partial_fit(X, y, targets=classes)

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each example: (n,)."""
        index = self._forward(X, lambda outputs: outputs.argmax(axis=-1))
        return self.classes_[index]

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class: (n, classes)."""
        return self._forward(X, softmax)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithms of predict_proba, exact also where that rounds to 0."""
        return self._forward(X, log_softmax)

    def _read_targets(self, y):
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        self.n_outputs_ = len(self.classes_)

    def _encode(self, y, dtype):
        unknown = np.setdiff1d(y, self.classes_)
        if unknown.size:
            raise ArgumentError(f"y: labels must be among {self.classes_.tolist()}, given {unknown.tolist()} too")
        return np.searchsorted(self.classes_, y)


class MLPRegressor(RegressorMixin, MultiOutputMixin, BaseMLP):
    """A multi-layer perceptron that predicts numbers, one or several for each example, trained on squared errors.

    X and y are taken as they are; scale X first, and y if its values are far from 1 (TransformedTargetRegressor).

    Fields: as in MLPClassifier, except
        loss: None is "mse"; "l1" and "huber" mind outliers less; or a function of (outputs, y), both (n, outputs).
        n_outputs_: how many numbers are predicted for each example.

    Raises: as MLPClassifier.
    Example:
        >>> from chainrule.sklearn import MLPRegressor
        >>> import numpy as np
        >>> X = np.linspace(-3, 3, 100).reshape(-1, 1)
        >>> model = MLPRegressor((32,), "tanh", learning_rate=0.03, batch_size=20, max_epochs=100, random_state=0)
        >>> model = model.fit(X, np.sin(X[:, 0]))
        >>> model.score(X, np.sin(X[:, 0])) > 0.99
        True
    """

    _loss, _target_checks = "mse", {"multi_output": True, "y_numeric": True}

    def predict(self, X: Any) -> np.ndarray:
        """The predicted numbers: (n,), or (n, outputs) if there are several."""
        outputs = self._forward(X, lambda outputs: outputs)
        return outputs[:, 0] if self.n_outputs_ == 1 else outputs

    def _read_targets(self, y):
        self.n_outputs_ = 1 if y.ndim == 1 else y.shape[1]

    def _encode(self, y, dtype):
        y = y.reshape(len(y), -1)
        if y.shape[1] != self.n_outputs_:
            raise ShapeError(f"y: needs {self.n_outputs_} numbers for each example, as in the fit, given {y.shape[1]}")
        return y.astype(dtype)

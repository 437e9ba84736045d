"""What the estimators share: scikit-learn's parameters and checks on one side, a network and fit on the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from inspect import signature
from itertools import pairwise
from math import sqrt
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from .. import nn, optim
from ..autograd.arguments import choose, number
from ..autograd.errors import ArgumentError
from ..autograd.foreign import Explaining, answering_instances
from ..autograd.grad_mode import no_grad
from ..autograd.ops.creation import asarray
from ..autograd.random import Generator
from ..backends import get
from ..data import Batches, split
from ..nn.activations import Activation
from ..nn.mlp import NORMS
from ..train.early_stopping import EarlyStopping
from ..train.fit import fit
from ..train.history import History

DTYPES = {"float64": np.float64, "float32": np.float32}
DECIDED = ("model", "loss", "optimizer", "data", "epochs", "validation", "batch_size", "early_stopping", "verbose")
PART = 4096  # examples that pass through the model at once in a prediction


class BaseMLP(Explaining, BaseEstimator):
    """A multi-layer perceptron as an estimator. A subclass defines `predict`, the attributes below, and two methods.

    _read_targets(y) learns what there is to predict, n_outputs_ included; _encode(y, dtype) gives y as the loss compares
    it, or raises if it is not of that kind.
    """

    _loss: str
    _metrics: dict | None = None  # measured on the validation data
    _stratified = False  # whether a held-out part has each class's share
    _target_checks: dict = {}  # options of scikit-learn's validation

    def __init__(
        self,
        hidden_layer_sizes: Iterable[int] = (100,),
        activation: Activation = "relu",
        *,
        norm: str | None = None,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        loss: str | Callable[..., Any] | None = None,
        optimizer: str | Callable[..., Any] = "adam",
        learning_rate: float | Callable[[int], float] | None = None,
        optimizer_options: dict[str, Any] | None = None,
        weight_decay: float | None = None,
        batch_size: int | str | None = "auto",
        max_epochs: int = 200,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 0.0,
        fit_options: dict[str, Any] | None = None,
        device: str = "cpu",
        dtype: str | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.norm = norm
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.loss = loss
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.optimizer_options = optimizer_options
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.fit_options = fit_options
        self.device = device
        self.dtype = dtype
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any, validation_data: tuple[Any, Any] | None = None) -> Self:
        """Train a new network on X (n, features) and y; returns the estimator.

        `validation_data` is a pair (X, y): the loss on it is measured after each epoch, and watched by early stopping in
        place of a held-out part of X.
        """
        self.__dict__.pop("model_", None)  # so that a fit that fails leaves no network of other classes or features
        X, y = self._checked(X, y, self._dtype_choice(), reset=True)
        self._read_targets(y)
        data, validation = (X, self._encode(y, X.dtype)), None
        model, optimizer, generator = self._new_network(X.dtype)
        if validation_data is not None:
            if not isinstance(validation_data, (tuple, list)) or len(validation_data) != 2:
                raise ArgumentError(f"fit: validation_data must be a pair (X, y), not {validation_data!r:.80}")
            X, y = self._checked(*validation_data, X.dtype)
            validation = X, self._encode(y, X.dtype)
        elif self.early_stopping:
            data, validation = self._held_out(data, generator)
        stopping = EarlyStopping(self.n_iter_no_change, self.tol) if self.early_stopping else None
        self.history_ = self._train(model, optimizer, generator, data, self.max_epochs, validation, stopping)
        return self

    def partial_fit(self, X: Any, y: Any) -> Self:
        """Train for one more epoch, on X and y; the first call makes the network, unless `fit` did.

        early_stopping plays no part here.
        """
        return self._partial_fit(X, y, targets=y)

    def _partial_fit(self, X, y, targets):
        first = not hasattr(self, "model_")
        X, y = self._checked(X, y, self._dtype_choice() if first else self._parameter().dtype, reset=first)
        if first:
            self._read_targets(np.asarray(targets))
        data = X, self._encode(y, X.dtype)
        if first:
            model, optimizer, generator = self._new_network(X.dtype)
            self.history_ = History()
        else:
            model, optimizer, generator = self.model_, self._new_optimizer(self.model_), self._generator
            optimizer.load_state_dict(self._optimizer_state)
        epoch = len(self.history_) + 1
        self.history_ += [row | {"epoch": epoch} for row in self._train(model, optimizer, generator, data, epochs=1)]
        return self

    @property
    def n_iter_(self):
        """How many epochs the training took."""
        return len(self.history_)

    @property
    def best_epoch_(self):
        """The epoch with the lowest loss on the validation data, from 1; None without such data."""
        return self.history_.best_epoch

    @property
    def loss_curve_(self):
        """The training loss of each epoch."""
        return self.history_["loss"]

    # ---- data

    def _dtype_choice(self):
        """The dtype to train in; without one, that of X if it is among these, else the first."""
        if self.dtype is None:
            return list(DTYPES.values())
        return choose("dtype", getattr(self.dtype, "__name__", str(self.dtype)), DTYPES)

    def _checked(self, X, y, dtype, reset=False):
        """X and y as scikit-learn checks them. With reset, the features are counted and their names learned."""
        return validate_data(self, X, y, reset=reset, dtype=dtype, order="C", **self._target_checks)

    def _held_out(self, data, generator):
        """The data as (training part, validation part)."""
        fraction, n = self.validation_fraction, len(data[0])
        if not number(fraction) or not 0 < fraction < 1:
            raise ArgumentError(f"fit: validation_fraction must be above 0 and below 1, not {fraction!r}")
        held_out = max(round(fraction * n), self.n_outputs_ if self._stratified else 1)  # at least one of each class
        if held_out >= n:
            raise ArgumentError(
                f"fit: early stopping would hold {held_out} examples out, but n_samples = {n}; give validation_data, or "
                "set early_stopping=False"
            )
        classes, seed = data[1] if self._stratified else None, generator.integers(2**53, device="cpu").item()
        return split(*data, parts=(n - held_out, held_out), stratify=classes, seed=seed)

    # ---- training

    def _new_network(self, dtype):
        """(model, optimizer, generator): the generator is the only source of random numbers for all three.

        No global generator is touched: so estimators may be trained in several threads at once.
        """
        seed = None if self.random_state is None else check_random_state(self.random_state).randint(2**31 - 1)
        generator, device, activation = Generator(seed), get(self.device).name, nn.activation(self.activation)
        make_norm = choose("norm", self.norm, NORMS)

        def glorot(shape, fan_in, fan_out):
            bound = sqrt(6 / (fan_in + fan_out))
            return generator.uniform(-bound, bound, shape, dtype)

        norm = lambda n: [make_norm(n)] if make_norm else []
        drop = lambda p: [nn.Dropout(p, generator)] if p else []
        sizes = [self.n_features_in_] + np.atleast_1d(self.hidden_layer_sizes).tolist()
        layers = drop(self.input_dropout)
        for n_in, n_out in pairwise(sizes):
            layers += [nn.Linear(n_in, n_out, bias=self.norm != "batch", init=glorot), *norm(n_out)]  # as in MLP
            layers += [deepcopy(activation), *drop(self.dropout)]  # it may be a module
        model = nn.Sequential(*layers, nn.Linear(sizes[-1], self.n_outputs_, init=glorot)).to(dtype).to(device)
        return model, self._new_optimizer(model), generator

    def _new_optimizer(self, model):
        name = self.optimizer.lower() if isinstance(self.optimizer, str) else self.optimizer
        make = name if callable(name) else choose("optimizer", name, optim.OPTIMIZERS)
        options = {} if self.learning_rate is None else {"lr": self.learning_rate}
        options = deepcopy(options | (self.optimizer_options or {}))  # a schedule may remember what it observes
        params = list(model.named_parameters())
        if self.weight_decay is not None:
            decays, stays = ([(name, p) for name, p in params if (p.ndim > 1) is wanted] for wanted in (True, False))
            params = [{"params": decays, "weight_decay": self.weight_decay}, {"params": stays, "weight_decay": 0.0}]
        try:
            signature(make).bind(params, **options)
        except TypeError as error:
            raise ArgumentError(
                f"optimizer {self.optimizer!r}: {error}; options come from learning_rate (as lr) and optimizer_options"
            ) from None
        optimizer = make(params, **options)
        if not isinstance(optimizer, optim.Optimizer):
            raise ArgumentError(f"optimizer {self.optimizer!r}: must give a chainrule Optimizer, not {optimizer!r:.80}")
        return optimizer

    def _train(self, model, optimizer, generator, data, epochs, validation=None, early_stopping=None):
        """Run fit, and keep what it trained; returns the History."""
        options = {"metrics": validation and self._metrics} | self._fit_options()
        device = model.parameters()[0].device
        tensors = lambda pair: pair and tuple(asarray(a, device=device) for a in pair)
        size = min(200, len(data[0])) if self.batch_size == "auto" else self.batch_size
        batches = Batches(*tensors(data), batch_size=size)
        batches.drop_last = self.norm == "batch" and batches.n % batches.batch_size == 1  # one example has no variance
        batches.generator = generator
        history = fit(
            model,
            nn.loss(self._loss if self.loss is None else self.loss),
            optimizer,
            batches,
            epochs,
            tensors(validation),
            early_stopping=early_stopping,
            verbose=self.verbose,
            **options,
        )
        if history.stop_reason == "Ctrl-C":  # a network whose training was cut short must not pass for a trained one
            raise KeyboardInterrupt
        # the optimiser's state rather than the optimiser: it shares memory with the model, which a copy of both would not
        self.model_, self._generator, self._optimizer_state = model.eval(), generator, optimizer.state_dict()
        return history

    def _fit_options(self):
        options = self.fit_options or {}
        known = signature(fit).parameters.keys() - set(DECIDED)
        for name in options:
            if name in DECIDED:
                raise ArgumentError(
                    f"fit_options: {name!r} may not be given; the estimator decides {', '.join(DECIDED)}, "
                    "by parameters of its own"
                )
            choose("option of fit", name, dict.fromkeys(known))
        return options

    # ---- predicting

    def _parameter(self):
        """One of the network's parameters, for its device and dtype."""
        return self.model_.parameters()[0]

    def _forward(self, X, function):
        """function(outputs of the network) for the examples X, as an array."""
        check_is_fitted(self, "model_")
        like = self._parameter()
        X = validate_data(self, X, reset=False, dtype=like.dtype, order="C")
        parts = (asarray(X[i : i + PART], device=like.device) for i in range(0, len(X), PART))
        with no_grad():
            return np.concatenate([function(self.model_(part)).numpy() for part in parts])


answering_instances(BaseMLP, "clf")

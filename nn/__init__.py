"""Layers, activations, initialisers and losses: thin, each a few lines on top of the engine."""

from .activations import (
    ACTIVATIONS,
    activation,
    elu,
    gelu,
    identity,
    leaky_relu,
    relu,
    sigmoid,
    silu,
    softmax,
    softplus,
    step,
    tanh,
)
from .dropout import Dropout
from .init import INITIALIZERS, initial
from .linear import Linear
from .losses import LOSSES, bce, bce_with_logits, cross_entropy, huber, l1, loss, mse
from .mlp import MLP
from .module import Module, Parameter
from .norm import BatchNorm, LayerNorm
from .perceptron import Perceptron
from .sequential import Sequential
from .summary import summary

__all__ = [
    "ACTIVATIONS",
    "INITIALIZERS",
    "LOSSES",
    "MLP",
    "BatchNorm",
    "Dropout",
    "LayerNorm",
    "Linear",
    "Module",
    "Parameter",
    "Perceptron",
    "Sequential",
    "activation",
    "bce",
    "bce_with_logits",
    "cross_entropy",
    "elu",
    "gelu",
    "huber",
    "identity",
    "initial",
    "l1",
    "leaky_relu",
    "loss",
    "mse",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "step",
    "summary",
    "tanh",
]

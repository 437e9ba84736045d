"""Names that other libraries have: what to write here instead, for the error where one is asked for."""

from .arguments import meant
from .tensor import Tensor

# by where it is asked for; what needs more than a name is said as code. (Not x.float(): it would hide the type of that name
# from whoever reads the annotations of Tensor)
ELSEWHERE = {
    "chainrule": {
        "cat": "concatenate", "concat": "concatenate", "mm": "matmul", "bmm": "matmul", "unsqueeze": "expand_dims", "permute": "transpose",
        "from_numpy": "tensor", "as_tensor": "asarray", "array": "tensor", "Variable": "tensor", "clamp": "clip", "pow": "power",
        "mul": "multiply", "sub": "subtract", "div": "divide", "neg": "negative", "rand": "random.uniform", "randn": "random.normal",
        "randint": "random.integers", "randperm": "random.permutation", "manual_seed": "random.seed", "PRNGKey": "random.seed",
        "inference_mode": "no_grad", "stop_gradient": "Tensor.detach", "DataLoader": "data.Batches", "train_test_split": "data.split",
        "StandardScaler": "data.Standardizer", "Linear": "nn.Linear", "MLP": "nn.MLP", "Adam": "optim.Adam", "SGD": "optim.SGD",
    },
    "chainrule.nn": {
        "ReLU": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "GELU": "gelu", "ELU": "elu", "SiLU": "silu", "Softplus": "softplus",
        "LeakyReLU": "leaky_relu", "Softmax": "softmax", "LogSoftmax": "chainrule.log_softmax", "Identity": "identity", "Dense": "Linear",
        "MSELoss": "mse", "L1Loss": "l1", "HuberLoss": "huber", "SmoothL1Loss": "huber", "BCELoss": "bce", "NLLLoss": "cross_entropy",
        "BCEWithLogitsLoss": "bce_with_logits", "CrossEntropyLoss": "cross_entropy", "BatchNorm1d": "BatchNorm",
        "SyncBatchNorm": "BatchNorm(..., sync=True)",
        "ModuleList": "a list of modules, as an attribute", "functional": "the functions in chainrule.nn", "utils": "chainrule.optim.clip_grad_norm",
    },
    "chainrule.optim": {
        "lr_scheduler": "schedule", "CosineAnnealingLR": "schedule.cosine", "StepLR": "schedule.step_decay", "MultiStepLR": "schedule.multi_step", "ExponentialLR": "schedule.exponential", "OneCycleLR": "schedule.one_cycle", "ReduceLROnPlateau": "schedule.ReduceOnPlateau",
        "clip_grad_norm_": "clip_grad_norm", "clip_grad_value_": "clip_grad_value", "fit": "chainrule.fit",
    },
    "Tensor": {
        "view": "x.reshape(...)", "permute": "x.transpose(...)", "unsqueeze": "x[:, None]", "expand": "x.broadcast_to(shape=...)", "cpu": 'x.to("cpu")',
        "cuda": 'x.to("cuda")', "double": 'x.to("float64")', "half": 'x.to("float16")', "long": 'x.to("int64")',
        "clone": "x.detach(), or x itself: results never change", "clamp": "x.clip(...)",
        "pow": "x ** y", "mul": "x * y", "add_": "x.assign(x + y)", "sub_": "x.assign(x - y)", "mul_": "x.assign(x * y)", "copy_": "x.assign(y)",
        "zero_": "x.assign(0)", "fill_": "x.assign(value)", "requires_grad_": "x.requires_grad = True", "detach_": "x.detach()",
        "is_cuda": "x.device", "numel": "x.size", "mm": "x @ y", "at": "chainrule.where, or x[index]", "block_until_ready": "x.numpy()",
    },
}  # fmt: skip


def no_such(place, name, known):
    """The AttributeError for a name that `place` does not have: what it is called here, or what may have been meant."""
    other = ELSEWHERE[place].get(name)
    advice = f"use {other}" if other else meant(name, [k for k in known if not k.startswith("_")])
    owner = "a Tensor" if place == "Tensor" else f"module {place!r}"
    return AttributeError(f"{owner} has no attribute {name!r}" + (f"; {advice}" if advice else ""))


class _Elsewhere:
    """Stands in Tensor for a method of another library's. (A __getattr__ would slow down every other attribute.)"""

    def __init__(self, name):
        self.name = name

    def __get__(self, tensor, owner):
        raise no_such("Tensor", self.name, ())


for _name in ELSEWHERE["Tensor"]:
    setattr(Tensor, _name, _Elsewhere(_name))
Tensor.__dir__ = lambda self: [name for name in object.__dir__(self) if name not in ELSEWHERE["Tensor"]]

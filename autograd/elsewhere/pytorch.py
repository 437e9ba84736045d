"""PyTorch's names, in the form that rows.py describes."""

TABLE = """
## The same spelling means something else
x.repeat(2, 1) | x.tile((2, 1)) | there the whole tensor is repeated, here each element, as in NumPy
x.split(2, 1) | x.split([2], 1) | there the length of each part, here their number, or a list of the places to cut, as in NumPy
torch.split(x, 1) | cr.split(x, 2) | the length of a part, or the number of parts
x.std(), x.var() | x.std(ddof=1), x.var(ddof=1) | there divided by n - 1, here by n, as in NumPy
x.max(1), x.min(1) | (x.max(1), x.argmax(1)), (x.min(1), x.argmin(1)) | there a pair of values and positions, here the values
x.sort() | (x.sort(), x.argsort()) | there a pair of values and positions, here the values
x.transpose(0, 1) | x.swapaxes(0, 1) | there two axes change places; here it is the new order of all axes, which leaves a matrix as it is
a.transpose(1, 2) | a.swapaxes(1, 2) | the new order must name every axis here
x.squeeze(0) | x | there an axis longer than 1 stays, here it is an error
x.equal(y) | bool((x == y).all()) | there one answer, here one for each element
x.size(), x.size(0) | x.shape, x.shape[0] | here `x.size` is the number of elements
x.flip(0, 1) | x.flip((0, 1)) | several axes are one argument
a.flatten(1) | a.reshape(len(a), -1) | `flatten` takes no axes here
torch.ones(2, 3), torch.zeros(2, 3) | cr.ones((2, 3)), cr.zeros((2, 3)) | a shape is one argument
torch.full((2,), 3).dtype | cr.full((2,), 3, dtype="int64").dtype | here a fill value of 3 makes floats
torch.where(x > 2) | np.nonzero((x > 2).numpy()) | `where` needs all three arguments
F.pad(x, (1, 1)) | cr.pad(x, ((0, 0), (1, 1))) | there from the last axis back, here a pair for each axis, as in NumPy
nn.Linear(3, 2).weight.shape | cr.nn.Linear(3, 2).weight.T.shape | there (out, in), here (in, out): transpose what you load; it starts from Xavier's numbers, there from Kaiming's

## Tensors
torch.cat([x, y]), torch.concat([x, y], dim=1) | cr.concatenate([x, y]), cr.concatenate([x, y], axis=1)
torch.vstack([x, y]), torch.hstack([x, y]), torch.dstack([x, y]) | cr.concatenate([x, y]), cr.concatenate([x, y], axis=1), cr.stack([x, y], axis=2)
torch.column_stack([v, v]) | cr.stack([v, v], axis=1)
x.view(3, -1), x.view_as(y), x.reshape_as(y) | x.reshape(3, -1), x.reshape(y.shape), x.reshape(y.shape)
x.permute(1, 0), a.movedim(0, 2), a.swapdims(0, 1), x.t(), a.mT | x.transpose(1, 0), a.moveaxis(0, 2), a.swapaxes(0, 1), x.T, a.swapaxes(-1, -2)
x.unsqueeze(1) | x.expand_dims(1) | or `x[:, None]`
x.expand(2, 2, 3), x.expand_as(a2) | x.broadcast_to((2, 2, 3)), x.broadcast_to(a2.shape)
x.ravel(), x.unflatten(1, (3, 1)) | x.flatten(), x.reshape(2, 3, 1)
x.chunk(3, 1), x.unbind(0), x.tensor_split(2) | x.split(3, 1), [*x], x.split(2)
x.narrow(1, 0, 2), x.select(1, 0) | x[:, 0:2], x[:, 0]
x.repeat_interleave(2, dim=1) | x.repeat(2, axis=1)
x.gather(1, i), x.take_along_dim(i, 1), x.index_select(1, j) | cr.take_along_axis(x, i, axis=1), cr.take_along_axis(x, i, axis=1), cr.take(x, j, axis=1)
x.masked_fill(m, 0.0), x.masked_select(m) | cr.where(m, 0.0, x), x[m]
x.scatter(1, i, 0.0) | | `cr.where` with a mask, or before anything is recorded `x[index] = value`
x.scatter_add(1, i, x), x.index_add(0, j, x) | | the gradient of `x[i]` adds up; as a forward step: `cr.one_hot(i, n).T @ x`
x.index_put_(…), x.index_fill(0, j, 0.0), x.put_(…), x.index_copy(0, j, x) | | results are read-only: `cr.where(mask, new, x)`
x.fliplr(), x.flipud(), x.rot90() | x.flip(1), x.flip(0), x.T.flip(0)
x.diag() | x.diagonal()
x.float(), x.double(), x.half(), x.int(), x.long(), x.bool(), x.type(torch.float64) | x.to("float32"), x.to("float64"), x.to("float16"), x.to("int32"), x.to("int64"), x.to("bool"), x.to("float64")
x.short(), x.byte(), x.char(), x.type_as(y) | x.to("int16"), x.to("uint8"), x.to("int8"), x.to(y.dtype)
x.bfloat16(), torch.bfloat16, torch.complex64 | | NumPy has no bfloat16, and gradients are of real numbers here: float16, float32 and float64
torch.float32, torch.float64, torch.float16, torch.int64, torch.int32, torch.long, torch.float, torch.double, torch.bool, torch.half, torch.uint8, torch.int | "float32", "float64", "float16", "int64", "int32", "int64", "float32", "float64", "bool", "float16", "uint8", "int32"
x.cpu(…), x.cuda(…) | x.to("cpu"), x.to("cuda")
torch.device("cuda") | "cuda"
x.numel(), x.nelement(), x.dim(), x.ndimension(), x.element_size(), x.nbytes | x.size, x.size, x.ndim, x.ndim, x.dtype.itemsize, x.size * x.dtype.itemsize
x.is_cuda, x.get_device() | | `x.device`, a string such as "cuda"
x.is_floating_point() | x.dtype.kind == "f"
x.clone(), x.contiguous() | x, x | results never change, so no copy is needed; `x.detach()` copies
x.copy_(y), x.fill_(2.0), x.zero_() | x.assign(y), x.assign(2.0), x.assign(0) | what else changes in place is written as a new tensor, or `x.assign(…)` of a leaf
x.add_(y), x.sub_(y), x.mul_(y), x.div_(y), x.clamp_(0, 1), x.neg_() | x.assign(x + y), x.assign(x - y), x.assign(x * y), x.assign(x / y), x.assign(x.clip(0, 1)), x.assign(-x)
x.exp_(), x.sqrt_(), x.relu_(), x.sigmoid_(), x.tanh_(), x.abs_(), x.pow_(2), x.masked_fill_(m, 0.0) | x.assign(cr.exp(x)), x.assign(cr.sqrt(x)), x.assign(cr.relu(x)), x.assign(cr.sigmoid(x)), x.assign(cr.tanh(x)), x.assign(cr.abs(x)), x.assign(x**2), x.assign(cr.where(m, 0.0, x))
x.normal_(…), x.uniform_(…) | x.assign(cr.random.normal(size=x.shape)), x.assign(cr.random.uniform(size=x.shape))
x.unsqueeze_(0), x.squeeze_(), x.t_(), x.transpose_(0, 1), x.resize_(3, 2) | | a leaf keeps its shape: use the result of `expand_dims`, `squeeze`, `swapaxes` or `reshape`
x.data_ptr(), x.stride(), x.storage(), x.pin_memory(), x.share_memory_(), x.is_contiguous() | | where the numbers lie is NumPy's affair: `x.numpy()` is a copy
x.new_zeros((2,)), x.new_ones((2,)), x.new_full((2,), 3.0), x.new_tensor([1.0]) | cr.zeros((2,)), cr.ones((2,)), cr.full((2,), 3.0), cr.tensor([1.0])
x.apply_(…), x.map_(…) | | Python code for each element has no gradient; write it with operations of whole tensors

## Making tensors
torch.Tensor([1, 2]), torch.FloatTensor([1, 2]), torch.LongTensor([1, 2]), torch.BoolTensor([True]) | cr.tensor([1.0, 2.0]), cr.tensor([1.0, 2.0]), cr.tensor([1, 2]), cr.tensor([True])
torch.from_numpy(n), torch.as_tensor(n), torch.scalar_tensor(2.0) | cr.tensor(n), cr.asarray(n), cr.tensor(2.0) | both copy
torch.autograd.Variable | cr.tensor | with `requires_grad=True`
torch.empty(2), torch.empty_like(x) | | `cr.zeros(shape)`, `cr.zeros_like(x)`: nothing here holds numbers that nobody wrote
torch.rand(3, …), torch.randn(3, …), torch.normal(…), torch.randint(0, 9, …), torch.randperm(…) | cr.random.uniform(size=(3, 2)), cr.random.normal(size=(3, 2)), cr.random.normal(0.0, 1.0, (3, 2)), cr.random.integers(0, 9, (3, 2)), cr.random.permutation(9)
torch.randn_like(…), torch.rand_like(…), torch.bernoulli(…) | cr.random.normal(size=x.shape), cr.random.uniform(size=x.shape), cr.random.bernoulli(p, size)
torch.multinomial(…) | | one class of each row of probabilities `p`: `(p.cumsum(1) < cr.random.uniform(size=(len(p), 1))).sum(1)`
torch.Generator | cr.random.Generator
torch.manual_seed(…), torch.get_rng_state(…), torch.set_rng_state(…) | cr.random.seed(0), cr.random.get_state(), cr.random.set_state(state) | for all devices
torch.meshgrid(v, v) | | `np.meshgrid`, then `cr.tensor`
torch.logspace(0, 2, 3) | 10 ** cr.linspace(0, 2, 3)
torch.tril_indices(…), torch.triu_indices(…) | | a mask: `cr.tril(cr.ones((n, n))) > 0`
torch.get_default_dtype() | | `cr.default_dtype()`
torch.set_default_device(…), torch.set_default_tensor_type(…) | with cr.backends.use("cuda"):, cr.set_default_dtype("float64")
torch.cuda.is_available(…) | "cuda" in cr.backends.available()
torch.cuda.synchronize() | | reading a value waits for the device
torch.numel(x), torch.is_tensor(x), torch.pi, torch.inf, torch.nan | x.size, isinstance(x, cr.Tensor), np.pi, np.inf, np.nan

## Mathematics
torch.mm(x, x.T), torch.bmm(a, a.mT), torch.mv(x, v), x.matmul(v), torch.chain_matmul(x, x.T) | x @ x.T, a @ a.swapaxes(1, 2), x @ v, x @ v, x @ x.T
torch.addmm(b2, x, x.T), torch.inner(v, v), torch.vdot(v, v), torch.ger(v, v), torch.kron(v, v) | b2 + x @ x.T, v @ v, v @ v, cr.outer(v, v), cr.outer(v, v).flatten()
x.add(y), x.sub(y), x.mul(y), x.div(y), x.true_divide(y), x.pow(2), x.neg(), torch.add(x, y, alpha=2) | x + y, x - y, x * y, x / y, x / y, x**2, -x, x + 2 * y
x.eq(y), x.ne(y), x.lt(y), x.le(y), x.gt(y), x.ge(y), m.bitwise_not(), m.logical_xor(m) | x == y, x != y, x < y, x <= y, x > y, x >= y, ~m, m != m
x.clamp(1, 2), x.clamp_min(1), x.clamp_max(2) | x.clip(1, 2), x.clip(min=1), x.clip(max=2)
x.round(), x.trunc(), x.fix(), x.frac() | cr.rint(x), cr.sign(x) * cr.floor(cr.abs(x)), cr.sign(x) * cr.floor(cr.abs(x)), x - cr.sign(x) * cr.floor(cr.abs(x))
x.fmod(2), x.reciprocal(), x.rsqrt(), x.exp2(), x.sgn(), x.logit() | cr.sign(x) * (cr.abs(x) % 2), 1 / x, 1 / cr.sqrt(x), 2**x, cr.sign(x), cr.log(x / (1 - x))
x.asin(), x.acos(), x.atan(), x.asinh(), x.acosh(), x.atanh(), x.atan2(y) | cr.arcsin(x), cr.arccos(x), cr.arctan(x), cr.arcsinh(x), cr.arccosh(x), cr.arctanh(x), cr.arctan2(x, y)
x.erfc(), x.sinc(), x.deg2rad(), x.rad2deg() | 1 - cr.erf(x), cr.sin(np.pi * x) / (np.pi * x), x * (np.pi / 180), x * (180 / np.pi)
x.lerp(y, 0.5), x.addcmul(x, y), x.addcdiv(x, y), x.xlogy(y) | x + (y - x) * 0.5, x + x * y, x + x / y, x * cr.log(y)
x.amax(1), x.amin(1), x.aminmax() | x.max(1), x.min(1), (x.min(), x.max())
x.topk(2) | (x.sort()[:, ::-1][:, :2], x.argsort()[:, ::-1][:, :2])
x.kthvalue(2), x.msort() | (x.sort()[:, 1], x.argsort()[:, 1]), x.sort(0)
x.median(), x.quantile(0.5), x.mode(), x.histc(), x.cov(), x.corrcoef() | | of values without gradient, NumPy's: `np.median(x.detach().numpy())`
x.cumprod(1), x.logcumsumexp(1) | cr.exp(cr.cumsum(cr.log(x), axis=1)), cr.log(cr.cumsum(cr.exp(x), axis=1)) | the first for x above 0, the second where `exp(x)` does not overflow
x.cummax(1), x.cummin(1) | | of values without gradient, NumPy's: `np.maximum.accumulate(x.detach().numpy(), axis=1)`
x.diff(), x.dist(y), torch.cdist(x, y), x.count_nonzero() | x[:, 1:] - x[:, :-1], cr.norm(x - y), cr.norm(x[:, None] - y, axis=-1), (x != 0).sum()
torch.cross(…), torch.trapezoid(…), torch.cumulative_trapezoid(…) | | not here; it is a few products and sums of slices
torch.var_mean(x), torch.std_mean(x) | (x.var(ddof=1), x.mean()), (x.std(ddof=1), x.mean())
x.isinf(), x.isclose(y), x.allclose(y), x.nan_to_num() | ~cr.isfinite(x) & ~cr.isnan(x), cr.abs(x - y) <= 1e-8 + 1e-5 * cr.abs(y), np.allclose(x.numpy(), y.numpy()), cr.where(cr.isnan(x), 0, x)
x.nonzero(), x.argwhere(), x.unique(), x.bincount(), torch.searchsorted(…), torch.bucketize(…) | | NumPy's, of the values: `np.unique(x.numpy())`, `np.argwhere(…)`, `np.bincount(…)`
x.nansum(), x.nanmean() | cr.where(cr.isnan(x), 0, x).sum(), cr.where(cr.isnan(x), 0, x).sum() / (~cr.isnan(x)).sum()
x.fmax(y), x.fmin(y) | cr.maximum(x, y), cr.minimum(x, y) | these give nan where one is nan
torch.linalg.norm(v), torch.linalg.vector_norm(v) | cr.norm(v), cr.norm(v)
torch.linalg.inv(…), x.inverse(), x.det(), x.svd(), torch.linalg.solve(…), x.cholesky(), x.qr(), torch.linalg.eigh(…), x.pinverse() | | no decompositions of matrices here, and no gradients through them; NumPy's for values: `np.linalg.inv(x.detach().numpy())`
torch.fft, torch.stft, torch.sparse, torch.distributions, torch.special, torch.nested, torch.complex, x.real, x.imag, x.conj() | | not here: dense tensors of real numbers
x.digamma(), x.lgamma(), x.erfinv(), x.i0() | | not here; `docs/adding-an-op.md` shows how an operation is added in one block
torch.broadcast_tensors(x, b), torch.broadcast_shapes((2, 1), (3,)) | [x.broadcast_to((2, 3)), b.broadcast_to((2, 3))], np.broadcast_shapes((2, 1), (3,))
torch.vmap(…) | | operations take leading axes already; a function of one example is written for a batch of them

## Gradients
x.requires_grad_(), x.detach_(), x.grad_fn, x.retains_grad | | `x.requires_grad = True`, `x = x.detach()`; `cr.trace(x)` shows what made it
x.register_hook(…) | | `x.retain_grad()` keeps the gradient of a result, `cr.debug()` names what made a nan
torch.inference_mode(), torch.set_grad_enabled(False), torch.is_grad_enabled() | | `with cr.no_grad():`, and `with cr.enable_grad():` inside it
torch.autograd.grad(y, x, create_graph=True) | | `cr.grad(f)(x)`, of a function; again for the second derivative
torch.autograd.functional.jacobian(f, x), torch.func.jacrev(f), torch.func.jacfwd(f), torch.func.vjp(f, x), torch.func.jvp(…) | | `cr.jacobian(f)(x)`, `cr.hessian(f)(x)`, `cr.vjp(f, x)`, `cr.jvp(f, (x,), (t,))`
torch.autograd.gradcheck(f, x) | | `cr.gradcheck(f, x)`
torch.autograd.Function | cr.primitive | one block of code: `docs/adding-an-op.md`
torch.autograd.detect_anomaly(), torch.autograd.set_detect_anomaly(True) | | `with cr.debug():`, forward passes and infinities included
torch.utils.checkpoint.checkpoint(…) | | not here: what a step keeps is freed as backward goes
w -= lr * w.grad | w.assign(w - lr * w.grad) | or as it stands; both under `with cr.no_grad():`

## Layers
nn.ReLU(), nn.Sigmoid(), nn.Tanh(), nn.GELU(), nn.SiLU(), nn.ELU(), nn.Softplus(), nn.Identity() | cr.relu, cr.sigmoid, cr.tanh, cr.gelu, cr.silu, cr.elu, cr.softplus, cr.nn.identity | any function is a layer
nn.Softmax(dim=-1), nn.LogSoftmax(dim=-1) | cr.softmax, cr.log_softmax
nn.LeakyReLU(0.1), nn.Flatten() | lambda x: cr.leaky_relu(x, 0.1), lambda x: x.reshape(len(x), -1)
nn.Mish(), nn.Hardtanh(), nn.ReLU6(), nn.LogSigmoid(), nn.Softsign(), nn.Tanhshrink(), nn.Softmin(), nn.Hardswish(), nn.Hardsigmoid() | lambda x: x * cr.tanh(cr.softplus(x)), lambda x: cr.clip(x, -1, 1), lambda x: cr.clip(x, 0, 6), lambda x: -cr.softplus(-x), lambda x: x / (1 + cr.abs(x)), lambda x: x - cr.tanh(x), lambda x: cr.softmax(-x), lambda x: x * cr.clip(x + 3, 0, 6) / 6, lambda x: cr.clip(x + 3, 0, 6) / 6
nn.SELU(), nn.CELU(), nn.PReLU(), nn.GLU(), nn.Softshrink(), nn.Hardshrink(), nn.Threshold(…) | | a function of two or three operations is a layer here; a slope that is learned is a `cr.nn.Parameter`
nn.BatchNorm1d(3), nn.SyncBatchNorm(3) | cr.nn.BatchNorm(3), cr.nn.BatchNorm(3, sync=True)
nn.BatchNorm2d(3), nn.BatchNorm3d(3), nn.GroupNorm(…), nn.InstanceNorm1d(3), nn.RMSNorm(3) | | `cr.nn.BatchNorm` is over the rows, `cr.nn.LayerNorm` over the last axis
nn.Dropout1d(), nn.Dropout2d(), nn.AlphaDropout() | | `cr.nn.Dropout`, element by element
nn.ModuleList([…]), nn.ModuleDict({…}), nn.ParameterList([…]) | | a list or a dict as an attribute
nn.LazyLinear(3), nn.Bilinear(…) | | `cr.nn.Linear(n_in, n_out)`
nn.Embedding(10, 4), nn.EmbeddingBag(…) | | a `cr.nn.Parameter` of shape (10, 4), indexed: `self.table[i]`
nn.Conv1d(…), nn.Conv2d(…), nn.Conv3d(…), nn.ConvTranspose2d(…), nn.MaxPool1d(2), nn.MaxPool2d(2), nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(1), nn.Unfold(…), nn.Upsample(…), nn.PixelShuffle(…), F.conv1d(…), F.conv2d(…), F.max_pool2d(…), F.avg_pool2d(…), F.interpolate(…), F.unfold(…) | | no convolutions and no pooling here
nn.RNN(…), nn.LSTM(…), nn.GRU(…), nn.LSTMCell(…), nn.GRUCell(…) | | no recurrent layers here; a loop over the steps with `cr.nn.Linear` is one
nn.MultiheadAttention(…), nn.Transformer(…), nn.TransformerEncoderLayer(…), nn.TransformerEncoder(…), F.scaled_dot_product_attention(…), F.multi_head_attention_forward(…) | | no ready attention; it is `cr.softmax(q @ k.swapaxes(-1, -2) / d**0.5) @ v`
nn.functional, nn.DataParallel(…), nn.parallel | cr.nn, cr.parallel.DataParallel, cr.parallel | functions and layers stand together
torch.utils, nn.utils | | `cr.data` has batches and splits, `cr.optim` clipping and penalties
F.linear(x, x, b2), F.normalize(x), F.cosine_similarity(x, y), F.logsigmoid(x), F.softsign(x), F.relu6(x), F.mish(x), F.hardtanh(x) | x @ x.T + b2, x / cr.norm(x, axis=1, keepdims=True), (x * y).sum(1) / cr.norm(x, axis=1) / cr.norm(y, axis=1), -cr.softplus(-x), x / (1 + cr.abs(x)), cr.clip(x, 0, 6), x * cr.tanh(cr.softplus(x)), cr.clip(x, -1, 1)
F.dropout(…), F.batch_norm(…), F.layer_norm(…), F.embedding(…), F.glu(…) | | `cr.nn.Dropout`, `cr.nn.BatchNorm` and `cr.nn.LayerNorm` are layers; an embedding is `table[i]`
model.modules(), model.children(), model.named_children(), model.buffers(), model.named_buffers() | | `model.named_modules()`, `model.named_parameters()`, and `model.named_tensors()` with what is not trained
model.register_buffer("m", …), model.register_parameter("w", …), model.add_module("a", …) | self.m = x, self.w = cr.nn.Parameter(…), self.a = layer | attributes are found by themselves
model.cuda(…), model.cpu(…), model.float(…), model.double(…), model.half(…) | model.to("cuda"), model.to("cpu"), model.to("float32"), model.to("float64"), model.to("float16")
model.requires_grad_(…) | | `for p in model.parameters(): p.requires_grad = False`
model.apply(…) | | `for _, module in model.named_modules(): f(module)`
model.register_forward_hook(…), model.register_full_backward_hook(…) | | `cr.trace(loss)` shows every call of a module with its values and gradients
nn.init.xavier_uniform_(…), nn.init.xavier_normal_(…), nn.init.kaiming_uniform_(…), nn.init.kaiming_normal_(…), nn.init.orthogonal_(…) | init="xavier_uniform", init="xavier_normal", init="he_uniform", init="he_normal", init="orthogonal" | of the layer: `cr.nn.Linear(3, 2, init="he_normal")`; or a function
nn.init.trunc_normal_(…) | | `init=` takes a function of (shape, fan_in, fan_out)
nn.init.zeros_(…), nn.init.ones_(…), nn.init.constant_(…), nn.init.normal_(…), nn.init.uniform_(…), nn.init.eye_(…) | w.assign(0), w.assign(1), w.assign(2.0), w.assign(cr.random.normal(0, 0.01, w.shape)), w.assign(cr.random.uniform(0, 1, w.shape)), w.assign(cr.eye(n))
Linear(in_features=), Linear(out_features=), BatchNorm(num_features=), LayerNorm(normalized_shape=), leaky_relu(negative_slope=) | Linear(n_in=), Linear(n_out=), BatchNorm(features=), LayerNorm(features=), leaky_relu(slope=)
BatchNorm(track_running_stats=), LayerNorm(elementwise_affine=) | | running statistics are always kept, and the factors of LayerNorm always trained
Dropout(inplace=) | | results are new tensors
nn.GELU(approximate="tanh"), nn.Softplus(beta=2) | | `cr.gelu` is the exact one; a steeper softplus is `cr.softplus(b * x) / b`

## Losses
nn.MSELoss(), nn.L1Loss(), nn.HuberLoss(), nn.SmoothL1Loss(), nn.BCELoss(), nn.BCEWithLogitsLoss(), nn.CrossEntropyLoss() | cr.nn.mse, cr.nn.l1, cr.nn.huber, cr.nn.huber, cr.nn.bce, cr.nn.bce_with_logits, cr.nn.cross_entropy | functions, not objects
F.mse_loss(x, y), F.l1_loss(x, y), F.huber_loss(x, y), F.smooth_l1_loss(x, y), F.binary_cross_entropy_with_logits(x, p), F.binary_cross_entropy(p, p) | cr.nn.mse(x, y), cr.nn.l1(x, y), cr.nn.huber(x, y), cr.nn.huber(x, y), cr.nn.bce_with_logits(x, p), cr.nn.bce(p, p)
nn.NLLLoss(), F.nll_loss(cr.log_softmax(x), k) | | `cr.nn.cross_entropy` takes the logits: leave `log_softmax` out
nn.KLDivLoss(), F.kl_div(…), nn.HingeEmbeddingLoss(), nn.MarginRankingLoss(), nn.TripletMarginLoss(), nn.CosineEmbeddingLoss(), nn.GaussianNLLLoss(), nn.PoissonNLLLoss(), nn.CTCLoss(), nn.MultiMarginLoss() | | a loss is a function of prediction and target that gives one number: write it with operations
cross_entropy(weight=), cross_entropy(ignore_index=), bce_with_logits(pos_weight=), bce(weight=), mse(size_average=), mse(reduce=) | | with `reduction="none"` each example has its loss: weight or choose them, then `.mean()`
cross_entropy(input=), mse(input=), l1(input=), huber(input=), bce(input=), bce_with_logits(input=), huber(beta=) | cross_entropy(logits=), mse(prediction=), l1(prediction=), huber(prediction=), bce(probability=), bce_with_logits(logit=), huber(delta=)

## Optimisers
optimizer.param_groups, optimizer.add_param_group(…), optimizer.register_step_post_hook(…) | | `optimizer.groups`; all groups are given when it is made
optim.lr_scheduler, optim.lr_scheduler.CosineAnnealingLR, optim.lr_scheduler.StepLR, optim.lr_scheduler.MultiStepLR, optim.lr_scheduler.ExponentialLR, optim.lr_scheduler.OneCycleLR, optim.lr_scheduler.PolynomialLR, optim.lr_scheduler.CosineAnnealingWarmRestarts, optim.lr_scheduler.ConstantLR, optim.lr_scheduler.SequentialLR, optim.lr_scheduler.LinearLR, optim.lr_scheduler.ReduceLROnPlateau | cr.optim.schedule, cr.optim.schedule.cosine, cr.optim.schedule.step_decay, cr.optim.schedule.multi_step, cr.optim.schedule.exponential, cr.optim.schedule.one_cycle, cr.optim.schedule.polynomial, cr.optim.schedule.cosine_restarts, cr.optim.schedule.constant, cr.optim.schedule.sequence, cr.optim.schedule.warmup, cr.optim.schedule.ReduceOnPlateau | given to the optimiser as `lr=`, counted in steps; nothing to call
scheduler.step(), scheduler.get_last_lr(), scheduler.get_lr() | | nothing to call: the optimiser asks its schedule at each step; `optimizer.last_lr`
optim.lr_scheduler.LambdaLR, optim.lr_scheduler.MultiplicativeLR, optim.lr_scheduler.CyclicLR | | `lr=` takes any function of the step
nn.utils.clip_grad_norm_(ps, 1.0), nn.utils.clip_grad_value_(ps, 1.0), nn.utils.get_total_norm(…) | | `cr.optim.clip_grad_norm(ps, 1.0)`, `cr.optim.clip_grad_value(ps, 1.0)`, `cr.optim.grad_norm(ps)`; or `fit(…, clip_norm=1.0)`
nn.utils.parameters_to_vector(ps), nn.utils.weight_norm(…), nn.utils.spectral_norm(…) | | `cr.concatenate([p.flatten() for p in ps])`; a bound on the norms of weights is `cr.optim.max_norm`
optim.ASGD, optim.Rprop, optim.SparseAdam, optim.Adafactor, optim.Muon, optim.swa_utils | | not here: `cr.optim.OPTIMIZERS` lists what is, and an update rule of your own is a function of arrays (`cr.optim.Optimizer`)
SGD(dampening=), SGD(maximize=), Adam(maximize=), AdamW(maximize=) | | not here; to maximise, minimise the negative
Adam(foreach=), Adam(fused=), Adam(capturable=), AdamW(foreach=), AdamW(fused=), AdamW(capturable=), SGD(foreach=), SGD(fused=), Adam(decoupled_weight_decay=) | | a step is fused as it is; `AdamW` decouples the weight decay
LBFGS(line_search_fn=), clip_grad_norm(parameters=), clip_grad_value(parameters=), clip_grad_value(clip_value=) | LBFGS(line_search=), clip_grad_norm(params=), clip_grad_value(params=), clip_grad_value(limit=)
clip_grad_norm(norm_type=), clip_grad_norm(error_if_nonfinite=) | | the norm is the 2-norm, and a nan raises
cosine(T_max=), cosine(eta_min=), cosine_restarts(T_0=), cosine_restarts(T_mult=), cosine_restarts(eta_min=), step_decay(step_size=), one_cycle(total_steps=), one_cycle(pct_start=), one_cycle(div_factor=), one_cycle(final_div_factor=), one_cycle(anneal_strategy=), polynomial(total_iters=), warmup(total_iters=), warmup(start_factor=) | cosine(steps=), cosine(end=), cosine_restarts(first=), cosine_restarts(factor=), cosine_restarts(end=), step_decay(every=), one_cycle(steps=), one_cycle(rise=), one_cycle(start_div=), one_cycle(end_div=), one_cycle(anneal=), polynomial(steps=), warmup(steps=), warmup(start=)
zero_grad(set_to_none=) | | `grad` is None until it is computed
to(device=), to(dtype=), to(non_blocking=), to(copy=) | | `x.to("cuda")`, `x.to("float64")`: one after the other

## Arguments
dim=, dims=, dims=, keepdim=, correction=, p= | axis=, axis=, axes=, keepdims=, ddof=, ord=
unbiased=, descending= | | `unbiased=True` is `ddof=1`; a descending order is the ascending one, reversed: `x.sort()[::-1]`
input=, other=, exponent=, diagonal=, dim0=, dim1=, split_size_or_sections= | x=, y=, y=, k=, axis1=, axis2=, sections=
out=, memory_format=, layout=, pin_memory= | | results are new tensors; where they lie is NumPy's affair
generator= | | a `cr.random.Generator` has the functions of `cr.random` as its methods
normal(mean=), normal(std=), one_hot(input=), one_hot(tensor=), linspace(steps=), linspace(end=), arange(end=), pad(pad=), pad(value=), roll(shifts=), einsum(equation=) | normal(loc=), normal(scale=), one_hot(indices=), one_hot(indices=), linspace(num=), linspace(stop=), arange(stop=), pad(pad_width=), pad(constant_values=), roll(shift=), einsum(subscripts=)
jit(backend=) | jit(lowering=)
jit(fullgraph=), jit(dynamic=), jit(mode=) | | a program always holds the whole call, for the shapes of its arguments

## Data, files, speed
torch.utils.data.DataLoader(…), torch.utils.data.TensorDataset(…), torch.utils.data.Dataset, torch.utils.data.random_split(…), torch.utils.data.Subset(…) | | `cr.data.Batches(x, y, batch_size=32)`, shuffled; `cr.data.split(x, y, parts=(0.8, 0.2))`; anything that yields batches works in `fit`
Batches(num_workers=), Batches(collate_fn=), Batches(sampler=), Batches(pin_memory=) | | `cr.data.Prefetch(batches)` loads ahead; anything that yields (x, y) may take the place of Batches
torch.save(model.state_dict(), path), torch.load(path) | | `cr.save(model.state_dict(), path)`, `cr.load(path)`: safetensors, of state dicts only; nothing is unpickled
torch.compile(f), torch.jit.script(f), torch.jit.trace(f, x) | | `cr.jit(step)`, the whole step with the optimiser in it: [jit.md](jit.md)
torch.use_deterministic_algorithms(True) | | `with cr.deterministic():`, or `fit(…, deterministic=True)`
torch.amp, torch.autocast(…), torch.cuda.amp.GradScaler(), torch.GradScaler() | | not here: a model computes in one dtype, `model.to("float16")`
torch.distributed, nn.parallel.DistributedDataParallel(…) | | `fit(…, workers=cr.parallel.init())`, or `cr.parallel.DataParallel`: [parallel.md](parallel.md)
torch.onnx, torch.export, torch.quantization, torch.hub, torch.fx, torch.profiler | | not here; `cr.trace(x)` gives the graph as data, `cr.save` the weights
torch.set_num_threads(4), torch.get_num_threads() | | `OPENBLAS_NUM_THREADS=4` before NumPy is imported; `fit(…, workers=4)`
torch.set_printoptions(…) | | `np.set_printoptions(…)`
"""

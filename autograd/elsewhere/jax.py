"""The names of JAX, and of NumPy where ours differ, in the form that rows.py describes."""

TABLE = """
## The same spelling means something else
jnp.where(x > 2) | np.nonzero((x > 2).numpy()) | `where` needs all three arguments
jnp.trace(x) | x.trace() | `cr.trace` is the graph of a computation
jnp.full((2,), 3).dtype | cr.full((2,), 3, dtype="int64").dtype | there int32, here float32

## Arrays
jnp.array([1.0, 2.0]), jnp.float32, jnp.float64, jnp.int32, jnp.int64, jnp.bool_ | cr.tensor([1.0, 2.0]), "float32", "float64", "int32", "int64", "bool"
jnp.ndarray, jax.Array | cr.Tensor, cr.Tensor
jnp.identity(3), jnp.ndim(x), jnp.size(x), jnp.shape(x), jnp.copy(x) | cr.eye(3), x.ndim, x.size, x.shape, x.detach()
jnp.vstack([x, y]), jnp.hstack([x, y]), jnp.dstack([x, y]), jnp.column_stack([v, v]), jnp.concat([x, y]), jnp.append(v, v) | cr.concatenate([x, y]), cr.concatenate([x, y], axis=1), cr.stack([x, y], axis=2), cr.stack([v, v], axis=1), cr.concatenate([x, y]), cr.concatenate([v, v])
jnp.ravel(x), jnp.permute_dims(x, (1, 0)), jnp.matrix_transpose(a), jnp.rollaxis(a, 2), jnp.atleast_2d(v) | x.flatten(), x.transpose((1, 0)), a.swapaxes(-1, -2), a.moveaxis(2, 0), v[None]
jnp.array_split(x, 2), jnp.vsplit(x, 2), jnp.hsplit(x, 3), jnp.unstack(x) | x.split(2), x.split(2), x.split(3, axis=1), [*x]
jnp.fliplr(x), jnp.flipud(x), jnp.diag(x), jnp.tri(3) | x.flip(1), x.flip(0), x.diagonal(), cr.tril(cr.ones((3, 3)))
x.at[0].set(…), x.at[0].add(…) | | `cr.where(mask, new, x)`; before anything is recorded `x[index] = value`
x.block_until_ready(), jax.block_until_ready(x), jax.device_get(x) | | reading a value waits for the device: `x.numpy()`
x.copy(), x.fill(0), x.view(…), x.ravel(), x.round(), x.strides, x.flat, x.tobytes() | | as arrays: `x.numpy()` is a copy; `x.detach()`, `x.assign(0)`, `x.reshape(…)`, `cr.rint(x)`
jax.device_put(x), jax.devices(), jax.local_devices(), jax.default_device(…) | | `x.to("cuda")`, `cr.backends.available()`, `with cr.backends.use("cuda"):`
jnp.empty((2,)) | | `cr.zeros(shape)`: nothing here holds numbers that nobody wrote
jnp.meshgrid(v, v), jnp.mgrid, jnp.ix_(…), jnp.unravel_index(…), jnp.r_, jnp.c_ | | NumPy's, of the values; then `cr.tensor`

## Mathematics
jnp.linalg.norm(x, axis=0) | cr.norm(x, axis=0) | of vectors: along an axis, or of all elements
jnp.true_divide(x, y), jnp.pow(x, 2), jnp.mod(x, 2), jnp.float_power(x, 2), jnp.fabs(x), jnp.reciprocal(x), jnp.cbrt(x), jnp.exp2(x) | x / y, x**2, x % 2, x**2, cr.abs(x), 1 / x, x ** (1 / 3), 2**x
jnp.round(x), jnp.around(x), jnp.trunc(x), jnp.fmod(x, 2), jnp.sinc(x), jnp.deg2rad(x), jnp.rad2deg(x), jnp.radians(x), jnp.degrees(x) | cr.rint(x), cr.rint(x), cr.sign(x) * cr.floor(cr.abs(x)), cr.sign(x) * (cr.abs(x) % 2), cr.sin(np.pi * x) / (np.pi * x), x * (np.pi / 180), x * (180 / np.pi), x * (np.pi / 180), x * (180 / np.pi)
jnp.asin(x), jnp.acos(x), jnp.atan(x), jnp.atan2(x, y), jnp.asinh(x), jnp.acosh(x), jnp.atanh(x) | cr.arcsin(x), cr.arccos(x), cr.arctan(x), cr.arctan2(x, y), cr.arcsinh(x), cr.arccosh(x), cr.arctanh(x)
jnp.amax(x), jnp.amin(x), jnp.ptp(x), jnp.average(x), jnp.count_nonzero(x) | x.max(), x.min(), x.max() - x.min(), x.mean(), (x != 0).sum()
jnp.inner(v, v), jnp.vdot(v, v), jnp.vecdot(x, y), jnp.kron(v, v), jnp.diff(v) | v @ v, v @ v, (x * y).sum(axis=-1), cr.outer(v, v).flatten(), v[1:] - v[:-1]
jnp.isinf(x), jnp.isclose(x, y), jnp.allclose(x, y), jnp.array_equal(x, y), jnp.nan_to_num(x), jnp.logical_xor(m, m), jnp.bitwise_not(m) | ~cr.isfinite(x) & ~cr.isnan(x), cr.abs(x - y) <= 1e-8 + 1e-5 * cr.abs(y), np.allclose(x.numpy(), y.numpy()), bool((x == y).all()), cr.where(cr.isnan(x), 0, x), m != m, ~m
jnp.cumprod(v), jnp.heaviside(x, 0.5), jnp.logaddexp2(x, y) | cr.exp(cr.cumsum(cr.log(v))), (cr.sign(x) + 1) / 2, cr.log2(2**x + 2**y)
jnp.nansum(x), jnp.nanmean(x), jnp.nanmax(x) | cr.where(cr.isnan(x), 0, x).sum(), cr.where(cr.isnan(x), 0, x).sum() / (~cr.isnan(x)).sum(), cr.where(cr.isnan(x), -np.inf, x).max()
jnp.put_along_axis(…), jnp.place(…), jnp.select(…), jnp.piecewise(…), jnp.interp(…) | | `cr.where`, once for each case
jnp.median(x), jnp.quantile(x, 0.5), jnp.percentile(x, 50), jnp.histogram(x), jnp.unique(x), jnp.nonzero(x), jnp.argwhere(x), jnp.searchsorted(v, v), jnp.bincount(i), jnp.digitize(x, v), jnp.cov(x), jnp.corrcoef(x), jnp.lexsort(…), jnp.partition(v, 1) | | of values without gradient, NumPy's: `np.median(x.detach().numpy())`
jnp.linalg.inv(…), jnp.linalg.solve(…), jnp.linalg.svd(…), jnp.fft, jnp.convolve(…), jnp.correlate(…), jnp.polyfit(…), jnp.polyval(…), jnp.cross(…), jnp.real(x), jnp.imag(x), jax.scipy | | not here; NumPy's for values: `np.linalg.inv(x.detach().numpy())`

## Transformations
jax.jacfwd(f), jax.jacrev(f), jax.linearize(…) | | `cr.jacobian(f)(x)`; `cr.jvp(f, (x,), (t,))`
jax.vmap(f), jax.pmap(f), jax.lax | | operations take leading axes already: a function of one example is written for a batch of them; loops and branches are Python's
jax.jit(f) | cr.jit | records any function, one with side effects on models and optimisers too: [jit.md](jit.md)
jax.make_jaxpr(f), jax.named_scope("a") | | `cr.trace(result)` is the graph of a computation; modules name its parts
jax.custom_jvp, jax.custom_vjp, jax.custom_gradient | | `cr.primitive`: [adding-an-op.md](adding-an-op.md)
jax.checkpoint(f), jax.remat(f) | | not here: what a step keeps is freed as backward goes
jax.lax.stop_gradient(x) | x.detach()
jax.lax.scan(…), jax.lax.cond(…), jax.lax.fori_loop(…), jax.lax.while_loop(…) | | Python's loops and branches: the tape holds what ran
jax.tree, jax.tree_util | | not here: parameters are attributes of modules, `model.named_parameters()`
jax.debug, jax.debug_nans(True), jax.enable_x64(True) | | `with cr.debug():`; `cr.set_default_dtype("float64")`
jax.disable_jit() | | nothing is compiled unasked
grad(has_aux=), value_and_grad(has_aux=) | | return the value alone, and compute the rest beside it
jit(static_argnums=), jit(static_argnames=), jit(donate_argnums=) | | numbers and strings are static, tensors are not; what fits no recorded program is recorded anew
grad(fun=), value_and_grad(fun=), jacobian(fun=), hessian(fun=), jvp(primals=) | grad(f=), value_and_grad(f=), jacobian(f=), hessian(f=), jvp(inputs=)

## Random numbers
jax.random.PRNGKey(0), jax.random.key(0), jax.random.split(…), jax.random.fold_in(…) | | no keys: `cr.random.seed(0)`, or a `cr.random.Generator(0)` where the source must be explicit
jax.random.randint(…), jax.random.choice(…), jax.random.categorical(…), jax.random.truncated_normal(…) | | `cr.random.integers(0, 9, (3, 2))`, `x[cr.random.permutation(len(x))]`; one class of each row of probabilities `p`: `(p.cumsum(1) < cr.random.uniform(size=(len(p), 1))).sum(1)`
normal(shape=), uniform(shape=), uniform(minval=), uniform(maxval=), integers(shape=), bernoulli(shape=), normal(key=), uniform(key=) | normal(size=), uniform(size=), uniform(low=), uniform(high=), integers(size=), bernoulli(size=), normal(device=), uniform(device=)

## Networks
jax.nn.swish(x), jax.nn.log_sigmoid(x), jax.nn.relu6(x), jax.nn.hard_tanh(x), jax.nn.soft_sign(x), jax.nn.mish(x) | cr.silu(x), -cr.softplus(-x), cr.clip(x, 0, 6), cr.clip(x, -1, 1), x / (1 + cr.abs(x)), x * cr.tanh(cr.softplus(x))
jax.nn.initializers | cr.nn.INITIALIZERS | as names: `cr.nn.Linear(3, 2, init="he_normal")`
jax.nn.standardize(x) | (x - x.mean(axis=-1, keepdims=True)) / cr.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
jax.nn.dot_product_attention(…) | | `cr.softmax(q @ k.swapaxes(-1, -2) / d**0.5) @ v`
optax.adam(1e-3), optax.sgd(0.1), optax.apply_updates(…), optax.chain(…) | | `cr.optim.Adam(model.parameters(), lr=1e-3)` holds the parameters, and `optimizer.step()` changes them
flax.linen.Dense(2), flax.linen.compact, flax.linen.Module.init(…), model.init(…) | | `cr.nn.Linear(n_in, n_out)`; a module holds its parameters from the start
"""

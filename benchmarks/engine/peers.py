"""Other programs that train many networks: torch.func, JAX, scikit-learn."""

import warnings
from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from torch import Tensor
from torch.func import functional_call, grad, replace_all_batch_norm_modules_, stack_module_state, vmap
from works import Run, Work

Tensors = dict[str, Tensor]


def ensembling(work: Work, compiled: bool = True) -> Run:
    """`torch.func` as PyTorch's tutorial on model ensembling has it, with Adam written out.

    Batch norm keeps no running statistics, for `vmap` cannot update them (`torch.func` has no better answer).
    """
    torch.manual_seed(0)
    base = replace_all_batch_norm_modules_(work.module())

    def loss(p: Tensors, b: Tensors, x: Tensor, y: Tensor) -> Tensor:
        return work.loss(functional_call(base, (p, b), (x,)), y)

    gradients = vmap(grad(loss), in_dims=(0, 0, 0, 0), randomness="different")

    def step(p: Tensors, b: Tensors, m: Tensors, v: Tensors, rows: Tensor, bias: Tensor) -> None:
        g = gradients(p, b, work.x[rows], work.y[rows])
        for name in p:
            m[name].lerp_(g[name], 0.1)
            v[name].mul_(0.999).addcmul_(g[name], g[name], value=0.001)
            p[name].sub_(1e-3 * (m[name] / bias[0]) / ((v[name] / bias[1]).sqrt() + 1e-8))

    take = torch.compile(step) if compiled else step

    def run(steps: int) -> int:
        networks = [replace_all_batch_norm_modules_(work.module()) for _ in range(work.members)]
        parameters, buffers = stack_module_state(networks)
        p = {name: value.detach() for name, value in parameters.items()}
        m, v = ({name: torch.zeros_like(value) for name, value in p.items()} for _ in range(2))
        for t in range(steps):
            rows = torch.randint(len(work.x), (work.members, work.batch))
            take(p, buffers, m, v, rows, torch.tensor([1 - 0.9 ** (t + 1), 1 - 0.999 ** (t + 1)]))
        return steps * work.members

    return run


def jax_population(work: Work) -> Run:
    """JAX: `vmap` over networks, `scan` over steps, optax's Adam; perceptrons."""
    import jax
    import optax
    from jax import numpy as jnp

    at_once = 20 if work.sizes[0] > 100 else 200
    x, y = jnp.asarray(work.x.flatten(1).numpy()), jnp.asarray(work.y.numpy())
    optimiser = optax.adam(1e-3)
    activation = jnp.tanh if work.activation == "tanh" else jax.nn.relu

    def loss(p: Any, rows: Any, key: Any) -> Any:
        h = x[rows]
        for number, (w, b) in enumerate(p):
            h = h @ w + b
            if number < len(p) - 1:
                h = activation(h)
                if work.dropout:
                    kept = jax.random.bernoulli(jax.random.fold_in(key, number), 1 - work.dropout, h.shape)
                    h = jnp.where(kept, h / (1 - work.dropout), 0)
        if work.classes:
            return optax.softmax_cross_entropy_with_integer_labels(h, y[rows]).mean()
        return jnp.mean((h[:, 0] - y[rows]) ** 2)

    def step(carry: Any, now: Any) -> Any:
        p, state = carry
        value, g = jax.value_and_grad(loss)(p, *now)
        updates, state = optimiser.update(g, state)
        return (optax.apply_updates(p, updates), state), value

    @partial(jax.jit, donate_argnums=0)
    def steps_of_all(carry: Any, rows: Any, keys: Any) -> Any:
        return jax.vmap(lambda c, r, k: jax.lax.scan(step, c, (r, k)))(carry, rows, keys)

    def start(key: Any) -> Any:
        pairs = zip(work.sizes, work.sizes[1:], strict=False)
        p = [(jax.random.normal(key, pair) / pair[0] ** 0.5, jnp.zeros(pair[1])) for pair in pairs]
        return p, optimiser.init(p)

    def run(steps: int) -> int:
        carry = jax.vmap(start)(jax.random.split(jax.random.key(0), work.members))
        calls = -(-steps // at_once)
        random = np.random.default_rng(0)
        for call in range(calls):
            rows = random.integers(len(work.x), size=(work.members, at_once, work.batch))
            keys = jax.random.split(jax.random.key(call), (work.members, at_once))
            carry, values = steps_of_all(carry, rows, keys)
        jax.block_until_ready(values)
        return calls * at_once * work.members

    return run


def scikit_learn(work: Work) -> Run:
    """scikit-learn's own perceptron, one network after another."""
    x, y = work.x.flatten(1).numpy(), work.y.numpy()
    kind = MLPClassifier if work.classes else MLPRegressor
    per_epoch = -(-len(x) // work.batch)

    def run(steps: int) -> int:
        epochs = -(-steps // per_epoch)
        model = kind(
            hidden_layer_sizes=work.sizes[1:-1], activation=work.activation, batch_size=work.batch, max_iter=epochs, alpha=0.0, tol=0.0,
            n_iter_no_change=epochs + 1,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(x, y)
        return epochs * per_epoch

    return run

"""Every named model: its defaults exist, it trains on every kernel that takes it, and all agree."""

import numpy as np
import pytest
from problems import losses, make_problem, run

import goodfit as gf
from goodfit.nn import ACTIVATIONS, MODELS, NORMS
from goodfit.population import KERNELS

SMALL = make_problem(rows=24, columns=(1, 16, 16), classes=3, validation=8)
LARGE = make_problem(rows=24, columns=(1, 29, 29), classes=3, validation=8)
NOT_CHAINS = ("resnet", "preact", "densenet")


@pytest.mark.parametrize("model", MODELS)
def test_defaults_exist(model: str) -> None:
    entry = MODELS[model]
    assert entry.activation in ACTIVATIONS and entry.norm in NORMS and entry.width > 0
    assert entry.about and entry.width_means and entry.depth_means and entry.dropout
    assert (entry.depth is None) == (entry.depth_means == "fixed")


@pytest.mark.parametrize("model", MODELS)
def test_two_steps_on_every_kernel_give_equal_losses(model: str) -> None:
    problem = LARGE if model == "densenet" else SMALL
    # smooth, and a small rate: with 0.02 plain PyTorch's resnet-56 in float32 is 4e-4 off its own in float64, and the
    # deeper the network, the more of rounding a rate lets grow (0.001: 1.3e-4 between kernels on some processors)
    config = gf.Config(model=model, width=2, activation="tanh", batch_size=12, epochs=1, lr=0.0003, optimiser="sgd",
                       dropout=0.1)  # fmt: skip
    configs = gf.vary(config, seed=range(2))
    refused = {name for name in KERNELS if KERNELS[name].refusal(config, problem)}
    expected = {"dense"} if model != "mlp" else set()
    assert refused == expected | ({"resident"} if model.startswith(NOT_CHAINS) else set())
    reference = [losses(result) for result in run(configs, problem, "sequential")]
    for kernel in set(KERNELS) - refused - {"sequential"}:
        for result, one in zip(run(configs, problem, kernel), reference, strict=True):
            np.testing.assert_allclose(losses(result), one, rtol=1e-4, err_msg=f"{model} on {kernel}")


def test_weights_come_out_as_any_reader_expects_them() -> None:
    """The kernel may lay images and filters out otherwise while it trains."""
    config = gf.Config(model="cnn", width=2, batch_size=12, epochs=1)
    [(outcome, _)] = run([config], SMALL, "sequential")
    assert all(value.is_contiguous() for value in outcome.weights.values())

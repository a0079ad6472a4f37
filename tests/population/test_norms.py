"""Every kernel with every normalisation against PyTorch's own layers, in training and evaluation mode."""

import numpy as np
import pytest
import torch
from problems import make_problem, run
from torch import nn

import goodfit as gf
from goodfit.nn import NORMS, build_model
from goodfit.population import KERNELS, Problem
from goodfit.randomness import batch_order

TABLE = make_problem(rows=74, columns=13, classes=3, validation=20)
IMAGES = make_problem(rows=74, columns=(1, 16, 16), classes=3, validation=20)
CASES = [
    *((norm, "mlp", kernel) for norm in NORMS for kernel in KERNELS),
    *((norm, "lenet", kernel) for norm in NORMS for kernel in KERNELS if kernel != "dense"),
]


def reference(config: gf.Config, problem: Problem) -> tuple[nn.Module, list[float]]:
    """A plain loop over PyTorch's own layers, in double precision; returns the module and validation losses."""
    module = build_model(config, problem.input_shape, problem.outputs).double()
    optimiser = torch.optim.SGD(module.parameters(), lr=config.lr, momentum=config.momentum)
    x, y, found = problem.train.x.double(), problem.train.y, []
    assert problem.validation is not None
    for epoch in range(1, config.epochs + 1):
        for rows in torch.from_numpy(batch_order(config.seed, epoch, len(y))).split(config.batch_size):
            optimiser.zero_grad()
            nn.functional.cross_entropy(module.train()(x[rows]), y[rows]).backward()
            optimiser.step()
        with torch.no_grad():
            output = module.eval()(problem.validation.x.double())
        found.append(float(nn.functional.cross_entropy(output, problem.validation.y)))
    return module, found


@pytest.mark.parametrize(("norm", "model", "kernel"), CASES)
def test_every_kernel_equals_pytorch_with_every_norm(norm: str, model: str, kernel: str) -> None:
    problem = TABLE if model == "mlp" else IMAGES
    width = (12, 8) if model == "mlp" else 4
    config = gf.Config(model=model, width=width, norm=norm, activation="tanh", optimiser="sgd", lr=0.02, epochs=4,
                       batch_size=37)  # fmt: skip
    refused = KERNELS[kernel].refusal(config, problem)
    if refused:
        assert (kernel, norm) in {("resident", "layer"), ("resident", "group"), *(("dense", n) for n in NORMS)}
        assert "has no compiled form" in refused or "does not know" in refused
        return
    for own, (outcome, records) in zip(
        gf.vary(config, seed=range(2)), run(gf.vary(config, seed=range(2)), problem, kernel), strict=True
    ):
        module, validation = reference(own, problem)
        np.testing.assert_allclose([r.validation_loss for r in records[1:]], validation, rtol=1e-4)
        if outcome.best_epoch == own.epochs:
            for name, value in module.state_dict().items():
                torch.testing.assert_close(
                    outcome.weights[name].double(), value.double(), rtol=1e-3, atol=2e-4, msg=name
                )


@pytest.mark.parametrize("model", ["mlp", "lenet"])
def test_a_last_batch_of_one_row_trains_on_every_kernel(model: str) -> None:
    """PyTorch's own batch norm refuses it: Expected more than 1 value per channel when training."""
    problem = make_problem(rows=33, columns=13 if model == "mlp" else (1, 16, 16), classes=3, validation=9)
    config = gf.Config(model=model, width=6, norm="batch", activation="tanh", batch_size=16, epochs=2, lr=1e-2,
                       optimiser="sgd")  # fmt: skip
    expected = run([config], problem, "sequential")[0][0].validation_loss
    for kernel in ("resident", "generic", "side-by-side"):
        assert run([config], problem, kernel)[0][0].validation_loss == pytest.approx(expected, rel=1e-4)

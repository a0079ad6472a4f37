"""Signals measured in wide networks agree with theory; collapse and saturation show."""

import json
import math

import numpy as np
import pytest

from goodfit.nn.signals import BINS, measure_signals
from goodfit.studies.signals import fate_of


def column(record: dict, name: str) -> np.ndarray:
    return np.array([layer[name] for layer in record["layers"]])


@pytest.mark.parametrize(
    ("activation", "init", "scale"),
    [
        ("relu", "kaiming-normal", 1.0), ("relu", "xavier-uniform", 1.0), ("relu", "default", 1.0), ("tanh", "xavier-normal", 1.0),
        ("tanh", "kaiming-uniform", 1.3), ("tanh", "normal(0, 1)", 1.0), ("tanh", "normal(0, 0.01)", 1.0), ("selu", "lecun-normal", 1.0),
        ("gelu", "truncated-normal", 1.5), ("tanh", "orthogonal", 1.0),
    ],
)  # fmt: skip
def test_theory_and_measurement_agree_at_width_1000(activation: str, init: str, scale: float) -> None:
    found = measure_signals(activation, init, scale, depth=4, width=1000, rows=64, networks=3).to_json()
    for name in ("preactivation", "variance", "gradient"):
        np.testing.assert_allclose(column(found, name), found["expected"][name], rtol=0.1, err_msg=name)
        np.testing.assert_allclose(np.log(column(found, name) / found["expected"][name]).mean(), 0, atol=0.05)
    np.testing.assert_allclose(column(found, "mean"), found["expected"]["mean"], atol=0.03)


@pytest.mark.parametrize(
    ("activation", "init", "scale"), [("tanh", "xavier-uniform", 1.5), ("relu", "kaiming-normal", 1)]
)
def test_convolutions_agree_with_theory(activation: str, init: str, scale: float) -> None:
    found = measure_signals(activation, init, scale, depth=3, width=120, kind="conv", rows=4, networks=3).to_json()
    for name in ("preactivation", "variance", "gradient"):
        np.testing.assert_allclose(column(found, name), found["expected"][name], rtol=0.15, err_msg=name)


def test_too_small_collapses_and_too_large_saturates() -> None:
    small = measure_signals("tanh", "normal(0, 0.01)", depth=8, width=256).to_json()
    assert column(small, "variance")[-1] < 1e-9 and column(small, "gradient")[0] < 1e-9
    large = measure_signals("tanh", "normal(0, 1)", depth=8, width=256).to_json()
    counts = np.array(large["layers"][-1]["activations"]["counts"])
    assert (counts[0] + counts[-1]) / counts.sum() > 0.8 and column(large, "gradient")[0] > 1e3
    kept = measure_signals("relu", "lsuv", depth=8, width=256).to_json()
    np.testing.assert_allclose(column(kept, "preactivation"), 1, atol=0.05)


@pytest.mark.parametrize("init", ["uniform(0, 1)", "zero", "zeros", "residual-zero"])
def test_record_is_json_and_theory_is_silent_where_it_has_no_answer(init: str) -> None:
    found = measure_signals("relu", init, depth=3, width=20, rows=16, networks=2).to_json()
    assert found["expected"] is None or init == "zeros"
    again = json.loads(json.dumps(found))
    assert again == found and len(found["layers"]) == 3
    for layer in found["layers"]:
        for name in ("activations", "gradients"):
            assert len(layer[name]["counts"]) == BINS and sum(layer[name]["counts"]) == 16 * 20


def test_a_signal_that_overflows_has_no_histogram() -> None:
    found = measure_signals("relu", "constant(1000)", depth=30, width=100, rows=4).to_json()
    assert found["layers"][-1]["activations"]["counts"] == []


@pytest.mark.parametrize(
    ("ratio", "fate"),
    [(0, "vanishes"), (1e-4, "vanishes"), (0.05, "falls"), (0.5, "is kept"), (2, "is kept"), (30, "grows"), (1e4, "explodes"),
     (math.inf, "explodes"), (math.nan, "explodes")],
)  # fmt: skip
def test_what_becomes_of_a_signal_has_five_names(ratio: float, fate: str) -> None:
    assert fate_of(3.0 * ratio, 3.0) == fate

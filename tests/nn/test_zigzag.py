"""All-positive inputs move both weights of a neuron in one direction; the figures come from real descents."""

import numpy as np

from goodfit.nn.zigzag import GOAL, START, zigzag


def test_all_positive_inputs_force_one_sign() -> None:
    for seed in range(5):
        ways = zigzag(seed=seed)
        positive, centred = ways["positive"], ways["centred"]
        assert (positive.inputs > 0).all() and positive.same_sign == 1
        assert 0.2 < centred.same_sign < 0.8
        np.testing.assert_allclose((positive.inputs**2).mean(), (centred.inputs**2).mean())
        for way in ways.values():
            assert tuple(way.weights[0]) == START
        assert np.linalg.norm(centred.weights[-1] - GOAL) < 0.01, "centred inputs arrive"


def test_the_way_is_gradient_descent() -> None:
    way = zigzag(lr=0.5, steps=3)["positive"]
    for before, after in zip(way.weights[:-1], way.weights[1:], strict=True):
        gradients = way.inputs * (way.inputs @ (before - np.array(GOAL)))[:, None]
        assert np.isclose(before - 0.5 * gradients, after).all(1).any(), "a step is that of one of the samples"
    moved = np.diff(way.weights, axis=0)
    length = np.linalg.norm(moved, axis=1).sum() / np.linalg.norm(way.weights[-1] - way.weights[0])
    assert way.detour == length >= 1

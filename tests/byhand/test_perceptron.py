"""The perceptron against its theory, and both answers on separability against exact arithmetic and scikit-learn."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from sklearn.svm import SVC

from goodfit.byhand.perceptron import learn, sweep
from goodfit.byhand.separability import largest_margin, separate, signed
from goodfit.byhand.two_classes import TOYS, from_frame, toy
from goodfit.errors import GoodfitError
from goodfit.randomness import batch_order

WHOLE = st.integers(-6, 6)


@st.composite
def samples(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Points with whole coordinates, often in the same place, with labels of both classes: separable or not."""
    d, n = draw(st.integers(1, 3)), draw(st.integers(2, 9))
    x = np.array(draw(st.lists(st.tuples(*[WHOLE] * d), min_size=n, max_size=n)), dtype=float)
    y = np.array(draw(st.lists(st.sampled_from([-1.0, 1.0]), min_size=n, max_size=n)))
    assume(len(set(y)) == 2)
    return x, y


@st.composite
def separable_samples(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Points with whole coordinates, labelled by a hyperplane with whole weights that passes through none."""
    x, _ = draw(samples())
    weights = np.array(draw(st.lists(WHOLE, min_size=x.shape[1], max_size=x.shape[1])), dtype=float)
    height = x @ weights + draw(WHOLE) + 0.5
    assume(len(set(np.sign(height))) == 2)
    return x, np.sign(height)


def exactly(z: np.ndarray, weights: np.ndarray) -> list[Fraction]:
    """z.w of every sample without any rounding."""
    w = [Fraction(value) for value in weights]
    return [sum((Fraction(a) * b for a, b in zip(row, w, strict=True)), Fraction(0)) for row in z]


ON_THE_LINE = (
    np.array([[0, 0], [0, 1], [2, 1], [-3, 0], [-6, 0], [-6, 5]], dtype=float), np.array([1.0, -1, -1, 1, 1, -1])
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(separable_samples(), st.integers(0, 3), st.sampled_from([0.3, 1.0, 7.0]))
@example(ON_THE_LINE, 0, 0.3)
def test_separable_data_are_learnt_within_the_bound(data: tuple[np.ndarray, np.ndarray], seed: int, eta: float) -> None:
    x, y = data
    lesson = learn(x, y, epochs=100_000, seed=seed, eta=eta)
    assert lesson.separability.kind == "separable" and lesson.sweeps.converged and lesson.bound is not None
    assert lesson.sweeps.mistakes.sum() <= lesson.bound * (1 + 1e-9)
    assert lesson.sweeps.wrong[-1] == 0
    whole = np.round(lesson.sweeps.weights[-1] / eta)  # a point may lie on the line itself: no rounding is allowed
    np.testing.assert_allclose(lesson.sweeps.weights[-1], eta * whole)
    assert (np.where(np.column_stack([x, np.ones(len(x))]) @ whole >= 0, 1, -1) == y).all()


@settings(max_examples=300, deadline=None)
@given(samples())
def test_either_answer_is_proved(data: tuple[np.ndarray, np.ndarray]) -> None:
    """Gordan: a hyperplane or a certificate, and each is what it claims to be."""
    found, z = separate(*data), signed(*data)
    assert found.kind != "undecided"
    assert (found.weights is None) != (found.multipliers is None)
    if found.weights is not None:
        assert min(exactly(z, found.weights)) > 0
    if found.multipliers is not None:
        assert (found.multipliers >= 0).all() and found.multipliers.sum() == pytest.approx(1, abs=1e-12)
        assert np.abs(found.multipliers @ z).max() < 1e-12
        assert (found.multipliers > 0).sum() <= z.shape[1] + 1  # Caratheodory: no more are needed


@settings(max_examples=60, deadline=None)
@given(separable_samples())
def test_the_margin_lies_between_its_bounds(data: tuple[np.ndarray, np.ndarray]) -> None:
    """gamma = 1 / |w| of the hard-margin machine on features with a constant and no intercept of its own."""
    x, y = data
    margin = largest_margin(x, y)
    assert margin.gamma == pytest.approx(margin.at_most, rel=1e-9)
    assert np.linalg.norm(margin.weights) == pytest.approx(1)
    z = signed(x, y)
    assert (z[margin.support] @ margin.weights).max() == pytest.approx(margin.gamma, rel=1e-6)


def test_the_margin_is_that_of_a_support_vector_machine() -> None:
    samples = toy("separable", 1)
    x, margin = samples.standardised(), largest_margin(samples.standardised(), samples.y)
    z = signed(x, samples.y)
    # scikit-learn leaves the intercept out of the margin; twins of opposite label force it to 0
    machine = SVC(C=1e9, kernel="linear", tol=1e-10).fit(np.vstack([z, -z]), np.repeat([1, -1], len(z)))
    assert machine.intercept_ == pytest.approx(0, abs=1e-5)
    assert margin.gamma == pytest.approx(1 / np.linalg.norm(machine.coef_), rel=1e-4)


@pytest.mark.parametrize("name", ["xor", "twins"])
def test_what_cannot_be_separated_is_said_and_ends(name: str) -> None:
    xor = toy("xor")
    x = xor.x if name == "xor" else np.array([[0.0], [1.0], [1.0], [2.0]])
    y = xor.y if name == "xor" else np.array([-1.0, -1.0, 1.0, 1.0])
    lesson = learn(x, y, epochs=30)
    assert len(lesson.sweeps.mistakes) == 30 and (lesson.sweeps.mistakes > 0).all() and lesson.bound is None
    assert "no number of sweeps ends the mistakes" in " ".join(lesson.words())
    expected = [0.25] * 4 if name == "xor" else [0, 0.5, 0.5, 0]
    assert lesson.separability.multipliers == pytest.approx(expected, abs=1e-12)


def test_a_gap_below_the_solvers_tolerance_is_undecided_and_never_denied() -> None:
    for gap, kind in ((1e-7, "separable"), (1e-10, "undecided"), (1e-12, "undecided")):
        found = learn(np.array([[0.0], [gap], [1.0]]), np.array([-1.0, 1.0, 1.0]), epochs=3)
        assert found.separability.kind == kind and (found.bound is None) == (kind == "undecided")
        assert ("neither a hyperplane nor a proof" in " ".join(found.words())) == (kind == "undecided")


def test_the_rule_is_that_of_a_plain_loop_and_eta_only_scales() -> None:
    samples = toy("overlapping", 2)
    x, y = samples.x, samples.y
    found = sweep(x, y, eta=0.5, epochs=7, seed=3)
    w, bias = np.zeros(2), 0.0
    for epoch in range(7):
        for i in batch_order(3, epoch, len(y)):
            error = y[i] - (1 if w[0] * x[i, 0] + w[1] * x[i, 1] + bias >= 0 else -1)
            w, bias = w + 0.5 * error * x[i], bias + 0.5 * error
        np.testing.assert_allclose(found.weights[epoch + 1], [*w, bias], rtol=1e-12)
    np.testing.assert_array_equal(sweep(x, y, eta=2.0, epochs=7, seed=3).weights, 4 * found.weights)


@pytest.mark.parametrize("name", TOYS)
@pytest.mark.parametrize("seed", range(5))
def test_toys_are_what_they_are_called(name: str, seed: int) -> None:
    samples = toy(name, seed)
    assert separate(samples.standardised(), samples.y).kind == ("separable" if name == "separable" else "not separable")


def test_weights_mean_the_same_in_own_units() -> None:
    frame = pd.DataFrame({"a": [1000.0, 1010, 1030, 1005], "b": [1e-3, 2e-3, 9e-3, 7e-3], "kind": ["u", "u", "v", "v"]})
    samples = from_frame(frame, "kind", name="t")
    weights = np.array([0.3, -2.0, 0.7])
    own = samples.in_own_units(weights)
    np.testing.assert_allclose(
        samples.x @ own[:-1] + own[-1], samples.standardised() @ weights[:-1] + weights[-1], atol=1e-10
    )
    assert samples.standardised().std(0) == pytest.approx([1, 1]) and samples.classes == ("u", "v")


def test_rows_without_numbers_are_left_out_and_counted() -> None:
    frame = pd.DataFrame({"a": [1.0, None, 3.0, np.inf], "c": ["u", "v", "v", "u"]})
    assert from_frame(frame, "c", name="t").left_out == 2
    with pytest.raises(GoodfitError, match="holds 1 different value in 1 complete row: a perceptron needs two"):
        from_frame(frame[:2], "c", name="t")

"""Calibration error by hand, and temperature against PyTorch and closed forms."""

import numpy as np
import pytest
import sklearn.metrics as skm
import torch

from goodfit.calibration import HOTTEST, choose_temperature, fit_temperature, reliability, tempered
from goodfit.metrics import METRICS, brier, log_loss


def drawn(rows: int, spread: float, seed: int = 0, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Labels and the probabilities from which they were drawn."""
    random = np.random.default_rng(seed)
    logits = spread * random.normal(size=(rows, classes))
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return (p.cumsum(1) > random.random((rows, 1))).argmax(1), p


def test_calibration_error_by_hand() -> None:
    """Bins of width 1/5: two rows at 0.65 and 0.75 (one right), three at 0.9 (all right), one at 0.45 (wrong)."""
    confidence = np.array([0.65, 0.75, 0.9, 0.9, 0.9, 0.45])
    p = np.stack([confidence, 1 - confidence - 0.1 * (confidence < 0.5), 0.1 * (confidence < 0.5)], 1)
    p[5] = [0.45, 0.3, 0.25]
    found = reliability(np.array([0, 1, 0, 0, 0, 2]), p, bins=5)
    assert (
        found.confidence == pytest.approx([0.45, 0.7, 0.9])
        and found.accuracy == [0, 0.5, 1]
        and found.count == [1, 2, 3]
    )
    assert found.ece == pytest.approx((1 * 0.45 + 2 * 0.2 + 3 * 0.1) / 6)


def test_true_probabilities_have_hardly_a_calibration_error() -> None:
    truth, p = drawn(50_000, 2.0)
    assert reliability(truth, p).ece < 0.01
    assert reliability(truth, tempered(p, 0.3)).ece > 0.1


@pytest.mark.parametrize("distortion", [0.25, 0.6, 1.0, 2.5])
def test_temperature_undoes_what_was_done(distortion: float) -> None:
    truth, p = drawn(40_000, 2.0, seed=1)
    distorted = tempered(p, distortion)
    found = fit_temperature(truth, distorted)
    assert found == pytest.approx(1 / distortion, rel=0.03)
    np.testing.assert_array_equal(tempered(distorted, found).argmax(1), p.argmax(1))
    if distortion > 0.5:  # below, probabilities under 1e-15 are lost on the way
        np.testing.assert_allclose(tempered(distorted, 1 / distortion), p, atol=1e-9)


def test_temperature_equals_pytorchs_optimum() -> None:
    truth, p = drawn(500, 1.5, seed=2)
    logits, inverse = torch.from_numpy(np.log(tempered(p, 0.4))), torch.ones(1, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([inverse], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(inverse * logits, torch.from_numpy(truth))
        loss.backward()
        return loss

    optimiser.step(closure)  # type: ignore[arg-type]
    assert fit_temperature(truth, tempered(p, 0.4)) == pytest.approx(1 / float(inverse.detach()), rel=1e-4)


def test_a_temperature_is_taken_only_where_it_helps_rows_left_out() -> None:
    truth, p = drawn(2000, 2.0, seed=3)
    assert choose_temperature(truth, tempered(p, 0.4)) == pytest.approx(2.5, rel=0.15)
    assert choose_temperature(truth[:40], tempered(p[:40], 0.4)) == 1, "too few rows"
    taken = [choose_temperature(*drawn(100, 2.0, seed)) != 1 for seed in range(30)]
    assert np.mean(taken) < 0.3, "true probabilities need none"
    certain = np.eye(4)[truth] * 0.9 + 0.025
    assert 1 / HOTTEST <= fit_temperature(truth, certain) < 0.2, "all right: ever surer"
    with_prior = fit_temperature(truth[:90], certain[:90], prior=0.3)
    assert with_prior > 5 * fit_temperature(truth[:90], certain[:90]), "a few such rows say little"


def test_proper_scores_equal_scikit_learns() -> None:
    truth, p = drawn(300, 1.0)
    assert log_loss(truth, p) == pytest.approx(skm.log_loss(truth, p))
    assert brier(truth, p) == pytest.approx(((p - np.eye(4)[truth]) ** 2).sum(1).mean())
    two = p[:, :2] / p[:, :2].sum(1, keepdims=True)
    binary = truth % 2
    assert METRICS["brier"].of(binary, two) == pytest.approx(2 * skm.brier_score_loss(binary, two[:, 1]))

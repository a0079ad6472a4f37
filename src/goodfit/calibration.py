"""How far probabilities can be taken at their word: calibration error, reliability, and the temperature that mends it."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from goodfit.randomness import numpy_generator

BINS = 15
"""As in Guo et al. 2017."""
HOTTEST = 20.0
"""Temperatures are looked for between 1 / HOTTEST and HOTTEST."""
SMALLEST_P = 1e-15
PARTS, FEWEST_ROWS = 5, 50
"""Parts in which a temperature is tried on rows that it was not fitted on; rows below which none is fitted."""
PRIOR = 0.3
"""Standard deviation of the logarithm of temperatures that are expected: most lie between 0.5 and 2."""


@dataclass(frozen=True)
class Reliability:
    """What happened to predictions of about the same confidence: one value for each bin that holds any.

    Attributes:
        confidence: mean of the highest probability. accuracy: share that was right. count: rows.
        ece: the expected calibration error.
    """

    confidence: list[float]
    accuracy: list[float]
    count: list[int]
    ece: float

    def record(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self)


def reliability(truth: np.ndarray, p: np.ndarray, bins: int = BINS) -> Reliability:
    """Return confidence against accuracy in bins of equal width, and the expected calibration error.

    The error is the mean over all rows of |accuracy - confidence| of the row's bin (Guo et al. 2017, equation 3);
    confidence is the highest probability, and only whether that class is the true one counts. It is never negative,
    so that perfect probabilities too have one above zero on few rows.

    Args:
        truth: class indices [n]. p: probabilities [n, C].
    """
    confidence, hit = p.max(1), p.argmax(1) == truth
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    filled = np.unique(place).tolist()
    mean = [float(confidence[place == b].mean()) for b in filled]
    accuracy = [float(hit[place == b].mean()) for b in filled]
    count = [int((place == b).sum()) for b in filled]
    error = sum(n * abs(a - c) for n, a, c in zip(count, accuracy, mean, strict=True)) / len(truth)
    return Reliability(mean, accuracy, count, float(error))


def tempered(p: np.ndarray, temperature: float) -> np.ndarray:
    """Return softmax(log p / temperature): above 1 less sure, below 1 surer; the order of the classes stays.

    The logits of an average of probabilities are its logarithms, so this is temperature scaling of the ensemble as
    one model, not of its members (which would leave the average too unsure: Rahaman & Thiery 2021).
    """
    if temperature == 1:
        return p
    logits = np.log(np.clip(p, SMALLEST_P, 1)) / temperature
    odds = np.exp(logits - logits.max(-1, keepdims=True))
    return odds / odds.sum(-1, keepdims=True)


def fit_temperature(truth: np.ndarray, p: np.ndarray, prior: float | None = None) -> float:
    """Return the temperature with the lowest log-loss (Guo et al. 2017, section 4.2), from 1 / `HOTTEST` to `HOTTEST`.

    Args:
        prior: standard deviation of the logarithm of the temperatures that one expects, around 0. Few rows, all predicted
            right, say that one should be ever surer; with a prior they say hardly anything. None: no prior.
    """
    rows = np.arange(len(truth))
    logits = np.log(np.clip(p, SMALLEST_P, 1))
    logits = logits - logits.max(1, keepdims=True)

    def loss(log_temperature: float) -> float:
        scaled = np.exp(-log_temperature) * logits
        penalty = 0.0 if prior is None else (log_temperature / prior) ** 2 / 2
        return float((np.log(np.exp(scaled).sum(1)) - scaled[rows, truth]).sum() + penalty)

    bounds = (-np.log(HOTTEST), np.log(HOTTEST))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-7}).x))


def crossed_temperature(truth: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return probabilities [n, C] of which each fifth of the rows is tempered as the other rows want it.

    What these say of a temperature is not flattered by having fitted it on the same rows.
    """
    parts = numpy_generator(0, "temperature parts").permutation(len(truth)) % PARTS
    out = np.empty_like(p)
    for part in range(PARTS):
        here = parts == part
        out[here] = tempered(p[here], fit_temperature(truth[~here], p[~here], PRIOR))
    return out


def choose_temperature(truth: np.ndarray, p: np.ndarray) -> float:
    """Return the temperature that these rows want, or 1 where that may be luck.

    It is taken if it lowers the log-loss of rows left out of fitting it by more than the standard error of that gain.
    """
    if len(truth) < FEWEST_ROWS:
        return 1.0
    rows = np.arange(len(truth))
    gain = np.log(np.clip(crossed_temperature(truth, p)[rows, truth], SMALLEST_P, 1)) - np.log(
        np.clip(p[rows, truth], SMALLEST_P, 1)
    )
    if gain.mean() <= gain.std(ddof=1) / np.sqrt(len(truth)):
        return 1.0
    return fit_temperature(truth, p, PRIOR)

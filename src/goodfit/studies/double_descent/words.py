"""What was found, in sentences."""

from collections.abc import Mapping, Sequence

import numpy as np

from goodfit.studies.double_descent.setting import Setting
from goodfit.studies.double_descent.shape import FLAT, INTERPOLATING, Interval, Shape, greatest_rise, log_mean, ratio
from goodfit.wording import figure

NOT_SURE = " With these seeds that is not beyond their scatter."
STEADY = 1.005
"""A rise by less than this factor is told as none."""


def of_threshold(s: Setting, border: float | None, share: float | None) -> list[str]:
    """Say from which size on training data are interpolated."""
    rule = f"the training loss is below {INTERPOLATING:.0%} of that of a constant output"
    if border is None or share is None:
        return [f"No size interpolates: at none {rule}. Train longer, on fewer rows, or with less regularisation."]
    return [
        f"The interpolation threshold is at {figure(border)} {s.size}, where parameters / (samples x outputs) is"
        f" {figure(share)}: from there on {rule}."
    ]


def of_curve(shape: Shape | None, losses: np.ndarray, xs: Sequence[float], what: str) -> list[str]:
    """Say how the test loss goes along sizes."""
    mean = _mean(losses)
    if shape is None:
        best = int(np.nanargmin(mean))
        return [f"There is no peak: the test loss is lowest ({figure(mean[best])}) at {figure(xs[best])} {what}."]
    first, peak, last = shape.first, shape.peak, shape.last
    sure = "" if shape.certain else " With these seeds the peak is not beyond their scatter."
    _, low, high = shape.deeper
    end = "lower than" if high < 1 else "higher than" if low > 1 else "not to be told apart from"
    return [
        f"The test loss falls to {figure(mean[first])} at {figure(xs[first])} {what}, rises to {figure(mean[peak])} at"
        f" {figure(xs[peak])}, by a factor of {_times(shape.rise)}, and falls again to {figure(mean[last])} at"
        f" {figure(xs[last])}, by a factor of {_times(shape.fall)}.{sure}",
        f"The second minimum is {end} the first: it is {_times(shape.deeper)} times as large.",
    ]


def of_errors(errors: np.ndarray, train_errors: np.ndarray, xs: Sequence[float], what: str, unit: str) -> str:
    """Say how the mean test error goes along sizes: where it rises most, from which minimum, and its end.

    Shape:
        errors, train_errors: [seeds, points].
    """
    mean = np.nanmean(errors, 0)
    top = int(np.nanargmax(mean - np.fmin.accumulate(mean)))
    lowest = int(np.nanargmin(mean[: top + 1]))
    told = [f"{figure(mean[k])} at {figure(xs[k])}" for k in dict.fromkeys((lowest, top, len(xs) - 1))]
    fitted = np.flatnonzero(np.nanmean(train_errors, 0) == 0)
    zero = f"; the training error is first zero at {figure(xs[fitted[0]])}" if len(fitted) else ""
    return f"The test error ({unit}) is {', '.join(told)} {what}{zero}."


def of_cures(plain: np.ndarray, cured: Mapping[str, np.ndarray]) -> list[str]:
    """Say for each cure whether the peak is gone, by the greatest rise along the axis."""
    before, sentences = greatest_rise(plain), []
    if before < FLAT:
        return []
    peak = int(np.nanargmax(_mean(plain) / np.fmin.accumulate(_mean(plain))))
    for name, losses in cured.items():
        after = greatest_rise(losses)
        gone = "removes the peak" if after < FLAT else "makes the peak smaller" if after < before else "does not help"
        rises = "nowhere" if after < STEADY else f"at most {figure(after)}-fold"
        sentences.append(
            f"{name.capitalize()} {gone}: along the axis the loss rises {rises} instead of {figure(before)}-fold, and at the peak it is smaller"
            f" by a factor of {_times(ratio(plain[:, peak], losses[:, peak]))}."
        )
    return sentences


def of_time(
    name: str, shape: Shape | None, losses: np.ndarray, times: Sequence[float], unit: str, border: float | None
) -> list[str]:
    """Say how the test loss of one size goes along time."""
    mean = _mean(losses)
    best, end = int(np.nanargmin(mean)), len(mean) - 1
    fitted = f"interpolates from {figure(border)} {unit} on" if border is not None else "does not interpolate"
    if shape is not None:
        return [
            f"{name}: the test loss descends twice: to {figure(mean[shape.first])} after {figure(times[shape.first])} {unit}, up to"
            f" {figure(mean[shape.peak])} after {figure(times[shape.peak])}, a factor of {_times(shape.rise)}, down to"
            f" {figure(mean[shape.last])} after {figure(times[shape.last])}; it {fitted}."
            + ("" if shape.certain else NOT_SURE)
        ]
    if mean[end] < STEADY * mean[best]:
        since = "to the end" if best == end else f"until {figure(times[best])} {unit} and stays there"
        return [f"{name}: the test loss falls {since} ({figure(mean[end])}); it {fitted}."]
    return [
        f"{name}: the test loss is lowest after {figure(times[best])} {unit} ({figure(mean[best])}) and rises to"
        f" {figure(mean[end])} without falling again, by a factor of {_times(ratio(losses[:, end], losses[:, best]))}: stopping there"
        f" would have been best; it {fitted}."
    ]


def of_samples(
    shape: Shape | None, losses: np.ndarray, counts: Sequence[int], model: str, border: float | None
) -> list[str]:
    """Say whether more data hurts."""
    fitted = (
        f"A model of {model} fits up to {figure(border)} samples." if border is not None
        else f"A model of {model} interpolates none of these numbers of samples."
    )  # fmt: skip
    if shape is None:
        return [fitted, "More data never hurts here: the test loss has no peak."]
    mean = _mean(losses)
    return [
        fitted,
        f"More data hurts between {figure(counts[shape.first])} and {figure(counts[shape.peak])} samples: the test loss"
        f" rises from {figure(mean[shape.first])} to {figure(mean[shape.peak])}, by a factor of {_times(shape.rise)}, and falls to"
        f" {figure(mean[shape.last])} at {figure(counts[shape.last])}." + ("" if shape.certain else NOT_SURE),
    ]


def of_map(
    losses: np.ndarray, sizes: Sequence[float], times: Sequence[float], s: Setting, borders: Sequence[float | None]
) -> list[str]:
    """Say where on the map the loss is lowest and highest."""
    row, column = divmod(int(np.nanargmin(losses)), losses.shape[1])
    end = losses[-1]
    sentences = [
        f"The test loss is lowest ({figure(losses[row, column])}) at {figure(sizes[column])} {s.size} after {figure(times[row])}"
        f" {s.time}."
    ]
    peak = int(np.nanargmax(end[1:-1])) + 1
    sentences.append(
        f"Trained to the end it is highest at {figure(sizes[peak])} {s.size} ({figure(end[peak])}), and {figure(end[-1])} at"
        f" {figure(sizes[-1])}."
    )
    known = [(size, border) for size, border in zip(sizes, borders, strict=True) if border is not None]
    if known:
        (small, late), (large, early) = known[0], known[-1]
        sentences.append(
            f"The larger the model, the sooner it interpolates: {figure(small)} {s.size} after {figure(late)} {s.time},"
            f" {figure(large)} after {figure(early)}."
        )
    return sentences


def _mean(losses: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(log_mean(losses)))


def _times(found: Interval) -> str:
    mean, low, high = found
    return f"{figure(mean)} ({figure(low)} to {figure(high)})"

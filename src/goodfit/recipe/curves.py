"""Step 6: what the learning curves say, by rules with stated thresholds.

The kinds are those of Zhang et al., "Dive into Deep Learning", and of the tutorial on training in seven steps that
goes back to CS231n (Stanford): flat at first, decayed too early, on a plateau, still improving, overfitting,
underfitting, unstable.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from goodfit.optim.schedules import rate_table
from goodfit.runs import Runs, Training
from goodfit.wording import count

FEWEST_EPOCHS = 6
"""A curve with fewer points says nothing but that it diverged."""
LATE = 1 / 3
"""The last share of a training, in which it should have settled."""
JUMP, JUMPS = 0.1, 2
"""Unstable: the training loss rises at least so often by this share of its whole fall from one epoch to the next, ..."""
LOST, GROWN = 0.25, 1.5
"""... or ends the first share of its fall above its lowest, or grows to the second multiple of its start."""
FALL = 0.05
"""A training loss that falls by less than this share of its start does not fall."""
FLAT_EPOCHS, FLAT_SHARE = 3, 0.3
"""Flat start: a tenth of the fall comes only in this epoch (after a warm-up) or later, and not before this share of the
time that nine tenths take."""
DECAYED, EARLY = 0.3, 0.5
"""A rate is decayed when it is below this share of its highest; early, when that is before this share of the training."""
BROKEN_OFF = 0.2
"""Too early decay: the speed after it is below this share of the speed before ..."""
STILL_FALLING = 0.04
"""... although the loss fell by this share of its whole fall in the last third before."""
SETTLED = 0.02
"""Plateau: the late fall of both losses is below this share of the whole, while the rate is still above `HIGH`."""
HIGH = 0.5
UNSOLVED = 0.05
"""Plateau and underfitting: a training loss that ends below this share of its start has nothing left to fall."""
LATE_FALL, AT_END = 0.03, 0.95
"""Still improving: the late fall of the validation loss is above this share of the whole, its lowest after this share
of the epochs."""
RISEN = 0.05
"""Overfitting: the validation loss ends this share of its fall above its lowest while the training loss fell on, ..."""
GAP, GAP_OF_START = 0.5, 0.1
"""... or the training loss ends below this share of the validation loss, and the gap is this share of its start."""
NO_GAP = 0.1
"""Underfitting: the training loss ends at most this share below the validation loss, and both have settled."""

UNSTABLE, FLAT, EARLY_DECAY, IMPROVING = "unstable", "flat start", "too early decay", "still improving"
OVERFITTING, PLATEAU, UNDERFITTING = "overfitting", "plateau", "underfitting"
KINDS = {
    UNSTABLE: "the loss jumps or grows: the rate is too high",
    FLAT: "the loss is flat at first: the initial weights are bad, the rate is far too low, or there is hardly anything to learn",
    EARLY_DECAY: "the fall broke off when the rate was lowered: it was lowered too early",
    IMPROVING: "the validation loss was still falling at the end: train longer",
    OVERFITTING: "the training loss falls away from the validation loss: regularise more, or get more data",
    PLATEAU: "the loss stays where it is while the rate is still high: lower the rate in the course of the training",
    UNDERFITTING: "both losses have settled side by side: the network is too small, or the inputs do not tell more",
}
"""What each kind means, the most pressing first."""


@dataclass(frozen=True)
class Curve:
    """One training's course, an entry for each epoch from 0 (untrained) on; NaN where a loss was not finite.

    Attributes:
        validation: None where nothing was held out.
        rates: mean learning rate of each epoch as a share of the highest; epoch 0 has that of epoch 1.
    """

    train: np.ndarray
    validation: np.ndarray | None
    rates: np.ndarray
    diverged: bool = False

    @classmethod
    def of(cls, training: Training) -> "Curve":
        """Return the course of a training."""
        steps, curve = training.curve["step"].to_numpy(), training.curve
        table = rate_table(training.config, _planned_steps(training))
        means = [table[a:b].mean() for a, b in pairwise(steps)]
        rates = np.array([means[0], *means]) / table.max() if means else np.ones(len(steps))
        held_out = len(curve) and curve["validation_loss"].notna().any()
        return cls(
            curve["train_loss"].to_numpy(float), curve["validation_loss"].to_numpy(float) if held_out else None, rates,
            training.reason == "diverged",
        )  # fmt: skip


def _planned_steps(training: Training) -> int:
    """Return the steps over which the schedule was laid, which a training that ended early did not take."""
    if not training.epochs:
        return 0
    per_epoch = int(training.curve["step"].iloc[1])
    planned = training.config.epochs * per_epoch
    return max(min(planned, training.config.max_steps or planned), training.steps)


def read_curve(curve: Curve) -> list[str]:
    """Return what a curve shows, the most pressing first; an empty list where nothing is wrong or it is too short."""
    known = np.isfinite(curve.train)
    if curve.diverged or not known.all():
        return [UNSTABLE]
    if len(curve.train) <= FEWEST_EPOCHS:
        return []
    train = _Course(curve.train)
    held_out = curve.validation if curve.validation is not None and np.isfinite(curve.validation).all() else None
    validation = _Course(held_out) if held_out is not None else None
    if _unstable(train):
        return [UNSTABLE]
    if _flat(train, curve.rates):
        return [FLAT]
    found = [EARLY_DECAY] if _decayed_too_early(train, curve.rates) else []
    if validation is not None:
        overfitting = _overfitting(train, validation)
        if not overfitting and not found and _improving(train, validation):
            found.append(IMPROVING)
        if overfitting:
            found.append(OVERFITTING)
    judged = validation or train
    if OVERFITTING not in found and IMPROVING not in found and train.last > UNSOLVED * train.first:
        settled = max(train.late_fall, judged.late_fall) < SETTLED
        if settled and curve.rates[-1] >= HIGH:
            found.append(PLATEAU)
        if validation is not None and train.late_fall < LATE_FALL and _together(train, validation) and not found:
            found.append(UNDERFITTING)
    return found


class _Course:
    """The figures of one loss that the rules compare."""

    def __init__(self, losses: np.ndarray) -> None:
        self.losses = losses
        self.epochs = len(losses) - 1
        self.first, self.last = float(losses[0]), float(losses[-1])
        self.best = int(losses.argmin())
        self.lowest = float(losses[self.best])
        self.fall = self.first - self.lowest

    @property
    def late_fall(self) -> float:
        """By how much it fell in the last part, as a share of its whole fall; the lowest before counts, not the last."""
        border = self.epochs - max(1, round(LATE * self.epochs))
        return float(self.losses[: border + 1].min() - self.lowest) / self.fall if self.fall > 0 else 0.0

    def reaches(self, share: float) -> int:
        """Return the first epoch after which this share of the fall is done."""
        return int(np.argmax(self.losses <= self.first - share * self.fall))


def _unstable(train: _Course) -> bool:
    if train.losses.max() > GROWN * abs(train.first):
        return True
    if train.fall < FALL * abs(train.first):
        return False
    rises = np.diff(train.losses[1:])
    return int((rises > JUMP * train.fall).sum()) >= JUMPS or train.last - train.lowest > LOST * train.fall


def _flat(train: _Course, rates: np.ndarray) -> bool:
    if train.fall < FALL * abs(train.first):
        return True
    warmed_up = int(np.argmax(rates >= DECAYED)) - 1  # nothing can be asked of the epochs before
    begins, done = (train.reaches(share) - max(warmed_up, 0) for share in (0.1, 0.9))
    return begins >= FLAT_EPOCHS and begins >= FLAT_SHARE * done


def _decayed_too_early(train: _Course, rates: np.ndarray) -> bool:
    low = np.flatnonzero((rates <= DECAYED) & (np.arange(len(rates)) > rates.argmax()))
    if not len(low) or low[0] < 2 or low[0] > EARLY * train.epochs:
        return False
    before = int(low[0]) - 1
    after = before + 1  # the drop itself brings a fall of its own
    window = max(1, round(LATE * before))
    fallen = float(train.losses[before - window] - train.losses[before])
    speed_after = float(train.losses[after] - train.losses[-1]) / (train.epochs - after)
    return fallen >= STILL_FALLING * train.fall and speed_after < BROKEN_OFF * fallen / window


def _improving(train: _Course, validation: _Course) -> bool:
    at_end = validation.best >= AT_END * validation.epochs
    return at_end and validation.late_fall >= LATE_FALL and train.late_fall >= SETTLED


def _overfitting(train: _Course, validation: _Course) -> bool:
    fell_on = train.last < train.losses[validation.best]
    risen = validation.last - validation.lowest > RISEN * max(validation.fall, 0) and fell_on and validation.fall > 0
    gap = validation.last - train.last
    return bool(risen or (train.last < GAP * validation.last and gap > GAP_OF_START * validation.first))


def _together(train: _Course, validation: _Course) -> bool:
    return validation.last - train.last <= NO_GAP * abs(validation.last)


def read_curves(runs: Runs | Sequence[Training]) -> dict[str, Any]:
    """Read the curves of trainings that differ in their seeds, and return findings, counts and a verdict.

    A finding is what more than half of the trainings show.
    """
    each = [read_curve(Curve.of(training)) for training in runs]
    counts = {kind: sum(kind in found for found in each) for kind in KINDS}
    findings = [kind for kind in KINDS if counts[kind] > len(each) / 2]
    longest = max((training.epochs for training in runs), default=0)
    if findings:
        said = "; ".join(f"{KINDS[kind]} ({kind}, {counts[kind]} of {len(each)})" for kind in findings)
        text = f"In {count(len(each), 'curve')}, {said}."
    elif longest < FEWEST_EPOCHS:
        text = f"Trainings of {count(longest, 'epoch')} are too short to read a curve by."
    else:
        text = f"Nothing is wrong with {count(len(each), 'curve')}: the loss falls at once, settles, and the two losses stay near each other."
    return {
        "findings": findings,
        "counts": {k: n for k, n in counts.items() if n},
        "n": len(each),
        "text": text,
        "short": longest < FEWEST_EPOCHS,
    }

"""Whether the answers are averaged over views of each image: the rows that chose the ensemble decide."""

import time
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from goodfit.data.views import views_of
from goodfit.ensemble.choice import EnsembleChoice
from goodfit.model import Model
from goodfit.wording import figure

TRIED = 256
"""Images that tell how long it takes."""
STANDARD_ERRORS = 2.0
"""By how many of its standard errors the loss must fall."""


@dataclass(frozen=True)
class Viewing:
    """The model with or without views, and what it predicts for the pool's rows before any temperature: [n] or [n, C].

    `text` says what was tried and decided; None where there was nothing to decide.
    """

    model: Model
    prediction: np.ndarray
    text: str | None = None


def consider_views(choice: EnsembleChoice, model: Model, seconds: float | None = None) -> Viewing:
    """Average each network's answers over views (`goodfit.data.views`) where that lowers the loss beyond noise.

    The loss of every row with views is paired with that without. A model with views is calibrated anew, by what it
    predicts with them. Left as they are: tables, cross-validated trainings, and modules of one's own, such as backbones,
    which take long for each image.

    Args:
        seconds: that validation and test part may take; None: any time.
    """
    configs = [t.config for t in choice.members]
    most = max(len(views_of(config.augment)) for config in configs)
    if most == 1 or any(config.fold or not isinstance(config.model, str) for config in configs):
        return Viewing(model, choice.prediction)
    task, viewing = choice.members.task, replace(model, views=True, temperature=1.0)
    images = task.raw("validation")
    rows = len(images) + len(task.rows("test"))
    if seconds is not None and rows * _seconds_each(viewing, images[:TRIED]) > seconds:
        return Viewing(model, choice.prediction, "The time limit left no time to look at images in several views.")
    predicted = viewing.predict(images)
    before, after = _losses(choice, choice.prediction), _losses(choice, predicted)
    fall = before - after
    taken = fall.mean() > STANDARD_ERRORS * fall.std(ddof=1) / np.sqrt(len(fall))
    text = (
        f"Answers averaged over {most} views of each image, as the training changed them, have a validation loss of "
        f"{figure(after.mean())} for {figure(before.mean())}: "
    )
    if not taken:
        return Viewing(model, choice.prediction, f"{text}not better beyond noise, so each is looked at once.")
    viewing = choice.favouring(viewing.judged_by(choice.pool.truth, predicted, calibrate=True), predicted)
    return Viewing(viewing, predicted, f"{text}better beyond noise, so that is how the model predicts.")


def _seconds_each(model: Model, images: pd.DataFrame | np.ndarray) -> float:
    model.predict(images)  # the first time takes longer: memory is laid out, code loaded
    began = time.monotonic()
    model.predict(images)
    return (time.monotonic() - began) / len(images)


def _losses(choice: EnsembleChoice, predicted: np.ndarray) -> np.ndarray:
    truth = choice.pool.truth
    return choice.pool.row_losses(predicted if predicted.ndim == 1 else predicted[np.arange(len(truth)), truth])

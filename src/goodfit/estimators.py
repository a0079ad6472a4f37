"""scikit-learn estimators: a small population of networks with early stopping, averaged."""

from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from goodfit.config import Config, vary
from goodfit.data.columns import Column
from goodfit.data.splits import Splits, split_rows
from goodfit.data.target import Label, TargetCode
from goodfit.errors import GoodfitError
from goodfit.metrics import TaskKind, find_metric
from goodfit.task import Task
from goodfit.training import train

FEWEST_ROWS_TO_VALIDATE = 50
"""Below this the networks train to the end on all rows: a validation part would be too small to judge by."""


class _NetworkEstimator(BaseEstimator):
    """What classifier and regressor share.

    Parameters
    ----------
    members : int, default=4
        Networks trained together and averaged; they differ in their seed.
    width, depth, activation, dropout, lr, weight_decay, batch_size, epochs, patience, numeric
        As in `goodfit.Config`. `epochs` bounds the training; `patience` counts epochs without a lower
        validation loss.
    validation_fraction : float, default=0.15
        Share of the rows held out to stop by, from 50 rows on.
    random_state : int, RandomState or None, default=None
    """

    def __init__(
        self, *, members: int = 4, width: int = 128, depth: int = 2, activation: str = "relu", dropout: float = 0.0,
        lr: float = 3e-3, weight_decay: float = 1e-2, batch_size: int = 32, epochs: int = 100, patience: int = 15,
        numeric: str = "standard", validation_fraction: float = 0.15, random_state: Any = None,
    ) -> None:  # fmt: skip
        self.members = members
        self.width = width
        self.depth = depth
        self.activation = activation
        self.dropout = dropout
        self.lr = lr
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.epochs = epochs
        self.patience = patience
        self.numeric = numeric
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def _fit(self, x: np.ndarray, y: np.ndarray, kind: TaskKind, classes: tuple[Label, ...]) -> Self:
        self._check_parameters()
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        rows = np.arange(len(x))
        share = self.validation_fraction if len(x) >= FEWEST_ROWS_TO_VALIDATE else 0.0
        left = int((1 - share) * len(x))
        if left < max(2, len(classes)):
            raise GoodfitError(
                f"validation_fraction is {share} of {len(x)} rows: it leaves {left} to train on, lower it"
            )
        kept, held_out = split_rows(rows, share, seed, "validation", strata=y if classes else None)
        frame = _as_frame(x)
        columns = [Column(name=name, kind="number", used=True) for name in frame.columns]
        splits = Splits(kept, held_out, rows[:0], "random")
        code = TargetCode.fit(kind, classes, y[kept])
        task = Task("arrays", kind, "target", frame, y, code, splits, find_metric(None, kind), columns)
        names = (
            "width",
            "depth",
            "activation",
            "dropout",
            "lr",
            "weight_decay",
            "batch_size",
            "epochs",
            "patience",
            "numeric",
        )
        config = Config(schedule="cosine", **{name: getattr(self, name) for name in names})
        runs = train(vary(config, seed=range(seed, seed + self.members)), task)
        self.model_ = runs.model()
        self.n_iter_ = max(training.epochs for training in runs)
        return self

    def _check_parameters(self) -> None:
        if not isinstance(self.members, Integral) or self.members < 1:
            raise GoodfitError(f"members is {self.members!r}: it must be a whole number of 1 or more")
        share = self.validation_fraction
        if not isinstance(share, Real) or not 0 <= share < 1:
            raise GoodfitError(f"validation_fraction is {share!r}: it must be 0 or more and below 1")

    def _predict(self, x: Any) -> np.ndarray:
        check_is_fitted(self)
        x = validate_data(self, x, reset=False, dtype=np.float64)
        return self.model_.predict(_as_frame(x))


class NetworkClassifier(ClassifierMixin, _NetworkEstimator):
    """Classifier: the average of the members' class probabilities.

    Attributes
    ----------
    classes_ : ndarray
    model_ : goodfit.Model
    n_iter_ : epochs of the longest training
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Fit on X [n, features] and labels y [n]."""
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_min_samples=2)
        check_classification_targets(y)
        self.classes_, index = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y holds one class only ({self.classes_[0]!r}): a classifier needs at least 2")
        kind: TaskKind = "binary" if len(self.classes_) == 2 else "multiclass"
        return self._fit(X, index, kind, tuple(range(len(self.classes_))))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities [n, classes] in the order of `classes_`."""
        return self._predict(X)

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each row."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(1)]


class NetworkRegressor(RegressorMixin, _NetworkEstimator):
    """Regressor: the average of the members' predictions.

    Attributes
    ----------
    model_ : goodfit.Model
    n_iter_ : epochs of the longest training
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Fit on X [n, features] and numbers y [n]."""
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=2)
        return self._fit(X, np.asarray(y, dtype=np.float64), "regression", ())

    def predict(self, X: Any) -> np.ndarray:
        """Return predictions [n]."""
        return self._predict(X)


def _as_frame(x: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(x, columns=[f"x{i}" for i in range(x.shape[1])])

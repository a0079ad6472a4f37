"""Warnings about the data that a careful person would want before trusting a score."""

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict
from scipy.stats import spearmanr

SMALL_DATA_ROWS = 1000
RARE_CLASS_SHARE = 0.1
LEAK_CORRELATION = 0.995
LEAK_PURITY = 0.995


class DataWarning(BaseModel):
    """One finding: its kind, and a sentence that says what was seen and why it matters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    text: str


def check_size(train_rows: int) -> list[DataWarning]:
    """Small training parts make every choice noisy."""
    if train_rows >= SMALL_DATA_ROWS:
        return []
    text = f"Only {train_rows} rows to train on: choices between settings rest on few validation rows, so expect luck in them."
    return [DataWarning(kind="small data", text=text)]


def check_balance(index: np.ndarray, classes: tuple[object, ...], metric: str = "accuracy") -> list[DataWarning]:
    """A rare class can be ignored by a model that still looks accurate; another metric may hang on its few rows."""
    shares = np.bincount(index, minlength=len(classes)) / len(index)
    rarest = int(shares.argmin())
    if shares[rarest] * len(classes) >= 2 * RARE_CLASS_SHARE:
        return []
    text = f"Class '{classes[rarest]}' has {shares[rarest]:.1%} of the training rows: " + (
        "accuracy says little about it, look at the confusion matrix or choose --metric balanced-accuracy."
        if metric == "accuracy"
        else f"how well it is told hangs on few rows, so look at the confusion matrix beside the {metric}."
    )
    return [DataWarning(kind="imbalance", text=text)]


def check_duplicates(frame: pd.DataFrame, train: np.ndarray, held_out: np.ndarray) -> list[DataWarning]:
    """Rows that stand in a held-out part and in the training part make the score too good."""
    if not len(held_out) or not frame.shape[1]:
        return []
    digest = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    repeated = int(np.isin(digest[held_out], digest[train]).sum())
    if not repeated:
        return []
    text = (
        f"{repeated} of {len(held_out)} held-out rows ({repeated / len(held_out):.1%}) equal a training row in every column: "
        "the score may be too good; use --group to keep such rows together."
    )
    return [DataWarning(kind="duplicates", text=text)]


def check_leaks(frame: pd.DataFrame, target: np.ndarray, is_classes: bool) -> list[DataWarning]:
    """Name columns that nearly give the target away on the training rows."""
    found = []
    for name in frame.columns:
        strength = _purity(frame[name], target) if is_classes else _correlation(frame[name], target)
        if strength is not None:
            found.append(
                DataWarning(
                    kind="leak",
                    text=f"Column '{name}' alone {strength}: is it known when a prediction is needed? If not, leave it out.",
                )
            )
    return found


def _correlation(column: pd.Series, target: np.ndarray) -> str | None:
    if not pd.api.types.is_numeric_dtype(column):
        return None
    values = column.to_numpy(np.float64, na_value=np.nan)
    known = np.isfinite(values)
    if known.sum() < 10 or np.ptp(values[known]) == 0 or np.ptp(target[known]) == 0:
        return None
    rho = float(spearmanr(values[known], target[known]).statistic)
    return f"orders the rows as the target does (rank correlation {rho:.4f})" if abs(rho) > LEAK_CORRELATION else None


def _purity(column: pd.Series, index: np.ndarray) -> str | None:
    """How often the most frequent class of a column's value (or of its 20 quantile bins) is the row's class."""
    if pd.api.types.is_numeric_dtype(column) and column.nunique() > 20:
        column = pd.qcut(column.astype(float).rank(method="first"), 20, labels=False)
    counts = pd.crosstab(column.astype(str).to_numpy(), index)
    if len(counts) > len(index) / 5:
        return None  # nearly every row has its own value: purity means nothing
    purity = counts.max(axis=1).sum() / counts.to_numpy().sum()
    majority = np.bincount(index).max() / len(index)
    return f"tells the class of {purity:.1%} of the rows" if purity > max(LEAK_PURITY, majority + 0.02) else None

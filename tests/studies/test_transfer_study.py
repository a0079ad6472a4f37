"""The study of transfer: where an advantage ends, how classes are held back, and that transfer wins with few labels."""

from pathlib import Path

import numpy as np
import pytest

import goodfit as gf
from goodfit.studies import transfer
from goodfit.studies.transfer import advantage_ends, split_classes, transfer_study

SURE, DOUBTFUL, WORSE = (0.02, 0.01, 0.03), (0.01, -0.01, 0.03), (-0.02, -0.03, -0.01)


@pytest.mark.parametrize(
    ("gains", "end"),
    [
        ([SURE, SURE, DOUBTFUL], 50),
        ([SURE, DOUBTFUL, SURE], None),
        ([SURE, DOUBTFUL, WORSE], 10),
        ([DOUBTFUL, DOUBTFUL, DOUBTFUL], 5),
        ([SURE, (0.01, float("nan"), float("nan")), DOUBTFUL], 10),
    ],
)
def test_an_advantage_ends_where_no_gain_is_beyond_doubt_any_more(
    gains: list[tuple[float, ...]], end: int | None
) -> None:
    assert advantage_ends([5, 10, 50], gains) == end  # type: ignore[arg-type]


def test_held_back_classes_share_nothing_with_the_pretraining() -> None:
    images = np.arange(200, dtype=np.uint8).reshape(200, 1, 1, 1) * np.ones((1, 1, 2, 2), np.uint8)
    task = gf.Task.from_images(images, np.array(["a", "b", "Shirt", "c", "Sandal"])[np.arange(200) % 5])
    known, target, names = split_classes(task)
    assert set(names) == {"Sandal", "Shirt"} == set(target.code.classes) and set(known.code.classes) == {"a", "b", "c"}
    seen = {part: set(found.raw(part)[:, 0, 0, 0].tolist()) for found, part in ((known, "train"),)}
    parts = {part: set(target.raw(part)[:, 0, 0, 0].tolist()) for part in ("train", "test")}
    assert not seen["train"] & (parts["train"] | parts["test"]) and not parts["train"] & parts["test"]
    looked_at = set(images[task.rows("test"), 0, 0, 0].tolist())
    assert not looked_at & (seen["train"] | parts["train"] | parts["test"])
    with pytest.raises(gf.GoodfitError, match="needs images of at least 4 classes"):
        split_classes(known)


@pytest.mark.slow
def test_transfer_beats_training_from_scratch_with_200_labels(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Published, a single run with another network: 97.05 % from scratch, 99.40 % transferred (Géron 2019, chapter 11)."""
    monkeypatch.setattr(transfer, "SIZES", (100,))
    monkeypatch.setattr(transfer, "RATES", (3e-3,))
    settings = {"epochs": 1, "train_rows": 12000, "max_steps": 120}
    record = transfer_study(gf.load("fashion-mnist"), settings, seeds=4)
    wrong = {name: found["mean"][0] for name, found in record["lines"][0]["series"].items()}
    assert wrong["from scratch"] < 6 and wrong["frozen, new head"] < 0.7 * wrong["from scratch"]
    assert record["lines"][1]["series"]["frozen, new head"]["low"][0] > 0

"""The study of transfer: where an advantage ends, and how classes are held back."""

import numpy as np
import pytest

import goodfit as gf
from goodfit.studies.transfer import advantage_ends, split_classes

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

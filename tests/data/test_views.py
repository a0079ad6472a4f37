"""Views of an image: each is one of the changes that training draws at random."""

import numpy as np
import pytest
import torch

from goodfit.data.augmentation import crop, flip
from goodfit.data.views import AS_IT_IS, seen, views_of

IMAGES = np.random.default_rng(0).normal(size=(3, 2, 6, 5)).astype(np.float32)


@pytest.mark.parametrize(
    ("augment", "views"),
    [((), 1), (("brightness(0.1)",), 1), (("crop(2)",), 5), (("flip",), 2), (("flip", "crop"), 10)],
)
def test_what_training_did_not_change_is_not_looked_at_otherwise(augment: tuple[str, ...], views: int) -> None:
    found = views_of(augment)
    assert len(set(found)) == len(found) == views and found[0] == AS_IT_IS
    assert np.array_equal(seen(IMAGES, AS_IT_IS), IMAGES)


def test_views_are_those_of_training() -> None:
    x = torch.from_numpy(IMAGES)
    drawn = {}
    for down in range(3):
        for right in range(3):
            u = torch.tensor([[(down + 0.5) / 3, (right + 0.5) / 3]]).expand(len(x), 2)
            drawn[down - 1, right - 1] = crop(x, u, 1).numpy()
    for down, right, _ in views_of(["crop"]):
        assert np.array_equal(seen(IMAGES, (down, right, False)), drawn[down, right])
    assert np.array_equal(seen(IMAGES, (0, 0, True)), flip(x, torch.zeros(len(x), 1)).numpy())

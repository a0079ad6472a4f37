"""What the presets set by the task."""

import numpy as np
import pytest

import goodfit as gf
from goodfit.recipe.presets import find_preset


@pytest.mark.parametrize(("side", "pixels"), [(16, 1), (28, 1), (32, 1), (96, 3)])
def test_images_are_shifted_by_a_share_of_their_side(side: int, pixels: int) -> None:
    images = np.zeros((60, 1, side, side + 9), np.uint8)
    task = gf.Task.from_images(images, np.arange(60) % 2)
    assert find_preset("default", task, {}).augments == ((f"crop({pixels})",),)
    assert find_preset("best", task, {}).augments == ((f"crop({pixels})",), ("flip", f"crop({pixels})"))


def test_perceptrons_are_given_images_as_they_are() -> None:
    digits = gf.load("digits")
    assert find_preset("default", digits, {}).augments == ((),)
    table = gf.load("wine")
    assert find_preset("default", table, {}).augments == ((),)

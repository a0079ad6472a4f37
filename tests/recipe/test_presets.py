"""What the presets set by the task."""

import numpy as np
import pytest

import goodfit as gf
from goodfit.recipe import Recipe
from goodfit.recipe.presets import find_preset
from goodfit.training import explain


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


IMAGES = np.random.default_rng(0).integers(0, 256, (60, 1, 16, 16)).astype(np.uint8)


@pytest.mark.parametrize("step", ["pca", "pca(4)", "pca-whiten", "pca-whiten(0.9)"])
def test_principal_components_of_images_go_to_a_perceptron_unless_the_user_says_otherwise(step: str) -> None:
    task = gf.Task.from_images(IMAGES, np.arange(60) % 2)
    recipe = Recipe(settings={"decorrelate": step})
    config = recipe.config(task)
    assert (config.model, config.augment) == ("mlp", ())
    explain(recipe.candidates(task, config, config.lr, 1.0), task)
    for settings, message in (
        ({"augment": "flip"}, "setting 'augment' is 'flip', which needs images: principal components are none"),
        ({"model": "cnn"}, "model 'cnn' is for images .*: choose model mlp"),
    ):
        with pytest.raises(gf.GoodfitError, match=message):
            explain([Recipe(settings={"decorrelate": step} | settings).config(task)], task)


@pytest.mark.parametrize("step", ["none", "zca"])
def test_images_that_stay_images_go_to_convolutions(step: str) -> None:
    task = gf.Task.from_images(IMAGES, np.arange(60) % 2)
    config = Recipe(settings={"decorrelate": step}).config(task)
    assert (config.model, config.augment) == ("cnn", ("crop(1)",))

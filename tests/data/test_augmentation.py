"""Each change on images that one can compute by hand; draws keyed by seed, step and place."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import goodfit as gf
from goodfit.data.augmentation import AUGMENTATIONS, augment, read_augmentation

IMAGE = torch.arange(12.0).reshape(1, 1, 3, 4)


def changed(name: str, x: Tensor, *u: float) -> Tensor:
    entry, arguments = read_augmentation(name)
    return entry.change(x, torch.tensor([u]).expand(len(x), -1), **arguments)


def test_flip() -> None:
    assert changed("flip", IMAGE, 0.49)[0, 0, 0].tolist() == [3, 2, 1, 0]
    assert torch.equal(changed("flip", IMAGE, 0.5), IMAGE) and torch.equal(changed("flip(0)", IMAGE, 0.0), IMAGE)


def test_crop_shifts_and_repeats_the_border() -> None:
    still, up, left = 0.5, 0.9, 0.1
    assert torch.equal(changed("crop(1)", IMAGE, still, still), IMAGE)
    assert changed("crop(1)", IMAGE, up, still)[0, 0].tolist() == [[4, 5, 6, 7], [8, 9, 10, 11], [8, 9, 10, 11]]
    assert changed("crop(1)", IMAGE, still, left)[0, 0, 0].tolist() == [0, 0, 1, 2]
    assert changed("crop(3)", IMAGE, still, 0.999)[0, 0, 0].tolist() == [3, 3, 3, 3]


def test_rotation_by_a_right_angle_is_exact_and_keeps_the_centre() -> None:
    square = torch.arange(9.0).reshape(1, 1, 3, 3)
    turned = changed("rotation(90)", square, 1 - 1e-7)
    expected = torch.rot90(square, 1, (2, 3))
    torch.testing.assert_close(turned, expected, atol=1e-4, rtol=0)
    torch.testing.assert_close(changed("rotation(30)", square, 0.5), square)
    # a bright pixel to the right of the centre moves up by the sine
    dot = torch.zeros(1, 1, 21, 21)
    dot[0, 0, 10, 18] = 1
    found = changed("rotation(30)", dot, 1 - 1e-7)[0, 0]
    rows, columns = torch.meshgrid(torch.arange(21.0), torch.arange(21.0), indexing="ij")
    centre = [float((found * places).sum() / found.sum()) - 10 for places in (rows, columns)]
    np.testing.assert_allclose(centre, [-8 * math.sin(math.pi / 6), 8 * math.cos(math.pi / 6)], atol=0.15)


def test_scale_enlarges_about_the_centre() -> None:
    ramp = torch.arange(9.0).reshape(1, 1, 1, 9).expand(1, 2, 9, 9)
    found = changed("scale(0.25)", ramp, 1 - 1e-7)[0, 0, 4]
    np.testing.assert_allclose(found, 4 + (np.arange(9) - 4) / 1.25, atol=1e-5)
    torch.testing.assert_close(changed("scale(0.25)", ramp, 0.5), ramp)


def test_brightness_contrast_saturation() -> None:
    torch.testing.assert_close(changed("brightness(0.4)", IMAGE, 0.75), IMAGE + 0.2)
    torch.testing.assert_close(changed("contrast(0.4)", IMAGE, 0.75), 5.5 + 1.2 * (IMAGE - 5.5))
    colour = torch.tensor([1.0, 2.0, 6.0]).reshape(1, 3, 1, 1)
    assert changed("saturation(1)", colour, 0.0).flatten().tolist() == [3, 3, 3]
    torch.testing.assert_close(changed("saturation(0.5)", colour, 0.75), 3 + 1.25 * (colour - 3))
    torch.testing.assert_close(changed("saturation", IMAGE, 0.9), IMAGE)


def test_erasing_sets_one_rectangle_to_0() -> None:
    ones = torch.ones(1, 3, 20, 30)
    # 8 % of 600 pixels, as high as wide: 6.9 by 6.9, in the lower right corner
    u = (0.0, (0.08 - 0.02) / (0.33 - 0.02), 0.7 / 3, 0.999, 0.999)
    found = changed("erasing", ones, *u)
    assert not found[0, :, 13:, 23:].any() and int((found == 0).sum()) == 3 * 7 * 7
    assert torch.equal(changed("erasing(0.5)", ones, 0.5, *u[1:]), ones)


@settings(deadline=None)
@given(u=st.lists(st.floats(0, 0.999), min_size=5, max_size=5), size=st.tuples(st.integers(1, 9), st.integers(1, 9)))
def test_any_draw_on_any_size_keeps_shape_and_range(u: list[float], size: tuple[int, int]) -> None:
    x = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(1))
    for name, entry in AUGMENTATIONS.items():
        found = changed(name, x, *u[: entry.draws])
        assert found.shape == x.shape and torch.isfinite(found).all()
        if name in ("flip", "crop", "rotation", "scale", "erasing"):
            assert found.min() >= 0 and found.max() <= 1


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_a_sample_does_not_notice_those_beside(name: str) -> None:
    x = torch.randn(3, 4, 5, 3, 7, 6, generator=torch.Generator().manual_seed(2))
    together = augment(x, [name, "flip"], [7, 8, 9], 10)
    assert not torch.equal(together, x)
    for k, s in ((0, 0), (1, 3), (2, 2)):
        alone = augment(x[k : k + 1, s : s + 1], [name, "flip"], [7 + k], 10 + s)
        assert torch.equal(alone[0, 0], together[k, s])
        single = augment(x[k : k + 1, s : s + 1, :1], [name, "flip"], [7 + k], 10 + s)
        assert torch.equal(single[0, 0, 0], together[k, s, 0])


def test_draws_are_uniform_and_differ_by_seed_step_place_and_operation() -> None:
    x = torch.arange(64.0).expand(2, 50, 40, 1, 1, 64).contiguous()
    shift = augment(x, ["crop(2)"], [0, 1], 0)[..., 32].flatten(2) - 32
    counts = np.unique(shift.numpy(), return_counts=True)
    np.testing.assert_array_equal(counts[0], [-2, -1, 0, 1, 2])
    np.testing.assert_allclose(counts[1] / 4000, 0.2, atol=0.03)
    assert not torch.equal(shift[0], shift[1]) and not torch.equal(shift[0, 0], shift[0, 1])
    brighter = augment(x, ["brightness(1)", "brightness(1)"], [0, 1], 0) - x
    once = augment(x, ["brightness(1)"], [0, 1], 0) - x
    second = (brighter - once)[..., 0].flatten()
    assert abs(float(torch.corrcoef(torch.stack([once[..., 0].flatten(), second]))[0, 1])) < 0.05


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("flp", r"did you mean 'flip'\?\): choose one of flip, crop"), ("crop(2.5)", "'pixels' is 2.5: it must be a whole number"),
        ("flip(2)", "'chance' is 2, it must lie between 0 and 1"), ("crop(1, 2)", r"it takes crop\(pixels=2\)"), ("crop(", "cannot be read"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(text: str, message: str) -> None:
    with pytest.raises(gf.GoodfitError, match=message) as caught:
        read_augmentation(text)
    assert "\n" not in str(caught.value)

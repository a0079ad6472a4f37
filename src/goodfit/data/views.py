"""Views of an image: the changes that a network was trained not to mind, taken one by one, so that its answers can be averaged.

Also called test-time augmentation (Krizhevsky et al. 2012, section 4.1).
"""

import itertools
from collections.abc import Sequence

import numpy as np

from goodfit.calls import read_call
from goodfit.data.augmentation import crop, flip

View = tuple[int, int, bool]
"""Pixels down, pixels to the right, mirrored."""
AS_IT_IS: View = (0, 0, False)
SHIFTS = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))


def views_of(augment: Sequence[str]) -> list[View]:
    """Return the views that belong to `Config.augment`, the image as it is first: `crop` shifts by a pixel, `flip` mirrors."""
    names = {read_call(text, "setting 'augment'").name for text in augment}
    shifts = SHIFTS if crop.__name__ in names else SHIFTS[:1]
    mirrored = (False, True) if flip.__name__ in names else (False,)
    return [(down, right, mirror) for mirror, (down, right) in itertools.product(mirrored, shifts)]


def seen(images: np.ndarray, view: View) -> np.ndarray:
    """Return images [n, C, H, W] in a view; what moves in from outside repeats the border, as in training."""
    down, right, mirror = view
    height, width = images.shape[2:]
    rows = np.clip(np.arange(height) + down, 0, height - 1)
    columns = np.clip(np.arange(width) + right, 0, width - 1)
    return np.ascontiguousarray(images[:, :, rows][..., columns[::-1] if mirror else columns])

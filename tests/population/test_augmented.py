"""Augmented members on every kernel: alone or together, beside those without, labels and evaluation untouched."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import BASE, IMAGES, assert_same, lenet, losses, run

import goodfit as gf
from goodfit.data.augmentation import AUGMENTATIONS, augment
from goodfit.population import KERNELS, Part, Problem, StreamedPart, augmented

MEMBERS = [
    BASE.replace(epochs=2, batch_size=37, seed=seed, **changes) for seed, changes in enumerate([
        {}, {"augment": "flip,crop(2)"}, {"augment": ("flip", "crop(2)"), "mixup": 0.4}, {"augment": tuple(AUGMENTATIONS)},
        {"augment": "erasing", "label_noise": 0.4}, {"mixup": 0.3}, {"augment": "flip,crop(2)", "lr": 1e30},
    ])
]  # fmt: skip


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("model", ["mlp", lenet], ids=["mlp", "lenet"])
@settings(max_examples=3, deadline=None)
@given(order=st.permutations(range(7)).flatmap(lambda p: st.integers(1, 4).map(lambda n: p[:n])))
def test_any_grouping_gives_the_same_bits(kernel: str, model: object, order: list[int]) -> None:
    configs = [member.replace(model=model) for member in MEMBERS]
    if KERNELS[kernel].refusal(configs[0], IMAGES):
        return
    reference = run(configs, IMAGES, kernel)
    for i, member in zip(order, run([configs[i] for i in order], IMAGES, kernel), strict=True):
        assert_same(member, reference[i])


def test_kernels_agree_and_augmentation_matters() -> None:
    for config in MEMBERS[1:5]:
        reference = losses(run([config], IMAGES, "sequential")[0])
        for kernel in KERNELS:
            np.testing.assert_allclose(losses(run([config], IMAGES, kernel)[0]), reference, rtol=1e-4, err_msg=kernel)
        plain = losses(run([config.replace(augment=())], IMAGES, "sequential")[0])
        assert not np.allclose(plain[1:, 0], reference[1:, 0], rtol=1e-5)
        assert plain[0, 1] == reference[0, 1], "the validation part is not augmented"


def test_how_many_steps_are_held_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    reference = run(MEMBERS, IMAGES, "resident")
    monkeypatch.setattr(augmented, "MOST_VALUES", 1)
    for a, b in zip(run(MEMBERS, IMAGES, "resident"), reference, strict=True):
        assert_same(a, b)
    assert augmented.most_steps(MEMBERS, (1, 8, 8)) == 1 and augmented.most_steps(MEMBERS[:1], (1, 8, 8)) is None
    monkeypatch.setattr(augmented, "MOST_VALUES", 7 * 37 * 64 * 5 + 3)
    assert augmented.most_steps(MEMBERS, (1, 8, 8)) == 5


def test_batches_of_different_sizes_side_by_side() -> None:
    configs = [MEMBERS[k].replace(batch_size=size) for k, size in ((1, 16), (2, 37), (4, 16), (0, 5))]
    for config, member in zip(configs, run(configs, IMAGES, "resident"), strict=True):
        assert_same(member, run([config], IMAGES, "resident")[0])


def test_streamed_samples_are_augmented_alike() -> None:
    streamed = Problem(
        StreamedPart(IMAGES.train.x.numpy(), IMAGES.train.y, torch.device("cpu")), IMAGES.validation, 3, IMAGES.row_loss
    )
    configs = [MEMBERS[i] for i in (0, 1, 2, 3)]
    for a, b in zip(run(configs, streamed, "resident"), run(configs, IMAGES, "resident"), strict=True):
        assert_same(a, b)


def test_the_part_holds_each_members_samples_with_their_labels() -> None:
    random = np.random.default_rng(0)
    n, names = 20, ("flip", "crop(1)")
    part = Part(torch.randn(n, 2, 5, 5), torch.arange(n))
    rows = [random.integers(0, n, (3, 4)) for _ in range(3)]
    configs = [gf.Config(seed=0, augment=names), gf.Config(seed=1), gf.Config(seed=2, augment=names)]
    found, places = augmented.augmented(part, rows, configs, 11)
    for k in range(3):
        x = part.x[torch.from_numpy(rows[k])]
        expected = augment(x[None], names, [k], 11)[0] if k != 1 else x
        assert torch.equal(found.x[places[k]], expected)
        assert torch.equal(found.y[places[k]], torch.from_numpy(rows[k]))
    own = Part(part.x, torch.stack([torch.arange(n) * k for k in range(3)]))
    noisy, places = augmented.augmented(own, rows, configs, 11)
    assert torch.equal(noisy.y[places[2]], 2 * torch.from_numpy(rows[2]))


def test_a_table_with_augmentation_is_one_line(house_task: gf.Task) -> None:
    with pytest.raises(
        gf.GoodfitError, match="setting 'augment' is 'flip,crop', which is for images: table is a table, leave it out"
    ):
        gf.train(gf.Config(augment="flip,crop"), house_task)


def test_an_image_task_trains_with_it_and_keeps_it(tmp_path: object) -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 255, (120, 3, 6, 6)).astype(np.uint8)
    task = gf.Task.from_images(images, (images[:, 0].mean((1, 2)) > 127).astype(int))
    config = gf.Config(augment="flip, crop(1),erasing(0.5, 0.2)", epochs=2, width=8)
    assert config.augment == ("flip", "crop(1)", "erasing(0.5, 0.2)")
    assert gf.Config(**config.settings()) == config
    runs = gf.train(gf.vary(config, augment=["", "flip"], seed=range(2)), task)
    assert [t.config.augment for t in runs] == [(), (), ("flip",), ("flip",)]

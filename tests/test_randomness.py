from collections.abc import Sequence

import numpy as np
import torch
from scipy import stats

from goodfit.randomness import batch_order, dropout_keys, keep_mask, key, uniform_bits


def keys_of(seeds: Sequence[int], step: int, layer: int) -> torch.Tensor:
    keys = [dropout_keys(seed, np.array([step]), layer).view(np.int64) for seed in seeds]
    return torch.from_numpy(np.concatenate(keys))


def elements(*shape: int) -> torch.Tensor:
    return torch.arange(int(np.prod(shape)), dtype=torch.int32).reshape(1, *shape)


def test_key_is_the_same_everywhere() -> None:
    assert key(0, "batch order", 1) == 1536723331111669281  # a change of this number changes every result
    assert len({key(s, p, w) for s in range(50) for p in ("a", "b") for w in range(50)}) == 5000


def test_bits_are_uniform_and_members_independent() -> None:
    keys = keys_of(range(8), 3, 1)
    bits = uniform_bits(keys, elements(200, 50)).double().reshape(8, -1).numpy() / 2**31
    for row in bits:
        assert stats.kstest(row, "uniform").pvalue > 1e-4
        assert abs(np.corrcoef(row[:-1], row[1:])[0, 1]) < 0.05
    between = np.corrcoef(bits) - np.eye(8)
    assert np.abs(between).max() < 0.05


def test_masks_of_steps_layers_and_members_do_not_repeat() -> None:
    masks = [
        keep_mask(keys_of([seed], step, layer), torch.tensor([0.5]), elements(64)).flatten()
        for seed in range(5) for step in range(20) for layer in range(3)
    ]  # fmt: skip
    assert len({tuple(mask.tolist()) for mask in masks}) == len(masks)


def test_keep_rate_and_variance_are_each_members_own() -> None:
    rates = torch.tensor([0.0, 0.1, 0.5, 0.9])
    keep = keep_mask(keys_of(range(4), 0, 0), rates, elements(400, 100)).double().reshape(4, -1)
    n = keep.shape[1]
    for row, rate in zip(keep, rates.double(), strict=True):
        assert abs(float(row.mean() - (1 - rate))) <= 4.5 * float((rate * (1 - rate) / n).sqrt()) + 1e-9
        assert abs(float(row.var() - rate * (1 - rate))) < 0.01


def test_one_members_mask_does_not_depend_on_the_others() -> None:
    rates = torch.tensor([0.2, 0.4, 0.6])
    together = keep_mask(keys_of([7, 8, 9], 5, 2), rates, elements(31, 7))
    alone = keep_mask(keys_of([8], 5, 2), rates[1:2], elements(31, 7))
    assert torch.equal(together[1], alone[0])


def test_batch_order_is_a_permutation_keyed_by_seed_and_epoch() -> None:
    first = batch_order(1, 1, 100)
    np.testing.assert_array_equal(np.sort(first), np.arange(100))
    np.testing.assert_array_equal(first, batch_order(1, 1, 100))
    assert (first != batch_order(1, 2, 100)).any() and (first != batch_order(2, 1, 100)).any()


def test_every_row_is_equally_likely_at_every_place() -> None:
    orders = np.stack([batch_order(seed, epoch, 5) for seed in range(40) for epoch in range(500)])
    for place in range(5):
        assert stats.chisquare(np.bincount(orders[:, place], minlength=5)).pvalue > 1e-4
    # neighbours too: (first, second) takes all 20 pairs equally often
    pairs = np.bincount(orders[:, 0] * 5 + orders[:, 1], minlength=25)
    assert stats.chisquare(pairs[pairs > 0]).pvalue > 1e-4 and (pairs > 0).sum() == 20

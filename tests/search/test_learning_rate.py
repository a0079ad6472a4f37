"""The range test's judgement of losses that are given."""

import numpy as np
import pytest

from goodfit.search.learning_rate import judge_rates

RATES = np.geomspace(1e-5, 1, 11)
VALLEY = np.array([2.3, 2.2, 1.9, 1.2, 0.9, 0.8, 0.7, 0.75, 1.0, 5.0, 9.0])


@pytest.mark.parametrize("place", [1, 2, 5, 7])
@pytest.mark.parametrize("spike", [7.0, np.nan])
def test_a_spike_of_one_seed_moves_neither_interval_nor_where_it_diverges(place: int, spike: float) -> None:
    losses = np.stack([VALLEY, VALLEY], 1)
    losses[place, 1] = spike
    found = judge_rates(RATES, losses, 2.3, 100)
    assert found.interval == pytest.approx((1e-3, 0.1)) and found.chosen == pytest.approx(0.01)
    assert "From 0.32 on it grows or diverges" in found.text

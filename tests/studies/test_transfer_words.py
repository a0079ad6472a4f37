"""What the study of transfer says of gains that are beyond doubt, undecided, or the other way round."""

import numpy as np
import pytest
from scipy import stats

from goodfit.studies.transfer.gains import Gain, advantage_ends, measure_gains
from goodfit.studies.transfer.words import answer, comparison_table

SURE, DOUBTFUL, WORSE = Gain(0.02, 0.01, 0.03), Gain(0.01, -0.01, 0.03), Gain(-0.02, -0.03, -0.01)
UNKNOWN = Gain(0.01, float("nan"), float("nan"))
SIZES = [5, 10, 50]


@pytest.mark.parametrize(
    ("gains", "end"),
    [
        ([SURE, SURE, DOUBTFUL], 50),
        ([SURE, DOUBTFUL, SURE], None),
        ([SURE, DOUBTFUL, WORSE], 10),
        ([DOUBTFUL, DOUBTFUL, DOUBTFUL], 5),
        ([SURE, UNKNOWN, DOUBTFUL], 10),
    ],
)
def test_an_advantage_ends_where_no_gain_is_beyond_doubt_any_more(gains: list[Gain], end: int | None) -> None:
    assert advantage_ends(SIZES, gains) == end


def test_a_gain_is_undecided_where_its_interval_contains_zero() -> None:
    assert [g.verdict for g in (SURE, DOUBTFUL, WORSE, UNKNOWN)] == ["better", "undecided", "worse", "undecided"]


def test_gains_are_paired_and_hold_together() -> None:
    scratch, other = np.array([0.1, 0.2, 0.4]), np.array([0.05, 0.1, 0.2])
    [found] = measure_gains([scratch], [other], 14)
    expected = stats.ttest_rel(scratch, other).confidence_interval(1 - 0.05 / 14)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high)) and found.mean == pytest.approx(
        0.35 / 3
    )


def said(gains: list[Gain]) -> str:
    errors = {name: [np.array([0.1, 0.2])] * 3 for name in ("from scratch", "fine-tuned")}
    first, rest = answer(SIZES, errors, {"fine-tuned": gains}, 5)
    assert first.startswith(
        "With 50 labelled images of each class (250 in all) accuracy, with its 95 % interval over 2 seeds"
    )
    return rest


def test_the_answer_tells_what_is_beyond_doubt_from_what_is_undecided() -> None:
    assert said([SURE, SURE, DOUBTFUL]) == (
        "Fine-tuned, better than from scratch beyond doubt at 5 and 10 images of each class: +2.00 points (+1.00 to +3.00) at "
        "5 and +2.00 points (+1.00 to +3.00) at 10. Undecided at 50, where the interval contains zero: +1.00 points (-1.00 "
        "to +3.00). The advantage ends at 50: from there on no gain is beyond doubt."
    )
    assert said([SURE, DOUBTFUL, WORSE]).endswith(
        "Worse than from scratch beyond doubt at 50: -2.00 points (-3.00 to -1.00). The advantage ends at 10: from there "
        "on no gain is beyond doubt."
    )


def test_the_answer_claims_no_advantage_that_is_undecided() -> None:
    assert said([DOUBTFUL] * 3).startswith(
        "Fine-tuned, undecided at 5, 10 and 50 images of each class, where the interval contains zero: "
    )
    assert said([DOUBTFUL] * 3).endswith("at 50. No gain is beyond doubt.")
    assert said([SURE] * 3).endswith("at 50. The advantage does not end within these numbers.")


def test_the_table_gives_every_gain_its_verdict() -> None:
    errors = {name: [np.array([0.1, 0.2])] * 3 for name in ("from scratch", "fine-tuned")}
    table = comparison_table(SIZES, errors, {"fine-tuned": [SURE, DOUBTFUL, WORSE]}, {"from scratch": [0.1] * 3})
    assert [row[4] for row in table["rows"]] == [
        "+2.00 (+1.00 to +3.00), better", "+1.00 (-1.00 to +3.00), undecided", "-2.00 (-3.00 to -1.00), worse",
    ]  # fmt: skip
    assert all(len(row) == len(table["header"]) for row in table["rows"])

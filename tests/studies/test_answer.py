"""What a comparison says of standings that are given."""

from typing import Any

from goodfit.studies.answer import word_answer


def standing(name: str, verdict: str, lr: float = 0.01, diverged: int = 0) -> dict[str, Any]:
    return {
        "name": name, "verdict": verdict, "n": 8, "diverged": diverged, "lr": lr, "value": 0.9, "interval": [0.88, 0.92],
        "difference": -0.1, "difference_interval": [-0.15, -0.05],
    }  # fmt: skip


def said(standings: list[dict[str, Any]], rates: dict[str, list[float]] | None = None) -> str:
    tried = rates and {name: [[rate, 1.0] for rate in tried] for name, tried in rates.items()}
    return " ".join(word_answer({"standings": standings, "judged_by": "accuracy", "rates": tried}))


def test_names_with_commas_are_told_apart() -> None:
    text = said([standing("a, b", "best"), standing("c, d", "undecided"), standing("e", "undecided")])
    assert "Not to be told from it with these seeds: c, d; e." in text and "No variant is worse" in text
    text = said([standing("a", "best"), standing("c, d", "worse", diverged=1), standing("e", "worse", diverged=2)])
    assert "Worse beyond doubt: c, d (by 0.1, 0.05 to 0.15); e (by 0.1, 0.05 to 0.15)." in text
    assert "in no mean: c, d 1 of 9; e 2 of 10." in text


def test_a_rate_at_the_border_of_those_tried_is_named() -> None:
    standings = [standing("a", "best", 0.01), standing("b", "worse", 0.03), standing("c", "worse", 0.001)]
    text = said(standings, {name: [0.001, 0.01, 0.03] for name in "abc"})
    assert "Best with the largest rate tried (0.03), and perhaps better beyond it: b." in text
    assert "Best with the smallest rate tried (0.001), and perhaps better beyond it: c." in text
    assert "rate tried" not in said(standings) and "rate tried" not in said(standings[:1], {"a": [0.001, 0.01, 0.03]})

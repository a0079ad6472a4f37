"""Combining and choosing members, against scikit-learn, closed forms and brute force."""

import numpy as np
import pytest
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from goodfit.ensemble import SELECTIONS, Pool, average, estimate_optimism, quality_curve, vote
from goodfit.metrics import METRICS


def regressors(members: int, rows: int, seed: int = 0, noise: float = 1.0, shared: float = 0.0) -> Pool:
    """Truth plus each member's own noise and a noise that they share."""
    random = np.random.default_rng(seed)
    truth = random.normal(size=rows)
    errors = noise * random.normal(size=(members, rows)) + shared * random.normal(size=rows)
    return Pool([], truth + errors, truth, METRICS["rmse"])


def guessers(members: int, rows: int, seed: int = 0) -> Pool:
    """Classifiers that know nothing of 4 classes."""
    random = np.random.default_rng(seed)
    p = random.dirichlet(np.ones(4), size=(members, rows))
    return Pool([], p, random.integers(0, 4, rows), METRICS["accuracy"])


def test_votes_and_averages_equal_scikit_learns() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(300, 5))
    y = (x[:, 0] + x[:, 1] ** 2 + random.normal(size=300) > 1).astype(int) + (x[:, 2] > 1)
    models = [
        ("a", LogisticRegression()),
        ("b", GaussianNB()),
        ("c", DecisionTreeClassifier(max_depth=3, random_state=0)),
    ]
    for shares in (None, [0.5, 0.2, 0.4]):
        soft = VotingClassifier(models, voting="soft", weights=shares).fit(x, y)
        hard = VotingClassifier(models, voting="hard", weights=shares).fit(x, y)
        p = np.stack([model.predict_proba(x) for model in soft.estimators_])
        np.testing.assert_allclose(average(p, shares), soft.predict_proba(x), atol=1e-12)
        np.testing.assert_array_equal(vote(p, shares).argmax(1), hard.predict(x))


def test_greedy_comes_near_the_best_weights() -> None:
    """Members of unequal independent noise: the best shares go as 1 / variance."""
    random = np.random.default_rng(0)
    truth, spread = random.normal(size=20_000), np.array([0.5, 0.7, 1.0, 2.0])
    pool = Pool([], truth + spread[:, None] * random.normal(size=(4, 20_000)), truth, METRICS["rmse"])
    best = 1 / spread**2 / (1 / spread**2).sum()
    shares = SELECTIONS["greedy"](pool, 4, "validation_loss", 0)
    np.testing.assert_allclose(shares / shares.sum(), best, atol=0.06)
    assert pool.loss(shares) < 1.005 * pool.loss(best)
    assert pool.loss(shares) < pool.loss(SELECTIONS["best"](pool, 4, "validation_loss", 0)) < pool.losses().min()


@pytest.mark.parametrize("way", SELECTIONS)
@pytest.mark.parametrize("pool", [regressors(9, 50), guessers(9, 50)], ids=["regression", "classes"])
def test_every_way_keeps_its_promises(way: str, pool: Pool) -> None:
    for rank in ("validation_loss", "validation_metric"):
        shares = SELECTIONS[way](pool, 3, rank, 0)
        assert shares.shape == (9,) and (shares >= 0).all() and 1 <= (shares > 0).sum() <= 3
        best = pool.order(rank)[:3]
        assert set(np.flatnonzero(shares)) <= set(best.tolist())
        np.testing.assert_array_equal(shares, SELECTIONS[way](pool, 3, rank, 0))
        if way != "single" and rank == "validation_loss":
            assert pool.loss(shares) <= pool.losses().max()


def test_greedy_rounds_equal_brute_force() -> None:
    pool = regressors(4, 30, seed=3)
    chosen: list[int] = []
    for _ in range(40):
        losses = [np.mean((pool.predictions[[*chosen, m]].mean(0) - pool.truth) ** 2) for m in range(4)]
        chosen.append(int(np.argmin(losses)))
    path = [np.mean((pool.predictions[chosen[:k]].mean(0) - pool.truth) ** 2) for k in range(1, 41)]
    expected = np.bincount(chosen[: int(np.argmin(path)) + 1], minlength=4)
    np.testing.assert_array_equal(SELECTIONS["greedy"](pool, 4, "validation_loss", 0), expected)


def test_curve_of_independent_members_falls_as_one_over_their_number() -> None:
    pool = regressors(10, 20_000, shared=0.5)
    curve = quality_curve(pool, 0)["series"]["loss"]
    np.testing.assert_allclose(curve["mean"], 0.25 + 1 / np.arange(1, 11), rtol=0.03)
    assert curve["low"][9] == pytest.approx(curve["high"][9]) and curve["low"][0] < curve["high"][0]


def test_optimism_is_what_new_rows_show() -> None:
    """Guessers: the best of 40 on 60 rows seems better than chance; nested selection says what fresh rows say."""
    found, fresh = [], []
    for seed in range(16):
        pool = guessers(20, 60, seed)
        found.append(estimate_optimism(pool, 20, "validation_metric", "single", repeats=1))
        fresh.append(found[-1].apparent - 0.25)
    assert np.mean(fresh) > 0.06, "the choice flatters itself"
    assert np.mean([o.difference for o in found]) == pytest.approx(np.mean(fresh), abs=0.04)
    assert np.mean([o.nested for o in found]) == pytest.approx(0.25, abs=0.04)
    honest = estimate_optimism(regressors(3, 5000), 3)
    assert abs(honest.difference) < 0.005

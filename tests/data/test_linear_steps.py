"""Linear steps against scikit-learn; whitening by its definition; the whole as part of a training."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import goodfit as gf
from goodfit.data import linear_steps
from goodfit.data.decorrelation import Decorrelated
from goodfit.data.images import PixelPreparation
from goodfit.data.linear_steps import LINEAR_STEPS, covariance, read_step

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(500, 7)) @ RANDOM.normal(size=(7, 7)) + 10 * RANDOM.normal(size=7)
NEW = X[:50] + 1


def fitted(text: str, x: np.ndarray = X) -> linear_steps.Affine:
    return read_step(text, "--steps")(x)


@pytest.mark.parametrize(
    ("texts", "theirs"),
    [
        (["centre"], StandardScaler(with_std=False)), (["scale"], StandardScaler(with_mean=False)), (["centre", "scale"], StandardScaler()),
        (["min-max"], MinMaxScaler()), (["pca"], PCA()), (["pca(3)"], PCA(3)), (["pca(0.9)"], PCA(0.9)), (["pca(keep=0.5)"], PCA(0.5)),
        (["pca-whiten(epsilon=0)"], PCA(whiten=True)), (["pca-whiten(4, 0)"], PCA(4, whiten=True)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("rows_at_once", [4096, 64])
def test_equals_scikit_learn(
    texts: list[str], theirs: object, rows_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linear_steps, "ROWS_AT_ONCE", rows_at_once)
    train, new = X, NEW
    for text in texts:
        step = fitted(text, train)
        train, new = step.apply(train), step.apply(new)
    np.testing.assert_allclose(train, theirs.fit_transform(X), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(new, theirs.transform(NEW), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("text", ["pca-whiten(epsilon=0)", "zca(epsilon=0)"])
def test_whitened_features_are_uncorrelated_with_variance_1(text: str) -> None:
    white = fitted(text).apply(X)
    np.testing.assert_allclose(covariance(white)[1], np.eye(7), atol=1e-8)
    np.testing.assert_allclose(white.mean(0), 0, atol=1e-10)


def test_zca_is_the_symmetric_square_root_and_epsilon_shrinks() -> None:
    affine = fitted("zca(epsilon=0.5)")
    np.testing.assert_allclose(affine.matrix, affine.matrix.T, atol=1e-12)
    wanted = np.linalg.inv(np.cov(X.T) + 0.5 * np.eye(7))
    np.testing.assert_allclose(affine.matrix @ affine.matrix, wanted, rtol=1e-6, atol=1e-9)
    exact = fitted("zca(epsilon=0)").apply(X)
    assert (
        np.square(exact - X + X.mean(0)).sum()
        < np.square(fitted("pca-whiten(epsilon=0)").apply(X) - X + X.mean(0)).sum()
    )


def test_features_without_variance_stay_finite() -> None:
    flat = np.column_stack([X[:, 0], np.full(500, 3.0), X[:, 0], X[:, 1]])
    for name in LINEAR_STEPS:
        found = fitted(name, flat).apply(flat)
        assert np.isfinite(found).all() and np.abs(found).max() < 1e3
    white = fitted("pca-whiten(epsilon=0)", flat).apply(flat)
    np.testing.assert_allclose(white.var(0, ddof=1), [1, 1, 0, 0], atol=1e-9)
    assert not fitted("zca", np.ones((5, 3))).apply(np.ones((5, 3))).any()


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e8 + 0.1, -0.7])
@pytest.mark.parametrize("name", ["scale", "min-max"])
def test_a_constant_is_not_divided_by_its_rounding(name: str, value: float) -> None:
    for rows in (100, 128, 1000):
        found = fitted(name, np.full((rows, 1), value)).apply(np.full((3, 1), value + 1))
        np.testing.assert_allclose(found, value + 1 if name == "scale" else 1)


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 12), st.integers(1, 9), st.sampled_from([*LINEAR_STEPS, "pca(0.5)", "pca-whiten(1)"]))
def test_any_shape(rows: int, columns: int, text: str) -> None:
    x = np.random.default_rng(rows).normal(size=(rows, columns))
    found = fitted(text, x).apply(x)
    assert len(found) == rows and found.shape[1] <= columns and np.isfinite(found).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pcs", r"--steps is 'pcs' \(did you mean 'pca'\?\): choose one of centre"), ("pca(2.5)", "'keep' is a number of components, or a share"),
        ("zca(-1)", "'epsilon' must not be negative"), ("centre(1)", "centre, without arguments"), ("pca(9)", "these data have 7"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(text: str, message: str) -> None:
    with pytest.raises(gf.GoodfitError, match=message):
        fitted(text)


def test_too_many_features_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear_steps, "MOST_FEATURES", 6)
    with pytest.raises(gf.GoodfitError, match="the covariance of 7 features is too large"):
        fitted("zca")


@pytest.mark.parametrize("step", ["pca(5)", "pca-whiten(0.99)", "zca"])
def test_a_table_is_decorrelated_after_its_preparation(step: str, house_task: gf.Task) -> None:
    config = gf.Config(numeric="standard", decorrelate=step)
    plain = house_task.matrix(config.replace(decorrelate="none"), "train")
    expected = fitted(step, plain)
    for part in ("train", "test"):
        before = house_task.matrix(config.replace(decorrelate="none"), part)
        np.testing.assert_allclose(house_task.matrix(config, part), expected.apply(before), rtol=1e-5, atol=1e-6)
    preparation = house_task.preparation(config)
    assert isinstance(preparation, Decorrelated)
    again = Decorrelated.restore(json.loads(json.dumps(preparation.to_json())), preparation.arrays())
    raw = house_task.raw("test")
    np.testing.assert_array_equal(again.transform(raw).matrix, preparation.transform(raw).matrix)
    assert again.transform(raw.assign(more=1)).notes == ["columns not used: country, more"]


@pytest.mark.parametrize("change", [{"step": None}, {"images": [1, 2]}, {"before": {}}])
def test_foreign_json_is_refused(change: dict[str, object], house_task: gf.Task) -> None:
    preparation = house_task.preparation(gf.Config(decorrelate="zca"))
    with pytest.raises(gf.GoodfitError, match="restore the model folder"):
        Decorrelated.restore(preparation.to_json() | change, {} if "step" in change else preparation.arrays())


IMAGES = RANDOM.integers(0, 256, (150, 3, 4, 5)).astype(np.uint8)


@pytest.mark.parametrize("method", ["standard", "centre", "min-max"])
def test_pixels_are_scaled_by_channel(method: str) -> None:
    images = IMAGES.copy()
    images[:, 1] //= 2
    theirs = {"standard": StandardScaler(), "centre": StandardScaler(with_std=False), "min-max": MinMaxScaler()}[method]
    rows = (images / 255).transpose(0, 2, 3, 1).reshape(-1, 3)
    expected = theirs.fit_transform(rows).reshape(150, 4, 5, 3).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(PixelPreparation.fit(images, method).transform(images), expected, atol=2e-6)


def test_images_are_decorrelated_trained_stored_and_predicted(tmp_path: object) -> None:
    labels = (IMAGES[:, 0].mean((1, 2)) > 127).astype(int)
    task = gf.Task.from_images(IMAGES, labels)
    base = gf.Config(epochs=1, width=8, batch_size=16)
    configs = [
        base,
        *(
            base.replace(pixels=p, decorrelate=d)
            for p, d in (("min-max", "none"), ("standard", "zca"), ("centre", "pca(6)"))
        ),
    ]
    shapes = [task.matrix(config, "train").shape[1:] for config in configs]
    assert shapes == [(3, 4, 5), (3, 4, 5), (3, 4, 5), (6,)]
    runs = gf.train(configs, task)
    gf.save_model(runs.model(), tmp_path / "m")
    again = gf.load_model(tmp_path / "m")
    raw = task.raw("test")
    assert not again.is_table
    np.testing.assert_array_equal(again.predict(raw), runs.model().predict(raw))
    with pytest.raises(gf.GoodfitError, match="which needs images: principal components are none"):
        gf.train(base.replace(decorrelate="pca(6)", augment="flip"), task)


def test_tables_with_it_train_and_predict_beside_others(house_task: gf.Task, tmp_path: object) -> None:
    base = gf.Config(epochs=2, width=8, batch_size=32)
    configs = gf.vary(base, numeric=["centre", "min-max", "piecewise"], decorrelate=["none", "pca-whiten(0.9)"])
    runs = gf.train(configs, house_task)
    gf.save_model(runs.model(), tmp_path / "m")
    np.testing.assert_array_equal(
        gf.load_model(tmp_path / "m").predict(house_task.raw("test")), runs.predict(house_task.raw("test"))
    )
    for wrong in ("pcs", "centre", "zca(2, 3)"):
        with pytest.raises(gf.GoodfitError, match="setting 'decorrelate' is"):
            gf.train(base.replace(decorrelate=wrong), house_task)


def test_number_methods_equal_scikit_learn() -> None:
    frame = pd.DataFrame(X, columns=list("abcdefg"))
    task = gf.Task.from_frame(frame.assign(t=X[:, 0] + X[:, 1]), "t")
    for method, theirs in (
        ("centre", StandardScaler(with_std=False)),
        ("min-max", MinMaxScaler()),
        ("standard", StandardScaler()),
    ):
        theirs.fit(task.raw("train").to_numpy())
        for part in ("train", "test"):
            expected = theirs.transform(task.raw(part).to_numpy())
            np.testing.assert_allclose(task.matrix(gf.Config(numeric=method), part), expected, rtol=1e-5, atol=2e-6)

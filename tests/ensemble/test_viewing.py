"""Views: taken where they lower the loss beyond noise, stored, and calibrated anew."""

from pathlib import Path

import numpy as np
import pytest

import goodfit as gf
from goodfit.calibration import tempered
from goodfit.data.views import seen, views_of
from goodfit.ensemble import EnsembleChoice, choose_ensemble, consider_views

CONFIG = gf.Config(
    model="cnn", width=12, augment="crop(2)", epochs=8, train_rows=3000, lr=5e-3, batch_size=64, schedule="cosine"
)


@pytest.fixture(scope="module")
def choice(real_data: Path) -> EnsembleChoice:
    """Two networks and 6,000 rows to judge them by: what views bring is four standard errors then."""
    task = gf.load("fashion-mnist", validation="auto")
    return choose_ensemble(gf.train(gf.vary(CONFIG, seed=range(2)), task), most=2)


def test_the_model_averages_its_members_over_their_views(choice: EnsembleChoice, tmp_path: Path) -> None:
    model = choice.model(calibrate=True)
    viewing = consider_views(choice, model)
    images, first = np.asarray(choice.members.task.raw("validation")), slice(0, 300)
    by_hand = np.mean([choice.members.predict(seen(images[first], view)) for view in views_of(["crop"])], axis=0)
    assert viewing.text and "5 views" in viewing.text and viewing.model.views
    assert viewing.prediction[first] == pytest.approx(by_hand, abs=1e-6)
    predicted = viewing.model.predict(images[first])
    assert predicted == pytest.approx(tempered(by_hand, viewing.model.temperature), abs=1e-6)
    truth, loss = choice.pool.truth, choice.pool.row_losses
    rows = np.arange(len(truth)), truth
    assert loss(viewing.prediction[rows]).mean() < loss(choice.prediction[rows]).mean()
    inside = viewing.model.sets(tempered(viewing.prediction, viewing.model.temperature), "lac")
    assert inside[rows].mean() == pytest.approx(0.9, abs=0.01), "set by what the model predicts with views"
    gf.save_model(viewing.model, tmp_path / "m")
    assert np.array_equal(gf.load_model(tmp_path / "m").predict(images[first]), predicted)


def test_what_does_not_help_or_has_no_time_is_left(choice: EnsembleChoice, monkeypatch: pytest.MonkeyPatch) -> None:
    model = choice.model()
    late = consider_views(choice, model, seconds=0.0)
    assert late.model is model and late.text and "no time" in late.text
    monkeypatch.setattr("goodfit.model.seen", lambda images, view: np.zeros_like(images))
    blind = consider_views(choice, model)
    assert blind.model is model and blind.prediction is not None and blind.text and "not better" in blind.text


def test_networks_that_saw_every_image_as_it_is_have_no_views(choice: EnsembleChoice) -> None:
    task = choice.members.task
    plain = choose_ensemble(gf.train(CONFIG.replace(augment=(), epochs=1), task), most=1)
    model = plain.model()
    assert consider_views(plain, model).model is model and consider_views(plain, model).text is None

"""The training loop: budgets, stopping, best weights, epochs of unequal length."""

import numpy as np
import pytest
import torch
from problems import BASE, REGRESSION, Tabular, assert_same, make_problem, run
from torch import Tensor, nn

from goodfit.config import Config
from goodfit.population import KERNELS, EpochRecord, Outcome, train_population
from goodfit.population.loop import FIRST_STEPS


def test_best_weights_are_restored() -> None:
    config = BASE.replace(lr=0.05, epochs=15, patience=4)
    (outcome, records), *_ = run([config], REGRESSION)
    losses = [r.validation_loss for r in records]
    assert outcome.best_epoch == int(np.argmin(losses))
    assert outcome.validation_loss == min(losses)
    output = torch.from_numpy(outcome.validation_output)
    again = REGRESSION.row_loss(output, REGRESSION.validation.y).double().mean()
    assert float(again) == pytest.approx(min(losses), rel=1e-6)


def test_without_validation_the_last_weights_are_kept() -> None:
    problem = make_problem(validation=0)
    (outcome, records), *_ = run([BASE], problem)
    assert outcome.best_epoch == BASE.epochs and outcome.validation_loss is None
    assert records[-1].train_loss < records[0].train_loss


def test_max_steps_ends_inside_an_epoch() -> None:
    (outcome, records), *_ = run([BASE.replace(max_steps=8)], REGRESSION)
    assert outcome.steps == 8 and [r.step for r in records] == [0, 6, 8]


def test_deadline_ends_with_the_best_so_far() -> None:
    events = list(train_population([BASE, BASE.replace(seed=1)], REGRESSION, KERNELS["dense"].make, deadline=0.0))
    outcomes = [event for event in events if isinstance(event, Outcome)]
    assert [o.reason for o in outcomes] == ["out of time"] * 2 and outcomes[0].steps == 0


@pytest.mark.parametrize("questions", range(8))
@pytest.mark.parametrize("validation", [0, 40])
def test_whenever_they_are_stopped_every_epoch_on_record_has_steps(questions: int, validation: int) -> None:
    asked = iter(range(1000))
    problem = make_problem(validation=validation)
    configs = [BASE.replace(train_rows=rows, epochs=50) for rows in (20, 60)]
    events = list(train_population(configs, problem, KERNELS["dense"].make, stop=lambda: next(asked) >= questions))
    for member, config in enumerate(configs):
        records = [e for e in events if isinstance(e, EpochRecord) and e.member == member]
        (outcome,) = [e for e in events if isinstance(e, Outcome) and e.member == member]
        per_epoch = -(-config.train_rows // config.batch_size)
        steps = [record.step for record in records]
        assert [record.epoch for record in records] == list(range(len(records)))
        assert steps[:-1] == [per_epoch * epoch for epoch in range(len(steps) - 1)]
        assert len(steps) == 1 or steps[-2] < steps[-1] <= steps[-2] + per_epoch
        assert min(record.train_loss for record in records) > 0
        assert (outcome.reason, outcome.epochs, outcome.steps) == ("interrupted", records[-1].epoch, steps[-1])


def test_own_module_trains_repeatably_and_leaves_the_global_stream_alone() -> None:
    config = Config(model=Tabular, epochs=5, batch_size=37, lr=1e-2, seed=3)
    torch.manual_seed(11)
    expected = torch.rand(1)
    torch.manual_seed(11)
    first = run([config], REGRESSION, "sequential")[0]
    assert torch.equal(torch.rand(1), expected)
    assert_same(first, run([config], REGRESSION, "sequential")[0])
    assert first[1][-1].validation_loss < first[1][0].validation_loss
    other = run([config.replace(seed=4)], REGRESSION, "sequential")[0]
    assert not torch.equal(first[0].weights["head.weight"], other[0].weights["head.weight"])


@pytest.mark.parametrize("kernel", ["resident", "dense", "side-by-side", "sequential"])
def test_epochs_of_unequal_length(kernel: str) -> None:
    """Members with fewer samples have shorter epochs; all take their steps together and leave when they are done."""
    counts = [20, 76, 203]
    results = run([BASE.replace(train_rows=n, epochs=3) for n in counts], REGRESSION, kernel)
    for n, (outcome, records) in zip(counts, results, strict=True):
        per_epoch = -(-n // BASE.batch_size)
        assert [r.step for r in records] == [per_epoch * e for e in range(4)] and outcome.epochs == 3


def test_a_member_sees_only_its_samples_and_its_labels() -> None:
    seen: list[Tensor] = []

    class Spy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(13, 1)

        def forward(self, x: Tensor) -> Tensor:
            if self.training:
                seen.append(x.detach())
            return self.layer(x)

    run([Config(model=Spy, epochs=2, batch_size=37, train_rows=50, seed=1)], REGRESSION, "sequential")
    rows = torch.unique(torch.cat(seen[-4:]), dim=0)
    assert len(rows) == 50 and len(torch.cat(seen[-4:])) == 100


@pytest.mark.parametrize(("classes", "rate"), [(3, 0.2), (10, 0.5)])
def test_label_noise_makes_that_share_of_labels_wrong(classes: int, rate: float) -> None:
    from goodfit.population.own_data import noisy_targets

    problem = make_problem(rows=6000, classes=classes)
    noisy = [noisy_targets(BASE.replace(label_noise=rate, seed=seed), problem) for seed in range(2)]
    for labels in noisy:
        wrong = float((labels != problem.train.y).double().mean())
        assert (
            abs(wrong - rate) < 4.5 * (rate * (1 - rate) / 6000) ** 0.5 and labels.min() >= 0 and labels.max() < classes
        )
        counts = np.bincount(((labels - problem.train.y) % classes).numpy(), minlength=classes)[1:]
        assert counts.std() < 4 * counts.mean() ** 0.5 + 1
    assert (noisy[0] != noisy[1]).any()


def test_label_noise_of_a_regression_has_its_standard_deviation() -> None:
    from goodfit.population.own_data import noisy_targets

    problem = make_problem(rows=6000)
    noise = noisy_targets(BASE.replace(label_noise=0.3), problem) - problem.train.y
    assert abs(float(noise.std()) - 0.3) < 0.015 and abs(float(noise.mean())) < 0.02


def test_mixup_shares_have_the_beta_distribution() -> None:
    from scipy import stats

    from goodfit.population.own_data import OwnData

    shares = OwnData(BASE.replace(mixup=0.4), REGRESSION).mix(0, 3000)
    assert stats.kstest(shares, stats.beta(0.4, 0.4).cdf).pvalue > 1e-4
    assert (OwnData(BASE, REGRESSION).mix(0, 5) == 1).all()


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_last_batch_of_one_row_is_left_out(kernel: str) -> None:
    """Batch norm cannot train on one row, so 203 rows in batches of 101 are two steps."""

    def normalised() -> nn.Module:
        return nn.Sequential(nn.Linear(13, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 1))

    model = "mlp" if kernel == "dense" else normalised
    config = Config(model=model, width=6, epochs=3, batch_size=101)
    (outcome, records), *_ = run([config], REGRESSION, kernel)
    assert outcome.steps == 6 and np.isfinite([r.train_loss for r in records]).all()
    single, *_ = run([config.replace(model="mlp", batch_size=1, epochs=1)], REGRESSION, "sequential")
    assert single[0].steps == len(REGRESSION.train)


def test_the_first_losses_are_kept_one_by_one() -> None:
    config = BASE.replace(epochs=30, lr=1e-3)  # 180 steps
    (outcome, records), *_ = run([config], REGRESSION, "sequential")
    assert len(outcome.first_losses) == FIRST_STEPS
    sizes = np.array([37] * 5 + [203 - 5 * 37])
    means = (outcome.first_losses[:96].reshape(16, 6) * sizes).sum(1) / sizes.sum()
    np.testing.assert_allclose(means, [r.train_loss for r in records[1:17]], rtol=1e-6)
    (short, _), *_ = run([config.replace(max_steps=8)], REGRESSION, "sequential")
    np.testing.assert_array_equal(short.first_losses, outcome.first_losses[:8])

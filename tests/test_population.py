"""The first rules of the engine: grouping changes nothing, a member is an island, any module works."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from goodfit.config import Config, vary
from goodfit.losses import find_loss
from goodfit.population import KERNELS, EpochRecord, Outcome, Part, Problem, train_population


def make_problem(rows: int = 203, columns: int = 13, classes: int = 0, validation: int = 61) -> Problem:
    random = torch.Generator().manual_seed(5)
    x = torch.randn(rows + validation, columns, generator=random)
    y = torch.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2]
    if classes:
        y = (y > 0).long() + (x[:, 3] > 1).long() * (classes - 2)
    kind = "multiclass" if classes else "regression"
    held_out = Part(x[rows:], y[rows:]) if validation else None
    return Problem(Part(x[:rows], y[:rows]), held_out, classes or 1, find_loss("auto", kind))


REGRESSION, CLASSES = make_problem(), make_problem(classes=3)
BASE = Config(width=(17, 9), activation="silu", epochs=4, batch_size=37, lr=3e-3, weight_decay=0.01)
# members that differ in everything that may differ, one of which explodes
MEMBERS = [
    BASE.replace(seed=0),
    BASE.replace(seed=1, dropout=0.3),
    BASE.replace(seed=2, lr=1e8),
    BASE.replace(seed=0, lr=1e-2, schedule="cosine", warmup_steps=5),
    BASE.replace(seed=3, patience=1, lr=0.3),
    BASE.replace(seed=4, init="orthogonal", beta1=0.5, beta2=0.99, weight_decay=0.3),
    BASE.replace(seed=5, init="kaiming-normal", dropout=0.8),
]


def run(
    configs: Sequence[Config], problem: Problem, kernel: str = "dense"
) -> tuple[list[Outcome], list[list[EpochRecord]]]:
    outcomes: dict[int, Outcome] = {}
    records: list[list[EpochRecord]] = [[] for _ in configs]
    for event in train_population(configs, problem, KERNELS[kernel]):
        if isinstance(event, Outcome):
            outcomes[event.member] = event
        else:
            records[event.member].append(event)
    return [outcomes[i] for i in range(len(configs))], records


def assert_same(a: tuple[Outcome, list[EpochRecord]], b: tuple[Outcome, list[EpochRecord]]) -> None:
    assert (a[0].reason, a[0].best_epoch, a[0].epochs) == (b[0].reason, b[0].best_epoch, b[0].epochs)
    for name, weight in a[0].weights.items():
        assert torch.equal(weight, b[0].weights[name]), name
    losses = [[(r.train_loss, r.validation_loss) for r in records] for records in (a[1], b[1])]
    np.testing.assert_array_equal(losses[0], losses[1])


@pytest.mark.parametrize("problem", [REGRESSION, CLASSES], ids=["regression", "classes"])
def test_alone_equals_together(problem: Problem) -> None:
    together = list(zip(*run(MEMBERS, problem), strict=True))
    for config, member in zip(MEMBERS, together, strict=True):
        alone = run([config], problem)
        assert_same((alone[0][0], alone[1][0]), member)


@settings(max_examples=12, deadline=None)
@given(
    order=st.lists(st.integers(0, len(MEMBERS) - 1), min_size=1, max_size=9),
    width=st.sampled_from([(17, 9), (1,), (64,), (33, 5, 8), ()]),
    activation=st.sampled_from(["relu", "tanh", "selu", "mish", "gelu"]),
    optimiser=st.sampled_from(["adamw", "adam", "sgd"]),
)
def test_any_grouping_gives_the_same_bits(
    order: list[int], width: tuple[int, ...], activation: str, optimiser: str
) -> None:
    configs = [m.replace(width=width, activation=activation, optimiser=optimiser, epochs=2) for m in MEMBERS]
    reference = list(zip(*run(configs, CLASSES), strict=True))
    chosen = list(zip(*run([configs[i] for i in order], CLASSES), strict=True))
    for i, member in zip(order, chosen, strict=True):
        assert_same(member, reference[i])


def test_a_member_that_explodes_is_reported_and_leaves() -> None:
    outcomes, records = run(MEMBERS, REGRESSION)
    assert outcomes[2].reason == "diverged"
    assert len(records[2]) < len(records[0])
    assert all(torch.isfinite(w).all() for w in outcomes[2].weights.values())
    assert all(np.isfinite(outcomes[i].validation_loss) for i in (0, 1, 3, 4, 5, 6))


def test_large_population_with_early_leavers() -> None:
    configs = vary(BASE.replace(epochs=3, patience=1), lr=np.geomspace(1e-4, 1e3, 16).tolist(), seed=range(4))
    together = list(zip(*run(configs, REGRESSION), strict=True))
    for i in (0, 17, 35, 63):
        alone = run([configs[i]], REGRESSION)
        assert_same((alone[0][0], alone[1][0]), together[i])


@pytest.mark.parametrize("optimiser", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
def test_batched_equals_one_at_a_time(optimiser: str, activation: str) -> None:
    lr = 0.02 if optimiser == "sgd" else 3e-3
    config = Config(width=(32, 16), activation=activation, optimiser=optimiser, lr=lr, epochs=10, batch_size=37,
                    weight_decay=0.02, dropout=0.25, schedule="cosine", warmup_steps=4)  # fmt: skip
    together, records = run(vary(config, seed=range(3)), CLASSES)
    for seed in range(3):
        alone, alone_records = run([config.replace(seed=seed)], CLASSES, "sequential")
        a = [(r.train_loss, r.validation_loss) for r in records[seed]]
        b = [(r.train_loss, r.validation_loss) for r in alone_records[0]]
        assert records[seed][-1].step == 60
        np.testing.assert_allclose(a, b, rtol=1e-4)
        assert together[seed].best_epoch == alone[0].best_epoch


def test_best_weights_are_restored() -> None:
    config = BASE.replace(lr=0.05, epochs=15, patience=4)
    outcomes, records = run([config], REGRESSION)
    losses = [r.validation_loss for r in records[0]]
    assert outcomes[0].best_epoch == int(np.argmin(losses))
    assert outcomes[0].validation_loss == min(losses)
    output = torch.from_numpy(outcomes[0].validation_output)
    again = REGRESSION.row_loss(output, REGRESSION.validation.y).double().mean()
    assert float(again) == pytest.approx(min(losses), rel=1e-6)


def test_without_validation_the_last_weights_are_kept() -> None:
    problem = make_problem(validation=0)
    outcomes, records = run([BASE], problem)
    assert outcomes[0].best_epoch == BASE.epochs and outcomes[0].validation_loss is None
    assert records[0][-1].train_loss < records[0][0].train_loss


def test_max_steps_ends_inside_an_epoch() -> None:
    outcomes, records = run([BASE.replace(max_steps=8)], REGRESSION)
    assert outcomes[0].steps == 8 and [r.step for r in records[0]] == [0, 6, 8]


def test_deadline_ends_with_the_best_so_far() -> None:
    events = list(train_population([BASE, BASE.replace(seed=1)], REGRESSION, KERNELS["dense"], deadline=0.0))
    outcomes = [event for event in events if isinstance(event, Outcome)]
    assert [o.reason for o in outcomes] == ["out of time"] * 2 and outcomes[0].steps == 0


class Own(nn.Module):
    """A user's module: batch norm, dropout from PyTorch's global stream, a skip connection, one output as [B]."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(13, 13), nn.BatchNorm1d(13), nn.ReLU(), nn.Dropout(0.5))
        self.head = nn.Linear(13, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(x + self.inner(x)).squeeze(-1)


def test_own_module_trains_repeatably_and_leaves_the_global_stream_alone() -> None:
    config = Config(model=Own, epochs=5, batch_size=37, lr=1e-2, seed=3)
    torch.manual_seed(11)
    expected = torch.rand(1)
    torch.manual_seed(11)
    first = run([config], REGRESSION, "sequential")
    assert torch.equal(torch.rand(1), expected)
    again = run([config], REGRESSION, "sequential")
    assert_same((first[0][0], first[1][0]), (again[0][0], again[1][0]))
    assert first[1][0][-1].validation_loss < first[1][0][0].validation_loss
    other = run([config.replace(seed=4)], REGRESSION, "sequential")
    assert not torch.equal(first[0][0].weights["head.weight"], other[0][0].weights["head.weight"])

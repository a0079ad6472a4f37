"""Spaces: how they are written, what lies in them, and what is said of those that make no sense."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goodfit.config import Config
from goodfit.errors import GoodfitError
from goodfit.search.domain import Choice, Range, read_domain, word
from goodfit.search.space import Space, make_space, read_space

CONDITIONAL = ["optimiser=adam,sgd", "momentum=uniform(0,0.99) if optimiser=sgd", "lr=log(1e-4,1e-1)"]
units = st.floats(0, 1, exclude_max=True)


@st.composite
def ranges(draw: st.DrawFn) -> tuple[str, Range]:
    """A setting that takes the numbers of a range, and such a range."""
    points = draw(st.integers(2, 9))
    kind = draw(st.sampled_from(["log", "uniform", "int", "int log"]))
    if kind.startswith("int"):
        low = draw(st.integers(1, 500))
        high = low + draw(st.integers(1, 5000))
        return "width", Range(low, high, "log" if kind == "int log" else "linear", whole=True, points=points)
    if kind == "log":
        low, ratio = draw(st.floats(1e-9, 1)), draw(st.floats(1.5, 1e6))
        return "lr", Range(low, low * ratio, "log", points=points)
    low, share = draw(st.floats(0, 0.9)), draw(st.floats(0.01, 1))
    return "dropout", Range(low, low + share * (0.99 - low), points=points)


@given(ranges())
def test_a_range_is_read_as_it_is_written(made: tuple[str, Range]) -> None:
    setting, domain = made
    assert read_domain(setting, str(domain)) == domain


@given(ranges(), units)
def test_a_range_holds_its_values(made: tuple[str, Range], u: float) -> None:
    setting, domain = made
    value = domain.at(u)
    assert domain.low <= value <= domain.high and isinstance(value, int) == domain.whole
    Config(**{setting: value})
    if not domain.whole:
        assert domain.place(value) == pytest.approx(u, abs=1e-6)
    values = domain.grid()
    assert values[0] == pytest.approx(domain.low) and values[-1] == pytest.approx(domain.high)
    assert values == sorted(set(values)) and len(values) <= domain.points
    for value in values:
        assert domain.low <= value <= domain.high
        Config(**{setting: value})


@given(st.lists(st.one_of(st.integers(1, 999), st.lists(st.integers(1, 999), min_size=1, max_size=3)), min_size=2, max_size=6,
                unique_by=lambda v: (v,) if isinstance(v, int) else tuple(v)))  # fmt: skip
def test_choices_are_read_as_they_are_written(widths: list[int | list[int]]) -> None:
    domain = read_domain("width", ",".join(map(word, widths)))
    assert isinstance(domain, Choice)
    assert list(domain.values) == [Config(width=width).width for width in widths]
    assert read_domain("width", str(domain)) == domain


@pytest.mark.parametrize(
    ("setting", "text", "values"),
    [
        ("lr", "1e-4,1e-3,0.01", (1e-4, 1e-3, 1e-2)),
        ("patience", "null,5", (None, 5)),
        ("skip", "true,false", (True, False)),
        ("init", "normal(0, 0.01),xavier-normal", ("normal(0, 0.01)", "xavier-normal")),
        ("width", "[64, 32],128", ((64, 32), 128)),
        ("activation", "relu, gelu", ("relu", "gelu")),
    ],
)
def test_choices_by_example(setting: str, text: str, values: tuple[object, ...]) -> None:
    domain = read_domain(setting, text)
    assert isinstance(domain, Choice) and domain.values == values
    assert read_domain(setting, str(domain)) == domain
    assert Counter(domain.at((k + 0.5) / 60) for k in range(60)) == {value: 60 // len(values) for value in values}


def test_a_logarithmic_range_is_even_in_the_logarithm_and_whole_numbers_share_alike() -> None:
    logs = Range(1e-4, 1e-1, "log")
    assert logs.at(1 / 3) == pytest.approx(1e-3) and logs.at(0.5) == pytest.approx(math.sqrt(1e-5))
    assert logs.grid() == pytest.approx(np.logspace(-4, -1, 5), rel=1e-9)
    assert Counter(Range(1, 4, whole=True).at((k + 0.5) / 400) for k in range(400)) == dict.fromkeys(range(1, 5), 100)
    assert Range(16, 512, "log", whole=True, points=6).grid() == [16, 32, 64, 128, 256, 512]
    assert Range(1, 3, whole=True, points=9).grid() == [1, 2, 3]


def test_conditional_settings_are_there_only_where_their_condition_holds() -> None:
    space = read_space([CONDITIONAL[1], CONDITIONAL[0], CONDITIONAL[2]])
    assert space.settings == ["optimiser", "momentum", "lr"], "each after the one on which it depends"
    assert "momentum" not in space.at([0.2, 0.5, 0.5])
    assert space.at([0.7, 0.5, 0.5])["momentum"] == pytest.approx(0.495)
    assert np.isnan(space.place(space.at([0.2, 0.5, 0.5]))).tolist() == [False, True, False]
    found = space.grid()
    assert len(found) == 5 + 5 * 5 == len({tuple(sorted(values.items())) for values in found})
    assert all(("momentum" in values) == (values["optimiser"] == "sgd") for values in found)
    assert read_space(map(str, space.dimensions)) == space


def test_conditions_may_depend_on_conditional_settings() -> None:
    space = read_space(["dropout=uniform(0,0.5) if norm=batch", "norm=none,batch if model=mlp", "model=mlp,lenet"])
    assert space.settings == ["model", "norm", "dropout"]
    assert {tuple(values) for values in space.grid()} == {("model", "norm", "dropout"), ("model", "norm"), ("model",)}
    for u in np.random.default_rng(0).random((50, 3)):
        values = space.at(u)
        assert ("norm" in values) == (values["model"] == "mlp")
        assert ("dropout" in values) == (values.get("norm") == "batch")


def test_a_space_from_python_is_that_from_text() -> None:
    written = {"lr": "log(1e-4, 1e-1)", "activation": ["relu", "gelu"], "dropout": Range(0, 0.5)}
    assert make_space(written) == read_space(["lr=log(1e-4,1e-1)", "activation=relu,gelu", "dropout=uniform(0,0.5)"])
    space = make_space(written)
    assert isinstance(space, Space) and make_space(space) is space


@pytest.mark.parametrize(
    ("over", "message"),
    [
        (["lrr=log(1e-4,1e-1)"], r"unknown setting 'lrr' \(did you mean 'lr'\?\): search over settings of Config"),
        (["seed=1,2"], "seeds are not searched: 'seeds' says"),
        (["lr"], "--over lr is not setting=range: write for example --over lr=log"),
        (["lr="], "--over lr= is not setting=range"),
        (["lr=1,2", "lr=3,4"], "--over lr is there twice: give each setting once"),
        ([], "nothing to search: give --over"),
        (["lr=log(0,1)"], r"setting 'lr' is searched in 'log\(0.0, 1.0\)': a logarithmic range must begin above 0"),
        (["lr=log(1e-1,1e-4)"], "'lr' is searched .*: the lower end must be below the upper one"),
        (["lr=log(1e-4,1e-1,points=1)"], "'lr' is searched .*: a grid needs at least 2 points"),
        (["lr=logs(1e-4,1e-1)"], r"the range of 'lr' is 'logs\(0.0001, 0.1\)' \(did you mean 'log'\?\): choose one of uniform"),
        (["lr=log(1e-4)"], r"the range of 'lr' is 'log\(0.0001\)': 'high' is missing"),
        (["lr=log(1e-4,big)"], "the range of 'lr' is .*: 'high' is big: it must be a number"),
        (["lr=log(1e-4,1e-1"], "the range of 'lr' is .* which cannot be read"),
        (["lr=log(1e-4,1e-1),0.5"], "setting 'lr' is searched in .*: a range stands alone"),
        (["width=uniform(16,64)"], r"setting 'width' is searched .*, but takes whole numbers: write int\(16, 64\)"),
        (["width=log(16,64)"], r"takes whole numbers: write int\(16, 64, log\)"),
        (["width=int(16.5,64)"], "the range of 'width' is .*: 'low' is 16.5: it must be a whole number"),
        (["dropout=uniform(0,2)"], "setting 'dropout' is 2"),
        (["lr=fast,slow"], "setting 'lr' is 'fast'"),
        (["lr=0.1"], "setting 'lr' is searched among one value: name more, or set it for all"),
        (["lr=0.1,0.10"], "setting 'lr' is searched among values of which 0.1 is there twice"),
        (["lr=0.1,0.2 if optimiser=sgd"], "'lr' is searched if optimiser=sgd, but 'optimiser' is not searched"),
        (["lr=0.1,0.2 if optimiser"], "the condition of 'lr' is 'optimiser': write setting=value"),
        (["optimiser=adam,sgd", "momentum=0,0.9 if optimiser=lion"], "'momentum' is searched if optimiser=lion, which never holds"),
        (["lr=log(1e-4,1)", "momentum=0,0.9 if lr=0.1"], "a condition names a setting with listed values"),
        (["lr=0.1,0.2 if momentum=0.5", "momentum=0.5,0.9 if lr=0.1"], "the conditions of lr, momentum go in a circle"),
    ],
)  # fmt: skip
def test_mistakes_are_named_in_one_line(over: list[str], message: str) -> None:
    with pytest.raises(GoodfitError, match=message) as caught:
        read_space(over)
    assert "\n" not in str(caught.value)


def test_a_list_of_no_values_and_a_huge_grid() -> None:
    with pytest.raises(GoodfitError, match="setting 'lr' is searched among no values: name some"):
        make_space({"lr": []})
    many = make_space(
        {name: "uniform(0.1, 0.5)" for name in ("dropout", "momentum", "label_smoothing", "mixup", "l1", "l2", "lr")}
    )
    with pytest.raises(GoodfitError, match=r"the grid has up to 78,125 points: search fewer settings or points"):
        many.grid()

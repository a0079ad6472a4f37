from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import goodfit as gf
from goodfit.config import read_settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"learning_rate": 1}, "unknown setting 'learning_rate'"),
        ({"droput": 0.1}, r"unknown setting 'droput' \(did you mean 'dropout'\?\)"),
        ({"lr": -1}, "setting 'lr' is -1: input should be greater than 0"),
        ({"lr": "fast"}, "setting 'lr' is 'fast'"),
        ({"lr": float("nan")}, "setting 'lr' is nan"),
        ({"dropout": 1.0}, "setting 'dropout' is 1.0"),
        ({"width": 0}, "setting 'width' is 0"),
        ({"width": (3, 4), "depth": 3}, "depth 3 contradicts width"),
        ({"epochs": 2.5}, "setting 'epochs' is 2.5"),
        ({"numeric": "log"}, "setting 'numeric' is 'log'"),
    ],
)
def test_wrong_settings_are_one_line(settings: dict[str, object], message: str) -> None:
    with pytest.raises(gf.GoodfitError, match=message) as caught:
        gf.Config(**settings)
    assert "\n" not in str(caught.value)


def test_vary_is_the_grid_in_order() -> None:
    configs = gf.vary(gf.Config(), lr=[0.1, 0.01], init="zeros", seed=range(3))
    assert [(c.lr, c.seed) for c in configs] == [(lr, s) for lr in (0.1, 0.01) for s in range(3)]
    assert {c.init for c in configs} == {"zeros"}
    assert [c.hidden for c in gf.vary(gf.Config(depth=3), width=[8, (4, 3)])] == [(8, 8, 8), (4, 3)]


def test_is_immutable() -> None:
    with pytest.raises(Exception, match="frozen"):
        gf.Config().lr = 1.0  # type: ignore[misc]


@given(
    lr=st.floats(1e-8, 1e3), width=st.one_of(st.integers(1, 999), st.lists(st.integers(1, 99), max_size=4).map(tuple)),
    dropout=st.floats(0, 0.99), seed=st.integers(0, 2**40), max_steps=st.none() | st.integers(1, 10**6),
    suffix=st.sampled_from([".yaml", ".json"]),
)  # fmt: skip
def test_survives_files(tmp_path_factory: pytest.TempPathFactory, suffix: str, **settings: object) -> None:
    path = tmp_path_factory.mktemp("config") / f"c{suffix}"
    config = gf.Config(**settings)
    config.write(path)
    assert gf.Config.read(path) == config and gf.Config.read(path).settings() == config.settings()


def test_yaml_numbers_as_people_write_them(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("lr: 1e-3\nweight_decay: 1e-2\n")
    assert gf.Config.read(path).lr == 1e-3


@pytest.mark.parametrize(
    ("text", "message"),
    [("a: [", "not valid YAML"), ("- 1\n", "does not hold settings"), ("3: x\n", "does not hold settings")],
)
def test_broken_files_are_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(gf.GoodfitError, match=message):
        read_settings(path)
    with pytest.raises(gf.GoodfitError, match="cannot read the settings file"):
        read_settings(tmp_path / "none.yaml")


@pytest.mark.parametrize("empty", [None, [], ()])
@pytest.mark.parametrize("setting", ["augment", "milestones"])
def test_an_empty_list_is_read_however_it_is_written(setting: str, empty: object, tmp_path: Path) -> None:
    assert getattr(gf.Config(**{setting: empty}), setting) == ()
    (tmp_path / "c.yaml").write_text(f"{setting}:\n")
    assert getattr(gf.Config.read(tmp_path / "c.yaml"), setting) == ()

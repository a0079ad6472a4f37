"""Figures of weights and signals: complete, and whole files of their own."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import goodfit as gf
from goodfit.cli import main
from goodfit.nn.signals import measure_signals
from goodfit.report.drawing import Chart
from goodfit.report.picture import write_picture
from goodfit.report.signals import histograms_through_depth, variance_through_depth
from goodfit.report.study_charts import lines
from goodfit.report.weights import weight_histograms


@pytest.fixture(scope="module")
def records() -> list[dict]:
    cases = [("tanh", "normal(0, 0.01)"), ("relu", "constant(1000)"), ("relu", "zeros"), ("selu", "lecun-normal")]
    return [{"name": f"{a}, {i}"} | measure_signals(a, i, depth=25, width=30, rows=8).to_json() for a, i in cases]


def check(chart: Chart, *words: str) -> None:
    root = ElementTree.fromstring(chart.svg)
    text = " ".join(element.text or "" for element in root.iter() if element.tag.endswith("text"))
    assert all(word in text for word in words), text
    assert "nan" not in text and "mathdefault" not in text
    assert not re.search(r"#0[0-9a-f]0[0-9a-f]0[0-9a-f]\b", chart.svg), "every colour is a variable of the page"


def test_signals_are_drawn(records: list[dict]) -> None:
    for what in ("variance", "gradient"):
        chart = variance_through_depth(records, what)
        check(chart, "tanh, normal(0, 0.01)", "selu, lecun-normal", "layer")
        assert len(chart.rows) == 100 and "mean-field theory" in chart.caption
    for what in ("activations", "gradients"):
        check(histograms_through_depth(records, what), "layer 1", "layer 25", "normal(0, 0.01)")
    check(histograms_through_depth(records), "overflow")
    short = {"name": "short"} | measure_signals("relu", depth=3, width=30, rows=8).to_json()
    check(histograms_through_depth([short, *records]), "layer 2", "layer 3", "layer 25")
    check(histograms_through_depth([*records, short]), "layer 2", "layer 3", "layer 25")
    assert "2 more are not shown" in histograms_through_depth(records * 3 + records[:2]).caption


def test_a_picture_is_a_file_that_needs_nothing_else(tmp_path: Path, records: list[dict]) -> None:
    path = tmp_path / "f.svg"
    write_picture(weight_histograms(["zeros", "normal"], [np.zeros(9), np.arange(9.0)], [None, 1.0]), path)
    text = path.read_text()
    ElementTree.fromstring(text)
    assert set(re.findall(r"var\((--\w+)\)", text)) <= set(re.findall(r"(--\w+):", text))
    write_picture(variance_through_depth(records), tmp_path / "f.png")
    assert (tmp_path / "f.png").read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(gf.GoodfitError, match=r"must end in \.png, \.svg, \.html"):
        write_picture(variance_through_depth(records), tmp_path / "f.gif")
    with pytest.raises(gf.GoodfitError, match="cannot write"):
        write_picture(variance_through_depth(records), tmp_path / "none" / "f.svg")


def test_command_lists_and_draws(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["initialisers", "--shape", "32x16", "--plot", str(tmp_path / "all.svg")]) == 0
    out = capsys.readouterr().out
    assert "a = gain sqrt(6 / (n_in + n_out))" in out and "Glorot & Bengio 2010" in out and "0.3536" in out
    assert "xavier-normal" in (tmp_path / "all.svg").read_text()
    assert main(["initialisers", "uniform(0, 1)", "--shape", "8x4x3x3", "--json"]) == 0
    [row] = json.loads(capsys.readouterr().out)
    assert row["std"] == pytest.approx(12**-0.5) and row["bound"] == 1 and row["definition"] == "U(low, high)"
    for arguments, message in (
        (["unifrm"], "did you mean 'uniform'?"), (["--shape", "8"], "--shape 8 is no shape"), (["--activation", "rel"], "did you mean 'relu'?"),
    ):  # fmt: skip
        assert main(["initialisers", *arguments]) == 2
        assert message in capsys.readouterr().err


def test_prepare_shows_before_and_after(
    tmp_path: Path, houses_csv: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "150")
    arguments = ["prepare", str(houses_csv), "--target", "price"]
    assert main([*arguments, "--plot", str(tmp_path / "p.svg")]) == 0
    out, err = capsys.readouterr()
    assert "after pca-whiten" in out and "best constant rate" in err
    picture = (tmp_path / "p.svg").read_text()
    assert all(words in picture for words in ("as it is", "after scale", "component 1", "covariance, largest 1"))
    assert main([*arguments, "--steps", "min-max,pca(2)", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["features"] for row in rows] == ["as it is", "after min-max", "after pca(2)"]
    assert rows[0]["condition"] > rows[1]["condition"] > rows[2]["condition"]
    assert rows[2]["steps"] <= rows[2]["steps_by_theory"]
    for wrong, message in (
        (["--steps", "pcs"], "did you mean 'pca'?"), (["--steps", "pca(1)"], "leaves 1 feature"), (["--plot", "p.gif"], "must end in .png"),
    ):  # fmt: skip
        assert main([*arguments, *wrong]) == 2
        assert message in capsys.readouterr().err
    assert main(["prepare", "digits"]) == 2 and "holds images" in capsys.readouterr().err


def test_a_single_point_shows_its_interval() -> None:
    found = {
        "name": "gains", "title": "Gains", "x": [100], "x_label": "images", "y_label": "points", "log_x": True, "whole": True,
        "series": {"frozen": {"mean": [1.0], "low": [-0.5], "high": [2.5]}}, "level": ["no gain", 0.0],
    }  # fmt: skip
    assert lines(found).svg.count('id="gains-LineCollection') == 1
    two = found | {"x": [100, 200], "series": {"frozen": {"mean": [1.0] * 2, "low": [-0.5] * 2, "high": [2.5] * 2}}}
    assert 'id="gains-LineCollection' not in lines(two).svg

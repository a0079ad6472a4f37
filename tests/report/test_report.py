"""The report: complete, self-contained, escaped, small; whatever stage the run has reached."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import goodfit as gf
from goodfit.report import render_report, write_report

NASTY = '<script>alert("x")</script> $x^2$ & "quoted" ünï'


def report_of(frame: pd.DataFrame, target: str, folder: Path) -> dict[str, Any]:
    task = gf.Task.from_frame(frame, target, name=NASTY)
    recipe = gf.Recipe(preset="quick", settings={"epochs": 3, "width": 8})
    return gf.run_recipe(task, recipe, gf.RunFolder.create(folder), "goodfit train <file>")


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    random = np.random.default_rng(0)
    n = 300
    frame = pd.DataFrame(random.normal(size=(n, 30)), columns=[f"c{i}" for i in range(29)] + [NASTY])
    folder = tmp_path_factory.mktemp("reports")
    classes = np.where(frame["c0"] > 0.5, NASTY, np.where(frame["c1"] > 0, "b", "c"))
    return {
        "regression": report_of(frame.assign(t=frame["c0"] * 3 + frame[NASTY]), "t", folder / "r"),
        "multiclass": report_of(frame.assign(t=classes), "t", folder / "m"),
        "binary": report_of(frame.assign(t=frame["c0"] > 0), "t", folder / "b"),
    }


@pytest.mark.parametrize("kind", ["regression", "multiclass", "binary"])
def test_page_is_complete_self_contained_and_escaped(reports: dict[str, dict[str, Any]], kind: str) -> None:
    page = render_report(reports[kind])
    assert len(page) < 1_500_000
    assert "<script" not in page and "alert(&#34;x&#34;)" in page
    assert not re.search(r'(?:src|href)="(?!#)', page) and "url(http" not in page and "@import" not in page
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids)), "ids of several figures must not clash"
    assert set(re.findall(r"#([\w-]+)\)", page)) | set(re.findall(r'href="#([\w-]+)"', page)) <= set(ids)
    assert page.count("<svg") == page.count('role="img"') >= 5
    assert not re.search(r"(?:fill|stroke): ?#", page), "every colour is a variable of the page"
    verdict = reports[kind]["verdict"]
    assert "How sure" in page and "undefined" not in page and verdict["how_sure"].split(" (")[0] in page
    pictures = {"regression": ["Predicted against true"]}.get(kind, ["Confusion matrix", "Calibration"])
    assert all(title in page for title in pictures)


def test_every_stage_may_be_missing(reports: dict[str, dict[str, Any]]) -> None:
    stages = (
        "test",
        "baselines",
        "initial_loss",
        "learning_rate",
        "candidates",
        "ensemble",
        "predictions",
        "importance",
        "verdict",
        "repeat",
    )
    for count in range(1, len(stages) + 1):
        partial = {name: value for name, value in reports["regression"].items() if name not in stages[:count]}
        assert "The run did not come so far." in render_report(partial)


def test_large_reports_stay_small() -> None:
    """200 columns, 100 classes, many trainings: folded, and below 1.5 MB."""
    random = np.random.default_rng(0)
    classes, trainings, epochs = 100, 128, 150
    curve = {
        "epoch": list(range(epochs)),
        "train_loss": random.random(epochs).tolist(),
        "validation_loss": random.random(epochs).tolist(),
    }
    row = {
        "status": "finished",
        "best_epoch": 9,
        "epochs": epochs,
        "validation_loss": 0.5,
        "validation_metric": 0.5,
        "seconds": 1.0,
    }
    report = {
        "version": 1, "name": "large", "goodfit": "0", "created": "2026-01-01T00:00:00", "seconds": 1.0, "status": "finished",
        "task": {
            "name": "large", "kind": "multiclass", "target": "t", "metric": "accuracy", "greater_is_better": True, "input": "table",
            "input_shape": [200], "rows": {"train": 9, "validation": 9, "test": 9, "dropped": 3}, "split": "random",
            "columns": [{"name": f"column {i} " * 5, "kind": "number", "used": True, "reason": "", "missing": 0, "distinct": 9} for i in range(200)],
            "classes": [f"class {i}" for i in range(classes)], "class_counts": {p: [1] * classes for p in ("train", "validation", "test")},
            "target_summary": None, "notes": ["a"], "warnings": [{"kind": "leak", "text": "look"}],
        },
        "candidates": {
            "groups": [{"label": f"g{i}", "settings": {}, "n": 2, "metric_mean": 0.5, "metric_interval": [None, None], "loss_mean": 0.5, "chosen": False} for i in range(64)],
            "trainings": [row | {"id": f"t{i}", "group": i // 2, "seed": i % 2} for i in range(trainings)],
            "curves": [curve | {"id": f"t{i}"} for i in range(trainings)], "text": "",
        },
        "ensemble": {"members": [f"t{i}" for i in range(40)], "by_size": [{"size": i + 1, "validation_metric": 0.5, "validation_loss": 0.5} for i in range(40)], "text": ""},
        "predictions": {"confusion": random.integers(0, 50, (classes, classes)).tolist(), "calibration": {"confidence": [0.5], "accuracy": [0.5], "count": [9], "ece": 0.1}},
        "importance": [{"column": f"column {i} " * 5, "increase": 0.1, "interval": [0.0, 0.2]} for i in range(200)],
    }  # fmt: skip
    assert len(render_report(report)) < 1_500_000


def test_written_page_replaces_the_old_and_survives_json(reports: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")
    stored = json.loads(json.dumps(copy.deepcopy(reports["binary"])))
    write_report(stored, path)
    assert path.read_text(encoding="utf-8") == render_report(reports["binary"])
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]

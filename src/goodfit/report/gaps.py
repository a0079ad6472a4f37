"""The gap between training and validation of every variant, beside its validation value."""

from typing import Any

import numpy as np

from goodfit.report.charts import short
from goodfit.report.drawing import BLUE, FAINT, GREEN, INK, ORANGE, Chart, drawing
from goodfit.wording import figure

COLOURS = {"smaller": GREEN, "better": GREEN, "larger": ORANGE, "worse": ORANGE, "undecided": BLUE}


def gaps(found: dict[str, Any]) -> Chart:
    """Return two panels, gap and validation value: means with intervals, single trainings, the reference as a line."""
    variants, metric = found["variants"], found["metric"]
    title = f"Gap of {metric} with {found['rows']:,} training samples"
    label = "; ".join(f"{v['name']} {figure(v['metric']['gap'][0])}" for v in variants)
    name = f"gap-{found['rows']}"
    with drawing(name, f"{title}: {label}", width=7.6, height=0.3 * len(variants) + 1.0, panels=(1, 2)) as canvas:
        for axes, what, single, verdict in (
            (canvas.panels[0], "gap", "gaps", "change_verdict"),
            (canvas.panels[1], "validation", "validations", "improvement_verdict"),
        ):
            for y, variant in enumerate(variants):
                side = variant["metric"]
                values = [v for v in side[single] if v is not None]
                axes.plot(values, [y] * len(values), ".", color=FAINT, markersize=5)
                colour = INK if y == 0 else COLOURS[side[verdict]]
                mean, low, high = (np.nan if v is None else v for v in side[what])
                axes.plot([low, high], [y, y], color=colour, linewidth=2.4)
                axes.plot([mean], [y], "o", color=colour, markersize=5.5)
                if y == 0:
                    axes.axvline(mean, color=INK, linewidth=0.8, linestyle=":")
            axes.set_yticks(range(len(variants)), [short(v["name"], 24) for v in variants] if what == "gap" else [])
            axes.invert_yaxis()
            axes.grid(axis="y", visible=False)
        better = "higher" if found["greater_is_better"] else "lower"
        canvas.panels[0].set_xlabel(f"gap of {metric}")
        canvas.panels[1].set_xlabel(f"validation {metric} ({better} is better)")
    caption = (
        "Point and bar: mean and its 95 % interval over the seeds; small dots: single trainings. Against no regulariser (dotted"
        " line), green is a smaller gap or a better value beyond doubt, orange a larger gap or a worse value, blue undecided."
    )
    return Chart(title, canvas.svg, caption)

"""The figure of how much each setting of a search matters."""

from typing import Any

import numpy as np

from goodfit.report.charts import short
from goodfit.report.drawing import BLUE, INK, Chart, drawing


def importances(record: dict[str, Any]) -> Chart | None:
    """The share of the differences between trials that hangs on each setting, with the interval over the refits."""
    found = record["importances"]
    if not found:
        return None
    label = "; ".join(f"{i['setting']} {i['total']:.0%}" for i in found)
    with drawing("importances", f"Importance: {label}", height=0.34 * len(found) + 0.9) as canvas:
        axes = canvas.axes
        y = np.arange(len(found))
        total = np.array([i["total"] for i in found])
        low, high = np.array([i["total_interval"] for i in found]).T
        axes.barh(y, total, height=0.6, color=BLUE, alpha=0.35, label="with others")
        axes.barh(y, [i["alone"] for i in found], height=0.26, color=BLUE, label="alone")
        axes.hlines(y, low, high, color=INK, linewidth=1.4)
        axes.set_yticks(y, [short(i["setting"]) for i in found])
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("share of the variance of the trials' ranks")
        axes.legend(fontsize=8, loc="lower right")
    rows = [[i["setting"], i["total"], *i["total_interval"], i["alone"], *i["alone_interval"]] for i in found]
    header = ["setting", "with others", "low", "high", "alone", "low", "high"]
    caption = "Light: all that hangs on the setting, also together with others; dark: by itself. Line: 90 % interval over refits."
    return Chart("Which settings matter", canvas.svg, caption, header, rows)

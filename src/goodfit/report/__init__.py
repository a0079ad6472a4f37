"""Telling: the report as one HTML file. It draws and words records; it never trains and never reads data."""

from goodfit.report.page import render_report as render_report
from goodfit.report.page import write_report as write_report

"""Judge a run's folder and write its three reports; the same folder gives the same bytes."""

from __future__ import annotations

from pathlib import Path

from gameday.analysis.judge import judge
from gameday.analysis.model import Analysis
from gameday.experiment.plan import Plan
from gameday.record.folder import read_about, read_run, write_text
from gameday.report.as_json import to_json
from gameday.report.html import html
from gameday.report.markdown import markdown

RENDERERS = {"report.html": html, "report.md": markdown, "report.json": to_json}


def write_reports(folder: Path) -> tuple[Analysis, Plan]:
    """
    Compute a run's analysis from its folder and write every report; an old one is replaced at once or not at all.

    Raises:
        NotARunError: The folder holds no run.
    """
    data, about = read_run(folder), read_about(folder)
    analysis = judge(data)
    for name, render in RENDERERS.items():
        write_text(folder / name, render(analysis, data.plan, about))
    return analysis, data.plan

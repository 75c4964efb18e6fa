"""The folder of a run of a world, as a run itself leaves it: for commands that read one."""

from __future__ import annotations

from pathlib import Path

from gameday.agent.lifeline import boot_id
from gameday.record.folder import About, RunData, started
from gameday.record.history import Event, History
from gameday.record.requests import RowWriter

BEFORE_S = 2.0
"""How long before its load a run begins."""


def keep(run: RunData, folder: Path) -> Path:
    """Write a run's files into a folder that is made, and return it."""
    folder.mkdir(parents=True)
    (folder / "plan.json").write_text(run.plan.to_json(), encoding="utf-8")
    about = About("2026-11-20T17:45:46+00:00", 0.0, boot_id(), {"gameday": "1"}, f"gameday run {run.plan.name}")
    (folder / "run.json").write_text(about.to_json(), encoding="utf-8")
    now_s = [0.0]
    writers = {
        name: History(folder, name, start_s=0.0, monotonic_s=lambda: now_s[0])
        for name in dict.fromkeys(record.writer for record in run.history)
    }
    for record in run.history:
        now_s[0] = record.t_s + BEFORE_S
        data = started(run.plan) if record.event is Event.RUN_STARTED else record.data
        writers[record.writer].append(Event(record.event), data)
    rows = RowWriter(folder, worker=0, routes=[each.route for each in run.plan.routes], origin_monotonic_s=BEFORE_S)
    rows.copy(run.rows.tobytes())
    return folder

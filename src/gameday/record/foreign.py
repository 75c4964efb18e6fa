"""
The folder of a plain Chaos Toolkit run: its fixed names, and how everything in it is read at once.

``run.json`` (About) · ``foreign.json`` (ForeignPlan) · ``experiment.yaml`` or ``experiment.json`` (the copy, without secrets) ·
``history/`` · ``journal.json`` (Chaos Toolkit's own) · ``logs/`` · the reports.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gameday.experiment.foreign import ForeignPlan, read_foreign_plan
from gameday.record.folder import see_one_run
from gameday.record.history import Record, gaps, read_history

PLAN = "foreign.json"


@dataclass(frozen=True, slots=True)
class ForeignData:
    """Everything that the judgement needs; ``t_s`` counts from the run's start, and ``lost`` says what is missing in the history."""

    plan: ForeignPlan
    history: tuple[Record, ...]
    lost: tuple[str, ...] = ()


def is_foreign_run(folder: Path) -> bool:
    """Tell whether a folder is that of a plain Chaos Toolkit run."""
    return (folder / PLAN).is_file()


def read_foreign_run(folder: Path) -> ForeignData:
    """Read what a run left. Raises ``FileNotFoundError`` without a plan, ``NotARunError`` when its files are of different runs."""
    plan, history = read_foreign_plan((folder / PLAN).read_text(encoding="utf-8")), read_history(folder)
    see_one_run(folder, {"experiment": plan.name}, history, beside=PLAN)
    return ForeignData(plan, history, gaps(history))

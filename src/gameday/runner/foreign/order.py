"""What the supervisor tells the worker of a plain Chaos Toolkit experiment, as one line of JSON."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

WORKER = "gameday.runner.foreign.worker"
NOWHERE = "chaos-toolkit"
"""Stands for the target in the name of the lock: a plain experiment has none."""
ROLLBACKS_S = 60.0
"""How long a worker that was asked to leave may take to play the rollbacks before another one does, and how long that one may."""


class ForeignOrder(BaseModel):
    """
    One plain experiment to carry out.

    Attributes:
        writer: The name of its history.
        folder: The run's folder.
        path: The experiment's own file: modules beside it can be imported, and its suffix tells JSON from YAML.
        text: The file as it was read; the copy in the run's folder has no secrets any more.
        start_s: The run's start, which is 0 of the history, on the monotonic clock.
        rollbacks_from: None to run the experiment; else only its rollbacks are played, from this one (0-based) on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    writer: str
    folder: Path
    path: Path
    text: str
    start_s: float
    rollbacks_from: int | None = None

"""What the supervisor tells the worker of a plain Chaos Toolkit experiment, as one line of JSON."""

from __future__ import annotations

import os
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
        terminal: Where a control may ask a person; None where nobody can be asked.
        rollbacks_from: None to run the experiment; else only its rollbacks are played, from this one (0-based) on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    writer: str
    folder: Path
    path: Path
    text: str
    start_s: float
    rollbacks_from: int | None = None
    terminal: Path | None = None


def terminal() -> Path | None:
    """Return the terminal of this process, if it is in its foreground and shows standard error, where questions are written."""
    try:
        foreground = os.tcgetpgrp(2) == os.getpgrp()  # fails for a terminal that is not the session's own
        return Path(os.ttyname(2)) if foreground else None
    except OSError:
        return None

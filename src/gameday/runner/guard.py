"""Keep Chaos Toolkit's run undoable: signals end it through its own rollbacks, and cannot cut those short."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

from chaoslib.run import RunEventHandler

LEAVE = 20
"""The exit status that Chaos Toolkit itself uses for a graceful interruption."""


class Guard(RunEventHandler):  # type: ignore[misc]  # chaoslib publishes no types
    """
    Turn SIGTERM and Ctrl-C into ``SystemExit`` while the method runs, and ignore both during rollbacks.

    Chaos Toolkit's own SIGTERM handler raises an ordinary exception, which a Python activity swallows in versions before 1.45, and a
    second signal skips the remaining rollbacks in all versions.
    """

    def started(self, experiment: Any, journal: Any) -> None:  # noqa: ANN401, ARG002 - chaoslib's signature
        """Take over the handlers that Chaos Toolkit has just set."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, leave)

    def start_rollbacks(self, experiment: Any) -> None:  # noqa: ANN401, ARG002 - chaoslib's signature
        """Let nothing interrupt the rollbacks."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)


def leave(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
    """End what the main thread does as Chaos Toolkit's own handler of SIGUSR1 does."""
    raise SystemExit(LEAVE)

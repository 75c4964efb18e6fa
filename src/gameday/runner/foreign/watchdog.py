"""
End what hangs: Chaos Toolkit validates an activity's ``timeout`` and never applies it.

An activity that is over its time ends the run by SIGUSR1, Chaos Toolkit's own way to leave and still play the rollbacks.
"""

from __future__ import annotations

import signal
import threading
import time
from typing import Any

from chaoslib.run import RunEventHandler

from gameday.experiment.foreign import LONGEST_S
from gameday.record.history import Event
from gameday.runner.foreign.book import Book

BEAT_S = 0.1
AGAIN_S = 3.0
"""How long the main thread may wait for a background activity that hangs before it is told again: the first signal ends the method,
the next ones the waiting."""


_FIRST = (0, 0)
"""Stands for what comes before the first activity: values that are found out by probes, and controls."""


class Watchdog(RunEventHandler):  # type: ignore[misc]  # chaoslib publishes no types
    """
    Knows when each running activity must be over; stops looking when the run is finished.

    Attributes:
        ended: What it ended first, in words; None when nothing was over its time.
    """

    def __init__(self, book: Book) -> None:
        """Prepare, in the main thread; ``begin`` starts it."""
        self.ended: str | None = None
        self._book = book
        self._main = threading.get_ident()
        self._until_s: dict[tuple[int, int], tuple[float, str]] = {}
        self._over: set[tuple[int, int]] = set()
        self._again_s = 0.0
        self._leaving = False
        self._stop = threading.Event()

    def begin(self) -> None:
        """Look from now on; what comes before the first activity has a limit too. SIGUSR1 must have a handler that leaves."""
        self._until_s[_FIRST] = (
            time.monotonic() + LONGEST_S,
            f"what precedes the first activity, after {LONGEST_S:g} s",
        )
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def end(self) -> None:
        """Stop looking: from here on SIGUSR1 would kill the process."""
        self._stop.set()

    def start_activity(self, activity: Any) -> None:  # noqa: ANN401 - chaoslib's signature
        """Note until when it must be over."""
        self._until_s.pop(_FIRST, None)
        limit_s = activity.get("timeout")
        limit_s = float(limit_s) if isinstance(limit_s, int | float) else LONGEST_S
        self._until_s[_key(activity)] = (time.monotonic() + limit_s, f"{activity.get('name')}, after {limit_s:g} s")

    def activity_completed(self, activity: Any, run: Any) -> None:  # noqa: ANN401, ARG002 - chaoslib's signature
        """Forget it."""
        self._until_s.pop(_key(activity), None)

    def start_rollbacks(self, experiment: Any) -> None:  # noqa: ANN401, ARG002 - chaoslib's signature
        """Leave alone what hangs in the background: the method is over, and nothing may cut the rollbacks short."""
        self._until_s.clear()
        self._leaving = False

    def finish(self, journal: Any) -> None:  # noqa: ANN401, ARG002 - chaoslib's signature
        """Stop looking."""
        self.end()

    def _watch(self) -> None:
        while not self._stop.wait(BEAT_S):
            now_s = time.monotonic()
            late = {key: what for key, (until_s, what) in list(self._until_s.items()) if now_s > until_s}
            for key in late.keys() - self._over:
                self._over.add(key)
                told = f"it did not end: {late[key]}"
                self.ended = self.ended or told
                self._book.write(Event.ERROR, {"where": "timeout", "error": told})
                self._leaving, self._again_s = True, 0.0
            if self._leaving and late and now_s > self._again_s and not self._stop.is_set():
                self._again_s = now_s + AGAIN_S
                signal.pthread_kill(self._main, signal.SIGUSR1)  # the main thread itself, so that what blocks it is cut


def _key(activity: Any) -> tuple[int, int]:  # noqa: ANN401 - chaoslib's dict
    """Name one execution: the same activity may run in two threads at once."""
    return threading.get_ident(), id(activity)

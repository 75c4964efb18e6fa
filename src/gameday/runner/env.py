"""Everything impure that the life cycle of a fault needs, as one value, so that tests can bring their own clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass


def _spawn(task: Callable[[], None]) -> Callable[[], bool]:
    thread = threading.Thread(target=task, daemon=True)
    thread.start()
    return thread.is_alive


@dataclass(frozen=True, slots=True)
class Env:
    """
    ``now_s`` reads the monotonic clock, ``sleep`` waits for some seconds.

    ``spawn`` starts a task beside the caller and returns a function that tells whether it still runs.
    """

    now_s: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    spawn: Callable[[Callable[[], None]], Callable[[], bool]] = _spawn

    def sleep_until(self, then_s: float) -> None:
        """Wait until the clock shows ``then_s``; return at once when it is past."""
        while (left_s := then_s - self.now_s()) > 0:
            self.sleep(left_s)

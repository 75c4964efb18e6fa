"""Renew things again and again beside whoever needs them, each in its own time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress

from gameday.targets.protocol import TargetError


class Renewals:
    """
    Calls functions every ``every_s``, each in a thread of its own: one that is slow delays no other.

    One that raises ``TargetError`` is called again the next time, because what it renews bears some misses.
    """

    def __init__(self, *, every_s: float) -> None:
        """Renew nothing yet."""
        self._every_s = every_s
        self._over = threading.Event()
        self._threads: dict[Hashable, threading.Thread] = {}

    def add(self, renew: Mapping[Hashable, Callable[[], object]]) -> None:
        """
        Renew these, too, from after ``every_s`` on, each by its name.

        What has that name already is renewed as it is.
        """
        self._over.clear()
        new = {
            name: threading.Thread(target=self._keep, args=(each,), name="renewal", daemon=True)
            for name, each in renew.items()
            if name not in self._threads
        }
        self._threads |= new
        for thread in new.values():
            thread.start()

    def stop(self) -> None:
        """End, and wait for the calls that are under way. Idempotent."""
        self._over.set()
        for thread in self._threads.values():
            thread.join()
        self._threads = {}

    def _keep(self, renew: Callable[[], object]) -> None:
        while not self._over.wait(self._every_s):
            with suppress(TargetError):
                renew()

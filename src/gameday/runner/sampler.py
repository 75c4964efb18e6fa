"""Sample the counters of the system under test once a second, beside the run."""

from __future__ import annotations

import threading
from pathlib import Path

from gameday.record.history import written
from gameday.record.metrics import MetricsWriter
from gameday.runner.env import Env
from gameday.targets.protocol import Target, TargetError

PERIOD_S = 1.0


class Sampler:
    """A thread that owns ``metrics.ndjson``; a page that does not answer leaves a gap."""

    def __init__(self, folder: Path, target: Target, env: Env, *, start_s: float) -> None:
        """Prepare; ``start_s`` is the run's start on ``env``'s clock."""
        self._writer = MetricsWriter(folder)
        self._target, self._env, self._start_s = target, env, start_s
        self._over = threading.Event()
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=self._go, name="sampler", daemon=True)

    def start(self) -> None:
        """Begin sampling."""
        self._thread.start()

    def stop(self) -> None:
        """
        Take a last sample, so that counters cover all requests, and close the file. Bounded by the target's own timeouts.

        Raises:
            RecordError: Samples could not be written; those before are on the disk.
        """
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        self._sample()
        with written("the file of counters"):
            self._writer.close()
            if self._failure is not None:
                raise self._failure

    def _go(self) -> None:
        while not self._over.is_set() and self._failure is None:
            began_s = self._env.now_s()
            self._sample()
            self._over.wait(max(0.0, began_s + PERIOD_S - self._env.now_s()))

    def _sample(self) -> None:
        t_s = self._env.now_s() - self._start_s
        try:
            pages = self._target.metrics()
        except TargetError:
            return
        try:
            for service, values in pages.items():
                self._writer.append(t_s, service, values)
        except OSError as error:  # a full disk is told in the end: what runs now must be ended and undone in its order
            self._failure = self._failure or error

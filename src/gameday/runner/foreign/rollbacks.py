"""Play the rollbacks that Chaos Toolkit did not: after an exception out of its run, a cut, or the death of the first worker."""

from __future__ import annotations

import signal
import threading
import traceback
from typing import Any

from chaoslib.caching import cache_activities
from chaoslib.configuration import load_configuration, load_dynamic_configuration
from chaoslib.rollback import run_rollbacks
from chaoslib.run import EventHandlerRegistry
from chaoslib.secret import load_secrets

from gameday.experiment.foreign import LONGEST_S
from gameday.record.history import Event
from gameday.runner.foreign.book import Book
from gameday.runner.foreign.recorder import Recorder, texts
from gameday.runner.guard import leave


def left_after(experiment: dict[str, Any], recorder: Recorder) -> bool:
    """Return whether some rollback was never begun."""
    return recorder.rolled_back < len(experiment.get("rollbacks") or [])


def play(experiment: dict[str, Any], recorder: Recorder, book: Book, *, first: int) -> None:
    """
    Play the rollbacks from ``first`` on, one by one and none in the background; one that fails does not stop the others.

    No signal but the watch over its time interrupts one. Configuration and secrets are those of the run, or are read again.
    """
    registry = EventHandlerRegistry()
    registry.register(recorder)
    recorder.start_rollbacks(experiment)
    recorder.rolled_back = first
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cache_activities(experiment)
    if recorder.journal is None:
        _resolve(experiment, recorder, book)
    for rollback in (experiment.get("rollbacks") or [])[first:]:
        one = {**experiment, "rollbacks": [{**rollback, "background": False}]}
        seen = recorder.rolled_back
        runs: list[Any] = []
        try:
            with _limit(rollback.get("timeout")):
                for _ in run_rollbacks(one, recorder.configuration, recorder.secrets, None, None, registry, runs):
                    pass
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the next one must be played
            told = {"where": f"rollback {rollback.get('name')}", "error": f"{type(error).__name__}: {error}"}
            book.write(Event.ERROR, {**told, "traceback": traceback.format_exc()})
        recorder.rolled_back = seen + 1
        if recorder.journal is not None:
            recorder.journal["rollbacks"] = [*(recorder.journal.get("rollbacks") or []), *runs]


def _resolve(experiment: dict[str, Any], recorder: Recorder, book: Book) -> None:
    configuration = load_configuration(experiment.get("configuration", {}))
    recorder.secrets = load_secrets(experiment.get("secrets", {}), configuration)
    book.scrubber.learn(texts(recorder.secrets))
    recorder.configuration = load_dynamic_configuration(configuration, recorder.secrets)


class _limit:  # noqa: N801 - it reads as a word where it is used
    """End the block with ``SystemExit`` when it takes too long."""

    def __init__(self, timeout: object) -> None:
        seconds = float(timeout) if isinstance(timeout, int | float) else LONGEST_S
        main = threading.main_thread().ident or 0
        self._timer = threading.Timer(seconds, signal.pthread_kill, [main, signal.SIGUSR1])
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._before = signal.signal(signal.SIGUSR1, leave)
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)

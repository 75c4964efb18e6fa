"""Nothing of a plain experiment hangs for ever, also what comes before its first activity."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest

from gameday.record.history import Event, History, read_history
from gameday.record.scrubbing import Scrubber
from gameday.runner.foreign import watchdog
from gameday.runner.foreign.book import Book
from gameday.runner.guard import leave


def test_what_hangs_before_the_first_activity_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that a probe is to find out, or a control, which Chaos Toolkit waits for without a bound."""
    monkeypatch.setattr(watchdog, "LONGEST_S", 0.2)
    history = History(tmp_path, "worker", start_s=0.0)
    watched = watchdog.Watchdog(Book(history, Scrubber()))
    before = signal.signal(signal.SIGUSR1, leave)
    try:
        watched.begin()
        with pytest.raises(SystemExit):
            threading.Event().wait(20)
    finally:
        watched.end()
        signal.signal(signal.SIGUSR1, before)
        history.close()
    told = "it did not end: what precedes the first activity, after 0.2 s"
    assert watched.ended == told
    assert [record.data["error"] for record in read_history(tmp_path) if record.event == Event.ERROR] == [told]

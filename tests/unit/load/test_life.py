"""The life of a load: what the session says is done, and whatever ends the load is told to it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import gevent
import pytest

from gameday.load.child.life import Life
from gameday.load.wire import EXIT_FATAL, EXIT_ORPHANED, Begin, Event, Fatal, LoadDone, Ready, Stop


class Session:
    """Says what it was given, then ends; keeps what it is told."""

    def __init__(self, *commands: Begin | Stop) -> None:
        """Take what is to be said."""
        self.commands, self.told = commands, list[Event]()

    def listen(self) -> Iterator[Begin | Stop]:
        """Say it."""
        yield from self.commands

    def offer(self, event: Event) -> None:
        """Keep it."""
        self.told.append(event)

    send = offer


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave this process its SIGTERM and its collector."""
    monkeypatch.setattr(gevent, "signal_handler", lambda *_: None)
    yield
    gc.unfreeze()


def alive(session: Session) -> tuple[Life, list[str]]:
    """Return a life that notes each time it is to stop, and ends as a load does that has not begun."""
    stops = list[str]()

    def stop() -> None:
        stops.append("stop")
        life.end_unbegun()

    life = Life(session, session, stop=stop)
    return life, stops


def test_a_load_whose_session_is_gone_ends_too() -> None:
    """Nobody is left to load for; the exit code says so."""
    session = Session()
    life, stops = alive(session)
    life.obey()
    assert life.last() == EXIT_ORPHANED
    assert stops == ["stop"]
    ready, done = session.told
    assert isinstance(ready, Ready)
    assert done == LoadDone((), 0.0, 0.0, stopped=True)


def test_begin_names_the_origin_and_stop_stops() -> None:
    """Commands are done in the order in which they come; the third stop is the session's end."""
    session = Session(Begin(7.5), Stop(), Stop())
    life, stops = alive(session)
    life.obey()
    life.last()
    assert life.begun.is_set()
    assert life.origin_s == 7.5
    assert len(stops) == 3


@pytest.mark.parametrize("spoil", [lambda: 1 / 0, [].pop], ids=["ZeroDivisionError", "IndexError"])
def test_an_error_of_a_part_is_the_end_of_the_load_and_told(spoil: Callable[[], None]) -> None:
    """Gevent alone would print it, and the load would go on without the part."""
    session = Session()
    life, _ = alive(session)
    gevent.spawn(life.guarded(spoil))
    assert life.last() == EXIT_FATAL
    fatal = session.told[-1]
    assert isinstance(fatal, Fatal)
    assert fatal.error.startswith(("ZeroDivisionError: ", "IndexError: "))

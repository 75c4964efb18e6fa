"""An undo is finished whatever else happens."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes import FakeClock, FakeTarget
from gameday.faults import catalogue
from gameday.record.history import Event, History, Record, outstanding, read_history
from gameday.runner.undo import undo_all
from gameday.targets.protocol import Delay, EdgeState, TargetError

EDGES = ("web -> recommendations", "web -> payments")


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    """Open a history of this test's folder."""
    opened = History(tmp_path, "worker", start_s=0.0)
    yield opened
    opened.close()


def intended(history: History, fault: str = "latency") -> list[Record]:
    """Record a fault on each edge, as intended."""
    return [
        history.append(
            Event.FAULT_INTENDED,
            {"id": edge, "fault": fault, "undo": {"edges": [edge], "canary_s": {edge: 0.001}}},
        )
        for edge in EDGES
    ]


def delayed() -> FakeTarget:
    """Return a system with both edges delayed."""
    return FakeTarget(delays={edge: Delay(2.0) for edge in EDGES})


def test_every_fault_is_undone_and_verified(history: History, tmp_path: Path) -> None:
    """In the order that was given."""
    target = delayed()
    assert undo_all(intended(history), catalogue(), target, history, FakeClock().env())
    assert target.delays == {}
    assert not outstanding(read_history(tmp_path))


def test_a_fault_of_an_unknown_kind_does_not_stop_the_next(history: History, tmp_path: Path) -> None:
    """An older or newer version may have written it."""
    target = delayed()
    unknown = history.append(Event.FAULT_INTENDED, {"id": "strange-1", "fault": "strange", "undo": {}})
    assert not undo_all([unknown, *intended(history)], catalogue(), target, history, FakeClock().env())
    assert target.delays == {}
    assert [record.data["id"] for record in outstanding(read_history(tmp_path))] == ["strange-1"]


def test_who_does_not_answer_for_a_moment_is_asked_again(history: History, tmp_path: Path) -> None:
    """A proxy or a service may be starting again; what was undone is not called residue for that."""
    target, asked = delayed(), []
    read = target.edge

    def look(edge: str) -> EdgeState:
        asked.append(edge)
        if len(asked) < 4:
            raise TargetError("the proxy is being started again")
        return read(edge)

    target.edge = look  # type: ignore[method-assign]
    assert undo_all(intended(history), catalogue(), target, history, FakeClock().env())
    assert not outstanding(read_history(tmp_path))


def test_what_never_becomes_ready_says_what_the_cluster_says(history: History, tmp_path: Path) -> None:
    """A successor that no node takes is no riddle: its pod's state and event are the reason."""
    target = delayed()
    target.heal = lambda edge: None  # type: ignore[method-assign] # noqa: ARG005 - the protocol's signature
    target.pending = "pod web-2, on no node, Pending · event FailedScheduling: Insufficient memory"
    assert not undo_all(intended(history), catalogue(), target, history, FakeClock().env())
    error, *_ = (record.data["error"] for record in read_history(tmp_path) if record.event == "error")
    assert str(error).endswith("still shows after 60 s: " + target.pending)


def test_a_history_that_cannot_be_written_does_not_stop_the_undo(history: History) -> None:
    """The disk may be full by now."""
    target, records = delayed(), intended(history)
    history.close()
    assert not undo_all(records, catalogue(), target, history, FakeClock().env())
    assert target.delays == {}


def test_a_signal_waits_until_the_undo_is_over(history: History, tmp_path: Path) -> None:
    """Even when the kernel hands it to another thread than the one that undoes."""
    came: list[bool] = []
    before = signal.signal(signal.SIGTERM, lambda *_: came.append(bool(outstanding(read_history(tmp_path)))))
    idle = threading.Event()
    other = threading.Thread(target=idle.wait)
    other.start()
    clock, target = FakeClock(), delayed()
    healing = target.heal

    def heal(edge: str) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        healing(edge)

    target.heal = heal  # type: ignore[method-assign]
    try:
        undo_all(intended(history), catalogue(), target, history, clock.env())
    finally:
        signal.signal(signal.SIGTERM, before)
        idle.set()
        other.join()
    assert came == [False]

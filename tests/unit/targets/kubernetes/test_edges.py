"""What several pods' agents say of one edge, as one state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gameday.targets.kubernetes.edges import merged
from gameday.targets.protocol import Delay, Errors

EDGE = "web -> payments"
STATE: Mapping[str, Any] = {
    "delay_s": None,
    "jitter_s": None,
    "rule": None,
    "blackholed": False,
    "connections": 3,
    "delayed": 2,
    "live": 1,
    "requests": 5,
    "matched": 4,
    "answered": 3,
    "existing": 2,
    "spared": 1,
    "attempts": 4,
}
DELAYED: Mapping[str, Any] = {**STATE, "delay_s": 0.3, "jitter_s": 0.1}


def test_counters_are_added_up() -> None:
    """Over all pods; one without an agent has counted nothing."""
    state = merged(EDGE, [STATE, STATE, None])
    assert (state.connections, state.delayed, state.live) == (6, 4, 2)
    assert (state.requests, state.matched, state.rejected) == (10, 8, 6)
    assert (state.existing, state.spared, state.attempts) == (4, 2, 8)
    assert state.is_free


def test_a_fault_is_shown_where_all_pods_have_it() -> None:
    """A delay in all of them is the edge's."""
    state = merged(EDGE, [DELAYED, DELAYED])
    assert state.delay == Delay(0.3, 0.1)
    assert not state.partial
    assert not state.is_free


def test_a_fault_in_some_pods_is_no_fault_and_not_free() -> None:
    """Neither proven nor healed; a pod without an agent counts."""
    blackholed = {**STATE, "blackholed": True}
    cases: list[list[Mapping[str, Any] | None]] = [[DELAYED, STATE], [DELAYED, None], [blackholed, STATE]]
    for states in cases:
        state = merged(EDGE, states)
        assert (state.delay, state.errors, state.blackholed) == (None, None, False)
        assert state.partial
        assert not state.is_free


def test_errors_are_read() -> None:
    """With the path, the status and the share."""
    rule = {"path": "/pay*", "status": 502, "share": 0.5}
    assert merged(EDGE, [{**STATE, "rule": rule}]).errors == Errors("/pay*", 502, 0.5)


def test_an_edge_without_pods_is_free() -> None:
    """Nothing can be on it."""
    assert merged(EDGE, []).is_free

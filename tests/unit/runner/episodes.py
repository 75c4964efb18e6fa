"""Episodes of ten seconds against a fake system, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fakes import FakeClock, FakeTarget
from gameday.faults import catalogue
from gameday.record.history import History, Record, read_history
from gameday.runner.episode import run_episode
from samples import planned

ORIGIN_S = 88.0
"""The clock shows 100 s when an episode begins, and 110 s when its fault phase of ten seconds does."""


def run(
    tmp_path: Path,
    target: FakeTarget,
    fault: str = "latency",
    parameters: dict[str, object] | None = None,
    clock: FakeClock | None = None,
) -> list[Record]:
    """Run one episode of ten seconds against a fake system and return its history."""
    clock = clock or FakeClock()
    history = History(tmp_path, "worker", start_s=clock.now_s, monotonic_s=lambda: clock.now_s)
    plan = planned(fault, parameters, phases={"fault": "10s"})  # type: ignore[arg-type]  # tests pass plain JSON
    try:
        run_episode(plan.faults, catalogue(), target, history, clock.env(), origin_s=ORIGIN_S)
    finally:
        history.close()
    return list(read_history(tmp_path))


def events(history: list[Record]) -> list[str]:
    """Return the kinds of the records in order."""
    return [record.event for record in history]


def run_many(
    tmp_path: Path, target: FakeTarget, *calls: dict[str, object], clock: FakeClock | None = None
) -> list[tuple[float, str, object]]:
    """Run an episode of ten seconds with several faults; return when what happened to whom, in seconds of the fault phase."""
    clock = clock or FakeClock()
    history = History(tmp_path, "worker", start_s=110.0, monotonic_s=lambda: clock.now_s)
    plan = planned(method=list(calls), phases={"fault": "10s"})
    try:
        run_episode(plan.faults, catalogue(), target, history, clock.env(), origin_s=ORIGIN_S)
    finally:
        history.close()
    return [(record.t_s, record.event, record.data.get("id")) for record in read_history(tmp_path)]


def call(fault: str, parameters: Mapping[str, object], **timing: object) -> dict[str, object]:
    """Return an entry of the method."""
    return {"fault": fault, "parameters": parameters, "timing": timing}


LATENCY = {"edge": "web -> recommendations", "delay": "2s"}

"""A load of several workers is the plan's load: Locust's own master and workers, as processes here."""

from __future__ import annotations

import resource
import signal
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from pydantic import JsonValue

from gameday.agent.proof import Commander
from gameday.experiment.plan import Plan
from gameday.load.distributed import DistributedSession
from gameday.record.requests import Outcome, header, read_rows
from system.load.crews import LocalCrew
from system.load.loads import LIMIT_S, loss, wait_until
from system.load.plans import load_plan
from system.load.servers import Server, answer

pytestmark = pytest.mark.system

TWO: dict[str, dict[str, JsonValue]] = {
    "one": {"request": "GET /one"},
    "two": {"request": "POST /two", "headers": {"X-Key": "${key}"}},
}
SECRETS = {"key": "open-sesame"}
IDLE = 300
"""As many files as the master may open."""
SOON_S = 3.0
"""Below the time for which a silent connection may stay."""


def session(plan: Plan, folder: Path, crew: LocalCrew) -> DistributedSession:
    """Return a session that sends every route to the crew's place."""
    urls = {load.route: crew.url("web") for load in plan.routes}
    return DistributedSession(plan, folder=folder, urls=urls, secrets=SECRETS, crew=crew)


def started(load: DistributedSession) -> float:
    """Start it, let it begin soon, and return its origin."""
    load.start(timeout_s=LIMIT_S)
    origin_s = time.monotonic() + load.lead_s
    load.begin(origin_s)
    return origin_s


def test_three_workers_send_the_plan(tmp_path: Path) -> None:
    """Every arrival has its row from the worker whose turn it was, on the session's clock; ticks count all of them."""
    plan = load_plan(TWO, rate="60/s", duration_s=3.0, workers=3)
    offered = []
    with Server(lambda _: answer()) as server, session(plan, tmp_path, crew := LocalCrew(server.url)) as load:
        origin_s = started(load)

        def over() -> object:
            if tick := load.poll():
                offered.append(sum(route.offered for route in tick.routes))
            return load.finished

        wait_until(over, "the load ends")
        done = load.finished
        assert done
        assert [each["worker"] for each in load.workers] == [0, 1, 2]
        keys = {request.headers.get("x-key") for request in server.requests if request.target == "/two"}
    rows = read_rows(tmp_path)
    assert keys == {SECRETS["key"]}
    assert done.rows == {load.route: load.scheduled for load in plan.routes}
    assert {route.route: route.locust_requests for route in done.routes} == done.rows
    assert {row: int(np.count_nonzero(rows["worker"] == row)) for row in range(3)} == pytest.approx(
        dict.fromkeys(range(3), len(rows) / 3), abs=1
    )
    assert np.array_equal(rows["worker"], np.arange(len(rows)) % 3)
    assert (rows["outcome"] == Outcome.OK).all()
    assert np.quantile(rows["lag_s"], 0.5) < 0.05
    assert header(tmp_path / "requests.2.bin")["origin_monotonic_s"] == origin_s
    assert offered == sorted(offered)
    assert max(offered) > 0.5 * len(rows)
    assert all(process.poll() is not None for process in crew.processes)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=lambda how: how.name)
def test_a_worker_that_ends_early_is_named(how: signal.Signals, tmp_path: Path) -> None:
    """Its rows are missing, so the load is lost, also if it ended in order; what the others sent stays."""
    plan = load_plan(TWO, rate="30/s", duration_s=60.0, workers=2)
    with Server(lambda _: answer()) as server, session(plan, tmp_path, crew := LocalCrew(server.url)) as load:
        started(load)
        wait_until(lambda: (tick := load.poll()) and tick.routes[0].good > 5, "some requests ended")
        crew.processes[2].send_signal(how)

        wait_until(lambda: loss(load), "the loss is noticed")
        assert "load worker 1" in loss(load)
        assert load.finished is None
    assert set(read_rows(tmp_path)["worker"]) == {0, 1}


def test_a_stop_ends_all_workers(tmp_path: Path) -> None:
    """What was due has its row."""
    plan = load_plan(TWO, rate="30/s", duration_s=600.0, workers=2)
    with Server(lambda _: answer()) as server, session(plan, tmp_path, LocalCrew(server.url)) as load:
        started(load)
        wait_until(lambda: (tick := load.poll()) and tick.routes[0].good > 5, "some requests ended")
        done = load.stop()
    assert done
    assert done.stopped
    assert sum(done.rows.values()) == len(read_rows(tmp_path))


def test_the_master_answers_nobody_without_the_sessions_key(tmp_path: Path) -> None:
    """Specs hold secrets, so nobody else may ask or report."""
    plan = load_plan(TWO, workers=2)
    with Server(lambda _: answer()) as server, session(plan, tmp_path, crew := LocalCrew(server.url)) as load:
        load.start(timeout_s=LIMIT_S)
        with pytest.raises(RuntimeError, match="403"):
            crew.ask("pull", b"[0, 0]", timeout_s=5.0, commander=Commander(bytes(32)))


def test_the_master_hears_its_session_whoever_else_keeps_connections_open(tmp_path: Path) -> None:
    """Half of them have sent half a head; each is ended, the oldest at once, the others after seconds."""
    plan = load_plan(TWO, workers=2)
    with (
        Server(lambda _: answer()) as server,
        session(plan, tmp_path, crew := LocalCrew(server.url)) as load,
        ExitStack() as kept,
    ):
        load.start(timeout_s=LIMIT_S)
        resource.prlimit(crew.processes[0].pid, resource.RLIMIT_NOFILE, (IDLE, IDLE))
        strangers = [kept.enter_context(socket.create_connection(crew.control, timeout=LIMIT_S)) for _ in range(IDLE)]
        for stranger in strangers[::2]:
            stranger.sendall(b"POST /members HTTP/1.1\r\nHost: x")
        assert crew.ask("members", b"", timeout_s=SOON_S)
        assert [stranger.recv(1) for stranger in strangers] == [b""] * IDLE
        assert crew.ask("members", b"", timeout_s=SOON_S)

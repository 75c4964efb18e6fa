"""Whatever dies, connections go directly again: at once by the supervisor, at the latest by the kernel."""

from __future__ import annotations

import os
import signal
import time

import pytest

from system.agent.pods import CALLER, PATIENCE_S, Pod, echo, is_reset, needs_namespaces, new_pod, round_trip_s
from system.processes import kill_together
from system.target.running import wait_until

pytestmark = [pytest.mark.system, needs_namespaces]
WEB, PORT = "load -> web", 8080
TTL_S = 5.0
"""Of the kernel's lease, as promised; not read from the agent, whose promise it is."""


def lead(pod: Pod, *, lease_s: float = 60, fault_s: float = 60) -> None:
    """Serve, and lead callers to a proxy that lets nothing pass."""
    pod.serve(echo, PORT)
    pod.ask("open", edge=WEB, side="in", ports=[PORT], lease_s=lease_s)
    pod.ask("blackhole", edge=WEB, lease_s=fault_s)


def is_answered(pod: Pod) -> bool:
    """Tell whether a new connection gets past the fault to the service."""
    try:
        with pod.call(PORT) as connection:
            connection.settimeout(0.2)
            round_trip_s(connection)
    except OSError:
        return False
    return True


def see_answered(pod: Pod, *, within_s: float = 3.0) -> None:
    """Wait until a new connection gets past the fault: before the kernel's lease ends, unless more time is given."""
    wait_until(lambda: is_answered(pod), within_s=within_s, what="the direct path")


def kill(pid: int) -> None:
    """Kill one process by its id."""
    os.kill(pid, signal.SIGKILL)


def test_a_killed_agent_leaves_the_direct_path_at_once(pod: Pod) -> None:
    """Its supervisor removes the table and ends."""
    lead(pod)
    assert not is_answered(pod)
    assert pod.process
    kill(pod.agent)
    assert pod.process.wait(PATIENCE_S) == 128 + signal.SIGKILL
    assert "gameday" not in pod.table
    see_answered(pod)


def test_when_agent_and_supervisor_are_killed_the_kernel_ends_what_was_led(pod: Pod) -> None:
    """Nobody is alive to undo it. A later agent starts afresh."""
    lead(pod)
    assert pod.process
    kill_together(pod.process.pid, pod.agent)
    killed_s = time.monotonic()
    pod.process.wait(PATIENCE_S)
    assert "gameday" in pod.table
    see_answered(pod, within_s=TTL_S + 3)
    assert time.monotonic() - killed_s < TTL_S + 3
    pod.start()
    assert pod.ask("open", edge=WEB, side="in", ports=[PORT], lease_s=60)["connections"] == 0
    with pod.call(PORT) as connection:
        round_trip_s(connection)
    assert pod.ask("state", edge=WEB)["connections"] == 1


def test_a_supervisor_that_is_killed_alone_takes_the_agent_with_it(pod: Pod) -> None:
    """The agent removes the table itself."""
    lead(pod)
    assert pod.process
    kill(pod.process.pid)
    pod.process.wait(PATIENCE_S)
    wait_until(lambda: "gameday" not in pod.table, within_s=3, what="the end of the table")
    see_answered(pod)


def test_when_the_runner_is_gone_the_fault_ends_and_then_the_way_and_then_the_agent() -> None:
    """Nothing stays in the cluster while nobody needs it."""
    with new_pod() as pod:
        pod.start(GAMEDAY_IDLE_S="3")
        lead(pod, lease_s=1, fault_s=1)
        assert not is_answered(pod)
        wait_until(lambda: not pod.ask("state", edge=WEB)["blackholed"], within_s=4, what="the end of the fault")
        wait_until(lambda: not pod.ask("state", edge=WEB)["open"], within_s=4, what="the end of the way")
        see_answered(pod)
        wait_until(lambda: "gameday" not in pod.table, within_s=3, what="the end of the table")
        assert pod.process
        assert pod.process.wait(PATIENCE_S) == 0


def test_requests_about_an_edge_renew_its_way(pod: Pod) -> None:
    """The shorter lease of a fault does not shorten it."""
    pod.serve(echo, PORT)
    pod.ask("open", edge=WEB, side="in", ports=[PORT], lease_s=30)
    assert pod.ask("delay", edge=WEB, delay_s=0, jitter_s=0, lease_s=5)["lease_s"] > 25  # type: ignore[operator]
    assert pod.ask("delay", edge=WEB, delay_s=0, jitter_s=0, lease_s=50)["lease_s"] > 45  # type: ignore[operator]


@pytest.mark.parametrize("how", ["leave", "SIGTERM"])
def test_an_agent_that_ends_leaves_nothing_behind(pod: Pod, how: str) -> None:
    """Also what was led is over, on both sides: nobody waits for answers that cannot come."""
    lead(pod)
    assert pod.process
    with pod.call(PORT) as led:
        led.sendall(b"held")
        wait_until(lambda: pod.ask("state", edge=WEB)["live"] == 1, what="the connection")
        if how == "leave":
            assert pod.ask("leave") == {"left": True}
        else:
            pod.process.terminate()
        assert pod.process.wait(PATIENCE_S) == 0
        assert is_reset(led)
    assert "gameday" not in pod.table
    see_answered(pod)


def test_an_agent_that_stood_still_resets_what_went_past_it(pod: Pod) -> None:
    """The kernel had ended its lease, so callers went directly for a while; CALLER is one of them."""
    pod.serve(echo, PORT)
    pod.ask("open", edge=WEB, side="in", ports=[PORT], lease_s=60)
    agent = pod.agent
    os.kill(agent, signal.SIGSTOP)
    try:
        see_answered(pod, within_s=TTL_S + 3)
        with pod.call(PORT, source=CALLER) as past:
            round_trip_s(past)
            os.kill(agent, signal.SIGCONT)
            wait_until(lambda: pod.ask("state", edge=WEB)["existing"] == 1, within_s=3, what="its reset")
            assert is_reset(past)
    finally:
        os.kill(agent, signal.SIGCONT)

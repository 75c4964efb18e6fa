"""The agent beside a container's processes: it stops them, the first one too, and uses what they would use."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from system.agent.containers import Container, new_container
from system.agent.pods import PATIENCE_S, needs_namespaces
from system.target.running import wait_until

pytestmark = [pytest.mark.system, needs_namespaces]


@pytest.fixture
def container(tmp_path: Path) -> Iterator[Container]:
    """Return a container with an agent."""
    with new_container(tmp_path) as found:
        yield found


def go_on(container: Container) -> bool:
    """Wait until the process, its thread and its child have all done another step."""
    before = container.done()
    return wait_until(
        lambda: all(now > then for now, then in zip(container.done(), before, strict=True)), what="another step"
    )


def test_a_pause_stops_every_thread_of_every_process(container: Container) -> None:
    """As the kernel says, and by what they do: while the agent works for half a second they do nothing."""
    assert container.ask("state") == {"stopped": False, "pids": 2}
    assert container.ask("pause", lease_s=60) == {"stopped": True, "pids": 2}
    before = container.done()
    for _ in range(20):
        assert container.ask("pause", lease_s=60) == {"stopped": True, "pids": 2}
    assert container.done() == before
    assert container.ask("resume") == {"stopped": False, "pids": 2}
    assert go_on(container)
    assert container.ask("resume") == {"stopped": False, "pids": 2}


def test_a_pause_ends_with_its_lease(container: Container) -> None:
    """Nobody has to ask for it."""
    assert container.ask("pause", lease_s=0.5)["stopped"] is True
    assert go_on(container)
    assert container.ask("state")["stopped"] is False


@pytest.mark.parametrize("module", ["gameday.agent.pod.hold", "gameday.agent.pod"])
def test_when_who_holds_them_is_killed_the_processes_go_on(container: Container, module: str) -> None:
    """The kernel lets them go; the agent's own death is its helper's."""
    container.ask("pause", lease_s=60)
    (pid,) = container.inner(module)
    os.kill(pid, signal.SIGKILL)
    assert go_on(container)


def test_a_process_that_is_killed_while_it_is_held_ends(container: Container) -> None:
    """Its restart is the kubelet's affair; the pause holds the other, and says so."""
    container.ask("pause", lease_s=60)
    children = Path(f"/proc/{container.first}/task/{container.first}/children")
    (child,) = (int(word) for word in children.read_text(encoding="ascii").split())
    os.kill(child, signal.SIGKILL)
    wait_until(lambda: container.ask("state") == {"stopped": True, "pids": 1}, what="the child's end")
    container.ask("resume")


def test_a_crash_ends_the_first_process_and_all_others_at_once(container: Container) -> None:
    """No handler of it runs; the answer comes before."""
    processes = [psutil.Process(pid) for pid in (container.first, *container.inner("gameday.agent.pod"))]
    assert container.ask("crash") == {"crashing": 1}
    _, alive = psutil.wait_procs(processes, timeout=PATIENCE_S)
    assert alive == []


def test_a_stress_uses_what_was_asked_and_ends_when_relaxed(container: Container) -> None:
    """By the kernel's own count."""
    asked = {"memory_bytes": 30e6, "most_cores": 1, "most_bytes": 30e6, "lease_s": 60}
    container.ask("stress", cores=0.5, **asked)

    def uses() -> bool:
        used = container.ask("stressed")
        return used["used_s"] > 0.2 and used["rss_bytes"] > 30e6  # type: ignore[operator]

    wait_until(uses, what="the stress")
    assert container.ask("relax") == {"t_s": None, "used_s": None, "rss_bytes": None}
    assert container.inner("gameday.agent.stress") == []


def test_a_stress_ends_with_its_lease(container: Container) -> None:
    """Nobody has to ask for it."""
    container.ask("stress", cores=0.1, memory_bytes=0, most_cores=1, most_bytes=0, lease_s=0.3)
    wait_until(lambda: container.ask("stressed")["used_s"] is None, what="its end")


def test_more_than_the_node_has_is_refused(container: Container) -> None:
    """The text says how much it has."""
    wanted = {"op": "stress", "cores": 1, "memory_bytes": 0, "most_cores": 1000, "most_bytes": 0, "lease_s": 5}
    status, answer = container.post(wanted)
    assert status == 409
    assert "1000 cores" in str(answer["error"])


@pytest.mark.parametrize(
    ("request_", "token", "status"),
    [
        ({"op": "hello"}, "another", 403),
        ({"op": "burn"}, "a-token", 400),
        ({"op": "pause"}, "a-token", 400),
        ({"op": "pause", "lease_s": 0}, "a-token", 400),
        ({"op": "ping", "kind": "oracle"}, "a-token", 400),
        ({"op": "empty-cache", "port": 1}, "a-token", 409),
    ],
)
def test_a_bad_request_is_refused(refusing: Container, request_: object, token: str, status: int) -> None:
    """And nothing happens."""
    found, answer = refusing.post(request_, token=token)
    assert (found, list(answer)) == (status, ["error"])
    assert refusing.ask("state") == {"stopped": False, "pids": 2}


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """Return one container for all bad requests."""
    with new_container(tmp_path_factory.mktemp("container")) as found:
        yield found


def test_an_agent_that_leaves_lets_everything_go_on(container: Container) -> None:
    """And ends."""
    container.ask("pause", lease_s=60)
    assert container.ask("leave") == {"left": True}
    assert container.agent.wait(PATIENCE_S) == 0
    assert go_on(container)


def test_an_agent_that_nobody_asks_ends(tmp_path: Path) -> None:
    """When it holds nothing."""
    with new_container(tmp_path, GAMEDAY_IDLE_S="0.5") as container:
        assert container.agent.wait(PATIENCE_S) == 0


def test_asking_whether_it_may_crash_harms_nothing(container: Container) -> None:
    """It is asked before the load, twice here, and all go on as before."""
    for _ in range(2):
        assert container.ask("may-crash") == {"crashing": None}
        assert go_on(container)
    assert container.ask("state") == {"stopped": False, "pids": 2}

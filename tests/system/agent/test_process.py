"""The agent beside a container's processes: it stops them, the first one too, and uses what they would use."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from gameday.agent.proof import Commander
from system.agent.containers import Container, new_container
from system.agent.pods import PATIENCE_S, RUN, STRANGER, needs_namespaces
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
    wait_until(lambda: not container.inner("gameday.agent.stress"), what="the end of what it started")


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
    ("request_", "by", "status"),
    [
        ({"op": "hello"}, STRANGER, 403),
        ({"op": "burn"}, RUN, 400),
        ({"op": "pause"}, RUN, 400),
        ({"op": "pause", "lease_s": 0}, RUN, 400),
        ({"op": "ping", "kind": "oracle"}, RUN, 400),
        ({"op": "empty-cache", "port": 1}, RUN, 409),
    ],
)
def test_a_bad_request_is_refused(refusing: Container, request_: object, by: Commander, status: int) -> None:
    """And nothing happens."""
    found, answer = refusing.post(request_, by=by)
    assert (found, "error" in answer) == (status, True)
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


def test_asking_whether_it_may_crash_or_pause_harms_nothing(container: Container) -> None:
    """It is asked before the load, twice here, and all go on as before."""
    for _ in range(2):
        assert container.ask("may-crash") == {"crashing": None}
        assert container.ask("may-pause") == {"stopped": False, "pids": 2}
        assert go_on(container)
    assert container.ask("state") == {"stopped": False, "pids": 2}


def test_the_agent_tells_as_whom_the_container_runs(container: Container) -> None:
    """By the kernel's word; here that is the same user, who has no capability."""
    rights = {"user": os.getuid(), "group": os.getgid(), "capabilities": 0}
    assert container.ask("rights") == {"first": rights, "agent": rights}


@pytest.mark.parametrize(("user", "group"), [(1234, 0), (0, 4321)])
def test_an_agent_of_another_user_or_group_may_do_neither_and_says_why(user: int, group: int) -> None:
    """Both must be the same; the container goes on."""
    with tempfile.TemporaryDirectory() as folder, new_container(Path(folder), as_user=(user, group)) as container:
        assert container.ask("rights")["first"] == {"user": user, "group": group, "capabilities": 0}
        for op in ("may-crash", "may-pause", "crash"):
            status, answer = container.post({"op": op})
            assert status == 409
            assert f"it runs as user {user}, group {group}, capabilities none, this agent as user 0, group 0" in str(
                answer["error"]
            )
        assert go_on(container)

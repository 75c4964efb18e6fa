"""The agent in a pod of a service mesh: a delay is met once, by whoever the mesh's proxy calls; what it cannot meet it does not count."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator

import pytest

from system.agent import mesh
from system.agent.pods import CACHE, PATIENCE_S, POD, Pod, echo, is_reset, needs_namespaces, new_pod, round_trip_s
from system.target.running import wait_until

pytestmark = [pytest.mark.system, needs_namespaces]
EDGE, INTO, PORT = "web -> api", "load -> api", 8080
LATE_S = 0.295


@contextlib.contextmanager
def joined(pod: Pod, *more: str) -> Iterator[None]:
    """Let a pod be in a mesh: its rules, and two sidecars as the user of whom they lead nothing."""
    run = ("ip", "netns", "exec", pod.name)
    user = ("setpriv", f"--reuid={mesh.UID}", f"--regid={mesh.UID}", "--clear-groups")
    sidecars = [
        subprocess.Popen([*run, *user, sys.executable, mesh.__file__, str(port), *more])
        for port in (mesh.OUTBOUND, mesh.INBOUND)
    ]
    try:
        for port in (mesh.OUTBOUND, mesh.INBOUND):
            wait_until(lambda port=port: accepts(pod, port), what="the sidecar")  # type: ignore[misc]
        subprocess.run([*run, "nft", "-f", "-"], input=mesh.RULES, text=True, check=True)
        yield
    finally:
        for sidecar in sidecars:
            sidecar.terminate()
            sidecar.wait(PATIENCE_S)


def accepts(pod: Pod, port: int) -> bool:
    """Return whether somebody listens."""
    try:
        pod.call_out(POD, port).close()
    except ConnectionError:
        return False
    return True


@pytest.fixture(params=["mesh first", "agent first"])
def meshed(request: pytest.FixtureRequest) -> Iterator[Pod]:
    """Return a pod of a mesh, with an agent whose edge is open; whoever came first."""
    with new_pod() as pod:
        pod.serve(echo, PORT, host=CACHE)
        pod.serve(echo, PORT)
        if request.param == "mesh first":
            with joined(pod):
                pod.start()
                opened(pod)
                yield pod
        else:
            pod.start()
            opened(pod)
            with joined(pod):
                yield pod


def opened(pod: Pod) -> dict[str, object]:
    """Open both sides."""
    pod.ask("open", edge=INTO, side="in", ports=[PORT], lease_s=60)
    return pod.ask("open", edge=EDGE, side="out", destinations=[(CACHE, PORT)], lease_s=60)


def state(pod: Pod, edge: str, name: str) -> object:
    """Read one value."""
    return pod.ask("state", edge=edge)[name]


def test_a_call_of_the_pod_is_delayed_once(meshed: Pod) -> None:
    """The caller's connection ends at the sidecar, whose own passes the agent; the agent's own is not taken into the mesh again."""
    meshed.ask("delay", edge=EDGE, delay_s=0.3, jitter_s=0, lease_s=60)
    with meshed.call_out(CACHE, PORT) as connection:
        assert min(round_trip_s(connection) for _ in range(2)) > LATE_S
    assert [state(meshed, EDGE, name) for name in ("connections", "delayed", "attempts")] == [1, 2, 2]


def test_a_canary_through_the_mesh_is_no_attempt(meshed: Pod) -> None:
    """Nor is it delayed twice."""
    meshed.ask("delay", edge=EDGE, delay_s=0.3, jitter_s=0, lease_s=60)
    assert meshed.ask("canary", edge=EDGE, kind="redis", within_s=5)["canary_s"] > LATE_S  # type: ignore[operator]
    assert [state(meshed, EDGE, name) for name in ("connections", "delayed", "attempts")] == [1, 1, 0]


def test_the_handshake_of_sidecars_makes_no_attempt_of_a_canary(pod: Pod) -> None:
    """What comes through the mesh begins with what proxies say to each other."""
    pod.serve(echo, PORT, host=CACHE)
    with joined(pod, "handshake"):
        opened(pod)
        pod.ask("delay", edge=EDGE, delay_s=0.1, jitter_s=0, lease_s=60)
        pod.ask("canary", edge=EDGE, kind="redis", within_s=5)
        assert [state(pod, EDGE, name) for name in ("connections", "delayed", "attempts")] == [1, 2, 0]


def test_calls_into_the_pod_stay_the_meshs_and_prove_nothing(meshed: Pod) -> None:
    """They may be encrypted between sidecars: taken away from the mesh, the service could not read them."""
    meshed.ask("delay", edge=INTO, delay_s=0.3, jitter_s=0, lease_s=60)
    with meshed.call(PORT) as connection:
        round_trip_s(connection)
    assert state(meshed, INTO, "connections") == 0
    assert meshed.ask("canary", edge=INTO, kind="redis", within_s=5)["canary_s"] > LATE_S  # type: ignore[operator]
    assert [state(meshed, INTO, name) for name in ("connections", "delayed", "attempts")] == [1, 1, 0]


def test_connections_that_end_at_the_sidecar_are_not_reset(pod: Pod) -> None:
    """Those of the sidecar to the callee are, and it makes new ones."""
    pod.serve(echo, PORT, host=CACHE)
    with joined(pod), pod.call_out(CACHE, PORT) as before:
        round_trip_s(before)
        assert opened(pod)["existing"] == 1
        assert is_reset(before)  # as the sidecar passes it on, which has no other connection for it
        with pod.call_out(CACHE, PORT) as led:
            round_trip_s(led)
            pod.ask("open", edge=EDGE, side="out", destinations=[(CACHE, PORT), (CACHE, 9)], lease_s=60)
            round_trip_s(led)
            assert state(pod, EDGE, "existing") == 1

"""Who called a pod, as the agent beside its processes has seen it, without any capability."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from pathlib import Path

import pytest

from system.agent.containers import Container, new_container
from system.agent.pods import PATIENCE_S, inside, needs_namespaces
from system.target.running import wait_until

pytestmark = [pytest.mark.system, needs_namespaces]
OWN, KEPT, BRIEF, PEER = "10.77.9.2", "10.77.9.3", "10.77.9.4", "10.77.9.5"
"""The pod's own address, and those of others; all are in its one namespace."""
PORT = 9898


def connect(container: Container, source: str, to: str, port: int) -> socket.socket:
    """Connect within the namespace."""
    with inside(str(container.first)):
        return socket.create_connection((to, port), source_address=(source, 0), timeout=PATIENCE_S)


@pytest.mark.parametrize("dual", [False, True], ids=["ipv4", "dual-stack"])
def test_callers_are_seen_that_stay_and_that_have_gone_and_nobody_whom_the_pod_calls(
    tmp_path: Path,
    dual: bool,  # noqa: FBT001 - pytest passes it
) -> None:
    """A kept connection, and one that its caller closed at once; none of the pod's own, and none that it opened."""
    with contextlib.ExitStack() as stack:
        container = stack.enter_context(new_container(tmp_path))
        for host in (OWN, KEPT, BRIEF, PEER):
            command = ["nsenter", "-t", str(container.first), "-n", "ip", "addr", "add", f"{host}/32", "dev", "lo"]
            subprocess.run(command, check=True)
        with inside(str(container.first)):
            family, host = (socket.AF_INET6, "") if dual else (socket.AF_INET, OWN)
            server = stack.enter_context(socket.create_server((host, PORT), family=family, dualstack_ipv6=dual))
            peer = socket.create_server((PEER, 6379))
        stack.enter_context(connect(container, OWN, OWN, PORT))
        server.accept()[0].close()
        with peer:  # the pod has no listener of its own there
            stack.enter_context(connect(container, OWN, PEER, 6379))
            stack.enter_context(peer.accept()[0])
        assert container.ask("callers") == {"hosts": []}
        with connect(container, BRIEF, OWN, PORT):
            accepted, _ = server.accept()
        assert accepted.recv(1) == b""
        accepted.close()
        wait_until(lambda: container.ask("callers") == {"hosts": [BRIEF]}, what="the caller that has gone")
        stack.enter_context(connect(container, KEPT, OWN, PORT))
        assert container.ask("callers") == {"hosts": [KEPT, BRIEF]}

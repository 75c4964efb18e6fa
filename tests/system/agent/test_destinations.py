"""The destinations of an edge: several, on several ports, over both versions of IP; and who is counted as having called them."""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack

import pytest

from system.agent.pods import (
    CACHE,
    CACHE6,
    CALLER,
    CALLER6,
    OTHER,
    Pod,
    echo,
    inside,
    needs_namespaces,
    round_trip_s,
    shop,
)
from system.target.running import wait_until

pytestmark = [pytest.mark.system, needs_namespaces]
EDGE, INTO = "web -> api", "load -> api"
HTTP, METRICS, DIRECT = 8080, 1797, 9898
LATE_S = 0.295


def open_out(pod: Pod, *destinations: tuple[str, int]) -> dict[str, object]:
    """Lead what goes to these."""
    return pod.ask("open", edge=EDGE, side="out", destinations=destinations, lease_s=60)


def delay(pod: Pod, edge: str = EDGE) -> None:
    """Delay answers by 0.3 s."""
    pod.ask("delay", edge=edge, delay_s=0.3, jitter_s=0, lease_s=60)


def attempts(pod: Pod, edge: str = EDGE) -> object:
    """Return what callers tried since the fault began."""
    return pod.ask("state", edge=edge)["attempts"]


def test_an_edge_has_several_hosts_and_ports_and_only_those(pod: Pod) -> None:
    """A Service's port, another Service's, and a pod's own; the same host's other port is another edge."""
    for host, port in ((CACHE, HTTP), (CACHE, METRICS), (OTHER, DIRECT), (OTHER, HTTP)):
        pod.serve(echo, port, host=host)
    open_out(pod, (CACHE, HTTP), (OTHER, DIRECT))
    delay(pod)
    for host, port, led in ((CACHE, HTTP, True), (OTHER, DIRECT, True), (CACHE, METRICS, False), (OTHER, HTTP, False)):
        with pod.call_out(host, port) as connection:
            assert (round_trip_s(connection) > LATE_S) is led, (host, port)
    assert attempts(pod) == 2


def test_several_ports_of_a_pod_are_one_edge(pod: Pod) -> None:
    """Where a named port has another number, too."""
    for port in (HTTP, DIRECT, METRICS):
        pod.serve(echo, port)
    pod.ask("open", edge=INTO, side="in", ports=[HTTP, DIRECT], lease_s=60)
    delay(pod, INTO)
    for port in (HTTP, DIRECT, METRICS):
        with pod.call(port) as connection:
            assert (round_trip_s(connection) > LATE_S) is (port != METRICS)


def test_connections_over_ipv6_are_led_out_of_the_pod(pod: Pod) -> None:
    """To where they were going; those from before are reset."""
    pod.serve(echo, HTTP, host=CACHE6, family=socket.AF_INET6)
    with pod.call_out(CACHE6, HTTP) as before:
        round_trip_s(before)
        spelled = "FD77:0:0:0::4"  # as somebody may have written it into a Service
        state = pod.ask("open", edge=EDGE, side="out", destinations=[(CACHE, HTTP), (spelled, HTTP)], lease_s=60)
        assert state["existing"] == 1
    delay(pod)
    with pod.call_out(CACHE6, HTTP) as connection:
        assert round_trip_s(connection) > LATE_S
        assert connection.getpeername()[0] == CACHE6
    assert attempts(pod) == 1


def test_connections_over_ipv6_are_led_into_the_pod(pod: Pod) -> None:
    """Whoever calls over IPv4 is, too."""
    pod.serve(echo, HTTP, host="::", family=socket.AF_INET6)
    pod.ask("open", edge=INTO, side="in", ports=[HTTP], lease_s=60)
    delay(pod, INTO)
    for source in (CALLER, CALLER6):
        with pod.call(HTTP, source=source) as connection:
            assert round_trip_s(connection) > LATE_S
    assert attempts(pod, INTO) == 2


def test_a_canary_is_no_attempt_of_a_caller(pod: Pod) -> None:
    """However many there are, and on either side."""
    pod.serve(shop, HTTP)
    pod.serve(shop, HTTP, host=CACHE)
    open_out(pod, (CACHE, HTTP))
    pod.ask("open", edge=INTO, side="in", ports=[HTTP], lease_s=60)
    for edge in (EDGE, INTO):
        delay(pod, edge)
        for _ in range(3):
            assert pod.ask("canary", edge=edge, kind="http", within_s=5)["canary_s"] > LATE_S  # type: ignore[operator]
        assert (pod.ask("state", edge=edge)["connections"], attempts(pod, edge)) == (3, 0)
        pod.ask("blackhole", edge=edge, lease_s=60)
        assert pod.ask("canary", edge=edge, kind="http", within_s=0.2)["canary_s"] >= 0.2  # type: ignore[operator]
        assert attempts(pod, edge) == 0


def test_a_long_lived_connection_counts_by_what_is_said_on_it(pod: Pod) -> None:
    """From the fault's begin; what was said before it is no evidence, and neither is silence."""
    pod.serve(echo, HTTP, host=CACHE)
    open_out(pod, (CACHE, HTTP))
    with pod.call_out(CACHE, HTTP) as connection:
        round_trip_s(connection)
        delay(pod)
        assert attempts(pod) == 0
        for _ in range(2):
            round_trip_s(connection)
        assert attempts(pod) == 2
        pod.ask("blackhole", edge=EDGE, lease_s=60)
        assert attempts(pod) == 0
        connection.sendall(b"x")
        with pod.call_out(CACHE, HTTP) as gives_up:
            gives_up.sendall(b"x")
        wait_until(lambda: attempts(pod) == 2, what="both attempts")
    assert pod.ask("heal", edge=EDGE)["attempts"] == 0


def test_a_renewal_goes_on_counting(pod: Pod) -> None:
    """Only another dose begins anew."""
    pod.serve(echo, HTTP, host=CACHE)
    open_out(pod, (CACHE, HTTP))
    with pod.call_out(CACHE, HTTP) as connection:
        for seen in (1, 2):
            delay(pod)
            round_trip_s(connection)
            assert attempts(pod) == seen
        pod.ask("delay", edge=EDGE, delay_s=0.01, jitter_s=0, lease_s=60)
        assert attempts(pod) == 0


def test_the_proxy_takes_a_port_that_nobody_has(pod: Pod) -> None:
    """Of a pod in a mesh, 15001 is the mesh's; and nobody else can be sent to the agent's."""
    pod.serve(echo, 15001)
    pod.serve(echo, HTTP)
    pod.ask("open", edge=INTO, side="in", ports=[HTTP], lease_s=60)
    assert pod.proxy_port not in (15001, HTTP)
    status, _ = pod.post(
        f'{{"op": "open", "edge": "{EDGE}", "side": "in", "ports": [{pod.proxy_port}], "lease_s": 9}}'.encode()
    )
    assert status == 400
    with pod.call(15001) as connection:
        round_trip_s(connection)


def test_a_connection_that_is_being_opened_does_not_go_past_the_proxy(pod: Pod) -> None:
    """Its first packet was sent before the rules were there, and the kernel decides once for a connection; its owner opens a new one."""
    with inside(pod.outside):
        server = socket.create_server((CACHE, HTTP), backlog=0)
    pod.servers.append(server)
    with pod.call_out(CACHE, HTTP), ExitStack() as stack:  # the first connection fills the server's queue
        with inside(pod.name):
            waits = stack.enter_context(socket.socket())
        waits.settimeout(0)
        waits.connect_ex((CACHE, HTTP))
        assert open_out(pod, (CACHE, HTTP))["existing"] == 2
        assert waits.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNABORTED

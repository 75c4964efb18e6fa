"""The agent in a pod's network: which connections it takes in, and what it does with them."""

from __future__ import annotations

import contextlib
import json
import resource
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gameday.agent.proof import Commander
from system.agent.pods import (
    CACHE,
    GATEWAY,
    OTHER,
    PATIENCE_S,
    POD,
    RUN,
    STRANGER,
    Pod,
    echo,
    is_reset,
    needs_namespaces,
    new_pod,
    round_trip_s,
    shop,
)
from system.sockets import send_at_once
from system.target.running import wait_until

pytestmark = [pytest.mark.system, needs_namespaces]
WEB, TO_CACHE = "load -> web", "web -> cache"
PORT, CACHE_PORT = 8080, 6379


def open_in(pod: Pod, *, lease_s: float = 60) -> dict[str, object]:
    """Open the way into the pod."""
    return pod.ask("open", edge=WEB, side="in", ports=[PORT], lease_s=lease_s)


def open_out(pod: Pod, *hosts: str, lease_s: float = 60) -> dict[str, object]:
    """Open the way from the pod to the cache."""
    destinations = [(host, CACHE_PORT) for host in hosts or (CACHE,)]
    return pod.ask("open", edge=TO_CACHE, side="out", destinations=destinations, lease_s=lease_s)


def ask_page(connection: socket.socket, path: str) -> int:
    """Send a request and return the status."""
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return int(connection.recv(1 << 16).split(b" ")[1])


def test_an_open_way_passes_and_counts(pod: Pod) -> None:
    """It is the control arm's hop: nothing is delayed."""
    pod.serve(echo, PORT)
    assert open_in(pod)["open"] is True
    with pod.call(PORT) as connection:
        round_trip_s(connection)
        state = pod.ask("state", edge=WEB)
    assert [state[name] for name in ("connections", "live", "delayed", "sent_bytes", "existing")] == [1, 1, 0, 1, 0]


def test_both_sides_of_a_connection_send_at_once(pod: Pod) -> None:
    """Into the pod and out of it; a client that writes in two pieces would wait 40 ms for the second."""
    pod.serve(echo, PORT)
    pod.serve(echo, CACHE_PORT, host=CACHE)
    open_in(pod)
    open_out(pod)
    with pod.call(PORT) as caller, pod.call_out(CACHE, CACHE_PORT) as cached:
        round_trip_s(caller), round_trip_s(cached)
        ends = {caller.getsockname()[1], PORT, cached.getsockname()[1], CACHE_PORT}
        found = {end: fast for end, fast in send_at_once(pod.agent).items() if end in ends}
    assert found == dict.fromkeys(ends, True)


def test_what_the_agent_itself_has_no_files_for_is_counted(pod: Pod) -> None:
    """And a soft limit is no bound: it takes the hard one."""
    pod.serve(echo, PORT)
    open_in(pod)
    soft, hard = resource.prlimit(pod.agent, resource.RLIMIT_NOFILE)
    assert soft == min(hard, 1 << 20)
    files = len(tuple(Path(f"/proc/{pod.agent}/fd").iterdir())) + 3
    resource.prlimit(pod.agent, resource.RLIMIT_NOFILE, (files, hard))
    with contextlib.ExitStack() as callers:
        ends = [callers.enter_context(pod.call(PORT)) for _ in range(6)]
        assert [is_reset(end) for end in ends].count(True) > 0
        resource.prlimit(pod.agent, resource.RLIMIT_NOFILE, (hard, hard))
        shortages = pod.ask("state", edge=WEB)["shortages"]
    assert isinstance(shortages, dict)
    assert any(what.startswith(f"open files (limit {files}): ") for what in shortages)


def test_answers_into_the_pod_are_delayed_on_a_connection_that_was_led(pod: Pod) -> None:
    """And healing ends it."""
    pod.serve(echo, PORT)
    open_in(pod)
    with pod.call(PORT) as connection:
        round_trip_s(connection)
        pod.ask("delay", edge=WEB, delay_s=0.3, jitter_s=0, lease_s=60)
        took_s = [round_trip_s(connection) for _ in range(3)]
        assert pod.ask("heal", edge=WEB)["delayed"] == 3
        round_trip_s(connection)
        assert pod.ask("state", edge=WEB)["delayed"] == 3
    assert all(0.295 < took < 2.3 for took in took_s)


def test_only_calls_to_the_hosts_that_were_asked_for_are_delayed(pod: Pod) -> None:
    """Another host's same port, and callers from elsewhere, are not touched."""
    for host in (CACHE, OTHER):
        pod.serve(echo, CACHE_PORT, host=host)
    pod.serve(echo, PORT)
    open_out(pod)
    pod.ask("delay", edge=TO_CACHE, delay_s=0.3, jitter_s=0, lease_s=60)
    with pod.call_out(CACHE, CACHE_PORT) as led, pod.call_out(OTHER, CACHE_PORT) as direct, pod.call(PORT) as coming:
        assert round_trip_s(led) > 0.295
        round_trip_s(direct)
        round_trip_s(coming)
    state = pod.ask("state", edge=TO_CACHE)
    assert (state["connections"], state["delayed"]) == (1, 1)


def test_the_kubelet_is_spared_and_counted(pod: Pod) -> None:
    """A probe must not fail because of a fault: the pod would be restarted."""
    pod.serve(echo, PORT)
    open_in(pod)
    pod.ask("blackhole", edge=WEB, lease_s=60)
    for _ in range(3):
        with pod.call(PORT, source=GATEWAY) as probe:
            round_trip_s(probe)
    state = pod.ask("state", edge=WEB)
    assert (state["spared"], state["connections"]) == (3, 0)


@pytest.mark.parametrize("host", [POD, "::"], ids=["IPv4", "dual stack"])
def test_connections_into_the_pod_from_before_are_reset_once(pod: Pod, host: str) -> None:
    """The kubelet's is not; one that was led never is, however often the way is opened."""
    pod.serve(echo, PORT, host=host, family=socket.AF_INET6 if host == "::" else socket.AF_INET)
    with pod.call(PORT) as before, pod.call(PORT, source=GATEWAY) as probe:
        round_trip_s(before)
        round_trip_s(probe)
        assert open_in(pod)["existing"] == 1
        assert is_reset(before)
        with pod.call(PORT) as led:
            round_trip_s(led)
            pod.ask("close", edge=WEB)
            assert open_in(pod)["existing"] == 1
            assert open_in(pod)["existing"] == 1
            round_trip_s(led)
        round_trip_s(probe)


def test_connections_out_of_the_pod_from_before_are_reset_once_per_host(pod: Pod) -> None:
    """A host that appears later is led from then on, too."""
    for host in (CACHE, OTHER):
        pod.serve(echo, CACHE_PORT, host=host)
    with pod.call_out(CACHE, CACHE_PORT) as before, pod.call_out(OTHER, CACHE_PORT) as other:
        round_trip_s(before)
        round_trip_s(other)
        assert open_out(pod)["existing"] == 1
        assert is_reset(before)
        round_trip_s(other)
        with pod.call_out(CACHE, CACHE_PORT) as led:
            round_trip_s(led)
            assert open_out(pod, CACHE, OTHER)["existing"] == 2
            assert is_reset(other)
            round_trip_s(led)
            with pod.call_out(OTHER, CACHE_PORT) as led_there:
                round_trip_s(led_there)
                assert pod.ask("state", edge=TO_CACHE)["connections"] == 2


def test_a_blackhole_passes_nothing_until_it_is_healed(pod: Pod) -> None:
    """On a connection that was led before."""
    pod.serve(echo, PORT)
    open_in(pod)
    with pod.call(PORT) as connection:
        round_trip_s(connection)
        assert pod.ask("blackhole", edge=WEB, lease_s=60)["blackholed"] is True
        connection.sendall(b"held")
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        pod.ask("heal", edge=WEB)
        connection.settimeout(PATIENCE_S)
        assert connection.recv(4) == b"held"


def test_requests_are_answered_by_their_path(pod: Pod) -> None:
    """The others pass on the same connection."""
    pod.serve(shop, PORT)
    open_in(pod)
    with pod.call(PORT) as connection:
        pod.ask("answer", edge=WEB, path="/pay*", status=503, share=1.0, lease_s=60)
        assert [ask_page(connection, path) for path in ("/pay/1", "/login", "/pay/2")] == [503, 200, 503]
        state = pod.ask("heal", edge=WEB)
        assert ask_page(connection, "/pay/3") == 200
    assert (state["requests"], state["matched"], state["answered"]) == (3, 2, 2)


def test_a_closed_way_lets_its_connections_live_and_leads_no_new_ones(pod: Pod) -> None:
    """Its table goes with the last of them."""
    pod.serve(echo, PORT)
    open_in(pod)
    with pod.call(PORT) as led:
        round_trip_s(led)
        assert pod.ask("close", edge=WEB)["open"] is False
        with pod.call(PORT) as direct:
            round_trip_s(direct)
            round_trip_s(led)
            state = pod.ask("state", edge=WEB)
            assert (state["connections"], state["live"]) == (1, 1)
        assert "gameday" in pod.table
    wait_until(lambda: "gameday" not in pod.table, what="the end of the table")
    assert pod.post(b'{"op": "delay", "edge": "load -> web", "delay_s": 1, "jitter_s": 0, "lease_s": 9}')[0] == 409


def test_fifty_connections_at_once(pod: Pod) -> None:
    """Each is led, each is delayed, none is lost."""
    pod.serve(echo, PORT)
    open_in(pod)
    pod.ask("delay", edge=WEB, delay_s=0.1, jitter_s=0.05, lease_s=60)

    def talk(_: int) -> None:
        with pod.call(PORT) as connection:
            for _ in range(4):
                round_trip_s(connection)

    with ThreadPoolExecutor(50) as callers:
        assert len(list(callers.map(talk, range(50)))) == 50
    wait_until(lambda: pod.ask("state", edge=WEB)["live"] == 0, what="the end of all connections")
    state = pod.ask("state", edge=WEB)
    assert (state["connections"], state["delayed"]) == (50, 200)


def test_canaries_take_the_way_and_pages_do_not(pod: Pod) -> None:
    """A page is read past any fault: it holds what the service counts."""
    pod.serve(shop, PORT)
    pod.serve(lambda connection: connection.sendall(connection.recv(99) and b"+PONG\r\n"), CACHE_PORT, host=CACHE)
    open_in(pod)
    open_out(pod)
    for edge, kind in ((WEB, "http"), (TO_CACHE, "redis")):
        pod.ask("delay", edge=edge, delay_s=0.3, jitter_s=0, lease_s=60)
        took_s = pod.ask("canary", edge=edge, kind=kind, within_s=5)["canary_s"]
        assert isinstance(took_s, float)
        assert 0.295 < took_s < 2.3
        assert pod.ask("state", edge=edge)["connections"] == 1
    pod.ask("blackhole", edge=WEB, lease_s=60)
    assert pod.ask("canary", edge=WEB, kind="http", within_s=0.3)["canary_s"] >= 0.3  # type: ignore[operator]
    pod.serve(lambda connection: connection.sendall(connection.recv(999) and b"HTTP/1.0 200 OK\r\n\r\nyes"), 8081)
    assert pod.ask("page", port=8081, path="/metrics") == {"status": 200, "text": "yes"}


def test_a_canary_that_nobody_answers_is_refused(pod: Pod) -> None:
    """The text says why."""
    open_in(pod)
    status, answer = pod.post(json.dumps({"op": "canary", "edge": WEB, "kind": "http", "within_s": 2}).encode())
    assert status == 409
    assert "canary" in str(answer["error"])


def test_the_proxy_relays_for_nobody_who_was_not_led_to_it(pod: Pod) -> None:
    """Its port can be reached by every pod of the cluster."""
    open_in(pod)
    with pod.call(pod.proxy_port) as connection:
        assert is_reset(connection)


@pytest.mark.parametrize(
    ("body", "by", "path", "status"),
    [
        (b'{"op": "hello"}', STRANGER, "/", 403),
        (b"nonsense", RUN, "/", 400),
        (b"[]", RUN, "/", 400),
        (b"{}", RUN, "/", 400),
        (b'{"op": "hello"}', RUN, "/else", 400),
        (b'{"op": "state", "edge": "a -> b"}', RUN, "/", 409),
        (b'{"op": "open", "edge": "a -> b", "side": "up", "ports": [1], "lease_s": 1}', RUN, "/", 400),
        (b'{"op": "open", "edge": "a -> b", "side": "in", "ports": [0], "lease_s": 1}', RUN, "/", 400),
        (b'{"op": "open", "edge": "a -> b", "side": "in", "ports": [1], "lease_s": -1}', RUN, "/", 400),
        (
            b'{"op": "open", "edge": "a", "side": "out", "destinations": [["x; y", 1]], "lease_s": 1}',
            RUN,
            "/",
            400,
        ),
        (b'{"op": "open", "edge": "a", "side": "in", "ports": [], "lease_s": 1}', RUN, "/", 400),
        (b" " * 300_000, RUN, "/", 400),
    ],
)
def test_a_bad_request_is_refused(refusing: Pod, body: bytes, by: Commander, path: str, status: int) -> None:
    """And the agent goes on."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it is not read to its end
        found, answer = refusing.post(body, by=by, path=path)
        assert (found, "error" in answer) == (status, True)
    assert refusing.ask("hello")["address"] == POD


@pytest.fixture(scope="module")
def refusing() -> Iterator[Pod]:
    """Return one pod for all bad requests."""
    with new_pod() as found:
        found.start()
        yield found


def test_a_second_agent_leaves_the_first_ones_ways_alone(pod: Pod) -> None:
    """It ends: the pod is served."""
    pod.serve(echo, PORT)
    open_in(pod)
    assert pod.run_agent().wait(PATIENCE_S) == 3
    with pod.call(PORT) as connection:
        round_trip_s(connection)
    assert pod.ask("state", edge=WEB)["connections"] == 1

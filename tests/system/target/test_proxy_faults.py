"""What a proxy does with connections while it lets nothing pass, or answers itself."""

from __future__ import annotations

import socket
import threading

import pytest

from system.target.proxied import PATIENCE_S, callee, echo, everything, proxy
from system.target.running import wait_until

pytestmark = pytest.mark.system


def test_a_blackhole_passes_nothing_in_either_direction_and_healing_lets_it_all_through() -> None:
    """On a connection that was open and on one that is opened meanwhile."""
    with callee(echo) as endpoint, proxy([endpoint]) as found, found.call() as before:
        before.sendall(b"a")
        assert before.recv(1) == b"a"
        sent_bytes = found.ask(op="state")["sent_bytes"]
        found.ask(op="blackhole", lease_s=60)
        with found.call() as meanwhile:
            before.sendall(b"b" * 100_000)
            meanwhile.sendall(b"c")
            before.settimeout(0.3)
            with pytest.raises(TimeoutError):
                before.recv(1)
            state = found.ask(op="state")
            assert (state["blackholed"], state["sent_bytes"], state["live"]) == (True, sent_bytes, 2)
            found.ask(op="heal")
            before.settimeout(PATIENCE_S)
            before.shutdown(socket.SHUT_WR)
            assert everything(before) == b"b" * 100_000
            assert meanwhile.recv(1) == b"c"


def test_answers_under_way_do_not_pass_a_blackhole() -> None:
    """What the callee says while nothing passes comes when it is healed."""
    go = threading.Event()

    def answer_when_told(connection: socket.socket) -> None:
        connection.recv(1)
        go.wait(PATIENCE_S)
        connection.sendall(b"late")

    with callee(answer_when_told) as endpoint, proxy([endpoint]) as found, found.call() as connection:
        connection.sendall(b".")
        wait_until(lambda: found.ask(op="state")["sent_bytes"] == 1, what="the request to pass")
        found.ask(op="blackhole", lease_s=60)
        go.set()
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        found.ask(op="heal")
        connection.settimeout(PATIENCE_S)
        assert everything(connection) == b"late"


def test_the_lease_ends_a_blackhole() -> None:
    """Nobody has to ask for it."""
    with callee(echo) as endpoint, proxy([endpoint]) as found, found.call() as connection:
        found.ask(op="blackhole", lease_s=0.3)
        connection.sendall(b"held")
        assert connection.recv(4) == b"held"
        assert found.ask(op="state")["blackholed"] is False


def test_a_caller_that_gives_up_in_a_blackhole_leaves_no_connection_behind() -> None:
    """Thousands may give up within one fault."""
    with callee(echo) as endpoint, proxy([endpoint]) as found, found.call():
        found.ask(op="blackhole", lease_s=60)
        with found.call() as connection:
            connection.sendall(b"x")
            wait_until(lambda: found.ask(op="state")["live"] == 2, what="the connection")
        wait_until(lambda: found.ask(op="state")["live"] == 1, what="its end")


def test_a_share_of_the_requests_is_answered_on_a_connection_that_was_open() -> None:
    """The others pass, the connection stays, and healing ends it."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    def serve(connection: socket.socket) -> None:
        while b"\r\n\r\n" in connection.recv(1 << 16):
            connection.sendall(answer)

    def ask(connection: socket.socket, path: bytes) -> int:
        connection.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        return int(connection.recv(1 << 16).split(b" ")[1])

    with callee(serve) as endpoint, proxy([endpoint]) as found, found.call() as connection:
        assert ask(connection, b"/pay") == 200
        found.ask(op="answer", path="/pay*", status=503, share=0.5, lease_s=60)
        got = [ask(connection, b"/pay/%d?x=/login" % number) for number in range(100)]
        assert ask(connection, b"/login") == 200
        state = found.ask(op="state")
        assert (state["requests"], state["matched"], state["answered"]) == (101, 100, got.count(503))
        assert 25 < got.count(503) < 75
        assert set(got) == {200, 503}
        found.ask(op="answer", path="*", status=500, share=1.0, lease_s=0.3)
        assert ask(connection, b"/login") == 500
        wait_until(lambda: found.ask(op="state")["rule"] is None, what="the end of the lease")
        assert ask(connection, b"/pay") == 200

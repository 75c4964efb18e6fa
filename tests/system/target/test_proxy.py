"""The proxy's process, alone between a plain caller and a plain callee."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass

import psutil
import pytest

from system.target.running import wait_until

pytestmark = pytest.mark.system
EDGE = "caller -> callee"
PATIENCE_S = 20.0
Serve = Callable[[socket.socket], None]


@dataclass
class Proxy:
    """A running proxy with one edge."""

    process: subprocess.Popen[str]
    port: int

    def ask(self, **request: object) -> dict[str, object]:
        """Send a request and return its answer."""
        return self.say(json.dumps({"edge": EDGE, **request}))

    def say(self, line: str) -> dict[str, object]:
        """Send any line."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer: dict[str, object] = json.loads(self.process.stdout.readline())
        return answer

    def call(self) -> socket.socket:
        """Open a connection as the caller."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)


@contextmanager
def proxy(endpoints: list[tuple[str, int]]) -> Iterator[Proxy]:
    """Run a proxy that leads to these endpoints."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "gameday.agent.proxy"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        found = Proxy(process, port)
        configuration: Mapping[str, object] = {
            "seed": 1,
            "endpoints": endpoints,
            "edges": {EDGE: ("127.0.0.1", port)},
        }
        assert found.say(json.dumps(configuration)) == {"ready": True}
        yield found
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()


@contextmanager
def callee(serve: Serve) -> Iterator[tuple[str, int]]:
    """Run a server that handles each connection with ``serve`` in a thread."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                connection.settimeout(PATIENCE_S)
                threading.Thread(target=_served, args=(serve, connection), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield ("127.0.0.1", server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)


def _served(serve: Serve, connection: socket.socket) -> None:
    with connection:
        serve(connection)


def free_port() -> int:
    """Return a port that was free just now."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


def echo(connection: socket.socket) -> None:
    """Send back what comes until the end of it."""
    while data := connection.recv(1 << 16):
        connection.sendall(data)


def everything(connection: socket.socket) -> bytes:
    """Read to the end."""
    return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def test_bytes_pass_unchanged_in_both_directions() -> None:
    """Half a megabyte there and back."""
    data = bytes(range(256)) * 2048
    with callee(echo) as endpoint, proxy([endpoint]) as found, found.call() as connection:

        def talk() -> None:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)

        threading.Thread(target=talk).start()
        assert everything(connection) == data
        state = found.ask(op="state")
    assert (state["sent_bytes"], state["received_bytes"]) == (len(data), len(data))
    assert (state["connections"], state["delayed"], state["delay_s"]) == (1, 0, None)


def test_a_half_close_is_passed_on_and_the_answer_still_comes() -> None:
    """The callee answers only when the caller has finished."""

    def answer_at_the_end(connection: socket.socket) -> None:
        connection.sendall(b"you said " + everything(connection))

    with callee(answer_at_the_end) as endpoint, proxy([endpoint]) as found, found.call() as connection:
        connection.sendall(b"hello")
        connection.shutdown(socket.SHUT_WR)
        assert everything(connection) == b"you said hello"


def test_delayed_chunks_keep_their_order_and_the_end_comes_last() -> None:
    """Jitter moves chunks, but none past another."""

    def count(connection: socket.socket) -> None:
        connection.recv(1)
        for number in range(50):
            connection.sendall(b"%d\n" % number)
            connection.recv(1)

    with callee(count) as endpoint, proxy([endpoint]) as found, found.call() as connection:
        found.ask(op="delay", delay_s=0.02, jitter_s=0.02, lease_s=60)
        connection.sendall(b"." * 51)
        assert everything(connection) == b"".join(b"%d\n" % number for number in range(50))
        assert found.ask(op="state")["delayed"] != 0


def test_healing_lets_everything_that_is_held_go_and_then_the_end() -> None:
    """A minute's delay is over when it is healed, for what was held too."""

    def say_goodbye(connection: socket.socket) -> None:
        connection.recv(1)
        connection.sendall(b"goodbye")

    with callee(say_goodbye) as endpoint, proxy([endpoint]) as found, found.call() as connection:
        found.ask(op="delay", delay_s=60, jitter_s=0, lease_s=120)
        connection.sendall(b".")
        wait_until(lambda: found.ask(op="state")["delayed"] == 1, what="the held answer")
        found.ask(op="heal")
        assert everything(connection) == b"goodbye"


def test_the_lease_ends_the_delay_and_lets_held_answers_go() -> None:
    """Nobody has to ask for it."""
    with callee(echo) as endpoint, proxy([endpoint]) as found, found.call() as connection:
        found.ask(op="delay", delay_s=60, jitter_s=0, lease_s=0.3)
        connection.sendall(b"held")
        assert connection.recv(4) == b"held"
        assert found.ask(op="state")["delay_s"] is None


def test_a_caller_that_does_not_read_stops_the_callee_and_not_the_proxys_memory() -> None:
    """Fifty megabytes wait at the callee, whether the edge delays or not."""
    sent = 0

    def pour(connection: socket.socket) -> None:
        nonlocal sent
        connection.recv(1)
        for _ in range(800):
            connection.sendall(bytes(1 << 16))
            sent += 1 << 16

    with callee(pour) as endpoint, proxy([endpoint]) as found, found.call() as connection:
        before_bytes = psutil.Process(found.process.pid).memory_info().rss
        found.ask(op="delay", delay_s=60, jitter_s=0, lease_s=120)
        connection.sendall(b".")

        def stands_still() -> bool:
            now = sent
            return now > 0 and found.ask(op="state") == found.ask(op="state") and now == sent

        wait_until(stands_still, what="the callee to be stopped")
        found.ask(op="heal")
        wait_until(stands_still, what="the callee to be stopped by the caller alone")
        assert psutil.Process(found.process.pid).memory_info().rss - before_bytes < 20e6
        assert sent < 800 << 16
        assert sum(len(part) for part in iter(lambda: connection.recv(1 << 20), b"")) == 800 << 16


def test_nobody_at_the_callee_resets_the_caller() -> None:
    """It looks as if there were no proxy: the connection does not stay open."""
    with proxy([("127.0.0.1", free_port())]) as found, found.call() as connection:
        try:
            heard = connection.recv(1)
        except ConnectionError:
            heard = b""
    assert heard == b""


def test_connections_go_to_the_replicas_in_turn() -> None:
    """As kube-proxy does, by connection."""

    def named(name: bytes) -> Serve:
        return lambda connection: connection.sendall(name)

    with callee(named(b"a")) as a, callee(named(b"b")) as b, proxy([a, b]) as found:
        seen = []
        for _ in range(4):
            with found.call() as connection:
                seen.append(everything(connection))
    assert seen == [b"a", b"b", b"a", b"b"]


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "[]",
        "{}",
        '{"op": "delay", "edge": "caller -> callee"}',
        '{"op": "burn", "edge": "caller -> callee"}',
    ],
)
def test_a_bad_request_is_answered_with_an_error(line: str) -> None:
    """And the proxy goes on."""
    with proxy([("127.0.0.1", 1)]) as found:
        assert "error" in found.say(line)
        assert found.ask(op="state")["edge"] == EDGE


def test_the_proxy_ends_when_its_input_does() -> None:
    """Who started it is gone then."""
    with proxy([("127.0.0.1", 1)]) as found:
        assert found.process.stdin
        found.process.stdin.close()
        assert found.process.wait(PATIENCE_S) == 0


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

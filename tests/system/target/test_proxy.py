"""The proxy's process, alone between a plain caller and a plain callee."""

from __future__ import annotations

import resource
import socket
import threading
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from gameday.agent.delay_queue import HELD_BYTES
from system.sockets import send_at_once
from system.target.proxied import EDGE, PATIENCE_S, Serve, callee, echo, everything, free_port, proxy
from system.target.running import wait_until

pytestmark = pytest.mark.system


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


def pouring(pieces: int, sent: list[int]) -> Serve:
    """Return what answers one byte with so many pieces of 64 KiB, and notes each."""

    def pour(connection: socket.socket) -> None:
        connection.recv(1)
        for _ in range(pieces):
            connection.sendall(bytes(1 << 16))
            sent.append(1 << 16)

    return pour


def test_a_delay_is_no_limit_of_bandwidth() -> None:
    """All of 100 MB is on its way while the first byte is still to come, and arrives whole."""
    with callee(pouring(1600, [])) as endpoint, proxy([endpoint]) as found, found.call() as connection:
        found.ask(op="delay", delay_s=60, jitter_s=1, lease_s=120)
        connection.sendall(b".")
        wait_until(lambda: found.ask(op="state")["received_bytes"] == 1600 << 16, what="all of the answer to be read")
        connection.settimeout(0.01)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(PATIENCE_S)
        found.ask(op="heal")
        assert sum(len(part) for part in iter(lambda: connection.recv(1 << 20), b"")) == 1600 << 16


def test_a_caller_that_does_not_read_stops_the_callee_and_not_the_proxys_memory() -> None:
    """What is more than may be held waits at the callee; healing lets it go no faster than the caller reads."""
    sent: list[int] = []
    with callee(pouring(6400, sent)) as endpoint, proxy([endpoint]) as found, found.call() as connection:
        before_bytes = psutil.Process(found.process.pid).memory_info().rss
        found.ask(op="delay", delay_s=60, jitter_s=0, lease_s=120)
        connection.sendall(b".")

        def stands_still() -> bool:
            now = len(sent)
            return now > 0 and found.ask(op="state") == found.ask(op="state") and now == len(sent)

        wait_until(stands_still, what="the callee to be stopped")
        found.ask(op="heal")
        wait_until(stands_still, what="the callee to be stopped by the caller alone")
        assert psutil.Process(found.process.pid).memory_info().rss - before_bytes < HELD_BYTES / 2 + 20e6
        assert len(sent) < 6400
        assert sum(len(part) for part in iter(lambda: connection.recv(1 << 20), b"")) == 6400 << 16


def test_both_sides_of_a_connection_send_at_once() -> None:
    """Nothing waits for an acknowledgement, which the other end may put off for 40 ms."""
    with callee(echo) as endpoint, proxy([endpoint]) as found, found.call() as connection:
        connection.sendall(b"x")
        assert connection.recv(1) == b"x"
        assert send_at_once(found.process.pid) == {connection.getsockname()[1]: True, endpoint[1]: True}


def test_what_the_proxy_itself_has_no_files_for_is_counted() -> None:
    """Nobody may take it for the callee's fault."""
    with callee(echo) as endpoint, proxy([endpoint]) as found:
        files = len(tuple(Path(f"/proc/{found.process.pid}/fd").iterdir())) + 5
        resource.prlimit(found.process.pid, resource.RLIMIT_NOFILE, (files, files))
        with ExitStack() as callers:
            ends = [callers.enter_context(found.call()) for _ in range(3)]
            wait_until(lambda: everything_or_nothing(ends[-1]) is not None, what="the last one to be closed")
            assert found.ask(op="state")["shortages"] == {f"open files (limit {files}): connections closed": 1}


def test_the_proxy_takes_as_many_files_as_it_may_have() -> None:
    """The soft limit of a shell is no bound."""
    with callee(echo) as endpoint, proxy([endpoint], files=64) as found, ExitStack() as callers:
        for _ in range(100):
            connection = callers.enter_context(found.call())
            connection.sendall(b"x")
            assert connection.recv(1) == b"x"
        assert found.ask(op="state")["shortages"] == {}


def everything_or_nothing(connection: socket.socket) -> bytes | None:
    """Read what is there, nothing when it has been closed; None while it is open and silent."""
    connection.settimeout(0.1)
    try:
        return connection.recv(1)
    except TimeoutError:
        return None
    except ConnectionError:
        return b""


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

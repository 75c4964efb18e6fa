"""
The master of a load of several workers: Locust's own, with a control of ours that hands specs out and gathers rows.

Of connections to the control that have proven nothing yet, the oldest is ended when there are too many, and each after a while, as an agent's
control does it (``agent.pod.control``): so the session is always heard.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from http import HTTPStatus

import gevent
from gevent.event import AsyncResult
from gevent.event import Event as Flag
from gevent.pywsgi import WSGIHandler, WSGIServer
from locust.env import Environment

from gameday.agent.proof import ForgedError, Verifier, digest
from gameday.agent.wire import PROOF_HEADER
from gameday.load.child.host import user
from gameday.load.child.member import BEAT, CLOCK, COMMAND, EVENT, HELLO, LOAD, PART_BYTES, ROWS
from gameday.load.crew import MOST_PULLED_BYTES, Member, Pulled, dump_members
from gameday.load.wire import Event, load_event

BEAT_S = 1.0
UNASKED_S = 60.0
"""Nobody needs a master whom nobody has asked anything for so long; a session asks several times a second."""
CLOCK_S = 1.0
_PROOF_KEY = f"HTTP_{PROOF_HEADER.upper().replace('-', '_')}"
_MOST_HELLOS = 1024
"""Of processes that the session has not admitted, or not yet."""
_MOST_UNPROVEN = 64
_READ_S = 5.0
"""How long a request may take to come, until it has proven whose it is."""
_CONNECTION = "gameday.connection"


class _Connection(WSGIHandler):  # type: ignore[misc]  # gevent has no types for it
    """A connection to the control: a stranger's until it has proven to be the session's."""

    def handle(self) -> None:
        """Serve it until either side ends it."""
        strangers: dict[_Connection, gevent.Greenlet] = self.server.strangers
        strangers[self] = gevent.spawn_later(_READ_S, self.end)
        if len(strangers) > _MOST_UNPROVEN:
            next(iter(strangers)).end()
        try:
            super().handle()
        finally:
            self.is_known()

    def get_environ(self) -> dict[str, object]:
        """Return WSGI's environment, and whose it is."""
        return {**super().get_environ(), _CONNECTION: self}

    def is_known(self) -> None:
        """Let it stay."""
        if (timer := self.server.strangers.pop(self, None)) is not None:
            timer.kill(block=False)

    def end(self) -> None:
        """Wake whoever waits for its next byte: there is none."""
        self.server.strangers.pop(self, None)
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)


class Master:
    """One master, from its start to its end."""

    def __init__(self, workers: int, *, verifier: Verifier, locust_port: int, control_port: int) -> None:
        """Listen for workers."""
        self._verifier, self._control_port = verifier, control_port
        self._environment = Environment(user_classes=[user(_nothing)])
        self._runner = self._environment.create_master_runner("*", locust_port)
        for kind, listener in ((HELLO, self._hello), (EVENT, self._event), (ROWS, self._rows), (CLOCK, self._clock)):
            self._runner.register_message(kind, listener)
        self._members: dict[int, Member] = {}
        self._clients: dict[int, str] = {}
        self._waiting: dict[str, tuple[str, Member]] = {}
        self._events: list[Event | None] = [None] * workers
        self._written = [bytearray() for _ in range(workers)]
        self._clocks: dict[int, AsyncResult] = {}
        self._loaded: set[int] = set()
        self._asked_s = time.monotonic()
        self._over = Flag()

    def run(self) -> int:
        """Serve until nobody asks any more."""
        at = ("0.0.0.0", self._control_port)  # noqa: S104 - in a pod of its own
        server = WSGIServer(at, self._answer, log=None, error_log=None, handler_class=_Connection)
        server.strangers = {}  # oldest first
        server.start()
        self._verifier.announce()
        while not self._over.wait(BEAT_S):
            self._runner.send_message(BEAT, {})
            if time.monotonic() - self._asked_s > UNASKED_S:
                break
        self._runner.quit()
        server.stop(timeout=1)
        return 0

    def _answer(self, environ: dict[str, object], respond: Callable[..., object]) -> Iterable[bytes]:
        proof, path = str(environ.get(_PROOF_KEY, "")), str(environ["PATH_INFO"])

        def say(status: HTTPStatus, said: bytes) -> Iterable[bytes]:
            whole = self._verifier.sign(proof, status, said)
            respond(f"{status.value} {status.phrase}", [("Content-Length", str(len(whole)))])
            return [whole]

        try:
            command = self._verifier.check(proof, path)
            environ[_CONNECTION].is_known()  # type: ignore[attr-defined]
            body = environ["wsgi.input"].read()  # type: ignore[attr-defined]
            command.check_body(body)
        except ForgedError as error:
            return say(HTTPStatus.FORBIDDEN, json.dumps(self._verifier.refusal(error)).encode())
        self._asked_s = time.monotonic()
        _, name, *rest = path.split("/")
        ways: dict[str, Callable[[list[str], bytes], bytes]] = {
            "admit": self._admit,
            "members": lambda _, __: dump_members([self._members[key] for key in sorted(self._members)]),
            "load": self._load,
            "clock": self._ask_clock,
            "command": self._command,
            "pull": self._pull,
            "quit": self._quit,
        }
        try:
            return say(HTTPStatus.OK, ways[name](rest, body))
        except (KeyError, ValueError, IndexError) as error:
            return say(HTTPStatus.BAD_REQUEST, f"{type(error).__name__}: {error}".encode())
        except gevent.Timeout as error:
            return say(HTTPStatus.GATEWAY_TIMEOUT, str(error).encode())

    def _load(self, rest: list[str], body: bytes) -> bytes:
        """Hand a worker its spec and its share of the schedule; with the last of them Locust places one user on each."""
        worker = int(rest[0])
        for start in range(0, len(body), PART_BYTES):
            self._send(
                worker, LOAD, {"part": body[start : start + PART_BYTES], "last": start + PART_BYTES >= len(body)}
            )
        self._loaded.add(worker)
        if len(self._loaded) == len(self._events):
            gevent.spawn(self._runner.start, len(self._events), len(self._events))
        return b""

    def _ask_clock(self, rest: list[str], _: bytes) -> bytes:
        worker = int(rest[0])
        self._clocks[worker] = answer = AsyncResult()
        self._send(worker, CLOCK, {})
        return json.dumps(answer.get(timeout=CLOCK_S)).encode()

    def _command(self, rest: list[str], body: bytes) -> bytes:
        self._send(int(rest[0]), COMMAND, {"line": body})
        return b""

    def _pull(self, _: list[str], body: bytes) -> bytes:
        offsets: list[int] = json.loads(body)
        rows = tuple(
            bytes(written[offset : offset + MOST_PULLED_BYTES])
            for written, offset in zip(self._written, offsets, strict=True)
        )
        return Pulled(tuple(self._events), rows, tuple(map(len, self._written))).to_bytes()

    def _quit(self, _: list[str], __: bytes) -> bytes:
        self._over.set()
        return b""

    def _send(self, worker: int, kind: str, data: dict[str, object]) -> None:
        self._runner.send_message(kind, data, client_id=self._clients[worker])

    def _hello(self, msg: object, **_: object) -> None:
        """Note who has come, and wait until the session says that it is a worker: a stranger is told nothing."""
        data = msg.data  # type: ignore[attr-defined]
        if len(self._waiting) < _MOST_HELLOS:
            member = Member(int(data["worker"]), str(data["name"]), str(data["boot_id"]))
            self._waiting[digest(str(data["pass"]).encode())] = (msg.node_id, member)  # type: ignore[attr-defined]

    def _admit(self, _: list[str], body: bytes) -> bytes:
        """Take in those who have come with a pass whose digest the session has read; return their numbers."""
        for worker, known in json.loads(body):
            client, member = self._waiting.get(known, ("", None))
            if member is not None and member.worker == worker and worker in range(len(self._events)):
                self._members[worker], self._clients[worker] = member, client
        return json.dumps(sorted(self._members)).encode()

    def _worker(self, msg: object) -> int | None:
        return next((key for key, client in self._clients.items() if client == msg.node_id), None)  # type: ignore[attr-defined]

    def _event(self, msg: object, **_: object) -> None:
        if (worker := self._worker(msg)) is not None:
            self._events[worker] = load_event(msg.data["event"])  # type: ignore[attr-defined]

    def _rows(self, msg: object, **_: object) -> None:
        if (worker := self._worker(msg)) is not None:
            self._written[worker] += msg.data["rows"]  # type: ignore[attr-defined]

    def _clock(self, msg: object, **_: object) -> None:
        worker = self._worker(msg)
        if worker is not None and worker in self._clocks:
            self._clocks[worker].set(msg.data["monotonic_s"])  # type: ignore[attr-defined]


def _nothing() -> None:
    """Be the task of the user class of which the master places one on each worker; it runs there."""

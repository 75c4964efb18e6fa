"""The master of a load of several workers: Locust's own, with a control of ours that hands specs out and gathers rows."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Callable, Iterable

import gevent
from gevent.event import AsyncResult
from gevent.event import Event as Flag
from gevent.pywsgi import WSGIServer
from locust.env import Environment

from gameday.agent.wire import TOKEN_HEADER
from gameday.load.child.host import user
from gameday.load.child.member import BEAT, CLOCK, COMMAND, EVENT, HELLO, LOAD, PART_BYTES, ROWS
from gameday.load.crew import MOST_PULLED_BYTES, Member, Pulled, dump_members
from gameday.load.wire import Event, load_event

BEAT_S = 1.0
UNASKED_S = 60.0
"""Nobody needs a master whom nobody has asked anything for so long; a session asks several times a second."""
CLOCK_S = 1.0
_TOKEN_KEY = f"HTTP_{TOKEN_HEADER.upper().replace('-', '_')}"


class Master:
    """One master, from its start to its end."""

    def __init__(self, workers: int, *, token: str, locust_port: int, control_port: int) -> None:
        """Listen for workers."""
        self._token, self._control_port = token, control_port
        self._environment = Environment(user_classes=[user(_nothing)])
        self._runner = self._environment.create_master_runner("*", locust_port)
        for kind, listener in ((HELLO, self._hello), (EVENT, self._event), (ROWS, self._rows), (CLOCK, self._clock)):
            self._runner.register_message(kind, listener)
        self._members: dict[int, Member] = {}
        self._clients: dict[int, str] = {}
        self._events: list[Event | None] = [None] * workers
        self._written = [bytearray() for _ in range(workers)]
        self._clocks: dict[int, AsyncResult] = {}
        self._loaded: set[int] = set()
        self._asked_s = time.monotonic()
        self._over = Flag()

    def run(self) -> int:
        """Serve until nobody asks any more."""
        server = WSGIServer(("0.0.0.0", self._control_port), self._answer, log=None)  # noqa: S104 - in a pod of its own
        server.start()
        while not self._over.wait(BEAT_S):
            self._runner.send_message(BEAT, {})
            if time.monotonic() - self._asked_s > UNASKED_S:
                break
        self._runner.quit()
        server.stop(timeout=1)
        return 0

    def _answer(self, environ: dict[str, object], respond: Callable[..., object]) -> Iterable[bytes]:
        if not hmac.compare_digest(str(environ.get(_TOKEN_KEY, "")), self._token):
            return _say(respond, "403 Forbidden", b"the token of this crew is needed")
        self._asked_s = time.monotonic()
        body = environ["wsgi.input"].read()  # type: ignore[attr-defined]
        _, name, *rest = str(environ["PATH_INFO"]).split("/")
        ways: dict[str, Callable[[list[str], bytes], bytes]] = {
            "members": lambda _, __: dump_members([self._members[key] for key in sorted(self._members)]),
            "load": self._load,
            "clock": self._ask_clock,
            "command": self._command,
            "pull": self._pull,
            "quit": self._quit,
        }
        try:
            return _say(respond, "200 OK", ways[name](rest, body))
        except (KeyError, ValueError, IndexError) as error:
            return _say(respond, "400 Bad Request", f"{type(error).__name__}: {error}".encode())
        except gevent.Timeout as error:
            return _say(respond, "504 Gateway Timeout", str(error).encode())

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
        """Take a worker in; one without the token is a stranger, and is told nothing."""
        data = msg.data  # type: ignore[attr-defined]
        if hmac.compare_digest(str(data.get("token")), self._token) and 0 <= data["worker"] < len(self._events):
            self._members[data["worker"]] = Member(data["worker"], data["name"], data["boot_id"])
            self._clients[data["worker"]] = msg.node_id  # type: ignore[attr-defined]

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


def _say(respond: Callable[..., object], status: str, body: bytes) -> Iterable[bytes]:
    respond(status, [("Content-Type", "application/octet-stream"), ("Content-Length", str(len(body)))])
    return [body]


def _nothing() -> None:
    """Be the task of the user class of which the master places one on each worker; it runs there."""

"""A worker of a load of several: Locust's own, whose one user sends its share of the schedule, and whose rows go to the master."""

from __future__ import annotations

import os
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import gevent
from gevent.event import Event as Flag
from gevent.queue import Queue
from locust.env import Environment

from gameday.agent.lifeline import boot_id
from gameday.load.child.host import Host, user
from gameday.load.schedule import from_bytes
from gameday.load.wire import (
    EXIT_ORPHANED,
    TICK_S,
    Begin,
    Event,
    LoadDone,
    Spec,
    Stop,
    dump_event,
    load_command,
    load_spec,
)
from gameday.record.requests import ROW

HELLO, LOAD, COMMAND, CLOCK, BEAT = (f"gameday-{name}" for name in ("hello", "load", "command", "clock", "beat"))
EVENT, ROWS = "gameday-event", "gameday-rows"
PART_BYTES = 1 << 18
SILENT_S = 8.0
"""Eight of the master's beats: one that is silent for so long is gone, and with it everybody to load for."""
LINGER_S = 0.5
"""How long after the last message the process stays, for what waits to be sent."""


class Link:
    """What Host hears and tells, over Locust's connection to the master; rows go before the end is told."""

    def __init__(self, runner: object) -> None:
        """Listen."""
        self._send = runner.send_message  # type: ignore[attr-defined]
        self._commands: Queue[Begin | Stop | None] = Queue()
        self._parts: list[bytes] = []
        self._given = Flag()
        self._rows: Path | None = None
        self._sent = 0
        self._beaten_s = time.monotonic()
        self._requests, self._failures = Counter[str](), Counter[str]()
        for kind, listener in ((LOAD, self._load), (COMMAND, self._command), (CLOCK, self._clock), (BEAT, self._beat)):
            runner.register_message(kind, listener)  # type: ignore[attr-defined]

    def hello(self, worker: int, own_pass: str) -> None:
        """Report to the master."""
        self._send(HELLO, {"worker": worker, "pass": own_pass, "name": socket.gethostname(), "boot_id": boot_id()})

    def count(self, *, name: str, exception: Exception | None, **_: object) -> None:
        """Count a request as Locust's statistics do; a worker's own are emptied with every report to the master."""
        self._requests[name] += 1
        self._failures[name] += exception is not None

    def given(self) -> tuple[Spec, bytes]:
        """Wait for what is to be done: the spec, and the schedule as ``schedule.from_bytes`` reads it."""
        self._given.wait()
        line, _, schedule = b"".join(self._parts).partition(b"\n")
        self._parts.clear()
        return load_spec(line), schedule

    def follow(self, rows: Path) -> None:
        """Send what is appended to a row file, from now on."""
        self._rows = rows
        gevent.spawn(self._forward)

    def watch(self) -> None:
        """End the commands when the master is silent."""
        while time.monotonic() - self._beaten_s < SILENT_S:
            gevent.sleep(1.0)
        self._commands.put(None)

    def listen(self) -> Iterator[Begin | Stop]:
        """Return commands as they come; ends with the master."""
        while (command := self._commands.get()) is not None:
            yield command

    def offer(self, event: Event) -> None:
        """Send what may be lost."""
        self.send(event)

    def send(self, event: Event) -> None:
        """Send an event; before the last one, all rows."""
        if isinstance(event, LoadDone):
            self._flush()
            routes = (
                replace(each, locust_requests=self._requests[each.route], locust_failures=self._failures[each.route])
                for each in event.routes
            )
            event = replace(event, routes=tuple(routes))
        self._send(EVENT, {"event": dump_event(event)})

    def _forward(self) -> None:
        while True:
            gevent.sleep(TICK_S / 2)
            self._flush()

    def _flush(self) -> None:
        if self._rows is None or not self._rows.exists():
            return
        with self._rows.open("rb") as file:
            head = len(file.readline())
            file.seek(head + self._sent)
            data = file.read()
        whole = data[: len(data) // ROW.itemsize * ROW.itemsize]
        self._sent += len(whole)
        for start in range(0, len(whole), PART_BYTES):
            self._send(ROWS, {"rows": whole[start : start + PART_BYTES]})

    def _load(self, msg: object, **_: object) -> None:
        self._parts.append(msg.data["part"])  # type: ignore[attr-defined]
        if msg.data["last"]:  # type: ignore[attr-defined]
            self._given.set()

    def _command(self, msg: object, **_: object) -> None:
        self._commands.put(load_command(msg.data["line"]))  # type: ignore[attr-defined]

    def _clock(self, **_: object) -> None:
        self._send(CLOCK, {"monotonic_s": time.monotonic()})

    def _beat(self, **_: object) -> None:
        self._beaten_s = time.monotonic()


def run(master: str, port: int, *, worker: int, own_pass: str) -> int:
    """Report to the master, send what it gives, and return the exit code."""
    seat, host = Flag(), list[Host]()

    def drive() -> None:
        seat.wait()
        host[0].drive()

    environment = Environment(user_classes=[user(drive)])
    link = Link(environment.create_worker_runner(master, port))
    environment.events.request.add_listener(link.count)
    gevent.spawn(_leave_without_master, link)
    link.hello(worker, own_pass)
    spec, schedule = link.given()
    folder = Path(tempfile.mkdtemp(prefix="gameday-load-"))
    host.append(Host(replace(spec, folder=str(folder)), from_bytes(schedule), link, link))
    link.follow(folder / f"requests.{spec.worker}.bin")
    seat.set()
    code = host[0].load(environment)
    gevent.sleep(LINGER_S)
    return code


def _leave_without_master(link: Link) -> None:
    """End the load when the master is silent, and the process soon after: nobody is left who could end it."""
    link.watch()
    gevent.sleep(LINGER_S + TICK_S)
    os._exit(EXIT_ORPHANED)

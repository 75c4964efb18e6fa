"""
What a load of several workers is told and tells: the border between the session and the master that runs elsewhere.

The session asks the master over HTTP; every request proves to be the session's (``agent.proof``). The master is
Locust's own, and hands on to its workers what is theirs. Standard library only: both sides import it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from gameday.load.wire import Event, dump_event, load_event

MOST_PULLED_BYTES = 1 << 22
"""Of one worker in one answer: a hundred thousand rows."""


class Crew(Protocol):
    """A master and its workers. Every method may raise ``TargetError`` of the place where they run."""

    def start(self, workers: int, *, lasts_s: float) -> None:
        """Start them, and return when the master can be asked; they end by themselves when nobody does."""
        ...

    def ask(self, path: str, body: bytes, *, timeout_s: float) -> bytes:
        """Ask the master."""
        ...

    def stuck(self) -> str:
        """Return why workers will not start, in the words of the place where they are to run; empty while they may."""
        ...

    def url(self, service: str) -> str:
        """Return where the workers find a service: ``http://HOST:PORT``."""
        ...

    def stop(self) -> None:
        """End and remove all of it; idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class Member:
    """A worker that has reported: its number, the name of its pod, and the boot of the kernel whose clock it reads."""

    worker: int
    name: str
    boot_id: str


@dataclass(frozen=True, slots=True)
class Pulled:
    """
    What is new at the master.

    Attributes:
        events: Per worker the newest of its ``Ready``, ``LoadTick``, ``LoadDone`` and ``Fatal``, None before the first.
        rows: Per worker the records written since the offset that was asked for.
        written: Per worker all of its bytes that the master has.
    """

    events: tuple[Event | None, ...]
    rows: tuple[bytes, ...]
    written: tuple[int, ...]

    def to_bytes(self) -> bytes:
        """Write it: a line of JSON, then the rows."""
        head = {
            "events": [None if event is None else dump_event(event).decode() for event in self.events],
            "rows": [len(rows) for rows in self.rows],
            "written": list(self.written),
        }
        return json.dumps(head).encode() + b"\n" + b"".join(self.rows)


def read_pulled(data: bytes) -> Pulled:
    """Read what ``Pulled.to_bytes`` wrote. Raises ``ValueError`` when it is torn."""
    line, _, rest = data.partition(b"\n")
    head = json.loads(line)
    rows, start = [], 0
    for size in head["rows"]:
        rows.append(rest[start : start + size])
        start += size
    if start != len(rest):
        raise ValueError(f"{len(rest)} bytes of rows where {start} were announced")
    events = tuple(None if text is None else load_event(text.encode()) for text in head["events"])
    return Pulled(events, tuple(rows), tuple(head["written"]))


def dump_members(members: Sequence[Member]) -> bytes:
    """Write who has reported."""
    return json.dumps([asdict(member) for member in members]).encode()


def read_members(data: bytes) -> tuple[Member, ...]:
    """Read what ``dump_members`` wrote."""
    found: list[dict[str, Any]] = json.loads(data)
    return tuple(Member(**each) for each in found)

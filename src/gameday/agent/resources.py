"""
What this process of gameday's own may use, and how often it had not enough: files, ports, memory, room in a backlog.

Whoever falls short here breaks connections of the system under test, and a run must not blame the system for it. So every process counts its
shortages, tells of them with whatever it tells of itself, and the gate ``own-resources`` makes the run invalid. Standard library only.
"""

from __future__ import annotations

import asyncio
import errno
import resource
import socket
import struct
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final, Protocol

MOST_FILES: Final = 1 << 20
"""More are never asked for: some programs walk through all that they may have when they start."""
_FILES: Final = frozenset({errno.EMFILE, errno.ENFILE})
_PORTS: Final = frozenset({errno.EADDRNOTAVAIL})
_MEMORY: Final = frozenset({errno.ENOMEM, errno.ENOBUFS})
_SO_MEMINFO: Final = 55  # asm-generic/socket.h, Linux 4.12
_MEMINFO: Final = struct.Struct("9I")  # SK_MEMINFO_VARS; the last is SK_MEMINFO_DROPS
BACKLOG: Final = 4096
"""Of a proxy's listener; a stampede of new callers must find room. The kernel's own bound (net.core.somaxconn) may be lower."""
ACCEPTED_AT_ONCE: Final = 16
"""
The backlog that asyncio is told of. It is also how often it tries to accept in a row, and as many tries fail where there are no files,
each with a timer of its own; ``widen`` gives the kernel the real one.
"""
_NOT_ACCEPTED: Final = "times nothing was accepted for a second"
_ACCEPT_AGAIN_S: Final = 0.5
"""asyncio tells of a failed accept again and again, then waits for a second: what comes within this is the same one."""


def most_open_files() -> int:
    """Return how many files this process may open at most, by the hard limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)


def raise_open_files() -> None:
    """Raise the limit of open files to the hard one, for this process and all that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = most_open_files()
    if soft != resource.RLIM_INFINITY and soft < most:
        with suppress(OSError, ValueError):  # what is left is counted as a shortage when it does not suffice
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def open_files() -> int:
    """Return how many files this process may have open now."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_FILES if soft == resource.RLIM_INFINITY else soft


def lacking(error: BaseException | None) -> str | None:
    """Return what of this process's own an error says is used up, whatever it is wrapped in; None for any other error."""
    for each in _chain(error):
        number = each.errno if isinstance(each, OSError) else None
        if isinstance(each, MemoryError) or number in _MEMORY:
            return "memory"
        if number in _FILES:
            return f"open files (limit {open_files()})"
        if number in _PORTS:
            return "ports to connect from (net.ipv4.ip_local_port_range)"
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and all that it was raised from or holds."""
    waiting, seen = [error], set[int]()
    while waiting:
        each = waiting.pop()
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]


def widen(server: asyncio.Server) -> asyncio.Server:
    """Let ``BACKLOG`` new callers wait for a server that was made with the backlog ``ACCEPTED_AT_ONCE``."""
    for each in server.sockets:
        with each.dup() as same:
            same.listen(BACKLOG)
    return server


class Listener(Protocol):
    """A listening socket."""

    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes:
        """Read an option."""
        ...


class Shortages:
    """
    Counts what this process could not do because it had not enough of something.

    Attributes:
        counts: By what was used up and what became of that, such as ``open files (limit 1024): connections closed``.
    """

    def __init__(self) -> None:
        """Count from now on."""
        self.counts: Counter[str] = Counter()
        self._listeners: dict[Listener, int] = {}
        self._told: Mapping[str, int] = {}
        self._not_accepted_s = -_ACCEPT_AGAIN_S

    def note(self, error: BaseException | None, effect: str) -> bool:
        """Count what an error did, if it is a shortage of this process; return whether it is."""
        if (what := lacking(error)) is None:
            return False
        self.counts[f"{what}: {effect}"] += 1
        return True

    def watch(self, server: asyncio.Server) -> asyncio.Server:
        """Count the connections, too, that the kernel turns away from this listener because its backlog is full."""
        self._listeners |= dict.fromkeys(server.sockets, 0)
        return server

    def follow(self, loop: asyncio.AbstractEventLoop) -> None:
        """Count what the loop cannot do for want of something; it reports all errors as before, a failed accept once."""

        def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            message = str(context.get("message"))
            if "_start_serving" in message and isinstance(context.get("exception"), ValueError):
                return  # it was to accept again, and the listener has been closed meanwhile
            accepts = "accept" in message
            if accepts and time.monotonic() - self._not_accepted_s < _ACCEPT_AGAIN_S:
                return
            self._not_accepted_s = time.monotonic() if accepts else self._not_accepted_s
            self.note(context.get("exception"), _NOT_ACCEPTED if accepts else "operations failed")
            loop.default_exception_handler(context)

        loop.set_exception_handler(handle)

    def state(self) -> Mapping[str, int]:
        """Return all counts since the start, as states and messages carry them."""
        for listener, before in self._listeners.items():
            with suppress(OSError, struct.error):
                dropped = _MEMINFO.unpack(listener.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size))[-1]
                self._listeners[listener] = dropped
                if dropped > before:
                    self.counts[
                        f"room in a listener's backlog (limit {BACKLOG}): packets of new connections dropped"
                    ] += dropped - before
        return dict(self.counts)

    def news(self) -> Mapping[str, int]:
        """Return what was counted since the last call."""
        state = self.state()
        more = {what: count - self._told.get(what, 0) for what, count in state.items()}
        self._told = state
        return {what: count for what, count in more.items() if count}


SHORTAGES: Final = Shortages()
"""This process's."""

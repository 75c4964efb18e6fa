"""The child's two pipes: commands from the session come in, messages to it go out."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Protocol

import gevent
from gevent import os as gevent_os

from gameday.load.wire import Begin, Event, Spec, Stop, dump_event, load_command, load_spec

_STDIN = 0
_BLOCK_SIZE_BYTES = 1 << 16
_PATIENCE_S = 60.0


class Heard(Protocol):
    """Where commands come from."""

    def listen(self) -> Iterator[Begin | Stop]:
        """Return them as they come; ends with who gives them."""
        ...


class Told(Protocol):
    """Who is told how the load goes."""

    def offer(self, event: Event) -> None:
        """Send what may be lost."""
        ...

    def send(self, event: Event) -> None:
        """Send what must arrive."""
        ...


class Commands:
    """Reads lines from standard input."""

    def __init__(self) -> None:
        """Start with nothing read."""
        self._buffer = b""

    def spec(self) -> Spec:
        """Read the first line, blocking the whole process. Raises ``EOFError`` when the session is gone."""
        while b"\n" not in self._buffer:
            data = os.read(_STDIN, _BLOCK_SIZE_BYTES)
            if not data:
                raise EOFError
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        return load_spec(line)

    def listen(self) -> Iterator[Begin | Stop]:
        """Return the commands that follow, as they come; ends with the session."""
        gevent_os.make_nonblocking(_STDIN)
        while True:
            while b"\n" in self._buffer:
                line, self._buffer = self._buffer.split(b"\n", 1)
                yield load_command(line)
            data = gevent_os.nb_read(_STDIN, _BLOCK_SIZE_BYTES)
            if not data:
                return
            self._buffer += data


class Messages:
    """Writes to the session's socket, which keeps messages apart; never waits for a session that does not read."""

    def __init__(self, fd: int) -> None:
        """Take over a connected socket of type SOCK_SEQPACKET."""
        self._fd = fd
        os.set_blocking(fd, False)

    def offer(self, event: Event) -> None:
        """Send what may be lost: the next one says the same and more."""
        try:
            os.write(self._fd, dump_event(event))
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            return

    def send(self, event: Event) -> None:
        """Send what must arrive, unless the session does not read for a minute."""
        until_s = time.monotonic() + _PATIENCE_S
        message = dump_event(event)
        while time.monotonic() < until_s:
            try:
                os.write(self._fd, message)
            except BlockingIOError:
                gevent.sleep(0.01)
            except (BrokenPipeError, ConnectionResetError):
                return
            else:
                return

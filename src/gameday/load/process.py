"""Start the load process and talk to it; knows bytes and file descriptors, not what they mean."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress

from gameday.agent.waiting import readable
from gameday.load.schedule import Schedule
from gameday.load.wire import MESSAGE_SIZE_BYTES
from gameday.record.scrubbing import Scrubber

_STDERR_SIZE_BYTES = 4096
_LOG_SIZE_BYTES = 1 << 20
_REAP_S = 5.0


class ChildProcess:
    """
    The load process: its pipe of commands, its socket of messages, and its standard error in memory.

    Start it from the process' main thread: the kernel kills the child when the *thread* that started it ends.

    Args:
        schedule: Handed over in memory, through an inherited file descriptor.
        secrets: Values that its environment must not hold and that are hidden in what it printed.
        whole_environment: Whether it gets them all the same: a person's own locustfile reads its secrets from there.
    """

    def __init__(self, schedule: Schedule, *, secrets: Iterable[str], whole_environment: bool = False) -> None:
        """Start it; it is not ready yet."""
        values = frozenset(secrets)
        self._scrubber = Scrubber(values)
        self._messages, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._stderr = os.memfd_create("load-stderr")
        memory = os.memfd_create("load-schedule")
        with os.fdopen(memory, "wb") as file, theirs:
            file.write(schedule.tobytes())
            file.flush()
            self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
                [sys.executable, "-P", "-m", "gameday.load.child", *map(str, (os.getpid(), theirs.fileno(), memory))],
                stdin=subprocess.PIPE,
                stdout=self._stderr,
                stderr=self._stderr,
                pass_fds=(theirs.fileno(), memory),
                env={n: value for n, value in os.environ.items() if whole_environment or value not in values},
                start_new_session=True,
            )
        self._messages.settimeout(0.0)

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self._process.pid

    @property
    def code(self) -> int | None:
        """Return its exit code (minus the signal that killed it), None while it runs."""
        return self._process.poll()

    def send(self, line: bytes) -> None:
        """Write a command; a child that is gone is noticed by its messages' end."""
        with suppress(BrokenPipeError, ValueError):
            if self._process.stdin:
                self._process.stdin.write(line)
                self._process.stdin.flush()

    def receive(self) -> bytes | None:
        """Return the next message, empty at their end, None when none has come yet."""
        if self._messages.fileno() < 0:
            return b""
        try:
            return self._messages.recv(MESSAGE_SIZE_BYTES)
        except BlockingIOError:
            return None
        except ConnectionResetError:
            return b""

    def wait_for_message(self, timeout_s: float) -> None:
        """Return when a message or their end has come, or after the time."""
        if self._messages.fileno() >= 0:
            readable(self._messages, timeout_s)

    def printed(self) -> str:
        """Return the last lines that it printed, secrets hidden."""
        return self._last(_STDERR_SIZE_BYTES)

    def log(self) -> str:
        """Return all that it printed, at most the last megabyte, secrets hidden; empty once it is closed."""
        return self._last(_LOG_SIZE_BYTES)

    def _last(self, most_bytes: int) -> str:
        if self._stderr < 0:
            return ""
        size = os.fstat(self._stderr).st_size
        text = os.pread(self._stderr, most_bytes, max(0, size - most_bytes)).decode(errors="replace")
        if size > most_bytes:  # half a secret would not be known as one
            text = text.partition("\n")[2]
        return self.hide_secrets(text).strip()

    def hide_secrets(self, text: str) -> str:
        """Return a text without secrets."""
        return self._scrubber.text(text)

    def kill(self) -> None:
        """Kill it if it still runs, and reap it; idempotent."""
        if self._process.poll() is None:
            self._process.kill()
        self.reap()

    def reap(self) -> None:
        """Wait for its end, killing it after a while; idempotent."""
        with suppress(BrokenPipeError):
            if self._process.stdin:
                self._process.stdin.close()
        try:
            self._process.wait(_REAP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_REAP_S)

    def close(self) -> None:
        """Kill and reap it, and let go of everything; idempotent."""
        self.kill()
        self._messages.close()
        if self._stderr >= 0:
            os.close(self._stderr)
            self._stderr = -1


def until(deadline_s: float) -> float:
    """Return how long it is until an instant of the monotonic clock, at least 0."""
    return max(0.0, deadline_s - time.monotonic())

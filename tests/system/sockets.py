"""Look at the sockets of another process, as the kernel has them."""

from __future__ import annotations

import ctypes
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PIDFD_GETFD = 438  # asm-generic/unistd.h
_LIBC = ctypes.CDLL(None, use_errno=True)


def connections(pid: int) -> Iterator[socket.socket]:
    """Yield a copy of each TCP connection that a process has; to be used while it is yielded."""
    process = os.pidfd_open(pid)
    try:
        for file in tuple(Path(f"/proc/{pid}/fd").iterdir()):
            with suppress(OSError):
                if not str(file.readlink()).startswith("socket:"):
                    continue
                copy = _LIBC.syscall(_PIDFD_GETFD, process, int(file.name), 0)
                if copy < 0:
                    raise AssertionError(f"pidfd_getfd: {os.strerror(ctypes.get_errno())}")
                with socket.socket(fileno=copy) as connection:
                    if (
                        connection.type == socket.SOCK_STREAM
                        and connection.family == socket.AF_INET
                        and _peer(connection)
                    ):
                        yield connection
    finally:
        os.close(process)


def send_at_once(pid: int) -> dict[int, bool]:
    """Return, by the port of its other end, whether each connection of a process has TCP_NODELAY."""
    return {_peer(each): bool(each.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)) for each in connections(pid)}


def _peer(connection: socket.socket) -> int:
    """Return the port of the other end; 0 where there is none."""
    with suppress(OSError):
        return int(connection.getpeername()[1])
    return 0

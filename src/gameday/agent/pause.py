"""
Hold processes stopped for as long as somebody renews it; a process of its own, so that they go on when whoever asked for it dies.

Run as ``python -m gameday.agent.pause PID...``: stops these processes and all of their descendants and says ``stopped``. Each line on standard
input is a lease in seconds. When one runs out, the input ends or SIGTERM comes, every process goes on, and this one ends.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from gameday.agent.leased import renewals

_ENDS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main(pids: Sequence[int]) -> None:
    """Stop, hold, let go on."""
    for number in _ENDS:
        signal.signal(number, _leave)
    held: list[int] = []  # by pidfd: a number that is given to another process must not be signalled
    try:
        try:
            for pid in pids:
                _stop(pid, held)
            print("stopped", flush=True)  # noqa: T201 - the protocol with the node
            for _ in renewals():
                pass
        finally:
            _let_go_on(held)
    finally:
        _let_go_on(held)  # whoever dies closes the input and sends a signal, which may cut the first one short


def _leave(*_: object) -> None:
    """End, once: no further signal may come between."""
    for number in _ENDS:
        signal.signal(number, signal.SIG_IGN)
    sys.exit(0)


def _let_go_on(held: Sequence[int]) -> None:
    for fd in reversed(held):
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(fd, signal.SIGCONT)


def _stop(pid: int, held: list[int]) -> None:
    """Stop a process, then whoever it has started: once it is stopped, they get no more."""
    try:
        fd = os.pidfd_open(pid)
        held.append(fd)
        signal.pidfd_send_signal(fd, signal.SIGSTOP)
    except ProcessLookupError:
        return
    for child in _children(pid):
        _stop(child, held)


def _children(pid: int) -> Iterator[int]:
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            yield from map(int, (task / "children").read_text().split())


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]])

"""
Hold every process of a container stopped, for as long as somebody renews it.

Run as ``python -m gameday.agent.pod.hold``, in the process namespace of the container: stops its first process and all that descend from that,
and says ``stopped N``, or ``failed REASON``; with ``try`` it traces them only, lets go, and nothing has happened. Each line on standard input is a lease in seconds. They are held by being traced: a stop signal does not
reach the first process of a namespace, and the kernel lets traced processes go on when the tracer dies, of whatever.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from gameday.agent.leased import renewals

_SEIZE, _INTERRUPT = 0x4206, 0x4207  # linux/ptrace.h
_WALL = 0x40000000  # linux/wait.h: threads too
_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_LIBC.ptrace.restype = ctypes.c_long

FIRST = 1
"""The first process of a namespace: the container's own, whose end is the container's."""
_STOP_S = 2.0
"""How long all threads may take to stop; one inside a system call that cannot be interrupted stops when it leaves it."""

_REAP_S = 0.5
"""How often it is seen who was killed meanwhile."""


def main(*, for_real: bool) -> None:
    """Stop, hold, let go on by ending."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        print(f"stopped {stop_all()}" if for_real else f"traced {_trace_all()}", flush=True)  # noqa: T201 - the protocol with the agent
    except OSError as error:
        print(f"failed {error.strerror}", flush=True)  # noqa: T201 - same
        return
    if not for_real:
        return
    for _ in renewals(_reap, every_s=_REAP_S):
        pass


def _trace_all() -> int:
    """Trace all threads of the container's processes, which go on; return how many there are. Raises ``OSError``."""
    return sum(seize(thread) for pid in of_container() for thread in threads(pid))


def stop_all() -> int:
    """
    Stop all threads of the container's processes, until none is left that is not; return how many processes there are.

    Raises:
        OSError: One may not be traced; those that were stopped go on when this process ends.
    """
    seized: set[int] = set()
    waiting: set[int] = set()
    until_s = time.monotonic() + _STOP_S
    while True:
        pids = of_container()
        new = {thread for pid in pids for thread in threads(pid)} - seized
        for thread in new:
            if seize(thread) and _trace(_INTERRUPT, thread):
                waiting.add(thread)
        seized |= new
        waiting -= {thread for thread in waiting if _has_stopped(thread)}
        if (not new and not waiting) or time.monotonic() > until_s:
            return len(pids)
        if not new:
            time.sleep(0.002)  # for a thread that is on its way into its stop


def of_container() -> list[int]:
    """
    Return the container's own processes: the first of this namespace, and what descends from it.

    Whoever enters the namespace from outside, as agents and the kubelet's probes do, does not; those that have ended and were not reaped are none.
    """
    parents = dict(_processes())
    return sorted(pid for pid in parents if _descends(pid, FIRST, parents))


def threads(pid: int) -> list[int]:
    """Return the threads of a process; none when it has gone."""
    try:
        return [int(thread.name) for thread in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return []


def is_stopped(pid: int) -> bool:
    """Return whether every thread of a process is stopped; one that has gone is."""
    return all(_state(f"/proc/{pid}/task/{thread}")[0] in "tTZX" for thread in threads(pid))


def _processes() -> Iterator[tuple[int, int]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            state, parent = _state(folder)
            if state not in "ZX":
                yield int(folder.name), parent


def _descends(pid: int, ancestor: int, parents: dict[int, int]) -> bool:
    while pid in parents and pid != ancestor:
        pid = parents[pid]
    return pid == ancestor


def _state(folder: str | Path) -> tuple[str, int]:
    """Return the state and the parent of a process or thread, by proc(5); X when it has gone."""
    try:
        fields = Path(folder, "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return "X", 0
    return fields[0], int(fields[1])


def seize(thread: int, options: int = 0) -> bool:
    """Trace a thread, which goes on, with options of ptrace(2); false when it has gone. Raises ``OSError``."""
    return _trace(_SEIZE, thread, options)


def _trace(request: int, thread: int, data: int = 0) -> bool:
    if _LIBC.ptrace(request, thread, None, data) != 0:
        code = ctypes.get_errno()
        if _state(f"/proc/{thread}")[0] in "ZX":
            return False
        raise OSError(code, f"process {thread} cannot be traced: {os.strerror(code)}; {_what_it_takes(thread)}")
    return True


def _what_it_takes(thread: int) -> str:
    """Return what tracing needs, and what is there. Source: ptrace(2), "Ptrace access mode checking"."""
    it, own = rights(thread), rights("self")
    scope = "0"
    with suppress(OSError):
        scope = Path("/proc/sys/kernel/yama/ptrace_scope").read_text(encoding="ascii").strip()
    return (
        f"it runs as {_in_words(it)}, this agent as {_in_words(own)}: it may trace only processes of the same user and group that have no capability which it lacks"
        + ("" if scope == "0" else f"; kernel.yama.ptrace_scope of the node is {scope}, it must be 0")
    )


def rights(pid: int | str) -> dict[str, int]:
    """Return the user, the group and the permitted capabilities of a process, by proc(5); nothing when it has gone."""
    said: dict[str, str] = {}
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
            name, _, value = line.partition(":")
            said[name] = (value.split() or [""])[0]
    if not said:
        return {}
    return {"user": int(said["Uid"]), "group": int(said["Gid"]), "capabilities": int(said["CapPrm"], 16)}


def _in_words(found: dict[str, int]) -> str:
    if not found:
        return "nobody (it has ended)"
    capabilities = f"{found['capabilities']:#x}" if found["capabilities"] else "none"
    return f"user {found['user']}, group {found['group']}, capabilities {capabilities}"


def _has_stopped(thread: int) -> bool:
    try:
        return os.waitpid(thread, os.WNOHANG | _WALL)[0] == thread
    except ChildProcessError:
        return True  # gone


def _reap() -> None:
    """Take note of those that were killed: only then does whoever started them hear of it."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG | _WALL)[0]:
            pass


if __name__ == "__main__":
    main(for_real="try" not in sys.argv)

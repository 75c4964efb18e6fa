"""
End the first process of this namespace as a crash would, and with it all others there: no handler runs, and nobody is asked.

Run as ``python -m gameday.agent.pod.crash FIRST crash``: it says ``ready``, or ``failed REASON``, and does it as soon as its standard input has
a line or ends; with ``try`` it then lets go, and nothing has happened. A SIGKILL from within its own namespace does not reach the first process; that of the kernel does, which a process gets
that was traced so (PTRACE_O_EXITKILL, ptrace(2)) when its tracer ends, of whatever.
"""

from __future__ import annotations

import sys

from gameday.agent.pod.hold import seize

_EXITKILL = 0x00100000  # linux/ptrace.h


def main(first: int, what: str) -> None:
    """Trace it, wait, and end."""
    try:
        seize(first, _EXITKILL if what == "crash" else 0)
    except OSError as error:
        print(f"failed {error.strerror}", flush=True)  # noqa: T201 - the protocol with the agent
        return
    print("ready", flush=True)  # noqa: T201 - same
    sys.stdin.readline()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])

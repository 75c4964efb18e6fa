"""
Start the load process: ``python -m gameday.load.child PARENT MESSAGES SCHEDULE``.

PARENT is the process id of the session's process; the others are inherited file descriptors: MESSAGES a socket of type
SOCK_SEQPACKET to the session, SCHEDULE a file of ``schedule.ARRIVAL`` records. The imports stand where they do on purpose: first
this process ties its life to its parent's, then Locust may patch the standard library.
"""

from __future__ import annotations

import os
import signal
import sys
import types
from typing import TYPE_CHECKING

from gameday.agent.lifeline import die_with
from gameday.load.wire import EXIT_FATAL, EXIT_ORPHANED, Fatal, Spec

if TYPE_CHECKING:
    from gameday.load.child.control import Commands, Messages


def main(parent_pid: int, messages_fd: int, schedule_fd: int) -> int:
    """Run one load and return the exit code."""
    die_with(parent_pid)
    # Ctrl-C reaches every process of the terminal; the session decides what it means for the load.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    from gameday.load.child.control import Commands, Messages  # noqa: PLC0415 - see above

    commands, messages = Commands(), Messages(messages_fd)
    try:
        spec = commands.spec()
    except EOFError:
        return EXIT_ORPHANED
    try:
        run = _open if spec.closed is None else _closed
        return run(spec, schedule_fd, commands, messages)
    except Exception as error:  # noqa: BLE001 - told to the session, whatever it is
        messages.send(Fatal(f"{type(error).__name__}: {error}"))
        return EXIT_FATAL


def _open(spec: Spec, schedule_fd: int, commands: Commands, messages: Messages) -> int:
    # Locust's web interface is never used, and importing it costs a third of the start.
    web = types.ModuleType("locust.web")
    web.WebUI = object  # type: ignore[attr-defined]  # the one name that locust.env needs
    sys.modules["locust.web"] = web

    from gameday.load.child.host import Host  # noqa: PLC0415 - see above
    from gameday.load.schedule import from_bytes  # noqa: PLC0415 - see above

    with os.fdopen(schedule_fd, "rb") as file:
        file.seek(0)
        host = Host(spec, from_bytes(file.read()), commands, messages)
    return host.run()


def _closed(spec: Spec, schedule_fd: int, commands: Commands, messages: Messages) -> int:
    from gameday.load.child.users import UsersHost  # noqa: PLC0415 - see above

    os.close(schedule_fd)
    assert spec.closed is not None  # noqa: S101 - else not called
    return UsersHost(spec, spec.closed, commands, messages).run()


if __name__ == "__main__":
    code = main(*(int(text) for text in sys.argv[1:]))
    sys.stderr.flush()
    # Locust's greenlets and their exit handlers have nothing left to do; rows and messages are written.
    os._exit(code)

"""
See whether Locust can run a locustfile: ``python -m gameday.load.child.check PARENT``, with a ``Closed`` as JSON on standard input.

The exit code is 0, or ``EXIT_LOCUSTFILE`` with the reason on standard output; what the file itself prints goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys

from gameday.agent.lifeline import die_with
from gameday.load.wire import EXIT_LOCUSTFILE, load_closed


def main(parent_pid: int) -> int:
    """Import the file and return the exit code."""
    die_with(parent_pid)
    answer = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    closed = load_closed(json.loads(sys.stdin.buffer.read()))

    from gameday.load.child.locustfile import LocustfileError, environment_of  # noqa: PLC0415 - Locust patches the library

    try:
        environment_of(closed, hang_s=0.0)
    except LocustfileError as error:
        os.write(answer, str(error).encode(errors="replace"))
        return EXIT_LOCUSTFILE
    return 0


if __name__ == "__main__":
    code = main(int(sys.argv[1]))
    sys.stderr.flush()
    # What the file may have started at its import has nothing to do here.
    os._exit(code)

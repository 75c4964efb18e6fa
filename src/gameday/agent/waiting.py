"""Wait until a file can be read. Standard library only, and next to nothing: small processes import it."""

from __future__ import annotations

import math
import select
import socket
from typing import IO


def readable(file: int | socket.socket | IO[bytes], within_s: float = math.inf) -> bool:
    """
    Return whether a file has something to read, or has ended, within a time.

    Unlike ``select.select`` it takes a file of any number: with raised limits a process has files beyond 1023.

    Source:
        poll(2); select(2), "BUGS".
    """
    poll = select.poll()
    poll.register(file, select.POLLIN)
    return bool(poll.poll(None if within_s == math.inf else max(0.0, within_s) * 1000))

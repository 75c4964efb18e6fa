"""
What a process that holds a fault is told on its standard input, for as long as it is told.

Each line is numbers, the last of which is a lease in seconds from then on. Standard library only.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator

from gameday.agent.waiting import readable

FIRST_S = 5.0
"""The lease before anything is told."""


def renewals(meanwhile: Callable[[], None] = lambda: None, *, every_s: float = math.inf) -> Iterator[tuple[float, ...]]:
    """
    Yield the newest line's numbers each time that lines come; end when a lease runs out or the input ends.

    Args:
        meanwhile: Called after every look at the input.
        every_s: How long a look waits at the most.
    """
    said, until_s = b"", time.monotonic() + FIRST_S
    while (left_s := until_s - time.monotonic()) > 0:
        if readable(0, min(left_s, every_s)):
            more = os.read(0, 4096)
            if not more:
                return
            *lines, said = (said + more).split(b"\n")
            if lines:
                numbers = tuple(map(float, lines[-1].split()))
                until_s = time.monotonic() + numbers[-1]
                yield numbers
        meanwhile()

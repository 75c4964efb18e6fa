"""
Hold the answers of a connection for as long as their delay lasts, within a bound of memory that all connections of a process share.

A delay is no limit of bandwidth: what is on its way for 100 ms at 300 MB/s are 30 MB, and they have to be somewhere. A queue may grow to as
much as the others leave free, so one alone takes half of the bound, and n of them one in n + 1 parts each (dynamic thresholds). One that is
empty may always take a piece, so none waits for the others.

Source:
    Choudhury, Hahne: Dynamic Queue Length Thresholds for Shared-Memory Packet Switches, 1998.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

HELD_BYTES: Final = 256 << 20
"""What all connections of one process together hold at most, and a piece each."""
PIECE_BYTES: Final = 256
"""What a piece takes beside its bytes: its objects."""
_NOW_S: Final = 0.0005
"""Within a timer's resolution is now."""


class Memory:
    """The bytes that the queues of a process hold, of ``most_bytes``."""

    def __init__(self, most_bytes: int = HELD_BYTES) -> None:
        """Hold nothing."""
        self.most_bytes = most_bytes
        self.used_bytes = 0


MEMORY: Final = Memory()
"""This process's."""


class DelayQueue:
    """
    The answers of one connection, in order.

    Args:
        pass_on: Takes each piece when it is due; None is the end. It may call ``wait``.
        changed: Called whenever there may be room again.
    """

    def __init__(
        self, pass_on: Callable[[bytes | None], None], changed: Callable[[], None], memory: Memory = MEMORY
    ) -> None:
        """Hold nothing."""
        self._pass_on, self._changed, self._memory = pass_on, changed, memory
        self._pieces: deque[tuple[float, bytes | None]] = deque()
        self._bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._waits = False

    def __bool__(self) -> bool:
        """Return whether anything is held."""
        return bool(self._pieces)

    @property
    def is_full(self) -> bool:
        """Return whether no more should be put."""
        return self._bytes > max(0, self._memory.most_bytes - self._memory.used_bytes)

    def put(self, wait_s: float, piece: bytes | None) -> None:
        """Hold a piece for so long, and at least as long as the one before it."""
        loop = asyncio.get_running_loop()
        due_s = max(loop.time() + wait_s, self._pieces[-1][0] if self._pieces else 0.0)
        self._pieces.append((due_s, piece))
        self._take(len(piece or b"") + PIECE_BYTES)
        if self._timer is None and not self._waits:
            self._timer = loop.call_at(self._pieces[0][0], self._let_go)
        self._changed()

    def wait(self, *, receiver_is_full: bool) -> None:
        """Pass nothing on while the receiver can take no more."""
        self._waits = receiver_is_full
        if self._pieces and not receiver_is_full:
            self._let_go()

    def release(self) -> None:
        """End every delay: what is held goes at once, in order, as fast as the receiver takes it."""
        self._pieces = deque((0.0, piece) for _, piece in self._pieces)
        self._let_go()

    def drop(self) -> None:
        """Forget what is held."""
        self._stop()
        self._pieces.clear()
        self._take(-self._bytes)

    def _let_go(self) -> None:
        """Pass on what is due."""
        self._stop()
        loop = asyncio.get_running_loop()
        until_s = loop.time() + _NOW_S
        while self._pieces and self._pieces[0][0] <= until_s and not self._waits:
            _, piece = self._pieces.popleft()
            self._take(-len(piece or b"") - PIECE_BYTES)
            self._pass_on(piece)
        if self._pieces and not self._waits and self._timer is None:
            self._timer = loop.call_at(self._pieces[0][0], self._let_go)
        self._changed()

    def _take(self, count: int) -> None:
        self._bytes += count
        self._memory.used_bytes += count

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

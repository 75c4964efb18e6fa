"""Ctrl-C, SIGTERM and a closed terminal: the first asks the run to end, the second to hurry."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):  # noqa: N818 - it is no error
    """Somebody wants the run to end; the text is the signal's name."""


class Interruptions:
    """
    Counts the signals that ask for an end.

    ``check`` raises ``Interrupted`` from the loop that calls it; within ``at_once`` the signal itself does, for calls that block. In
    clean-up neither is used, so nothing can interrupt it; ``count`` above 1 tells it to hurry.
    """

    def __init__(self) -> None:
        """Start with none."""
        self.count = 0
        self.name = ""
        self._at_once = False

    @contextmanager
    def watch(self) -> Iterator[Interruptions]:
        """Handle the signals within the block and restore the old handlers after it."""
        before = {number: signal.signal(number, self._handle) for number in _NUMBERS}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Let a signal end the block wherever it is."""
        self.check()
        self._at_once = True
        try:
            yield
        finally:
            self._at_once = False

    def check(self) -> None:
        """Raise ``Interrupted`` when a signal came."""
        if self.count:
            raise Interrupted(self.name)

    def _handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signature of a handler
        self.count += 1
        self.name = self.name or signal.Signals(number).name
        if self._at_once:
            self._at_once = False
            raise Interrupted(self.name)

"""Ctrl-C, SIGTERM and a closed terminal: the first asks the command to end, the second to hurry."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
HURRY = "a second signal ends the wait for the worker"
"""What a second signal does; nothing but that wait is ever cut short."""


class Interrupted(Exception):  # noqa: N818 - it is no error
    """Somebody wants the run to end; the text is the signal's name."""


class Interruptions:
    """
    Counts the signals that ask a command to end; one for all of its runs, so that whoever may start the next one knows.

    ``check`` raises ``Interrupted`` from the loop that calls it; within ``at_once`` the signal itself does, for calls that block. In
    ``clean_up`` neither is used, so nothing can interrupt it, and every signal is answered; a wait in ``hurried`` ends when ``hurry`` holds.
    """

    def __init__(self) -> None:
        """Start with none."""
        self.count = 0
        self.name = ""
        self._at_once = False
        self._hurried = False
        self._tell: Callable[[str], None] | None = None

    @property
    def hurry(self) -> bool:
        """Return whether a second signal came."""
        return self.count > 1

    @contextmanager
    def watch(self) -> Iterator[Interruptions]:
        """Handle the signals within the block and restore the old handlers after it. From the main thread only."""
        before = {number: signal.signal(number, self._handle) for number in NUMBERS}
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

    @contextmanager
    def clean_up(self, tell: Callable[[str], None]) -> Iterator[None]:
        """Let no signal end the block; ``tell``, which may be called at any moment, gets a line that says what each does."""
        self._tell = tell
        try:
            yield
        finally:
            self._tell = None

    @contextmanager
    def hurried(self) -> Iterator[None]:
        """Say of a signal within the block what the second one does: the block waits no longer than ``hurry`` allows."""
        self._hurried = True
        try:
            yield
        finally:
            self._hurried = False

    def check(self) -> None:
        """Raise ``Interrupted`` when a signal came."""
        if self.count:
            raise Interrupted(self.name)

    def _handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signature of a handler
        self.count += 1
        name = signal.Signals(number).name
        self.name = self.name or name
        if self._at_once:
            self._at_once = False
            raise Interrupted(self.name)
        if self._tell:
            self._tell(f"{name}: the clean-up goes on, and nothing is started after it; {self._effect()}")

    def _effect(self) -> str:
        if not self._hurried:
            return "no further signal shortens it"
        return "the worker is not waited for any longer" if self.hurry else HURRY


def may_interrupt(number: int) -> bool:
    """Return whether a signal could end what goes on now: any could but one that is answered in a clean-up."""
    owner = getattr(signal.getsignal(number), "__self__", None)
    return not (isinstance(owner, Interruptions) and owner._tell)  # noqa: SLF001 - it is of this class

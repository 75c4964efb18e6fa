"""The program's output streams, told apart from other files when what stands behind them takes no more."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TextIO, TypeVar

T = TypeVar("T")


class OutputError(OSError):
    """Stdout cannot be written; ``strerror`` says why. A reader that left stays a ``BrokenPipeError``."""


class Results:
    """Stdout: what cannot be written is lost, and no library that swallows the error makes that a success."""

    def __init__(self, stream: TextIO) -> None:
        """Write to a stream."""
        self._stream = stream
        self._lost: OSError | None = None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else the stream has
        """Return everything else as the stream has it."""
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text. Raises ``OutputError``."""
        return self._attempt(lambda: self._stream.write(text))

    def flush(self) -> None:
        """Write what is left in the buffer. Raises ``OutputError``, also for what was lost before."""
        self._attempt(self._stream.flush)
        if self._lost is not None:
            raise OutputError(self._lost.errno, self._lost.strerror)

    def _attempt(self, act: Callable[[], T]) -> T:
        try:
            return act()
        except BrokenPipeError:
            raise
        except OSError as error:
            self._lost = error
            raise OutputError(error.errno, error.strerror) from error


class Remarks:
    """Stderr: what cannot be written there changes nothing of what the command does; ``lost`` tells that there was some."""

    def __init__(self, stream: TextIO) -> None:
        """Write to a stream."""
        self._stream = stream
        self.lost = False

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else the stream has
        """Return everything else as the stream has it."""
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text, if it can be written."""
        try:
            return self._stream.write(text)
        except OSError:
            self.lost = True
            return len(text)

    def flush(self) -> None:
        """Write what is left in the buffer, if it can be written."""
        try:
            self._stream.flush()
        except OSError:
            self.lost = True


def silence(stream: TextIO) -> None:
    """Send what is left in a stream's buffer nowhere, so that nothing complains about it at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)

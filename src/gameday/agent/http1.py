"""
Find where HTTP/1.1 messages begin and end in a stream of bytes, without changing any.

Source:
    RFC 9112, sections 2 (message format), 6 (message body length) and 7.1 (chunked coding).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

_MOST_HEAD_BYTES = 1 << 16
_END = b"\r\n\r\n"
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(;|$)")


class FramingError(Exception):
    """These bytes are no HTTP/1.1 message whose end could be found."""


class Kind(Enum):
    """What a piece of a stream is."""

    HEAD = "head"  # the whole of it, with the empty line
    BODY = "body"
    END = "end"  # of the message; no bytes


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a message, in the order of the stream; all pieces together are the stream."""

    kind: Kind
    data: bytes = b""


State = Callable[[], Iterator[Piece]]
"""What a framer does with the bytes that come next."""


class Framer:
    """
    Cuts one direction of a connection into messages.

    Args:
        responses: The stream holds responses; ``bodiless`` must say of each whether its request was a HEAD.
    """

    def __init__(self, *, responses: bool = False) -> None:
        """Start at the beginning of a message."""
        self.bodiless = False
        self._responses = responses
        self._buffer = b""
        self._left = 0
        self._state: State = self._head

    @property
    def is_between(self) -> bool:
        """Return whether the next byte begins a message."""
        return self._state == self._head and not self._buffer

    def feed(self, data: bytes) -> Iterator[Piece]:
        """Yield what is complete; bodies are not held back. Raises ``FramingError``; then ``rest`` holds what was not yielded."""
        self._buffer += data
        while self._buffer:
            before = self._buffer
            state = self._state
            yield from state()
            if self._buffer == before and self._state == state:
                return

    @property
    def rest(self) -> bytes:
        """Return what was fed and not yet yielded."""
        return self._buffer

    def _head(self) -> Iterator[Piece]:
        end = self._buffer.find(_END)
        if end < 0:
            if len(self._buffer) > _MOST_HEAD_BYTES:
                raise FramingError("a head without an end")
            return
        head = self._buffer[: end + len(_END)]
        self._state = self._after(head)
        self._cut(len(head))
        yield Piece(Kind.HEAD, head)
        if self._state == self._head:
            yield Piece(Kind.END)

    def _after(self, head: bytes) -> State:
        start, headers = read_head(head)
        if self._responses:
            status = start.split(b" ", 2)[1:2]
            code = int(status[0]) if status and status[0].isdigit() else 0
            if not 100 <= code <= 599 or code == 101:
                raise FramingError("no response that ends")
            if code < 200 or code in {204, 304} or self.bodiless:
                return self._head
        if b"chunked" in headers.get(b"transfer-encoding", b"").lower():
            return self._chunk
        length = headers.get(b"content-length")
        if length is None:
            return self._endless if self._responses else self._head
        if not length.isdigit():
            raise FramingError("a length that is no number")
        self._left = int(length)
        return self._fixed if self._left else self._head

    def _fixed(self) -> Iterator[Piece]:
        part = self._buffer[: self._left]
        self._left -= len(part)
        self._cut(len(part))
        yield Piece(Kind.BODY, part)
        if not self._left:
            yield from self._end()

    def _chunk(self) -> Iterator[Piece]:
        line, found, _ = self._buffer.partition(b"\r\n")
        if not found:
            if len(line) > _MOST_HEAD_BYTES:
                raise FramingError("a chunk's size without an end")
            return
        match = _SIZE.match(line)
        if match is None:
            raise FramingError("a chunk without a size")
        size = int(match[1], 16)
        self._cut(len(line) + 2)
        yield Piece(Kind.BODY, line + b"\r\n")
        self._left = size + 2
        self._state = self._chunk_data if size else self._trailer

    def _chunk_data(self) -> Iterator[Piece]:
        part = self._buffer[: self._left]
        self._left -= len(part)
        self._cut(len(part))
        yield Piece(Kind.BODY, part)
        if not self._left:
            self._state = self._chunk

    def _trailer(self) -> Iterator[Piece]:
        line, found, _ = self._buffer.partition(b"\r\n")
        if not found:
            return
        self._cut(len(line) + 2)
        yield Piece(Kind.BODY, line + b"\r\n")
        if not line:
            yield from self._end()

    def _endless(self) -> Iterator[Piece]:
        part = self._buffer
        self._cut(len(part))
        yield Piece(Kind.BODY, part)

    def _end(self) -> Iterator[Piece]:
        self._state = self._head
        yield Piece(Kind.END)

    def _cut(self, count: int) -> None:
        self._buffer = self._buffer[count:]


def read_head(head: bytes) -> tuple[bytes, dict[bytes, bytes]]:
    """Split a head into its first line and its headers, names in lower case; of a repeated header the last counts."""
    start, *lines = head.strip(b"\r\n").split(b"\r\n")
    named = (line.partition(b":") for line in lines)
    return start, {name.strip().lower(): value.strip() for name, _, value in named}

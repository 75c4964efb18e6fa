"""Where HTTP/1.1 messages end, however the bytes arrive."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.agent.http1 import Framer, FramingError, Kind

REQUESTS = (
    b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /b HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;ext=1\r\nhello\r\n3\r\nabc\r\n0\r\nTrailer: y\r\n\r\n",
    b"PUT /d HTTP/1.1\r\ncontent-length: 0\r\n\r\n",
)
RESPONSES = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
)


def cut(messages: tuple[bytes, ...], sizes: list[int], *, responses: bool) -> list[bytes]:
    """Feed a stream in parts of these sizes, again and again, and return the messages that were found."""
    framer, stream, found, size = Framer(responses=responses), b"".join(messages), [b""], iter(sizes * 1000)
    while stream:
        length = next(size)
        part, stream = stream[:length], stream[length:]
        for piece in framer.feed(part):
            found[-1] += piece.data
            if piece.kind is Kind.END:
                found.append(b"")
    assert framer.is_between
    return found[:-1]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_messages_are_found_whole_however_they_arrive(sizes: list[int]) -> None:
    """Byte for byte the same, whatever the cuts."""
    assert cut(REQUESTS * 2, sizes, responses=False) == list(REQUESTS * 2)
    assert cut(RESPONSES * 2, sizes, responses=True) == list(RESPONSES * 2)


def test_an_answer_to_a_head_has_no_body() -> None:
    """Whatever length it speaks of."""
    framer = Framer(responses=True)
    framer.bodiless = True
    assert [piece.kind for piece in framer.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")] == [
        Kind.HEAD,
        Kind.END,
    ]


@pytest.mark.parametrize(
    ("stream", "responses"),
    [
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", False),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n", False),
        (b"x" * 70_000, False),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", True),
        (b"*1\r\n$4\r\nPING\r\n\r\n", True),
    ],
)
def test_what_cannot_be_followed_is_told_and_nothing_is_lost(stream: bytes, responses: bool) -> None:  # noqa: FBT001 - a row of the table
    """The rest can still be passed on as it is."""
    framer, seen = Framer(responses=responses), [b""]
    with pytest.raises(FramingError):
        seen.extend(piece.data for piece in framer.feed(stream))
    assert b"".join(seen) + framer.rest == stream

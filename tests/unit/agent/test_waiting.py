"""A file is waited for whatever its number is."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator

import pytest

from gameday.agent.waiting import readable

HIGH = 1500
"""Beyond what select(2) can take."""


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Return the ends of a pipe, the one to read with a high number."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, HIGH + 1), hard))
    low, writing = os.pipe()
    reading = os.dup2(low, HIGH)
    os.close(low)
    yield reading, writing
    os.close(reading)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_what_can_be_read_is_told(pipe: tuple[int, int]) -> None:
    """As soon as it is there, and not before."""
    reading, writing = pipe
    assert not readable(reading, 0.01)
    os.write(writing, b"x")
    assert readable(reading)
    assert readable(reading, -1)
    os.close(writing)


def test_an_end_is_told(pipe: tuple[int, int]) -> None:
    """Whoever reads then gets nothing, at once."""
    reading, writing = pipe
    os.close(writing)
    assert readable(reading)
    assert os.read(reading, 1) == b""

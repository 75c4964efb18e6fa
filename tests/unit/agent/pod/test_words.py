"""What is said to stores and services, and what the kernel says of memory."""

from __future__ import annotations

import pytest

from gameday.agent.pod.canary import question
from gameday.agent.pod.stressing import available_bytes


def test_each_kind_of_service_is_asked_in_its_own_words() -> None:
    """None of them needs a password to answer."""
    assert question("http", "/ready").startswith(b"GET /ready HTTP/1.1\r\n")
    assert question("redis", "/") == b"*1\r\n$4\r\nPING\r\n"
    assert len(question("postgres", "/")) == 8
    with pytest.raises(ValueError, match="valid: http, redis, postgres"):
        question("oracle", "/")


def test_available_memory_is_in_bytes() -> None:
    """The kernel counts in KiB."""
    assert available_bytes("MemTotal: 9 kB\nMemAvailable:    2048 kB\n") == 2 << 20
    assert available_bytes("") == 0

"""What is said to stores and services, and what a stress may ask of a machine."""

from __future__ import annotations

import pytest

from gameday.agent.affording import available_bytes, too_much
from gameday.agent.canary import question
from gameday.agent.keys import script


def test_each_kind_of_service_is_asked_in_its_own_words() -> None:
    """None of them needs a password to answer."""
    assert question("http", "/ready").startswith(b"GET /ready HTTP/1.1\r\n")
    assert question("redis", "/") == b"*1\r\n$4\r\nPING\r\n"
    assert len(question("postgres", "/")) == 8
    with pytest.raises(ValueError, match="valid: http, redis, postgres"):
        question("oracle", "/")


def test_a_prefix_means_itself_and_not_what_redis_reads_into_it() -> None:
    """Only keys that begin with it may go, whatever letters it has."""
    assert script("a*b:")[1] == r"a\*b:*"
    assert script(None)[1] == "*"
    assert script(None)[0] != script("")[0]


def test_available_memory_is_in_bytes() -> None:
    """The kernel counts in KiB."""
    assert available_bytes("MemTotal: 9 kB\nMemAvailable:    2048 kB\n") == 2 << 20
    assert available_bytes("") == 0


def test_a_stress_that_is_too_much_is_told_with_what_would_be_possible() -> None:
    """Of cores all there are, of memory half of what is free."""
    assert too_much(0.5, 1e6, machine="the node") is None
    assert "the node has" in str(too_much(1e6, 0, machine="the node"))
    assert "half of what is free on this machine" in str(too_much(0, 1e18, machine="this machine"))

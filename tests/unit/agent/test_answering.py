"""Requests that a rule matches are answered in their turn; all others pass byte for byte."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from gameday.agent.answering import Answering, Rule, begins_request

GET = b"GET /good HTTP/1.1\r\nHost: x\r\n\r\n"
BAD = b"POST /bad HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody"
HEAD = b"HEAD /good HTTP/1.1\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ANSWER = b"HTTP/1.1 503 Service Unavailable\r\nX-Gameday-Fault: errors\r\nContent-Length: 0\r\n\r\n"


@dataclass
class Judge:
    """Answers everything for ``/bad``."""

    rule: Rule | None = field(default_factory=lambda: Rule("/bad", 503, 1.0))

    def answers(self, path: str) -> int | None:
        """Answer by the rule."""
        return 503 if self.rule and path == "/bad" else None


def test_what_matches_is_answered_and_what_does_not_passes() -> None:
    """The body of an answered request goes nowhere."""
    found = Answering(Judge())
    assert found.from_caller(GET) == (GET, b"")
    assert found.from_callee(OK) == OK
    assert found.from_caller(BAD) == (b"", ANSWER)
    assert found.from_caller(GET) == (GET, b"")


@given(st.lists(st.sampled_from([GET, BAD, HEAD]), max_size=8), st.lists(st.integers(1, 30), min_size=1, max_size=5))
def test_answers_come_in_the_order_of_the_requests_even_when_they_are_pipelined(
    requests: list[bytes], sizes: list[int]
) -> None:
    """However both streams are cut."""
    found = Answering(Judge())
    passed, said = found.from_caller(b"".join(requests))
    assert passed == b"".join(each for each in requests if each != BAD)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
    answers = b"".join({GET: OK, HEAD: head}.get(each, b"") for each in requests)
    position = 0
    for size in sizes * 400:
        said += found.from_callee(answers[position : position + size])
        position += size
    assert said == b"".join({GET: OK, HEAD: head, BAD: ANSWER}[each] for each in requests)


def test_the_last_request_of_a_connection_is_answered_and_then_closed() -> None:
    """Who says close must see the end."""
    found = Answering(Judge())
    passed, said = found.from_caller(b"GET /bad?x=1 HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert passed == b""
    assert b"Connection: close\r\n" in said
    assert found.is_last


def test_a_stream_that_cannot_be_followed_passes_as_it_is() -> None:
    """A connection that becomes something else is left alone."""
    found = Answering(Judge())
    found.from_caller(GET)
    upgrade = b"HTTP/1.1 101 Switching Protocols\r\n\r\nanything"
    assert found.from_callee(upgrade) == upgrade
    assert found.from_caller(b"\x00\x01") == (b"\x00\x01", b"")
    assert found.is_over


def test_it_leaves_between_two_requests_when_the_fault_is_over() -> None:
    """Never in the middle of one."""
    judge = Judge()
    found = Answering(judge)
    found.from_caller(GET)
    judge.rule = None
    assert not found.is_over
    found.from_callee(OK[:20])
    assert not found.is_over
    found.from_callee(OK[20:])
    assert found.is_over


def test_a_provisional_answer_is_not_the_one_that_is_owed() -> None:
    """100 Continue comes before it."""
    found = Answering(Judge())
    found.from_caller(GET + BAD)
    assert found.from_callee(b"HTTP/1.1 100 Continue\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert found.from_callee(OK) == OK + ANSWER


def test_only_the_beginning_of_a_request_is_taken_for_one() -> None:
    """Other protocols and bodies are not."""
    assert begins_request(GET)
    assert begins_request(b"DELETE /x")
    assert not begins_request(b"*1\r\n$4\r\nPING\r\n")
    assert not begins_request(b"\x16\x03\x01")
    assert not begins_request(b'{"GET": "/"}')

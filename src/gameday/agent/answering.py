"""
Answer a share of the requests on a connection in the callee's place; the L7 program beside the splice.

It joins a connection at the beginning of a request, so that connections which were open when a fault begins take part, and leaves it
between two requests. What it does not answer passes unchanged, byte for byte; a stream that it cannot follow passes as it is.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from gameday.agent.http1 import Framer, FramingError, Kind, Piece, read_head

_REQUEST = re.compile(rb"[A-Z]{3,10} /")


@dataclass(frozen=True, slots=True)
class Rule:
    """Which requests are answered: those whose path (without the query) matches the glob ``path``, a ``share`` (0..1) of them."""

    path: str
    status: int
    share: float


class Judge(Protocol):
    """Decides, request by request, and counts."""

    def answers(self, path: str) -> int | None:
        """Return the status with which a request is answered; None lets it pass."""
        ...

    @property
    def rule(self) -> Rule | None:
        """Return the rule in force; None without a fault."""
        ...


def begins_request(data: bytes) -> bool:
    """Return whether these bytes are the beginning of an HTTP request, when they come where one may begin."""
    return _REQUEST.match(data) is not None


class Answering:
    """Stands between the two directions of one connection."""

    def __init__(self, judge: Judge) -> None:
        """Join a connection at the beginning of a request, while the callee owes nothing."""
        self._judge = judge
        self._requests = Framer()
        self._responses = Framer(responses=True)
        self._lost = False
        self._closes = False
        self._interim = False  # the response being read is a 1xx: the one that is owed comes after it
        self._answer: bytes | None = None  # of ours, to the request that is being read
        self._due: deque[bytes | bool] = deque()  # in order: answers of ours, or whether the callee owes one to a HEAD

    @property
    def is_over(self) -> bool:
        """Return whether it may leave: no fault is in force, and nothing is under way."""
        between = self._requests.is_between and self._responses.is_between and not self._due
        return self._lost or (self._judge.rule is None and between)

    @property
    def is_last(self) -> bool:
        """Return whether an answer of ours was the connection's last, and has been given."""
        return self._closes and self._requests.is_between and not self._due

    def from_caller(self, data: bytes) -> tuple[bytes, bytes]:
        """Take in what the caller says; return what passes on to the callee, and what is answered to the caller."""
        if self._lost:
            return data, b""
        passed = b""
        try:
            for piece in self._requests.feed(data):
                passed += self._request(piece)
        except FramingError:
            self._lost = True
            passed += self._requests.rest
        return passed, self._answers()

    def from_callee(self, data: bytes) -> bytes:
        """Take in what the callee says; return it, with answers of ours where it is their turn."""
        if self._lost:
            return data
        said = b""
        try:
            for piece in self._responses.feed(data):
                said += piece.data
                if piece.kind is Kind.END and not self._interim:
                    self._due.popleft()
                    said += self._answers()
                elif piece.kind is Kind.HEAD:
                    self._interim = read_head(piece.data)[0].split(b" ", 2)[1].startswith(b"1")
        except (FramingError, IndexError):
            self._lost = True
            said += self._responses.rest
        return said

    def _request(self, piece: Piece) -> bytes:
        if piece.kind is Kind.HEAD:
            start, headers = read_head(piece.data)
            method, path = [*start.split(b" "), b""][:2]
            status = self._judge.answers(path.split(b"?")[0].decode("latin-1"))
            last = headers.get(b"connection", b"").lower() == b"close" or start.endswith(b"HTTP/1.0")
            self._answer = None if status is None else _write(status, last=last)
            self._closes = self._answer is not None and last
            if self._answer is None:
                self._due.append(method == b"HEAD")
        if self._answer is None:
            return piece.data
        if piece.kind is Kind.END:
            self._due.append(self._answer)
        return b""

    def _answers(self) -> bytes:
        """Return the answers of ours whose turn it is; whether the response that comes next has a body is known then."""
        said = b""
        while self._due and isinstance(first := self._due[0], bytes):
            said += first
            self._due.popleft()
        self._responses.bodiless = bool(self._due) and self._due[0] is True
        return said


def _write(status: int, *, last: bool) -> bytes:
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = "Injected"
    close = "Connection: close\r\n" if last else ""
    return f"HTTP/1.1 {status} {reason}\r\nX-Gameday-Fault: errors\r\nContent-Length: 0\r\n{close}\r\n".encode()

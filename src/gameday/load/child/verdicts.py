"""Say how a request of a person's own locustfile ended, from what Locust's request event tells of it. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from gameday.load.child.outcome import origin_queries, retry_after_s
from gameday.record.requests import UNKNOWN, Outcome

_DEEPEST = 10


@dataclass(frozen=True, slots=True)
class Seen:
    """What the row keeps of an answer; status 0 without one."""

    status: int = 0
    degraded: bool = False
    origin: int = UNKNOWN
    retry_after_s: float = math.nan


def seen(response: object) -> Seen:
    """Read what a response says; of one without status or headers, such as a protocol of one's own has, nothing is known."""
    status = getattr(response, "status_code", None)
    headers = getattr(response, "headers", None)
    if not isinstance(status, int) or not 0 < status < 1000:
        return Seen()
    if headers is None:
        return Seen(status)
    headers = cast("Mapping[str, str]", headers)
    return Seen(
        status=status,
        degraded=headers.get("x-degraded") is not None,
        origin=origin_queries(headers.get("x-origin-queries")),
        retry_after_s=retry_after_s(headers.get("retry-after")),
    )


def outcome_of(answer: Seen, error: object, *, response_s: float, deadline_s: float) -> Outcome:
    """
    Say how a request ended.

    A refusal on purpose (429, 503) stays one, whatever the file makes of it. Else the file decides, with ``catch_response`` or by
    its client's rules: without an error the request was answered well.
    """
    if answer.status in (429, 503):
        return Outcome.REJECTED
    if error is None:
        if response_s > deadline_s:
            return Outcome.LATE
        return Outcome.DEGRADED if answer.degraded else Outcome.OK
    if answer.status:
        return Outcome.ERROR
    return Outcome.TIMEOUT if gave_up(error) else Outcome.CONNECTION


def gave_up(error: object) -> bool:
    """
    Return whether an error, or one that it was made from, is a client's timeout.

    Each library has classes of its own.
    """
    for _ in range(_DEEPEST):
        if not isinstance(error, BaseException):
            return False
        if "timeout" in type(error).__name__.lower():
            return True
        # geventhttpclient keeps what it was made from as ``original``, urllib3 as ``reason``.
        kept = (getattr(error, name, None) for name in ("original", "reason"))
        error = next((each for each in kept if isinstance(each, BaseException)), error.__cause__ or error.__context__)
    return False

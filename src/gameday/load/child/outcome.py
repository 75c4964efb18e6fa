"""Classify how a request ended. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from gameday.record.requests import UNKNOWN, Outcome


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What an answer says about itself.

    Attributes:
        status: HTTP status, of a final answer.
        degraded: It carries ``X-Degraded``.
        origin: Queries to the origin that it names, ``UNKNOWN`` without a usable ``X-Origin-Queries``.
        retry_after_s: From now; NaN without a usable ``Retry-After``.
        size_bytes: Of its body.
        late_s: How long ago its last byte had come when it was read.
    """

    status: int
    degraded: bool = False
    origin: int = UNKNOWN
    retry_after_s: float = math.nan
    size_bytes: int = 0
    late_s: float = 0.0


def classify(status: int, *, degraded: bool, response_s: float, deadline_s: float) -> Outcome:
    """Say how an answered request ended; ``response_s`` counts from the scheduled start."""
    if 200 <= status < 300:
        if response_s > deadline_s:
            return Outcome.LATE
        return Outcome.DEGRADED if degraded else Outcome.OK
    return Outcome.REJECTED if status in (429, 503) else Outcome.ERROR


def origin_queries(text: str | None) -> int:
    """Read ``X-Origin-Queries``; what does not fit into a byte of the row is its largest number."""
    if text is None or not text.strip().isdecimal():
        return UNKNOWN
    return min(int(text), UNKNOWN - 1)


def retry_after_s(text: str | None, now: datetime | None = None) -> float:
    """
    Read ``Retry-After`` in seconds from now, at least 0; NaN when it is absent or makes no sense.

    Source:
        RFC 9110, section 10.2.3: a number of seconds or a date.
    """
    if text is None:
        return math.nan
    if text.strip().isdecimal():
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return math.nan
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - (now or datetime.now(UTC))).total_seconds())

"""How an answered request is classified."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from gameday.load.child.outcome import classify, origin_queries, retry_after_s
from gameday.record.requests import UNKNOWN, Outcome


@pytest.mark.parametrize(
    ("status", "degraded", "response_s", "outcome"),
    [
        (200, False, 1.0, Outcome.OK),
        (299, True, 0.5, Outcome.DEGRADED),
        (200, False, 1.001, Outcome.LATE),
        (200, True, 1.001, Outcome.LATE),
        (429, False, 9.0, Outcome.REJECTED),
        (503, False, 0.1, Outcome.REJECTED),
        (500, False, 0.1, Outcome.ERROR),
        (302, False, 0.1, Outcome.ERROR),
        (404, True, 0.1, Outcome.ERROR),
    ],
)
def test_outcomes_follow_from_status_header_and_response_time(
    status: int,
    degraded: bool,  # noqa: FBT001 - a row of the table above
    response_s: float,
    outcome: Outcome,
) -> None:
    """The deadline is 1 s and belongs to what is in time."""
    assert classify(status, degraded=degraded, response_s=response_s, deadline_s=1.0) is outcome


@pytest.mark.parametrize(
    ("text", "value"), [(None, UNKNOWN), ("0", 0), ("3", 3), ("999", 254), ("-1", UNKNOWN), ("x", UNKNOWN)]
)
def test_origin_queries_fit_into_a_byte_or_are_unknown(text: str | None, value: int) -> None:
    """A number too large for the row is its largest, which is not the word for unknown."""
    assert origin_queries(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3.0),
        ("Fri, 01 Jan 2027 00:00:30 GMT", 30.0),
        ("Thu, 31 Dec 2026 23:59:00 GMT", 0.0),
        ("Fri, 01 Jan 2027 00:00:30 -0000", 30.0),
    ],
)
def test_retry_after_is_seconds_from_now(text: str, value: float) -> None:
    """Both forms of RFC 9110; a time that has passed is now."""
    assert retry_after_s(text, datetime(2027, 1, 1, tzinfo=UTC)) == value


@pytest.mark.parametrize("text", [None, "soon", "-1", "", "1e999"])
def test_a_retry_after_that_makes_no_sense_is_not_a_number(text: str | None) -> None:
    """It is as if there were none."""
    assert math.isnan(retry_after_s(text))

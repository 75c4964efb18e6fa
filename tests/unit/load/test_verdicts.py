"""What Locust tells of a request, as an outcome."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest

from gameday.load.child.verdicts import Seen, gave_up, outcome_of, seen
from gameday.record.requests import UNKNOWN, Outcome


@dataclass
class Response:
    """What Locust's responses have."""

    status_code: int | None
    headers: dict[str, str] | None = field(default_factory=dict)


class ReadTimeoutError(Exception):
    """Named as urllib3 names it."""


class RetriesExceeded(Exception):  # noqa: N818 - named as geventhttpclient names it
    """Keeps what it was made from."""

    def __init__(self, original: BaseException) -> None:
        """Keep it."""
        super().__init__()
        self.original = original


@pytest.mark.parametrize(
    ("status", "error", "took_s", "outcome"),
    [
        (200, None, 0.1, Outcome.OK),
        (200, None, 1.1, Outcome.LATE),
        (200, ValueError("not what was wanted"), 0.1, Outcome.ERROR),
        (404, None, 0.1, Outcome.OK),
        (404, ValueError(), 0.1, Outcome.ERROR),
        (500, ValueError(), 9.0, Outcome.ERROR),
        (503, ValueError(), 0.1, Outcome.REJECTED),
        (503, None, 0.1, Outcome.REJECTED),
        (429, None, 9.0, Outcome.REJECTED),
        (0, None, 0.1, Outcome.OK),
        (0, ConnectionResetError(), 0.1, Outcome.CONNECTION),
        (0, TimeoutError(), 0.1, Outcome.TIMEOUT),
        (0, RetriesExceeded(TimeoutError()), 0.1, Outcome.TIMEOUT),
        (0, RetriesExceeded(ConnectionResetError()), 0.1, Outcome.CONNECTION),
        (0, "closed", 0.1, Outcome.CONNECTION),
    ],
)
def test_the_file_decides_what_is_well_but_a_refusal_stays_one(
    status: int, error: object, took_s: float, outcome: Outcome
) -> None:
    """With ``catch_response`` a 404 may be fine and a 200 a failure; a 503 is never a good answer."""
    assert outcome_of(Seen(status), error, response_s=took_s, deadline_s=1.0) is outcome


def test_a_fallback_is_degraded_and_a_late_one_is_late() -> None:
    """The header counts as in an open load."""
    answer = Seen(200, degraded=True)
    assert outcome_of(answer, None, response_s=0.1, deadline_s=1.0) is Outcome.DEGRADED
    assert outcome_of(answer, None, response_s=1.1, deadline_s=1.0) is Outcome.LATE


def test_what_an_answer_says_of_itself_is_read_from_its_headers() -> None:
    """Names are in lower case here, as both clients find them in any."""
    found = seen(Response(503, {"x-degraded": "fallback", "x-origin-queries": "3", "retry-after": "2"}))
    assert found == Seen(503, degraded=True, origin=3, retry_after_s=2.0)


@pytest.mark.parametrize("response", [None, object(), Response(None), Response(0), Response(4711), "text"])
def test_of_what_is_no_answer_nothing_is_known(response: object) -> None:
    """A protocol of one's own may put anything there."""
    found = seen(response)
    assert (found.status, found.degraded, found.origin) == (0, False, UNKNOWN)
    assert math.isnan(found.retry_after_s)


def test_a_timeout_is_found_behind_what_was_made_of_it() -> None:
    """By cause, context or the places where the clients' libraries keep it, and in bounded time."""
    behind = RuntimeError()
    behind.__cause__ = ReadTimeoutError()
    assert gave_up(behind)
    reason = ConnectionError()
    reason.reason = RetriesExceeded(ReadTimeoutError())  # type: ignore[attr-defined]
    assert gave_up(reason)
    circle = RuntimeError()
    circle.original = circle  # type: ignore[attr-defined]
    assert not gave_up(circle)
    assert not gave_up(None)

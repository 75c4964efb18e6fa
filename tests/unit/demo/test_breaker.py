"""The breaker opens when calls mostly fail, and finds out by itself when they no longer do."""

from __future__ import annotations

from gameday.demo.breaker import HALF_OPEN_AFTER_S, MINIMUM_CALLS, WINDOW_S, Breaker, State


class Clock:
    """A clock that stands until moved."""

    def __init__(self) -> None:
        """Start somewhere."""
        self.now_s = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


def breaker_with(*, good: int, bad: int) -> tuple[Breaker, Clock]:
    """Return a breaker that has seen calls, the good ones first."""
    clock = Clock()
    breaker = Breaker(clock)
    for ok in (True,) * good + (False,) * bad:
        ticket = breaker.enter()
        assert ticket is not None
        breaker.record(ticket, ok=ok)
    return breaker, clock


def test_it_opens_at_half_of_twenty_calls() -> None:
    """Ten of twenty are enough."""
    breaker, _ = breaker_with(good=10, bad=10)
    assert breaker.state is State.OPEN
    assert breaker.enter() is None


def test_it_stays_closed_below_half_and_below_twenty_calls() -> None:
    """Nine of twenty are not enough, and neither are nineteen of nineteen."""
    assert breaker_with(good=11, bad=9)[0].state is State.CLOSED
    assert breaker_with(good=0, bad=MINIMUM_CALLS - 1)[0].state is State.CLOSED


def test_calls_older_than_the_window_do_not_count() -> None:
    """Failures of long ago are forgotten."""
    breaker, clock = breaker_with(good=0, bad=MINIMUM_CALLS - 1)
    clock.now_s += WINDOW_S + 0.1
    ticket = breaker.enter()
    assert ticket is not None
    breaker.record(ticket, ok=False)
    assert breaker.state is State.CLOSED


def test_after_a_second_one_probe_is_let_through() -> None:
    """Only one, until it has been answered."""
    breaker, clock = breaker_with(good=0, bad=MINIMUM_CALLS)
    clock.now_s += HALF_OPEN_AFTER_S
    assert breaker.enter() is not None
    assert breaker.state is State.HALF_OPEN
    assert breaker.enter() is None


def test_a_good_probe_closes_it_and_a_bad_one_opens_it_again() -> None:
    """The probe decides alone."""
    for ok, state in ((True, State.CLOSED), (False, State.OPEN)):
        breaker, clock = breaker_with(good=0, bad=MINIMUM_CALLS)
        clock.now_s += HALF_OPEN_AFTER_S
        ticket = breaker.enter()
        assert ticket is not None
        breaker.record(ticket, ok=ok)
        assert breaker.state is state


def test_a_probe_that_was_never_made_makes_room_for_another() -> None:
    """A caller that left before its call cannot block the breaker for ever."""
    breaker, clock = breaker_with(good=0, bad=MINIMUM_CALLS)
    clock.now_s += HALF_OPEN_AFTER_S
    ticket = breaker.enter()
    assert ticket is not None
    breaker.abandon(ticket)
    assert breaker.enter() is not None


def test_a_call_that_began_before_it_opened_does_not_decide_for_the_probe() -> None:
    """Its ticket is of another time."""
    breaker, clock = breaker_with(good=0, bad=MINIMUM_CALLS - 1)
    old, last = breaker.enter(), breaker.enter()
    assert old is not None
    assert last is not None
    breaker.record(last, ok=False)
    clock.now_s += HALF_OPEN_AFTER_S
    breaker.enter()
    breaker.record(old, ok=True)
    breaker.abandon(old)
    assert breaker.state is State.HALF_OPEN

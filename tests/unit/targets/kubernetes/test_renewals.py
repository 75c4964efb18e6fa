"""What is renewed waits for nothing else that is."""

from __future__ import annotations

import threading

from gameday.targets.kubernetes.renewals import Renewals
from gameday.targets.protocol import TargetError

WITHIN_S = 20.0


class Renewed:
    """Something that is renewed, and whether that was as often as is asked for."""

    def __init__(self, times: int) -> None:
        """Ask for so many times."""
        self.times = times
        self.enough = threading.Event()

    def renew(self) -> None:
        """Count."""
        self.times -= 1
        if self.times <= 0:
            self.enough.set()


def test_a_slow_one_delays_no_other() -> None:
    """While a pod does not answer, the others' ways stay open."""
    free, other = threading.Event(), Renewed(3)
    renewals = Renewals(every_s=0.01)
    renewals.add({"slow": lambda: free.wait(WITHIN_S), "other": other.renew})
    try:
        assert other.enough.wait(WITHIN_S)
    finally:
        free.set()
        renewals.stop()


def test_one_that_fails_is_renewed_the_next_time() -> None:
    """A pod may be going."""
    found = Renewed(3)

    def fail() -> None:
        found.renew()
        raise TargetError("the pod is going")

    renewals = Renewals(every_s=0.01)
    renewals.add({"pod": fail})
    try:
        assert found.enough.wait(WITHIN_S)
    finally:
        renewals.stop()


def test_nothing_is_renewed_after_the_end_and_another_beginning_is_possible() -> None:
    """What is under way is waited for, and stopping twice is once."""
    found, again = Renewed(1), Renewed(1)
    renewals = Renewals(every_s=0.01)
    renewals.add({"pod": found.renew})
    assert found.enough.wait(WITHIN_S)
    renewals.stop()
    renewals.stop()
    left = found.times
    renewals.add({"pod": again.renew})
    assert again.enough.wait(WITHIN_S)
    renewals.stop()
    assert found.times == left


def test_what_is_renewed_already_gets_no_second_thread() -> None:
    """A service whose agents a fault needs and a kill wakes is asked once a time."""
    first, second, other = Renewed(2), Renewed(1), Renewed(2)
    renewals = Renewals(every_s=0.01)
    renewals.add({"web": first.renew})
    renewals.add({"web": second.renew, "api": other.renew})
    try:
        assert first.enough.wait(WITHIN_S)
        assert other.enough.wait(WITHIN_S)
    finally:
        renewals.stop()
    assert second.times == 1

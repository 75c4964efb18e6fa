"""Whoever asks for an end is heard whenever that is, and told what it does."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from pydantic import JsonValue

from fakes import FakeClock, FakeTarget
from gameday.faults import catalogue
from gameday.record.history import Event, History
from gameday.runner.signals import HURRY, NUMBERS, Interrupted, Interruptions
from gameday.runner.undo import undo_all
from gameday.runner.view import RouteLine, Unbroken
from gameday.targets.protocol import Delay

GOES_ON = "SIGINT: the clean-up goes on, and nothing is started after it; "
EDGE = "web -> recommendations"


@pytest.fixture
def watched() -> Iterator[Interruptions]:
    """Watch the signals of this process."""
    with Interruptions().watch() as interruptions:
        yield interruptions


def interrupt(number: signal.Signals = signal.SIGINT) -> None:
    """Send a signal to ourselves, as the kernel does at Ctrl-C."""
    os.kill(os.getpid(), number)


class Screen:
    """A view that keeps what it shows, and does something in the middle of its first word."""

    def __init__(self, midst: Callable[[], None] = lambda: None) -> None:
        """Show nothing yet."""
        self.shown: list[str] = []
        self._midst = midst

    def step(self, text: str) -> None:
        """Keep the text in two halves."""
        self.shown.append(f"{text}:")
        midst, self._midst = self._midst, lambda: None
        midst()
        self.shown.append(f"{text}.")

    notice = step

    def phase(self, name: str, start_s: float, end_s: float) -> None:
        """Keep the name."""
        self.step(f"{name} {start_s:g} {end_s:g}")

    def tick(self, t_s: float, routes: Sequence[RouteLine], in_flight: int) -> None:
        """Keep the figures."""
        self.step(f"{t_s:g} {len(routes)} {in_flight}")

    def close(self) -> None:
        """Keep that it is over."""
        self.shown.append("closed")


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number.name)
def test_a_signal_is_found_by_whoever_looks_next(watched: Interruptions, number: signal.Signals) -> None:
    """It interrupts nothing by itself."""
    watched.check()
    interrupt(number)
    with pytest.raises(Interrupted, match=number.name):
        watched.check()


def test_a_signal_ends_at_once_what_blocks(watched: Interruptions) -> None:
    """Once: what then ends it in order is not ended in turn."""
    with pytest.raises(Interrupted, match="SIGINT"), watched.at_once():
        interrupt()
    interrupt()
    assert (watched.count, watched.name) == (2, "SIGINT")


def test_a_signal_in_a_clean_up_ends_nothing_and_is_counted_for_what_comes_after_it(watched: Interruptions) -> None:
    """The next run finds it before it has begun anything."""
    told: list[str] = []
    with watched.clean_up(told.append):
        interrupt()
        told.append("cleaned up")
    assert told == [f"{GOES_ON}no further signal shortens it", "cleaned up"]
    assert watched.count == 1
    with pytest.raises(Interrupted, match="SIGINT"), watched.at_once():
        told.append("the next run")
    assert "the next run" not in told


def test_every_signal_in_a_clean_up_is_answered_with_what_it_does(watched: Interruptions) -> None:
    """A wait that a second one ends says so; where none ends anything, that is said."""
    told: list[str] = []
    hurries: list[bool] = []
    with watched.clean_up(told.append):
        with watched.hurried():
            interrupt()
            hurries.append(watched.hurry)
            interrupt()
            hurries.append(watched.hurry)
        interrupt(signal.SIGTERM)
    assert hurries == [False, True]
    assert told == [
        f"{GOES_ON}{HURRY}",
        f"{GOES_ON}the worker is not waited for any longer",
        f"{GOES_ON}no further signal shortens it".replace("SIGINT", "SIGTERM"),
    ]


def test_a_signal_after_a_clean_up_is_counted_and_no_one_is_told() -> None:
    """The view is closed by then; after the command the signals do what they did before."""
    before = [signal.getsignal(number) for number in NUMBERS]
    told: list[str] = []
    with Interruptions().watch() as interruptions:
        with interruptions.clean_up(told.append):
            pass
        interrupt()
    assert (interruptions.count, told) == (1, [])
    assert [signal.getsignal(number) for number in NUMBERS] == before


def test_an_undo_within_a_clean_up_is_not_ended_and_the_signal_answered_at_once(
    watched: Interruptions, tmp_path: Path
) -> None:
    """It may last a minute: who asks twice is not left without a word, and both are counted."""
    did: list[str] = []
    target, history = FakeTarget(delays={EDGE: Delay(2.0)}), History(tmp_path, "supervisor", start_s=0.0)
    healing = target.heal

    def heal(edge: str) -> None:
        interrupt()
        interrupt()
        healing(edge)
        did.append("healed")

    target.heal = heal  # type: ignore[method-assign]
    undo: JsonValue = {"edges": [EDGE], "canary_s": {EDGE: 0.001}}
    intended = history.append(Event.FAULT_INTENDED, {"id": "latency-1", "fault": "latency", "undo": undo})
    with watched.clean_up(lambda _: did.append("answered")):
        assert undo_all([intended], catalogue(), target, history, FakeClock().env())
    history.close()
    assert did == ["answered", "answered", "healed"]
    assert watched.count == 2


def test_an_answer_in_the_middle_of_a_word_is_said_after_it(watched: Interruptions) -> None:
    """A live view that is drawn would otherwise be drawn within itself."""
    screen = Screen(midst=interrupt)
    view = Unbroken(screen)
    with watched.clean_up(view.notice):
        view.step("stopping")
    answer = f"{GOES_ON}no further signal shortens it"
    assert screen.shown == ["stopping:", "stopping.", f"{answer}:", f"{answer}."]


def test_a_view_that_is_never_broken_shows_everything_else_as_it_comes() -> None:
    """In its order; a word that fails does not silence the next."""

    def fail() -> None:
        raise ValueError("the terminal is gone")

    screen = Screen(midst=fail)
    view = Unbroken(screen)
    with pytest.raises(ValueError, match="gone"):
        view.step("one")
    view.notice("two")
    view.phase("fault", 1, 2)
    view.tick(1.5, (), 3)
    view.close()
    words = ["two:", "two.", "fault 1 2:", "fault 1 2.", "1.5 0 3:", "1.5 0 3."]
    assert screen.shown == ["one:", *words, "closed"]

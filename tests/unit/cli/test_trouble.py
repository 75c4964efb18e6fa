"""A trouble is an exception like any other: whatever it passes on its way may write down where it was."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from gameday.cli.trouble import Trouble


@contextmanager
def _held() -> Iterator[None]:
    yield


def _pass_through() -> None:
    with ExitStack() as stack, _held():
        stack.enter_context(_held())
        raise Trouble("it broke", next="gameday list")


def test_it_passes_context_managers_unchanged() -> None:
    """They set its traceback, which a frozen dataclass would refuse."""
    with pytest.raises(Trouble) as caught:
        _pass_through()
    assert caught.value.next == "gameday list"


def test_it_can_be_given_a_cause_and_notes() -> None:
    """As ``raise ... from`` and ``add_note`` do."""
    trouble = Trouble("it broke").with_traceback(None)
    trouble.__cause__ = OSError("no space")
    trouble.add_note("while judging")
    assert "no space" in "".join(traceback.format_exception(trouble))

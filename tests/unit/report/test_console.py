"""On a terminal a run is one view that fits, moves only itself, and leaves nothing behind."""

from __future__ import annotations

import io
import os
import pty
import re
import struct
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path
from typing import TextIO

import pytest
from rich.console import Console

from gameday.agent.waiting import readable
from gameday.report.console import LiveView, open_view, print_verdict
from gameday.report.progress import PlainView
from gameday.runner.view import RouteLine, View
from unit.report.analyses import failed

PLAN = failed().plan
FOLDER = Path("reports/20261120-174546-slow-recommendations")
LONG = "latency confirmed: web -> recommendations is 2.003 s slower at the median of 571 calls of 580"


@contextmanager
def terminal(columns: int = 80, rows: int = 24) -> Iterator[tuple[TextIO, int]]:
    """Open a real pseudo-terminal; yields the side that a program writes to, and the descriptor that the person reads."""
    person, program = pty.openpty()
    ioctl(program, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    with os.fdopen(program, "w", encoding="utf-8") as stream:
        try:
            yield stream, person
        finally:
            stream.flush()
            os.close(person)


def seen(person: int) -> str:
    """Read everything that was written so far."""
    text = b""
    while readable(person, 0.2):
        text += os.read(person, 65536)
    return text.decode()


def shown(view: LiveView, columns: int) -> list[str]:
    """Return the rows of the present frame."""
    console = Console(file=io.StringIO(), width=columns, height=24, color_system=None)
    with console.capture() as captured:
        console.print(view.frame())
    return captured.get().splitlines()


def played(view: View, routes: int = 4) -> None:
    """Play a run up to the middle of its fault."""
    view.step("starting PostgreSQL")
    view.step("starting the load")
    view.phase("warmup", 0.0, 6.0)
    view.phase("fault", 22.0, 42.0)
    for k in range(9):
        view.notice(f"{k} {LONG}")
    lines = [
        RouteLine(f"a-route-with-a-long-name-{k}", 1060.0, 24.0 if k == 0 else 1060.0, 3.0, 12.0, 31570)
        for k in range(routes)
    ]
    view.tick(30.0, lines, 12345)


def interrupted(view: LiveView) -> None:
    """Show a step, and be interrupted while the view is open."""
    with view:
        view.step("starting PostgreSQL")
        raise KeyboardInterrupt


@pytest.mark.parametrize(("columns", "routes"), [(80, 4), (80, 30), (60, 9), (44, 9)])
def test_the_view_fits_the_terminal(columns: int, routes: int) -> None:
    """Nothing scrolls, however narrow the terminal and however much there is to say."""
    view = LiveView(PLAN, Console(file=io.StringIO(), width=columns, height=24, color_system=None))
    played(view, routes)
    rows = shown(view, columns)
    assert len(rows) <= 24
    assert max(len(row) for row in rows) <= columns
    text = "\n".join(rows)
    assert all(words in text for words in ("▶ fault", "12 s left", "12,345 in flight", "hung", "31,570", "> 3 s", "!"))


def test_the_latest_notices_are_shown_whole() -> None:
    """What just happened is not cut off."""
    view = LiveView(PLAN, Console(file=io.StringIO(), width=60, height=24, color_system=None))
    played(view)
    text = " ".join(" ".join(shown(view, 60)).split())
    assert f"8 {LONG}" in text
    assert f"0 {LONG}" not in text


def test_the_set_up_shows_what_is_done_and_what_is_going_on() -> None:
    """The last step is the present one."""
    view = LiveView(PLAN, Console(file=io.StringIO(), width=80, height=24, color_system=None))
    view.step("starting PostgreSQL")
    view.step("starting Redis")
    assert [row.strip() for row in shown(view, 80)[1:]] == ["✓ starting PostgreSQL", "… starting Redis"]


def test_nothing_is_going_on_in_the_last_frame() -> None:
    """A step after the load is over when the view is closed."""
    view = LiveView(PLAN, Console(file=io.StringIO(), width=80, height=24, color_system=None))
    view.phase("recovery", 42.0, 56.0)
    view.step("judging")
    assert "… judging" in "\n".join(shown(view, 80))
    view.close()
    assert "judging" not in "\n".join(shown(view, 80))


def test_a_terminal_gets_the_live_view_and_keeps_its_cursor() -> None:
    """A program that is killed must not take the cursor with it."""
    with terminal() as (stream, person):
        view = open_view(PLAN, stream, {"TERM": "xterm-256color"})
        assert isinstance(view, LiveView)
        view.step("starting PostgreSQL")
        hides, shows = "\x1b[?25l", "\x1b[?25h"
        text = seen(person)
        assert text.rfind(shows) > text.rfind(hides)
        view.phase("fault", 22.0, 42.0)
        view.close()
        view.close()
        view.notice("too late")
        text += seen(person)
        assert "fault" in text
        assert "too late" not in text
        assert text.rfind(shows) > text.rfind(hides)


@pytest.mark.parametrize("term", ["dumb", "unknown", ""])
def test_a_terminal_that_cannot_move_its_cursor_gets_plain_lines(term: str) -> None:
    """So does an editor's shell."""
    with terminal() as (stream, person):
        view = open_view(PLAN, stream, {"TERM": term} if term else {})
        assert isinstance(view, PlainView)
        played(view)
        assert "\x1b" not in seen(person)


def test_a_pipe_gets_plain_lines() -> None:
    """A log keeps every line."""
    stream = io.StringIO()
    view = open_view(PLAN, stream, {"TERM": "xterm"})
    assert isinstance(view, PlainView)
    played(view)
    assert "\x1b" not in stream.getvalue()


def test_a_view_left_by_an_exception_is_closed() -> None:
    """Ctrl-C ends it like anything else."""
    with terminal() as (stream, person):
        view = open_view(PLAN, stream, {"TERM": "xterm"})
        assert isinstance(view, LiveView)
        with pytest.raises(KeyboardInterrupt):
            interrupted(view)
        assert view._live is None
        assert "starting PostgreSQL" in seen(person)


def test_a_terminal_that_is_gone_does_not_end_the_run() -> None:
    """The fault must still be undone when the window was closed."""
    stream = io.StringIO()
    view = LiveView(PLAN, Console(file=stream, force_terminal=True, width=80, height=24))
    view.step("starting PostgreSQL")
    stream.close()
    view.phase("fault", 22.0, 42.0)
    view.close()


def test_the_verdict_is_plain_text_in_a_pipe() -> None:
    """A script can search it."""
    case = failed()
    stream = io.StringIO()
    print_verdict(case.analysis, case.plan, FOLDER, stream)
    text = stream.getvalue()
    assert text.startswith("✗ FAIL  slow-recommendations")
    assert "\x1b" not in text
    assert (FOLDER.absolute() / "report.html").as_uri() in text


def test_no_colour_is_used_where_none_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR is honoured: see no-color.org."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    case = failed()
    with terminal() as (stream, person):
        print_verdict(case.analysis, case.plan, FOLDER, stream)
        stream.flush()
        assert not re.search(r"\x1b\[[0-9;]*3[0-7]", seen(person))


def test_a_stream_that_knows_only_ascii_gets_ascii() -> None:
    """The verdict is never lost to an encoding."""
    case = failed()
    buffer = io.BytesIO()
    stream = io.TextIOWrapper(buffer, "ascii")
    print_verdict(case.analysis, case.plan, FOLDER, stream)
    stream.flush()
    assert buffer.getvalue().startswith(b"x FAIL")

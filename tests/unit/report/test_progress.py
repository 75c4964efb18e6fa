"""Where there is no terminal, a run is told in whole lines that a log can keep."""

from __future__ import annotations

import io

from gameday.report.progress import PlainView
from gameday.runner.view import RouteLine

WELL = RouteLine("login", 60.0, 59.7, 0.0231, 0.0, 0)
ILL = RouteLine("checkout", 60.0, 24.2, 3.0, 12.4, 570)


def plain(encoding: str = "utf-8") -> tuple[PlainView, io.BytesIO]:
    """Open a plain view on a buffer."""
    buffer = io.BytesIO()
    return PlainView(io.TextIOWrapper(buffer, encoding), hang_s=3.0), buffer


def test_steps_phases_and_notices_are_one_line_each() -> None:
    """Nothing is drawn over."""
    view, buffer = plain()
    view.step("starting PostgreSQL")
    view.phase("fault", 22.0, 42.0)
    view.notice("latency injected")
    view.close()
    assert buffer.getvalue().decode().splitlines() == [
        "starting PostgreSQL",
        " 22.0 s  fault for 20 s",
        " 22.0 s  latency injected",
    ]


def test_a_summary_comes_every_five_seconds_however_often_it_ticks() -> None:
    """A minute gives a dozen lines, not sixty."""
    view, buffer = plain()
    view.phase("baseline", 6.0, 22.0)
    for tick in range(7, 23):
        view.tick(float(tick), (WELL,), 3)
    told = [line for line in buffer.getvalue().decode().splitlines() if "in flight" in line]
    assert [line.split("  ")[0].strip() for line in told] == ["11.0 s", "16.0 s", "21.0 s"]


def test_a_summary_names_what_suffers() -> None:
    """A sign stands behind the route, and what it suffers from."""
    view, buffer = plain()
    view.tick(27.0, (ILL, WELL), 103)
    assert buffer.getvalue().decode() == (
        " 27.0 s  checkout 24/60 good/s p95 > 3 s rejected 12/s hung 570 ! | login 60/60 good/s p95 23 ms | 103 in flight\n"
    )


def test_a_stream_that_knows_only_ascii_gets_ascii() -> None:
    """A log under the C locale does not end a run."""
    view, buffer = plain("ascii")
    view.notice("latency ≤ 2 s → é")
    assert buffer.getvalue() == b"latency <= 2 s -> ?\n"


def test_a_closed_stream_does_not_end_the_run() -> None:
    """Nobody reads any more, but the fault must still be undone."""
    stream = io.StringIO()
    view = PlainView(stream, hang_s=3.0)
    stream.close()
    view.notice("undone")
    view.tick(1.0, (WELL,), 0)
    view.close()

"""Show a run on a terminal while it goes on, and its verdict at the end; the only user of rich outside of the commands."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from gameday.analysis.model import Analysis, Verdict
from gameday.experiment.plan import Plan
from gameday.experiment.visible import visible
from gameday.report import figures
from gameday.report.ending import Line, Role, ending, next_step
from gameday.report.progress import PlainView, encodable, suffers
from gameday.runner.view import RouteLine, View

NOTICES = 5
STEPS = 4
NOTICE_LINES = 6
"""Lines kept free for notices when there are more routes than fit."""

NARROW = 60
"""Below so many columns the table keeps only what tells most."""

_WIDTHS = {"offered/s": 9, "good/s": 6, "p95": 6, "rejected/s": 10, "hung": 6}
_MOST_TELLING = ("good/s", "p95", "hung")

_VERDICTS = {
    Verdict.PASS: "bold green",
    Verdict.FAIL: "bold red",
    Verdict.INCONCLUSIVE: "bold yellow",
    Verdict.INVALID: "bold magenta",
}
_ROLES: dict[Role, str] = {
    "text": "",
    "fail": "red",
    "inconclusive": "yellow",
    "muted": "dim",
    "next": "",
    "verdict": "",
}


def open_view(plan: Plan, stream: TextIO, environ: Mapping[str, str] = os.environ) -> View:
    """Return the view that fits the stream: live on a terminal that can move its cursor, else plain lines."""
    if stream.isatty() and environ.get("TERM", "dumb") not in {"dumb", "unknown"} and _is_utf8(stream):
        return LiveView(plan, Console(file=stream, highlight=False))
    return PlainView(stream, hang_s=plan.experiment.load.hang_s)


class LiveView:
    """
    One view that is redrawn in place at every event, by the caller's thread: no thread of its own, no hidden cursor.

    It starts with the first event; what it shows last stays on the screen.
    """

    def __init__(self, plan: Plan, console: Console) -> None:
        """Show a run of ``plan`` on ``console``."""
        self._plan, self._console = plan, console
        self._live: Live | None = None
        self._closed = False
        self._steps: deque[str] = deque(maxlen=STEPS)
        self._notices: deque[tuple[float | None, str]] = deque(maxlen=NOTICES)
        self._phase: tuple[str, float, float] | None = None
        self._t_s: float | None = None
        self._routes: tuple[RouteLine, ...] = ()
        self._in_flight = 0

    def __enter__(self) -> Self:
        """Return the view itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it, whatever happened."""
        self.close()

    def step(self, text: str) -> None:
        """Show a step; the one before counts as done."""
        self._steps.append(visible(text))
        self._draw()

    def phase(self, name: str, start_s: float, end_s: float) -> None:
        """Begin a phase; the set-up's steps make room."""
        self._steps.clear()
        self._phase, self._t_s = (name, start_s, end_s), start_s
        self._draw()

    def tick(self, t_s: float, routes: Sequence[RouteLine], in_flight: int) -> None:
        """Show the routes as they are now."""
        self._t_s, self._in_flight = t_s, in_flight
        self._routes = tuple(replace(line, route=visible(line.route)) for line in routes)
        self._draw()

    def notice(self, text: str) -> None:
        """Add a line to the recent ones."""
        self._notices.append((self._t_s, visible(text)))
        self._draw()

    def close(self) -> None:
        """Leave the last state on the screen; idempotent."""
        live, self._live, self._closed = self._live, None, True
        if self._phase is not None:
            self._steps.clear()  # a step after the load, such as judging, is over
        if live is not None:
            live.update(self.frame())
            with suppress(OSError, ValueError):  # the terminal is gone
                live.stop()

    def frame(self) -> RenderableType:
        """Return what is shown now."""
        plan = self._plan
        parts: list[RenderableType] = [
            _line(f"gameday  {plan.name}", f"  {plan.variant or 'as found'} · {plan.target} · seed {plan.seed}")
        ]
        for index, text in enumerate(self._steps):
            done = index < len(self._steps) - 1
            parts.append(_line("", f"  {'✓' if done else '…'} {text}", muted=done))
        if self._phase is not None:
            parts.append(self._phases())
            parts.append(self._bar())
        if self._routes:
            parts.append(self._table())
        if self._notices:
            parts.append(self._recent())
        return Group(*parts)

    def _draw(self) -> None:
        if self._closed:
            return
        try:
            if self._live is None:
                self._live = Live(
                    console=self._console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
                )
                self._live.start()
                self._console.show_cursor(show=True)  # hidden, it would stay so after a SIGKILL
            self._live.update(self.frame(), refresh=True)
        except (OSError, ValueError):
            self._closed = True  # the terminal is gone; the run must not end for that

    def _phases(self) -> Text:
        """Return all phases in a row: done, now, to come."""
        row = Text(no_wrap=True, overflow="ellipsis")
        now = self._phase[0] if self._phase else ""
        names = [phase.name for phase in self._plan.phases]
        at = names.index(now) if now in names else -1
        for index, name in enumerate(names):
            if index < at:
                row.append(f"  ✓ {name}", "dim")
            elif index == at:
                row.append(f"  ▶ {name}", "bold red" if name == "fault" else "bold")
            else:
                row.append(f"    {name}", "dim")
        return row if at >= 0 else Text(f"  ▶ {now}", "bold")

    def _bar(self) -> Table:
        _, start_s, end_s = self._phase or ("", 0.0, 1.0)
        t_s = start_s if self._t_s is None else min(max(self._t_s, start_s), end_s)
        row = Table.grid(padding=(0, 1), expand=True)
        row.add_column(ratio=1)
        row.add_column(justify="right", no_wrap=True, width=28)
        bar = ProgressBar(total=max(end_s - start_s, 0.001), completed=t_s - start_s)
        row.add_row(bar, f"{end_s - t_s:.0f} s left · {figures.count(self._in_flight)} in flight")
        return row

    def _recent(self) -> Table:
        """Return the newest notices that fit below the rest, whole."""
        rows = Table.grid(padding=(0, 2, 0, 0))
        rows.add_column(justify="right", no_wrap=True, width=7)
        rows.add_column(overflow="fold")
        room = max(2, self._console.height - self._above() - self._shown() - 1)
        kept: list[tuple[str, Text]] = []
        for t_s, text in reversed(self._notices):
            room -= len(Text(text).wrap(self._console, max(self._console.width - 11, 10)))
            if room < 0:
                break
            kept.append(("" if t_s is None else figures.clock(t_s), Text(text)))
        for at, told in reversed(kept):
            rows.add_row(at, told)
        return rows

    def _above(self) -> int:
        """Return how many lines stand around the routes: title, steps, phases, bar, the table's head."""
        return 1 + len(self._steps) + (2 if self._phase else 0) + (1 if self._routes else 0)

    def _shown(self) -> int:
        """Return how many lines the routes take."""
        return min(len(self._routes), max(2, self._console.height - self._above() - NOTICE_LINES))

    def _table(self) -> Table:
        width, most = self._console.width, self._shown()
        columns = tuple(_WIDTHS) if width >= NARROW else _MOST_TELLING
        gap = 2 if width >= NARROW + 16 else 1
        numbers = sum(_WIDTHS[name] + gap for name in columns) + gap + 1
        table = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False, header_style="dim")
        table.add_column("route", no_wrap=True, overflow="ellipsis", max_width=max(6, min(24, width - numbers - gap)))
        for name in columns:
            table.add_column(name, justify="right", no_wrap=True, min_width=_WIDTHS[name])
        table.add_column("", no_wrap=True, min_width=1)
        fit = most if len(self._routes) <= most else most - 1
        worst_first = sorted(self._routes, key=lambda line: not suffers(line))
        for line in self._routes if len(self._routes) <= fit else worst_first[:fit]:
            table.add_row(*self._cells(line, wide=width >= NARROW), style="red" if suffers(line) else "")
        if len(self._routes) > fit:
            table.add_row(f"and {len(self._routes) - fit} more")
        return table

    def _cells(self, line: RouteLine, *, wide: bool) -> tuple[str, ...]:
        good, hung = figures.count(line.goodput_per_s), figures.count(line.hung)
        p95 = figures.latency(line.p95_s, self._plan.experiment.load.hang_s)
        mark = "!" if suffers(line) else ""
        if not wide:
            return (line.route, good, p95, hung, mark)
        return (
            line.route,
            figures.count(line.offered_per_s),
            good,
            p95,
            figures.count(line.rejected_per_s),
            hung,
            mark,
        )


class _Screen(Console):
    """A console whose reader may leave: rich would end the program with the exit code of a failed verdict."""

    def on_broken_pipe(self) -> None:
        """Leave the decision to the command."""
        raise BrokenPipeError


def verdict_block(
    analysis: Analysis, plan: Plan, folder: Path, hint: str | None = None, *, width: int = 80
) -> tuple[Line, ...]:
    """
    Write the lines that end a run: verdict, why, what failed, where the report is, what to try next.

    Args:
        analysis: What is told.
        plan: Whose run it was.
        folder: The run's folder, as it is to be shown; the link to it is absolute.
        hint: What to try next; None chooses it from the verdict.
        width: Columns to wrap at.
    """
    link = (folder.absolute() / "report.html").as_uri()
    return ending(analysis, plan, folder, next_step(analysis, plan) if hint is None else hint, link=link, width=width)


def print_verdict(analysis: Analysis, plan: Plan, folder: Path, stream: TextIO, hint: str | None = None) -> None:
    """Print the verdict block, in colour where the stream has colours; paths and links are never broken."""
    console = _Screen(file=stream, highlight=False, soft_wrap=True)
    width = min(console.width, 100) if stream.isatty() else 80
    if stream.isatty():
        console.print()
    _print(verdict_block(analysis, plan, folder, hint, width=width), analysis.verdict, console, stream)


def print_lines(lines: Sequence[Line], verdict: Verdict, stream: TextIO) -> None:
    """Print the lines that end a run, in colour where the stream has colours."""
    _print(lines, verdict, Console(file=stream, highlight=False, soft_wrap=True), stream)


def _print(lines: Sequence[Line], verdict: Verdict, console: Console, stream: TextIO) -> None:
    for line in lines:
        style = _VERDICTS[verdict] if line.role == "verdict" else _ROLES[line.role]
        console.print(Text(encodable(line.text, stream), style))


def _line(strong: str, text: str, *, muted: bool = False) -> Text:
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(strong, "bold")
    line.append(text, "dim" if muted else "")
    return line


def _is_utf8(stream: TextIO) -> bool:
    return (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "") == "utf8"

"""Show a run while it goes on as plain lines, one per change, for logs and pipes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from gameday.analysis import wording
from gameday.experiment.visible import visible
from gameday.report import figures
from gameday.runner.view import RouteLine

EVERY_S = 5.0
"""How far apart two summary lines are at least: a minute's run gives a dozen."""

_ASCII = str.maketrans(
    {
        "✓": "+",
        "✗": "x",
        "⊘": "!",
        "·": "-",
        "→": "->",
        figures.TIMES: "x",
        "≤": "<=",
        "≥": ">=",
        "∞": "inf",
        "—": "-",
        wording.MINUS: "-",
        "±": "+-",
    }
)


class PlainView:
    """Writes whole lines to a stream; what the stream cannot encode is written in ASCII."""

    def __init__(self, stream: TextIO, *, hang_s: float) -> None:
        """Write to ``stream``, which is flushed after each line; response times from ``hang_s`` on are only known to be longer."""
        self._stream: TextIO | None = stream
        self._hang_s = hang_s
        self._told_s: float | None = None
        self._now_s: float | None = None

    def step(self, text: str) -> None:
        """Write the step."""
        self._write(text)

    def phase(self, name: str, start_s: float, end_s: float) -> None:
        """Write the phase's name and times; the next tick is summed up whenever the last one was."""
        self._now_s = start_s
        self._told_s = start_s
        self._write(f"{_at(start_s)}{name} for {figures.limit(end_s - start_s, 's')}")

    def tick(self, t_s: float, routes: Sequence[RouteLine], in_flight: int) -> None:
        """Write a summary when the last one is ``EVERY_S`` old."""
        self._now_s = t_s
        if self._told_s is not None and t_s - self._told_s < EVERY_S - 0.05:
            return
        self._told_s = t_s
        told = " | ".join(_short(line, self._hang_s) for line in routes)
        self._write(f"{_at(t_s)}{told} | {in_flight} in flight")

    def notice(self, text: str) -> None:
        """Write what happened, at the time of the last tick."""
        self._write(f"{'' if self._now_s is None else _at(self._now_s)}{text}")

    def close(self) -> None:
        """Do nothing: every line is out already."""

    def _write(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(encodable(text, self._stream) + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            self._stream = None  # nobody reads any more; the run must not end for that


def suffers(line: RouteLine) -> bool:
    """Return whether less than 90 % of what is offered comes back good: what deserves an eye, not a verdict."""
    return line.goodput_per_s < 0.9 * line.offered_per_s


def encodable(text: str, stream: TextIO) -> str:
    """Return the text as the stream can take it, without control characters: unchanged, or with its signs in ASCII."""
    text = visible(text)
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_ASCII).encode(encoding, "replace").decode(encoding)
    return text


def _at(t_s: float) -> str:
    return f"{figures.clock(t_s):>7}  "


def _short(line: RouteLine, hang_s: float) -> str:
    told = f"{line.route} {figures.count(line.goodput_per_s)}/{figures.count(line.offered_per_s)} good/s"
    told += f" p95 {figures.latency(line.p95_s, hang_s)}" if line.p95_s is not None else ""
    told += f" rejected {figures.count(line.rejected_per_s)}/s" if line.rejected_per_s >= 0.5 else ""
    told += f" hung {figures.count(line.hung)}" if line.hung else ""
    return f"{told} !" if suffers(line) else told

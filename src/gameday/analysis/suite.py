"""
A suite's result: what came out of each experiment, and what has changed since an earlier run of the same suite. Pure.

A finding has changed only where its intervals of both runs do not overlap, and only if it is judged: what is accepted tells which way
is better. Two 99 % intervals that do not overlap are a stricter demand than a test at 1 % (Schenker and Gentleman, 2001), which is
wanted here: a suite compares many findings every night. A plain count has no interval, so it is shown and never called better or worse.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from gameday.analysis.model import Analysis, Finding, Verdict

_KEY_GROUPS = frozenset({"recovery"})
"""Findings that are shown beside the deciding one even if they have not changed."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One judged finding of a run; an end of its interval that is open is None, and both are where there is no interval."""

    id: str
    title: str
    unit: str
    op: Literal["<", ">"]
    value: float
    lo: float | None
    hi: float | None
    level: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Row:
    """
    One experiment of a suite.

    Attributes:
        verdict: None where there is no run to judge; ``reason`` says why.
        expect: The verdict with which all is well.
        code: The exit code that this experiment alone would have given; 0 exactly when all is well.
        ended: How it ended if not with a verdict: ``refused``, ``error`` or ``not run``; empty otherwise.
        run: The run's folder as seen from the suite's; None without one.
        decides: The check that the experiment is about; ``figures`` holds it if it could be measured.
    """

    experiment: str
    title: str
    variant: str | None
    seed: int
    expect: Verdict
    verdict: Verdict | None
    reason: str
    decided_by: str | None
    decides: str | None
    code: int
    ended: Literal["", "refused", "error", "not run"]
    run: str | None
    duration_s: float
    figures: tuple[Figure, ...]

    @property
    def word(self) -> str:
        """Return what came out, in one word or two."""
        return self.ended or (self.verdict or Verdict.INVALID).value


@dataclass(frozen=True, slots=True)
class SuiteRun:
    """A suite that was run: what is kept of it, and compared with the next one."""

    name: str
    title: str
    target: str
    started: str
    duration_s: float
    command: str
    versions: Mapping[str, str]
    code: int
    interrupted: bool
    rows: tuple[Row, ...]

    @property
    def verdict(self) -> Verdict:
        """Return all verdicts as one: passed if and only if all is well everywhere; what is neither that nor failed decides nothing."""
        return {0: Verdict.PASS, 1: Verdict.FAIL}.get(self.code, Verdict.INCONCLUSIVE)


_RUN = TypeAdapter(SuiteRun)


class Turn(StrEnum):
    """What became of an experiment since the earlier run."""

    FAILING = "newly failing"
    PASSING = "newly passing"
    STILL_FAILING = "still failing"
    SAME = "as before"
    NEW = "new"
    UNKNOWN = "not run"


@dataclass(frozen=True, slots=True)
class Moved:
    """One finding then and now; ``call`` is empty where the intervals overlap or there are none."""

    then: Figure
    now: Figure
    call: Literal["better", "worse", ""]


@dataclass(frozen=True, slots=True)
class Change:
    """One experiment then and now; ``then`` is None for a new one. The findings are those that moved, and the key ones."""

    then: Row | None
    now: Row
    turn: Turn
    findings: tuple[Moved, ...]

    def calls(self, call: Literal["better", "worse"]) -> int:
        """Count the findings that got better or worse."""
        return sum(1 for each in self.findings if each.call == call)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs of one suite; ``changes`` has one entry per row of the present one, ``gone`` what only the earlier one had."""

    started: str
    changes: tuple[Change, ...]
    gone: tuple[Row, ...]
    versions: tuple[tuple[str, str, str], ...]


def read_suite_run(text: str) -> SuiteRun:
    """Read ``suite.json``. Raises ``ValueError`` when it holds something else."""
    try:
        return _RUN.validate_json(text)
    except ValidationError as error:
        raise ValueError(f"not what a suite of this version writes: {error.errors()[0]['msg']}") from error


def figures(analysis: Analysis) -> tuple[Figure, ...]:
    """Return the findings of a run that another run's can be compared with."""
    return tuple(_figures(analysis.checks))


def _figures(checks: Sequence[Finding]) -> Iterator[Figure]:
    for check in checks:
        if check.op is None or check.value is None or not math.isfinite(check.value):
            continue
        interval = check.interval
        yield Figure(
            id=check.id,
            title=check.title,
            unit=check.unit,
            op=check.op,
            value=check.value,
            lo=interval.lo if interval and math.isfinite(interval.lo) else None,
            hi=interval.hi if interval and math.isfinite(interval.hi) else None,
            level=interval.level if interval else None,
            n=check.n,
        )


def compare(then: SuiteRun, now: SuiteRun) -> Comparison:
    """Say what has changed; an experiment is known again by its name and variant, the second of the same by being the second."""
    before = {key: row for key, row in _by_key(then.rows).items() if row.ended != "not run"}
    after = _by_key(now.rows)
    names = list(dict.fromkeys((*then.versions, *now.versions)))
    differing = ((name, then.versions.get(name, ""), now.versions.get(name, "")) for name in names)
    return Comparison(
        started=then.started,
        changes=tuple(_change(before.get(key), row) for key, row in after.items()),
        gone=tuple(row for key, row in before.items() if key not in after),
        versions=tuple(each for each in differing if each[1] != each[2]),
    )


def _by_key(rows: Sequence[Row]) -> dict[tuple[str, str | None, int], Row]:
    seen: Counter[tuple[str, str | None]] = Counter()
    found = {}
    for row in rows:
        key = (row.experiment, row.variant)
        found[*key, seen[key]] = row
        seen[key] += 1
    return found


def _change(then: Row | None, now: Row) -> Change:
    if then is None:
        return Change(None, now, Turn.NEW, ())
    earlier = {each.id: each for each in then.figures}
    moved = (_moved(earlier[each.id], each) for each in now.figures if each.id in earlier)
    told = (each for each in moved if each.call or each.now.id == now.decides or _group(each.now) in _KEY_GROUPS)
    return Change(then, now, _turn(then, now), tuple(sorted(told, key=lambda each: each.now.id != now.decides)))


def _turn(then: Row, now: Row) -> Turn:
    if now.ended == "not run":
        return Turn.UNKNOWN
    if now.code:
        return Turn.STILL_FAILING if then.code else Turn.FAILING
    return Turn.PASSING if then.code else Turn.SAME


def _group(figure: Figure) -> str:
    return figure.id.split(".", 1)[0]


def _moved(then: Figure, now: Figure) -> Moved:
    """Call it better or worse only where both have an interval in the same unit, and these do not overlap."""
    if then.level is None or now.level is None or (then.unit, then.op) != (now.unit, now.op):
        return Moved(then, now, "")
    below = now.hi is not None and then.lo is not None and now.hi < then.lo
    above = now.lo is not None and then.hi is not None and now.lo > then.hi
    if not below and not above:
        return Moved(then, now, "")
    return Moved(then, now, "better" if below == (now.op == "<") else "worse")

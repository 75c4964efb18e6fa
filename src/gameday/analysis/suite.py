"""
A suite's result: what came out of each experiment, and what has changed since an earlier run of the same suite. Pure.

A finding got better or worse only where it is beyond what the earlier runs make expect of one more (``differences``): what is
accepted tells which way is better. Of fewer than three earlier runs nothing is called so, as what nights differ by is not known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from gameday.analysis.differences import Call, Difference, Figure, difference
from gameday.analysis.model import Verdict

_KEY_GROUPS = frozenset({"recovery"})
"""Findings that are shown beside the deciding one even if they have not changed."""


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
    """
    One finding then and now.

    Attributes:
        then: In the run before; ``now`` in the present one.
        difference: From the mean of all earlier runs; None where the finding does not measure the same any more.
    """

    then: Figure
    now: Figure
    difference: Difference | None

    @property
    def call(self) -> Call:
        """Return whether it got better or worse; empty where that cannot be told."""
        return self.difference.call if self.difference else ""


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
    """
    A run of a suite and those before it.

    Attributes:
        started: When the run before began; ``runs`` is how many there are before the present one.
        changes: One entry per row of the present run; ``gone`` is what only the one before had.
        versions: What differs from the run before: name, version then, version now.
    """

    started: str
    runs: int
    changes: tuple[Change, ...]
    gone: tuple[Row, ...]
    versions: tuple[tuple[str, str, str], ...]


def read_suite_run(text: str) -> SuiteRun:
    """Read ``suite.json``. Raises ``ValueError`` when it holds something else."""
    try:
        return _RUN.validate_json(text)
    except ValidationError as error:
        raise ValueError(f"not what a suite of this version writes: {error.errors()[0]['msg']}") from error


def compare(earlier: Sequence[SuiteRun], now: SuiteRun) -> Comparison:
    """
    Say what has changed; an experiment is known again by its name and variant, the second of the same by being the second.

    Args:
        earlier: Earlier runs of the suite, the newest first, at least one.
        now: The present one.
    """
    then, rows = earlier[0], [_by_key(run.rows) for run in earlier]
    before = {key: row for key, row in rows[0].items() if row.ended != "not run"}
    after = _by_key(now.rows)
    names = list(dict.fromkeys((*then.versions, *now.versions)))
    differing = ((name, then.versions.get(name, ""), now.versions.get(name, "")) for name in names)
    return Comparison(
        started=then.started,
        runs=len(earlier),
        changes=tuple(
            _change(before.get(key), [found[key] for found in rows if key in found], row) for key, row in after.items()
        ),
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


def _change(then: Row | None, earlier: Sequence[Row], now: Row) -> Change:
    if then is None:
        return Change(None, now, Turn.NEW, ())
    before = {each.id: each for each in then.figures}
    moved = [_moved(before[each.id], earlier, each) for each in now.figures if each.id in before]
    told = (each for each in moved if each.call or each.now.id == now.decides or _group(each.now) in _KEY_GROUPS)
    return Change(then, now, _turn(then, now), tuple(sorted(told, key=lambda each: each.now.id != now.decides)))


def _moved(then: Figure, earlier: Sequence[Row], now: Figure) -> Moved:
    """Compare a finding with that of every earlier run that was valid and measured the same."""
    valid = (row for row in earlier if row.verdict not in {None, Verdict.INVALID})
    found = [each for row in valid for each in row.figures if each.id == now.id and each.unit == now.unit]
    return Moved(then, now, difference(found, [now]) if found else None)


def _turn(then: Row, now: Row) -> Turn:
    if now.ended == "not run":
        return Turn.UNKNOWN
    if now.code:
        return Turn.STILL_FAILING if then.code else Turn.FAILING
    return Turn.PASSING if then.code else Turn.SAME


def _group(figure: Figure) -> str:
    return figure.id.split(".", 1)[0]

"""Report a suite: one page, Markdown and JSON of the same rows, with what has changed since the run before."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from pydantic import JsonValue, TypeAdapter

from gameday.analysis import wording
from gameday.analysis.differences import LEAST_BEFORE, Difference, Figure
from gameday.analysis.model import Interval
from gameday.analysis.suite import Change, Comparison, Row, SuiteRun, Turn
from gameday.report import content, figures
from gameday.report.html import environment, style
from gameday.report.markdown import code, plain, table

SCHEMA = 1
"""Of ``suite.json``; raised when a key changes its meaning or goes. A new key does not raise it."""
NO_OTHER = "there is no earlier run of this suite on this target to compare with"

_TALLIED = {"pass": "passed and should not have", "fail": "failed", "error": "ended with an error"}
"""Words of a row that is not as expected, where they are not those of the row itself."""
_ANY: TypeAdapter[object] = TypeAdapter(object)
_WORDS = (
    (
        "as expected",
        "the verdict is the one that the suite's file expects of this experiment: pass, if it says nothing",
    ),
    (
        "better, worse",
        "now is beyond what the earlier runs make expect of one more (99 %); of fewer than three earlier runs nothing is called so",
    ),
    ("newly failing", "it came out as expected the time before, and now it did not, for whatever reason"),
    (
        "refused",
        "a guardrail or another run's lock forbade this experiment, or it cannot be done here; nothing was started",
    ),
    ("error", "the target could not be reached, or gameday itself broke; the other experiments were run all the same"),
    ("not run", "the suite ended before its turn"),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One experiment as every report tells it."""

    row: Row
    tone: Literal["pass", "fail", "inconclusive"]
    word: str
    since: str
    duration: str


@dataclass(frozen=True, slots=True)
class Told:
    """One finding then and now; ``differs`` is what now differs by from all earlier runs."""

    experiment: str
    title: str
    then: str
    now: str
    differs: str
    call: str


def lines(run: SuiteRun, comparison: Comparison | None) -> tuple[Line, ...]:
    """Return a line per experiment, in the suite's order."""
    changes = comparison.changes if comparison else (None,) * len(run.rows)
    return tuple(_line(row, change) for row, change in zip(run.rows, changes, strict=True))


def summary(run: SuiteRun) -> str:
    """Say in one sentence what came out of how many."""
    tally = Counter("as expected" if not row.code else _TALLIED.get(row.word, row.word) for row in run.rows)
    told = ", ".join(f"{n} {word}" for word, n in tally.items())
    return f"{len(run.rows)} experiment{'' if len(run.rows) == 1 else 's'}: {told}{'; interrupted' if run.interrupted else ''}"


def turned(comparison: Comparison | None) -> str:
    """Say in one sentence what has changed since the run before."""
    if comparison is None:
        return NO_OTHER
    named = [
        (turn.value, [name(change.now) for change in comparison.changes if change.turn is turn])
        for turn in (Turn.FAILING, Turn.PASSING, Turn.STILL_FAILING, Turn.NEW)
    ]
    named.append(("gone", [name(row) for row in comparison.gone]))
    told = "; ".join(f"{word}: {', '.join(names)}" for word, names in named if names)
    return f"since {_when(comparison.started)}: {told or 'every experiment came out as before'}"


def name(row: Row) -> str:
    """Name an experiment with its variant."""
    return f"{row.experiment} ({row.variant})" if row.variant else row.experiment


def findings(comparison: Comparison | None) -> tuple[Told, ...]:
    """Return what was found then and now, what got worse first; nothing without a run before."""
    found = [
        Told(
            name(change.now),
            each.now.title,
            _figure(each.then),
            _figure(each.now),
            differs(each.difference, each.now.unit),
            each.call,
        )
        for change in (comparison.changes if comparison else ())
        for each in change.findings
    ]
    return tuple(sorted(found, key=lambda each: ("worse", "better", "").index(each.call)))


def differs(found: Difference | None, unit: str) -> str:
    """Write a difference with its interval; a dash where what other runs would differ by is not known."""
    if found is None or not found.replicated:
        return figures.NOTHING
    return figures.change(found.value, found.lo, found.hi, unit)


def html(run: SuiteRun, comparison: Comparison | None) -> str:
    """Render the page; the same bytes for the same values."""
    return (
        environment()
        .get_template("suite.html.j2")
        .render(
            run=run,
            style=style(),
            summary=content.sentence(summary(run)),
            turned=content.sentence(turned(comparison)),
            facts=_facts(run, comparison),
            lines=lines(run, comparison),
            findings=findings(comparison),
            differing=comparison.versions if comparison else (),
            words=_WORDS,
        )
    )


def markdown(run: SuiteRun, comparison: Comparison | None) -> str:
    """Render the summary of a CI run: verdict first, a row per experiment, what has changed."""
    blocks = (_head(run, comparison), _rows(run, comparison), _findings(comparison), _again(run))
    return "\n\n".join("\n".join(block) for block in map(tuple, blocks) if block) + "\n"


def to_json(run: SuiteRun, comparison: Comparison | None) -> str:
    """Render ``suite.json``: the run as ``analysis.suite`` has it, with ``schema``, ``verdict`` and ``comparison``."""
    body = _ANY.dump_python(run, mode="json")
    assert isinstance(body, dict)  # noqa: S101 - a dataclass becomes an object
    whole = {"schema": SCHEMA, **body, "verdict": run.verdict, "comparison": _compared(comparison)}
    return json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def _line(row: Row, change: Change | None) -> Line:
    as_expected = f"{row.word}, as expected" if not row.code and row.word != "pass" else row.word
    word = f"{row.word}, expected {row.expect}" if row.verdict and row.code == 1 and row.word != "fail" else as_expected
    return Line(
        row=row,
        tone="pass" if not row.code else "fail" if row.code == 1 else "inconclusive",
        word=word,
        since=_since(change),
        duration=wording.seconds(row.duration_s) if row.ended != "not run" else figures.NOTHING,
    )


def _since(change: Change | None) -> str:
    """Write what has changed in a few words."""
    if change is None:
        return figures.NOTHING
    counts = ((change.calls("worse"), "worse"), (change.calls("better"), "better"))
    return ", ".join([change.turn, *(f"{n} {call}" for n, call in counts if n)])


def _figure(figure: Figure) -> str:
    """Write a finding with its interval; a plain count has none."""
    interval = None
    if figure.level is not None:
        lo = -math.inf if figure.lo is None else figure.lo
        interval = Interval(lo, math.inf if figure.hi is None else figure.hi, figure.level)
    measured = figures.measured(figure.value, figure.unit, interval)
    return " ".join(filter(None, (measured, figures.interval_text(interval, figure.unit) or "in this run")))


def _facts(run: SuiteRun, comparison: Comparison | None) -> tuple[tuple[str, str], ...]:
    return (
        ("suite", run.name),
        ("target", run.target),
        ("experiments", str(len(run.rows))),
        ("took", wording.seconds(run.duration_s)),
        ("started", _when(run.started)),
        ("compared with", _compared_with(comparison)),
    )


def _compared_with(comparison: Comparison | None) -> str:
    """Write when the run before was, how many there are, and from which one on changes are called."""
    if comparison is None:
        return "nothing"
    others = comparison.runs - 1
    more = f", and {others} before it" if others else ""
    few = f"; better and worse are told from {LEAST_BEFORE} on" if comparison.runs < LEAST_BEFORE else ""
    return f"{_when(comparison.started)}{more}{few}"


def _when(started: str) -> str:
    """Write a moment in UTC: ``2026-11-20 17:45:46 UTC``."""
    try:
        return datetime.fromisoformat(started).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except ValueError:
        return started


def _head(run: SuiteRun, comparison: Comparison | None) -> Iterator[str]:
    yield f"## {content.MARKS[run.verdict]} {run.verdict.upper()}: {plain(run.title)}"
    yield ""
    yield f"{plain(content.sentence(summary(run)))} {plain(content.sentence(turned(comparison)))}"
    yield ""
    yield " · ".join(f"{label} {code(value)}" for label, value in _facts(run, comparison))


def _rows(run: SuiteRun, comparison: Comparison | None) -> Iterator[str]:
    heads = ("", "experiment", "decided by", "since then", "took", "report", "why")
    yield from table(
        heads,
        "llllrll",
        (
            (
                f"{content.MARKS[line.tone]} {plain(line.word)}",
                f"{code(name(line.row))} seed {line.row.seed}",
                code(line.row.decided_by) if line.row.decided_by else figures.NOTHING,
                plain(line.since),
                line.duration,
                f"[report]({line.row.run}/report.html)" if line.row.run else figures.NOTHING,
                plain(line.row.reason),
            )
            for line in lines(run, comparison)
        ),
    )


def _findings(comparison: Comparison | None) -> Iterator[str]:
    told = findings(comparison)
    if not told:
        return
    yield "### Findings then and now"
    yield ""
    yield from table(
        ("", "experiment", "finding", "then", "now", "now, less all before"),
        "llllll",
        (
            (each.call or "·", code(each.experiment), plain(each.title), each.then, each.now, each.differs)
            for each in told
        ),
    )


def _again(run: SuiteRun) -> Iterator[str]:
    yield "### Run it again"
    yield ""
    yield "```sh"
    yield run.command
    yield "```"


def _compared(comparison: Comparison | None) -> JsonValue:
    if comparison is None:
        return None
    return {
        "started": comparison.started,
        "runs": comparison.runs,
        "gone": [name(row) for row in comparison.gone],
        "experiments": [
            {
                "experiment": change.now.experiment,
                "variant": change.now.variant,
                "turn": change.turn,
                "then": change.then.word if change.then else None,
                "now": change.now.word,
                "findings": [
                    {
                        "id": each.now.id,
                        "then": each.then.value,
                        "now": each.now.value,
                        "difference": as_json(each.difference),
                        "call": each.call or None,
                    }
                    for each in change.findings
                ],
            }
            for change in comparison.changes
        ],
    }


def as_json(found: Difference | None) -> JsonValue:
    """Return a difference as JSON has it; an open end is null."""
    if found is None:
        return None
    return {
        "then": found.then,
        "now": found.now,
        "value": found.value,
        "interval": [found.lo, found.hi],
        "runs": list(found.runs),
        "replicated": found.replicated,
    }

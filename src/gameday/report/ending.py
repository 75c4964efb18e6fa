"""Say at a run's end what came out, why, where the report is and what to try next, as lines without colour."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gameday.analysis.continuity import deciding_length_s
from gameday.analysis.model import Analysis, Finding, Status, Verdict
from gameday.experiment.checks.phases import MOST_S
from gameday.experiment.plan import Plan
from gameday.experiment.writing import seconds
from gameday.report import content, figures

MOST_FINDINGS = 5
USUAL = "hardened"
"""The variant that a run has when none is named."""
Role = Literal["verdict", "text", "fail", "inconclusive", "muted", "next"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text and what it is; ``role`` chooses its colour where there are colours."""

    text: str
    role: Role = "text"


def ending(analysis: Analysis, plan: Plan, folder: Path, hint: str, *, link: str, width: int) -> tuple[Line, ...]:
    """
    Write the verdict block.

    Args:
        analysis: What is told.
        plan: Whose run it was.
        folder: The run's folder as it is to be shown; the report is ``report.html`` in it.
        link: The report as a ``file://`` link; empty for none.
        hint: What to try next: a line of words, then commands, one per line, which are never broken; empty for nothing.
        width: Columns to wrap at; a path or a link is never broken.
    """
    width = max(width, 40)
    return (*_why(analysis, plan, width), Line(""), *_further(folder, hint, link, width))


def next_step(analysis: Analysis, plan: Plan, *, program: str = "gameday", run: str = "", doctor: str = "") -> str:
    """
    Suggest what to try next, from the verdict alone: a line of words, then perhaps a command.

    Args:
        analysis: What came out.
        plan: Whose run it was.
        program: How the program is called here.
        run: The command that runs the experiment, without target, variant and seed; by its name when empty.
        doctor: The command that tells what the machine lacks where the plan runs; plainly so when empty.
    """
    again = f"{run or f'{program} run {plan.name}'}{'' if plan.target == 'local' else f' --target {plan.target}'}"
    same = f"{again} --variant {plan.variant}" if plan.variant not in {None, USUAL} else again
    variants, decides = plan.system.variants, plan.experiment.decides
    who = "users" if plan.closed else "arrivals"
    match analysis.verdict:
        case Verdict.FAIL if plan.variant == "naive" and "hardened" in variants:
            return f"see the same {who} with every mechanism on:\n{again} --variant hardened --seed {plan.seed}"
        case Verdict.FAIL:
            return f"read why in the report, from {analysis.decided_by or 'the failed checks'} on"
        case Verdict.PASS if plan.variant == "hardened" and "naive" in variants and decides:
            return f"see {decides} fail without the mechanisms:\n{again} --variant naive --seed {plan.seed}"
        case Verdict.PASS:
            return f"ask again with other {who}:\n{same} --seed {plan.seed + 1}"
        case Verdict.INVALID:
            return f"read under Gates in the report what did not hold, and what this machine lacks:\n{doctor or f'{program} doctor'}"
        case _:
            return _undecided(analysis, plan, same)


def _undecided(analysis: Analysis, plan: Plan, same: str) -> str:
    if analysis.decided_by == "gate.users":
        return "repair the locustfile, and run it again; what it printed is in the run's logs/locust.log"
    if plan.closed:
        return "no latency passes while users wait for answers; load.routes instead of a locustfile can show one"
    if (decides_s := deciding_length_s(analysis, most_s=MOST_S)) is not None:
        what = f"a fault phase of {seconds(decides_s)} decides, if as much of the time holds again"
        return f"{what}:\n{same} --seed {plan.seed + 1}"
    return f"longer phases or higher rates decide; or ask again with other arrivals:\n{same} --seed {plan.seed + 1}"


def _further(folder: Path, hint: str, link: str, width: int) -> Iterator[Line]:
    yield Line(f"  report  {folder / 'report.html'}")
    if link:
        yield Line(f"          {link}", "muted")
    if hint:
        words, *commands = hint.split("\n")
        yield from _wrapped(f"next    {words}", width, "  ", "next", hang="          ")
        yield from (Line(f"          {command}", "next") for command in commands)


def _why(analysis: Analysis, plan: Plan, width: int) -> Iterator[Line]:
    verdict = analysis.verdict
    run = ", ".join(filter(None, (plan.variant, plan.target, f"seed {plan.seed}")))
    yield Line(f"{content.MARKS[verdict]} {verdict.upper()}  {plan.name} ({run})", "verdict")
    yield from _wrapped(" ".join(filter(None, content.headline(analysis))), width, "  ", "text")
    for heading, told in content.causes(analysis):
        yield from _wrapped(f"{heading}: {told}", width, "  ", "text", hang="    ")
    bad = _telling(analysis)
    if bad:
        yield Line("")
    for finding in bad[:MOST_FINDINGS]:
        yield from _finding(finding, plan, width)
    if len(bad) > MOST_FINDINGS:
        yield Line(f"  and {len(bad) - MOST_FINDINGS} more in the report", "muted")
    for gate in analysis.gates:
        if gate.status in {Status.FAIL, Status.INCONCLUSIVE} and gate.reason not in analysis.reason:
            yield from _wrapped(
                f"gate {content.MARKS[gate.status]} {gate.title}: {gate.reason}", width, "  ", _role(gate.status)
            )
        for text in content.tracebacks(gate)[:1]:
            yield from (Line(f"    {line}", "muted") for line in text.splitlines())


def _telling(analysis: Analysis) -> list[Finding]:
    """Return what failed, else what was measured but could not be decided; what decided comes first."""
    failed = [check for check in analysis.checks if check.status == Status.FAIL]
    undecided = [c for c in analysis.checks if c.status == Status.INCONCLUSIVE and c.value is not None]
    found = [] if analysis.verdict == Verdict.INVALID else failed or undecided
    return sorted(found, key=lambda check: check.id != analysis.decided_by)


def _finding(check: Finding, plan: Plan, width: int) -> Iterator[Line]:
    value = content.value_of(check, plan)
    interval = content.interval_of(check, plan)
    accepted = figures.accepted(check.op, check.bound, check.unit)
    told = f"{content.MARKS[check.status]} {check.id}: {value}"
    told += f" {interval}" if interval and interval != figures.UNBOUNDED else ""
    told += f", accepted {accepted}" if accepted != figures.NOTHING else ""
    told += f", {content.sample(check)}" if check.n else ""
    yield from _wrapped(told, width, "  ", _role(check.status), hang="    ")


def _role(status: Status) -> Role:
    return "fail" if status == Status.FAIL else "inconclusive"


def _wrapped(words: str, width: int, indent: str, role: Role, *, hang: str | None = None) -> Iterator[Line]:
    for line in textwrap.wrap(
        _tied(words),
        width,
        initial_indent=indent,
        subsequent_indent=indent if hang is None else hang,
        break_long_words=False,
        break_on_hyphens=False,
    ):
        yield Line(line.replace(_TIED, " "), role)


def _tied(words: str) -> str:
    """Tie a number to its unit and to the sign before it, so that no line ends between them."""
    return re.sub(r"(?<=[0-9]) (?=(?:%|m?s)(?:[^a-z]|$))|(?<=[≤≥>]) (?=[0-9])", _TIED, words)


_TIED = "\N{NO-BREAK SPACE}"

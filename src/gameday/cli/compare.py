"""``gameday compare``: what two runs of one experiment, or two folders of them, differ by."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gameday.analysis import wording
from gameday.analysis.differences import LEAST_DEGREES, Difference, Figure, difference, figures
from gameday.analysis.model import Verdict
from gameday.cli.exits import Exit
from gameday.cli.judging import Judged, judged_run
from gameday.cli.program import command
from gameday.cli.report import no_run
from gameday.cli.screen import count, say, table
from gameday.cli.trouble import Trouble
from gameday.record.folder import NotARunError
from gameday.record.guarded import UnsafeError, see_own
from gameday.report.figures import change
from gameday.report.suite import as_json

SCHEMA = 1
"""Raised when a key changes its meaning or goes."""
_VALID = "the folder of a run, or a folder of runs of one experiment"


@dataclass(frozen=True, slots=True)
class Group:
    """The runs in a folder that are valid, of one experiment; and how many there are with the invalid ones."""

    folder: Path
    runs: tuple[Judged, ...]
    made: int

    @property
    def words(self) -> str:
        """Return what it is: where, which variants, how many runs, how they came out."""
        variants = ", ".join(dict.fromkeys(each.plan.variant for each in self.runs if each.plan.variant))
        invalid = f", {self.made - len(self.runs)} invalid left out" if self.made > len(self.runs) else ""
        verdicts = ", ".join(dict.fromkeys(each.analysis.verdict for each in self.runs))
        return (
            f"{self.folder} ({f'{variants}, ' if variants else ''}{count(len(self.runs), 'run')}{invalid}: {verdicts})"
        )


@dataclass(frozen=True, slots=True)
class Line:
    """One finding of both groups."""

    figure: Figure
    found: Difference


def run(args: Namespace) -> int:
    """Print what every finding that both have differs by; the exit code tells that it was done."""
    before, after = _group(args.before), _group(args.after)
    names = [group.runs[0].plan.name for group in (before, after)]
    if names[0] != names[1]:
        raise _mixed(args.after, names)
    lines = list(_lines(before, after))
    if not lines:
        raise Trouble(
            "no finding was measured in every one of these runs, so nothing can be compared",
            seen=f"{args.before} and {args.after}",
            valid=_VALID,
            next=command("report", args.after),
            code=Exit.INCONCLUSIVE,
        )
    left_out = _left_out(before, after, lines)
    if args.json:
        sys.stdout.write(_json(before, after, lines, left_out))
    else:
        _tell(names[0], before, after, lines, left_out)
    sys.stdout.flush()
    return Exit.PASSED


def _group(asked: str) -> Group:
    """Judge the runs in a folder. Raises ``Trouble`` when it holds none that is valid, or those of several experiments."""
    folder = Path(asked)
    inside = sorted(each.parent for each in folder.glob("*/run.json") if not each.parent.is_symlink())
    folders = [folder] if (folder / "run.json").is_file() or not inside else inside
    judged = [_judged(each, asked if each == folder else str(each)) for each in folders]
    if len(names := list(dict.fromkeys(each.plan.name for each in judged))) > 1:
        raise _mixed(asked, names)
    valid = tuple(each for each in judged if each.analysis.verdict is not Verdict.INVALID)
    if not valid:
        raise Trouble(
            f"{'the run is' if len(judged) == 1 else 'all runs are'} invalid, so nothing of it can be compared",
            seen=asked,
            details=tuple(dict.fromkeys(each.analysis.reason for each in judged)),
            next=command("run", judged[0].plan.name),
            code=Exit.INCONCLUSIVE,
        )
    return Group(folder, valid, len(judged))


def _judged(named: Path, asked: str) -> Judged:
    folder = named.resolve()  # latest is a link
    try:
        if folder.is_dir():
            see_own(folder)
        return judged_run(folder)
    except NotARunError as problem:
        raise no_run(problem, asked) from None
    except UnsafeError as problem:
        raise Trouble(str(problem), seen=asked, valid="a run's folder of your own", next=command("list")) from None
    except OSError as problem:
        what = f"the run's folder cannot be read: {problem.strerror}"
        raise Trouble(what, where=str(problem.filename or folder), next=command("list")) from None


def _mixed(asked: str, names: Sequence[str]) -> Trouble:
    return Trouble(
        f"runs of {' and '.join(names)} are not runs of one experiment",
        seen=asked,
        valid=_VALID,
        next=command("compare", "--help"),
    )


def _lines(before: Group, after: Group) -> Iterator[Line]:
    """Yield every finding that all runs measured, in their order: those that got worse or better first."""
    then, now = (
        [{each.id: each for each in figures(judged.analysis.checks)} for judged in group.runs]
        for group in (before, after)
    )
    names = list(dict.fromkeys(name for found in (*then, *now) for name in found))
    lines = []
    for name in names:
        groups = [[found[name] for found in group if name in found] for group in (then, now)]
        if [len(each) for each in groups] == [len(then), len(now)] and (
            seen := difference(groups[0], groups[1])
        ) is not None:
            lines.append(Line(groups[1][0], seen))
    yield from sorted(lines, key=lambda line: ("worse", "better", "").index(line.found.call))


def _left_out(before: Group, after: Group, lines: Sequence[Line]) -> list[str]:
    """Return the judged findings that are not compared: one of the runs has no value of them, such as a recovery that never came."""
    compared = {line.figure.id for line in lines}
    checks = (check for group in (before, after) for judged in group.runs for check in judged.analysis.checks)
    return list(dict.fromkeys(check.id for check in checks if check.op is not None and check.id not in compared))


def _tell(name: str, before: Group, after: Group, lines: Sequence[Line], left_out: Sequence[str]) -> None:
    say(f"{name}")
    say(f"  before  {before.words}")
    say(f"  after   {after.words}")
    say()
    rows = (
        (
            line.figure.id,
            wording.quantity(line.found.then, line.figure.unit),
            wording.quantity(line.found.now, line.figure.unit),
            change(line.found.value, line.found.lo, line.found.hi, line.figure.unit),
            line.found.call or "-",
        )
        for line in lines
    )
    table([("CHECK", "BEFORE", "AFTER", "DIFFERENCE", "CALL"), *rows])
    say()
    if left_out:
        say(f"not compared, as not every run has a value: {', '.join(left_out)}")
    if len(before.runs) + len(after.runs) - 2 < LEAST_DEGREES:
        say(
            "What is - is of these runs alone: seconds of one run resemble each other, so other runs may differ by more."
        )
        say("Better and worse are told from three runs of one and one of the other on, or two of both.")
        say(f"  next: {command('run', name, '--repeat', '3', '--out', 'FOLDER')}")
    else:
        calls = [line.found.call for line in lines]
        say(
            f"{calls.count('worse')} worse, {calls.count('better')} better, {calls.count('')} without a difference that is certain"
        )


def _json(before: Group, after: Group, lines: Sequence[Line], left_out: Sequence[str]) -> str:
    value = {
        "schema": SCHEMA,
        "name": before.runs[0].plan.name,
        "before": _group_json(before),
        "after": _group_json(after),
        "findings": [
            {
                "id": line.figure.id,
                "unit": line.figure.unit,
                "op": line.figure.op,
                "difference": as_json(line.found),
                "call": line.found.call or None,
            }
            for line in lines
        ],
        "not_compared": list(left_out),
    }
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _group_json(group: Group) -> dict[str, object]:
    return {"folder": str(group.folder), "runs": len(group.runs), "invalid": group.made - len(group.runs)}

"""Plain Chaos Toolkit experiments: what ``run`` and ``report`` do with them."""

from __future__ import annotations

import shlex
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from gameday.analysis.foreign import judge_foreign
from gameday.analysis.model import Analysis
from gameday.cli.exits import Exit, gravest
from gameday.cli.judging import OF_VERDICT, made_by, put, see_readable, unrecorded, unwritten
from gameday.cli.once import told_to_end
from gameday.cli.place import see_writable
from gameday.cli.program import command, out_flag
from gameday.cli.screen import show
from gameday.cli.trouble import Trouble
from gameday.experiment.foreign import ForeignPlan
from gameday.experiment.loading.foreign import Foreign
from gameday.experiment.loading.problems import InvalidFileError
from gameday.record.folder import read_about
from gameday.record.foreign import PLAN, read_foreign_run
from gameday.record.history import RecordError
from gameday.report.console import print_lines
from gameday.report.foreign import ending, html, markdown, to_json
from gameday.report.junit import junit_of_plain
from gameday.report.progress import PlainView
from gameday.runner.env import Env
from gameday.runner.foreign.order import terminal
from gameday.runner.foreign.supervise import ForeignEnded, supervise_foreign
from gameday.runner.foreign.validity import Inspected, inspected
from gameday.runner.lock import RefusedError
from gameday.runner.signals import Interruptions

RENDERERS = {"report.html": html, "report.md": markdown, "report.json": to_json, "junit.xml": junit_of_plain}
_NO_HANG_S = 3600.0
"""The view wants to know from when on a response time is unknown; a plain experiment has none."""


def run_foreign(foreign: Foreign, args: Namespace) -> int:
    """Run it, judge it, write its reports, and return the exit code."""
    words = ("run", args.name)
    found = see_sound(foreign)
    if found.questions and terminal() is None:
        raise Trouble(
            "a control asks a person, and there is no terminal to ask on; nothing was started",
            seen=found.questions[0],
            valid="a terminal that gameday is in the foreground of, with standard error on it",
            where=str(foreign.path),
            details=found.questions[1:],
            next=f"{command(*words, *out_flag(args.out))} in a terminal, or take the control out of the experiment",
        )
    see_writable(args.out, again=words)
    with Interruptions().watch() as interruptions:
        ended = _supervised(foreign, args, words, interruptions)
        try:
            analysis, plan = write_foreign_reports(ended.folder)
        except OSError as error:
            again = command("recover", *out_flag(args.out))
            raise unwritten(error, ended.folder, left=ended.residue, again=again) from error
    if ended.refused and not ended.interrupted:
        raise Trouble(
            "the experiment could not begin; nothing was done",
            seen=ended.refused,
            where=str(foreign.path),
            next=command(*words, *out_flag(args.out)),
        )
    if args.json:
        sys.stdout.write((ended.folder / "report.json").read_text(encoding="utf-8"))
    else:
        print_foreign(analysis, plan, ended.folder)
    return gravest((OF_VERDICT[analysis.verdict], *_troubles(ended), *told_to_end(interruptions)))


def see_sound(foreign: Foreign) -> Inspected:
    """Return what there is to know before a run. Raises ``InvalidFileError`` with every mistake of the experiment."""
    found = inspected(foreign)
    if found.problems:
        raise InvalidFileError(found.problems)
    return found


def _supervised(
    foreign: Foreign, args: Namespace, words: tuple[str, ...], interruptions: Interruptions
) -> ForeignEnded:
    """Carry it out, with its progress on stderr; ``words`` run it again. Raises ``Trouble`` when it is refused."""
    made_by = shlex.join(("gameday", *words, *out_flag(args.out)))
    with closing(PlainView(sys.stderr, hang_s=_NO_HANG_S)) as view:
        try:
            return supervise_foreign(
                foreign, command=made_by, out=Path(args.out), view=view, env=Env(), interruptions=interruptions
            )
        except RecordError as error:
            raise unrecorded(error, args.out, again=command(*words, *out_flag(args.out))) from error
        except RefusedError as refused:
            raise Trouble(str(refused), next=command(*words, "--out", "FOLDER"), code=Exit.REFUSED) from refused


def write_foreign_reports(folder: Path) -> tuple[Analysis, ForeignPlan]:
    """
    Judge a run from its folder and write its reports; an old one is replaced at once or not at all.

    Raises:
        NotARunError: There is no ``run.json``.
        Trouble: Its plan or its ``run.json`` cannot be read.
    """
    see_readable(folder, {PLAN: (read_foreign_run, made_by), "run.json": (read_about, made_by)})
    data, about = read_foreign_run(folder), read_about(folder)
    analysis = judge_foreign(data)
    put(folder, {name: render(analysis, data.plan, about) for name, render in RENDERERS.items()})
    return analysis, data.plan


def print_foreign(analysis: Analysis, plan: ForeignPlan, folder: Path) -> None:
    """Print the verdict block."""
    print_lines(ending(analysis, plan, folder), analysis.verdict, sys.stdout)


def _troubles(ended: ForeignEnded) -> Iterator[Exit]:
    """Show what went wrong beside the verdict, and yield the exit code of each."""
    if ended.error:
        show(Trouble(ended.error, where=str(ended.folder / "history")))
        yield Exit.INTERNAL
    if ended.unrecorded:
        show(
            Trouble(ended.unrecorded, where=str(ended.folder), next="make room there; what was begun was undone first")
        )
        yield Exit.INCONCLUSIVE
    if ended.residue:
        show(
            Trouble(
                "not every rollback was played with success, so something may be left",
                seen=ended.residue[0],
                where=str(ended.folder / "report.html"),
                details=ended.residue[1:],
                next=f"{command('recover', *out_flag(ended.folder.parent))} plays it again, and those behind it; or do it by hand",
            )
        )
        yield Exit.RESIDUE
    if ended.interrupted:
        yield Exit.INTERRUPTED

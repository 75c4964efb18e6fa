"""Plain Chaos Toolkit experiments: what ``run``, ``validate``, ``plan`` and ``report`` do with them."""

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
from gameday.cli.judging import OF_VERDICT, made_by, put, see_readable
from gameday.cli.once import told_to_end
from gameday.cli.place import see_writable
from gameday.cli.program import command, out_flag
from gameday.cli.screen import say, show, table
from gameday.cli.trouble import Trouble
from gameday.experiment.foreign import ForeignPlan
from gameday.experiment.loading.finding import experiment_folders, find_experiment
from gameday.experiment.loading.foreign import Foreign, read_foreign
from gameday.record.folder import read_about
from gameday.record.foreign import PLAN, read_foreign_run
from gameday.report.console import print_lines
from gameday.report.foreign import ending, html, markdown, parts, to_json
from gameday.report.junit import junit_of_plain
from gameday.report.progress import PlainView
from gameday.runner.env import Env
from gameday.runner.foreign.supervise import ForeignEnded, supervise_foreign
from gameday.runner.lock import RefusedError
from gameday.runner.signals import Interruptions

RENDERERS = {"report.html": html, "report.md": markdown, "report.json": to_json, "junit.xml": junit_of_plain}
_NO_HANG_S = 3600.0
"""The view wants to know from when on a response time is unknown; a plain experiment has none."""


def find_foreign(name: str) -> Foreign | None:
    """
    Read an experiment if it is a plain one; None for gameday's own.

    Raises:
        UnknownExperimentError: There is none of this name.
        InvalidFileError: A key is nearly one of Chaos Toolkit's.
    """
    return read_foreign(find_experiment(name, experiment_folders(Path())).path)


def run_foreign(foreign: Foreign, args: Namespace) -> int:
    """Run it, judge it, write its reports, and return the exit code."""
    words = ("run", args.name)
    see_writable(args.out, again=words)
    with Interruptions().watch() as interruptions:
        ended = _supervised(foreign, args, words, interruptions)
        analysis, plan = write_foreign_reports(ended.folder)
    if ended.refused:
        raise Trouble(
            "Chaos Toolkit does not accept the experiment; nothing was started",
            seen=ended.refused,
            where=str(foreign.path),
            next=command(*words, *out_flag(args.out)),
        )
    if args.json:
        sys.stdout.write((ended.folder / "report.json").read_text(encoding="utf-8"))
    else:
        print_foreign(analysis, plan, ended.folder)
    return gravest((OF_VERDICT[analysis.verdict], *_troubles(ended), *told_to_end(interruptions)))


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


def show_foreign(foreign: Foreign, *, as_json: bool) -> int:
    """Show what a run would do."""
    plan = foreign.plan
    if as_json:
        sys.stdout.write(plan.to_json())
        return Exit.PASSED
    say(f"{plan.name}: {plan.title}")
    say("a plain Chaos Toolkit experiment: no system, no load; nothing was started")
    for part in parts(plan):
        say(f"\n{part.title}")
        rows = [(step.kind, step.name, step.provider, "in the background" * step.background) for step in part.steps]
        table(rows or [("none",)], indent="  ")
    if unproven := [step.name for step in plan.actions if not step.proven]:
        say(f"\nwithout a proof: probe for {', '.join(unproven)} the best result is inconclusive")
    say(f"\nnext: {command('run', str(foreign.path))}")
    return Exit.PASSED


def _troubles(ended: ForeignEnded) -> Iterator[Exit]:
    """Show what went wrong beside the verdict, and yield the exit code of each."""
    if ended.error:
        show(Trouble(ended.error, where=str(ended.folder / "history")))
        yield Exit.INTERNAL
    if ended.residue:
        show(
            Trouble(
                "not every rollback was played with success, so something may be left",
                where=str(ended.folder / "report.html"),
                next="look at what the rollbacks should have done, and do it by hand",
            )
        )
        yield Exit.RESIDUE
    if ended.interrupted:
        yield Exit.INTERRUPTED

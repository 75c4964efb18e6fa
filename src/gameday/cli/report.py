"""``gameday report``: judge a run's folder again and rewrite its reports."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from gameday.cli.exits import Exit
from gameday.cli.judging import hint, write_reports
from gameday.cli.program import RUNS, command
from gameday.cli.trouble import Trouble
from gameday.record.folder import NotARunError
from gameday.record.foreign import is_foreign_run
from gameday.record.guarded import UnsafeError, see_own
from gameday.report.console import print_verdict


def run(args: Namespace) -> int:
    """Write the reports and print the verdict; the exit code tells that it was done, not what the verdict is."""
    folder = Path(args.run).resolve()
    try:
        if folder.is_dir():
            see_own(folder)
        if is_foreign_run(folder):
            # It loads the whole runner, and most runs are not plain.
            from gameday.cli.foreign import print_foreign, write_foreign_reports  # noqa: PLC0415

            print_foreign(*write_foreign_reports(folder), folder)
            return Exit.PASSED
        judged = write_reports(folder)
    except NotARunError as problem:
        raise no_run(problem, args.run) from None
    except UnsafeError as problem:
        raise Trouble(str(problem), seen=args.run, valid="a run's folder of your own", next=command("list")) from None
    except OSError as problem:
        what = f"the run's folder cannot be read, or the reports not be written in it: {problem.strerror}"
        raise Trouble(what, where=str(problem.filename or folder), next=command("list")) from None
    print_verdict(judged.analysis, judged.plan, folder, sys.stdout, hint(judged))
    return Exit.PASSED


def no_run(problem: NotARunError, asked: str) -> Trouble:
    """Tell it, and lead to the newest run; where there is none, to one that could be made."""
    newest = RUNS / "latest"
    there = newest.exists()
    what = str(problem) if Path(asked).exists() else f"there is no run {asked}"
    found = command("report", str(newest)) if there and Path(asked).resolve() != newest.resolve() else command("list")
    return Trouble(what, seen=asked, valid="the folder of a run", next=found)

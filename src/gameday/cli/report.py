"""``gameday report``: judge a run's folder again and rewrite its reports."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from gameday.cli.exits import Exit
from gameday.cli.judging import hint, write_reports
from gameday.cli.program import command
from gameday.cli.trouble import Trouble
from gameday.record.folder import NotARunError
from gameday.report.console import print_verdict


def run(args: Namespace) -> int:
    """Write the reports and print the verdict; the exit code tells that it was done, not what the verdict is."""
    folder = Path(args.run).resolve()
    try:
        judged = write_reports(folder)
    except NotARunError as problem:
        raise Trouble(
            str(problem), seen=args.run, valid="the folder of a run", next=command("report", "reports/latest")
        ) from None
    print_verdict(judged.analysis, judged.plan, folder, sys.stdout, hint(judged))
    return Exit.PASSED

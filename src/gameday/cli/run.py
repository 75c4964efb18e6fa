"""``gameday run``: load, plan, carry out, judge, report."""

from __future__ import annotations

import os
import shlex
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

from gameday.analysis.model import Verdict
from gameday.cli.catalogue import load, variant
from gameday.cli.exits import Exit, gravest
from gameday.cli.judging import hint, write_reports
from gameday.cli.program import command, out_flag, without_variant
from gameday.cli.screen import show
from gameday.cli.trouble import Trouble
from gameday.experiment.loading.load import Loaded
from gameday.experiment.model import System
from gameday.experiment.plan import Plan, plan
from gameday.faults import catalogue
from gameday.report.console import open_view, print_verdict
from gameday.runner.env import Env
from gameday.runner.folder import Sources
from gameday.runner.lock import RefusedError
from gameday.runner.supervisor import Ended, supervise
from gameday.targets.local.requirements import missing

OF_VERDICT = {
    Verdict.PASS: Exit.PASSED,
    Verdict.FAIL: Exit.FAILED,
    Verdict.INCONCLUSIVE: Exit.INCONCLUSIVE,
    Verdict.INVALID: Exit.INCONCLUSIVE,
}


def run(args: Namespace) -> int:
    """Run one experiment; results go to stdout, progress to stderr."""
    loaded = load(args.name)
    if lacking := missing():
        raise Trouble("this machine cannot run the local target", seen="; ".join(lacking), next=command("doctor"))
    planned = _plan(loaded, args)
    with closing(open_view(planned, sys.stderr)) as view:
        try:
            ended = supervise(
                planned,
                Sources(loaded.experiment_text, loaded.system_text, made_by(args, planned)),
                out=Path(args.out),
                secrets=_secrets(loaded.system, os.environ),
                view=view,
                env=Env(),
            )
        except RefusedError as refused:
            elsewhere = command(*_words(args, planned), "--out", "FOLDER")
            raise Trouble(str(refused), next=elsewhere, code=Exit.REFUSED) from refused
        view.step("judging")
        judged = write_reports(ended.folder)
    if args.json:
        sys.stdout.write((ended.folder / "report.json").read_text(encoding="utf-8"))
    else:
        print_verdict(judged.analysis, planned, ended.folder, sys.stdout, hint(judged))
    return gravest((OF_VERDICT[judged.analysis.verdict], *_troubles(ended)))


def _plan(loaded: Loaded, args: Namespace) -> Plan:
    return plan(
        loaded.experiment,
        loaded.system,
        catalogue(),
        name=loaded.name,
        target=args.target,
        variant=variant(loaded.system, args.variant, again=without_variant(args)),
        seed=args.seed,
    )


def _troubles(ended: Ended) -> Iterator[Exit]:
    """Show what went wrong beside the verdict, and yield the exit code of each."""
    if ended.error:
        show(Trouble(ended.error, where=str(ended.folder / "history"), next=command("doctor")))
        yield Exit.INCONCLUSIVE if ended.expected else Exit.INTERNAL
    if ended.residue:
        show(Trouble("a fault could not be undone", next=command("recover", "--out", str(ended.folder.parent))))
        yield Exit.RESIDUE
    if ended.interrupted:
        yield Exit.INTERRUPTED


def _secrets(system: System, environment: Mapping[str, str]) -> dict[str, str]:
    """Read the values of declared secrets; loading has checked that they are set."""
    return {name: environment[secret.env] for name, secret in system.secrets.items()}


def made_by(args: Namespace, planned: Plan) -> str:
    """Return the command for the run's folder: the same wherever the program was called from."""
    return shlex.join(("gameday", *_words(args, planned), *out_flag(args.out)))


def _words(args: Namespace, planned: Plan) -> tuple[str, ...]:
    variant = ("--variant", planned.variant) if planned.variant else ()
    return ("run", args.name, "--target", planned.target, "--seed", str(planned.seed), *variant)

"""``gameday run``: load, plan, carry out, judge, report."""

from __future__ import annotations

import os
import shlex
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from gameday.analysis.model import Analysis, Verdict
from gameday.analysis.repeats import repeated
from gameday.cli.catalogue import load, make_plan
from gameday.cli.exits import Exit, gravest
from gameday.cli.foreign import find_foreign, run_foreign
from gameday.cli.judging import hint, write_reports
from gameday.cli.locustfile import try_locustfile
from gameday.cli.place import refusal, see_writable
from gameday.cli.program import command, out_flag
from gameday.cli.repeats import Made, tell
from gameday.cli.screen import complain, count, show
from gameday.cli.trouble import Trouble
from gameday.experiment.loading.foreign import Foreign
from gameday.experiment.loading.load import Loaded
from gameday.experiment.model import System
from gameday.experiment.plan import Plan
from gameday.report.console import open_view, print_verdict
from gameday.runner.env import Env
from gameday.runner.folder import Sources
from gameday.runner.lock import RefusedError
from gameday.runner.pruning import prune
from gameday.runner.supervisor import Ended, supervise
from gameday.targets.local.requirements import missing

OF_VERDICT = {
    Verdict.PASS: Exit.PASSED,
    Verdict.FAIL: Exit.FAILED,
    Verdict.INCONCLUSIVE: Exit.INCONCLUSIVE,
    Verdict.INVALID: Exit.INCONCLUSIVE,
}


def run(args: Namespace) -> int:
    """Run one experiment, or several times with one seed after the other; results go to stdout, progress to stderr."""
    if foreign := find_foreign(args.name):
        return _foreign(foreign, args)
    loaded = load(args.name)
    if lacking := missing():
        raise Trouble("this machine cannot run the local target", seen="; ".join(lacking), next=command("doctor"))
    planned = make_plan(loaded, args, seed=args.seed)
    see_writable(args.out, again=_words(args, planned))
    try_locustfile(loaded)
    made: list[Made] = []
    troubles: list[Exit] = []
    for seed in range(args.seed, args.seed + args.repeat):
        if made:
            planned = make_plan(loaded, args, seed=seed)
        try:
            ended, analysis = _once(loaded, planned, args)
        except Trouble as refused:
            if not made:
                raise
            show(refused)
            troubles.append(refused.code)
            break
        made.append(Made(seed, ended.folder, analysis))
        troubles += _troubles(ended)
        if ended.interrupted or ended.residue:
            break
    together = repeated([each.analysis.verdict for each in made], asked=args.repeat)
    if args.repeat > 1:
        tell(made, together, name=planned.name, as_json=args.json)
    if args.keep is not None:
        _prune(args, made)
    return gravest((OF_VERDICT[together.verdict], *troubles))


def _foreign(foreign: Foreign, args: Namespace) -> int:
    """Run a plain Chaos Toolkit experiment, once: it has no seed that could differ."""
    if args.repeat > 1:
        raise Trouble("--repeat needs an experiment of gameday's own: a plain one has no seed", seen=str(args.repeat))
    code = run_foreign(foreign, args)
    if args.keep is not None:
        _prune(args, ())
    return code


def _once(loaded: Loaded, planned: Plan, args: Namespace) -> tuple[Ended, Analysis]:
    """Carry out one plan, judge it, and tell what came out."""
    with closing(open_view(planned, sys.stderr)) as view:
        try:
            ended = supervise(
                planned,
                Sources(loaded.experiment_text, loaded.system_text, made_by(args, planned), loaded.locustfile),
                out=Path(args.out),
                secrets=_secrets(loaded.system, os.environ),
                view=view,
                env=Env(),
            )
        except RefusedError as refused:
            elsewhere = command(*_words(args, planned), "--out", "FOLDER")
            raise refusal(refused, system=planned.system.name, out=args.out, again=elsewhere) from refused
        view.step("judging")
        judged = write_reports(ended.folder)
    if args.json and args.repeat == 1:
        sys.stdout.write((ended.folder / "report.json").read_text(encoding="utf-8"))
    elif not args.json:
        print_verdict(judged.analysis, planned, ended.folder, sys.stdout, hint(judged))
        sys.stdout.flush()
    return ended, judged.analysis


def _prune(args: Namespace, made: Sequence[Made]) -> None:
    """Remove old runs; one that cannot be removed is told, and changes no verdict."""
    try:
        pruned = prune(Path(args.out), keep=args.keep, spare=[each.folder for each in made])
    except OSError as error:
        show(Trouble(f"an old run cannot be removed: {error.strerror}", where=str(error.filename)))
        return
    if pruned.removed:
        complain(f"removed {count(len(pruned.removed), 'old run')} from {args.out}, up to {pruned.removed[-1].name}")
    for folder in pruned.kept:
        again = command("recover", *out_flag(args.out))
        show(Trouble(f"{folder} is kept: it left something behind", next=again))


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

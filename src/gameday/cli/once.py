"""One run from its plan to its written reports, and what went wrong beside its verdict: what ``run`` and ``suite`` have in common."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from pathlib import Path

from gameday.cli.cluster import allowed_context, see_allowed, where
from gameday.cli.exits import Exit
from gameday.cli.judging import Judged, unrecorded, unwritten, write_reports
from gameday.cli.place import refusal
from gameday.cli.program import command, context_flag, out_flag
from gameday.cli.screen import complain, count, show
from gameday.cli.trouble import Trouble
from gameday.experiment.loading.load import Loaded
from gameday.experiment.model import System
from gameday.experiment.plan import Plan
from gameday.record.history import RecordError
from gameday.report.console import open_view
from gameday.runner.env import Env
from gameday.runner.folder import Sources
from gameday.runner.lock import RefusedError
from gameday.runner.pruning import prune, prune_suites
from gameday.runner.signals import Interruptions
from gameday.runner.supervisor import Ended, supervise
from gameday.targets.connect import unable
from gameday.targets.protocol import TargetError


def see_able(planned: Plan) -> None:
    """
    Raise ``Trouble`` when this machine cannot run on the plan's target at all, or the target may not be touched.

    What a cluster that answers lacks or refuses is found at the run's start, and is the reason in all of its reports.
    """
    see_allowed(planned.target, planned.system)
    if lacking := unable(planned.target, planned.system):
        doctor = command("doctor", *where(planned))
        raise Trouble(f"this machine cannot run the {planned.target} target", seen="; ".join(lacking), next=doctor)


def once(
    loaded: Loaded,
    planned: Plan,
    *,
    name: str,
    out: Path,
    interruptions: Interruptions,
    again: tuple[str, ...] | None = None,
) -> tuple[Ended, Judged]:
    """
    Carry out one plan and judge it, with its progress on stderr.

    Args:
        loaded: The experiment.
        planned: Its plan.
        name: What a person types to run the experiment: its name, or its file's path.
        out: Where runs are kept.
        interruptions: The command's, watched by it.
        again: The words that make the same run again, where that is not ``run`` and the name.

    Raises:
        Trouble: It is refused; nothing was started.
    """
    with closing(open_view(planned, sys.stderr)) as view:
        try:
            ended = supervise(
                planned,
                Sources(
                    loaded.experiment_text,
                    loaded.system_text,
                    made_by(again or words(name, planned), out=out),
                    loaded.locustfile,
                ),
                out=out,
                secrets=_secrets(loaded.system, os.environ),
                view=view,
                env=Env(),
                interruptions=interruptions,
            )
        except RefusedError as refused:
            anew = again or words(name, planned)
            if planned.target != "local":
                raise Trouble(str(refused), next=command(*anew, *out_flag(out)), code=Exit.REFUSED) from refused
            elsewhere = command(*anew, "--out", "FOLDER")
            raise refusal(refused, system=planned.system.name, out=out, again=elsewhere) from refused
        except RecordError as error:
            repeat = command(*(again or words(name, planned)), *out_flag(out))
            raise unrecorded(error, out, again=repeat) from error
        except TargetError as error:
            raise Trouble(str(error), next=command("doctor", *where(planned)), code=Exit.INCONCLUSIVE) from error
        view.step("judging")
        try:
            return ended, write_reports(ended.folder)
        except OSError as error:
            left = ended.left or ("a fault could not be undone",) * ended.residue
            repair = command("recover", *where(planned), *out_flag(out))
            raise unwritten(error, ended.folder, left=left, again=repair) from error


def troubles(ended: Ended, planned: Plan, *, reason: str) -> Iterator[Exit]:
    """Show what went wrong beside the verdict, and yield the exit code of each; what its ``reason`` says is not said again."""
    target = where(planned)
    if ended.error and not (ended.expected and ended.error in reason):
        show(Trouble(ended.error, where=str(ended.folder / "history"), next=command("doctor", *target)))
    if ended.error:
        yield Exit.INCONCLUSIVE if ended.expected else Exit.INTERNAL
    if ended.residue:
        again = command("recover", *target, "--out", str(ended.folder.parent))
        what = "something is left of the run" if ended.left else "a fault could not be undone"
        show(Trouble(what, details=ended.left, next=again))
        yield Exit.RESIDUE
    if ended.interrupted:
        yield Exit.INTERRUPTED


def told_to_end(interruptions: Interruptions) -> Iterator[Exit]:
    """Yield the exit code of a command that was interrupted, also when its run was complete by then."""
    if interruptions.count:
        yield Exit.INTERRUPTED


def prune_old(out: Path, *, keep: int, spare: Collection[Path]) -> None:
    """Remove old runs; one that cannot be removed is told, and changes no verdict."""
    try:
        pruned = prune(out, keep=keep, spare=spare)
    except OSError as error:
        show(Trouble(f"an old run cannot be removed: {error.strerror}", where=str(error.filename)))
        return
    if pruned.removed:
        complain(f"removed {count(len(pruned.removed), 'old run')} from {out}, up to {pruned.removed[-1].name}")
    for folder in pruned.kept:
        again = command("recover", *out_flag(out))
        show(Trouble(f"{folder} is kept: it left something behind", next=again))


def prune_old_suites(out: Path, *, keep: int, spare: Collection[Path]) -> None:
    """Remove old results of suites; one that cannot be removed is told, and changes no verdict."""
    try:
        removed = prune_suites(out, keep=keep, spare=spare)
    except OSError as error:
        show(Trouble(f"an old result of a suite cannot be removed: {error.strerror}", where=str(error.filename)))
        return
    if removed:
        complain(
            f"removed {count(len(removed), 'old result')} of suites from {removed[-1].parent}, up to {removed[-1].name}"
        )


def made_by(again: tuple[str, ...], *, out: Path) -> str:
    """Return the command for the run's folder: the same wherever the program was called from."""
    return shlex.join(("gameday", *again, *out_flag(out)))


def words(name: str, planned: Plan) -> tuple[str, ...]:
    """Return the words that run a plan again, without the folder of runs."""
    variant = ("--variant", planned.variant) if planned.variant else ()
    allowing = context_flag(allowed_context(planned.target, planned.system))
    return ("run", name, "--target", planned.target, "--seed", str(planned.seed), *variant, *allowing)


def _secrets(system: System, environment: Mapping[str, str]) -> dict[str, str]:
    """Read the values of declared secrets; loading has checked that they are set."""
    return {name: environment[secret.env] for name, secret in system.secrets.items()}

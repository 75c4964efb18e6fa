"""One experiment of ``gameday suite``: carried out, judged, and told as a row; whatever happens to it stays its own."""

from __future__ import annotations

import sys
import time
import traceback
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gameday.analysis.differences import figures
from gameday.analysis.model import Analysis, Verdict
from gameday.analysis.suite import Row
from gameday.cli.catalogue import make_plan
from gameday.cli.cluster import where
from gameday.cli.exits import Exit, gravest
from gameday.cli.judging import OF_VERDICT
from gameday.cli.once import once, troubles
from gameday.cli.program import command, out_flag
from gameday.cli.screen import complain, show
from gameday.cli.trouble import Trouble
from gameday.experiment.loading.suite import LoadedEntry
from gameday.experiment.plan import Plan
from gameday.runner.signals import Interruptions

RESIDUE = "the experiment before left a fault that could not be undone"
INTERRUPTED = "the suite was interrupted"


@dataclass(frozen=True, slots=True)
class Done:
    """A row; why nothing more may be run, empty if it may; and what the run was made with."""

    row: Row
    stop: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)


def settings(entry: LoadedEntry, args: Namespace) -> Namespace:
    """Return the settings of ``gameday run`` for one experiment: its own variant and seed before those of the command line."""
    declared = entry.declared
    own = {
        "command": "run",
        "name": entry.name,
        "variant": declared.variant or args.variant,
        "seed": args.seed if declared.seed is None else declared.seed,
    }
    return Namespace(**{**vars(args), **own})


def try_plan(entry: LoadedEntry, args: Namespace, *, again: tuple[str, ...]) -> Plan | Trouble:
    """Plan one experiment; where that cannot be, say why. ``again`` are the suite's words without the variant."""
    try:
        return make_plan(entry.loaded, args, seed=args.seed, again=again)
    except Trouble as trouble:
        return trouble


def carry_out(
    entry: LoadedEntry, planned: Plan | Trouble, args: Namespace, *, trace: Path, interruptions: Interruptions
) -> Done:
    """Run one experiment; an error of ours is kept in the file ``trace``, and the next experiment goes on."""
    if isinstance(planned, Trouble):
        return _refused(entry, args, planned)
    start_s = time.monotonic()
    try:
        ended, judged = once(entry.loaded, planned, name=entry.name, out=args.out, interruptions=interruptions)
        codes = tuple(troubles(ended, planned, reason=judged.analysis.reason))
    except Trouble as trouble:
        return _refused(entry, args, trouble)
    except Exception as error:  # noqa: BLE001 - told and kept with its traceback; the other experiments must run
        what = _keep(error, trace, args, planned)
        took_s = time.monotonic() - start_s
        return Done(_without_run(entry, args, "error", Exit.INTERNAL, what, duration_s=took_s))
    analysis, expect = judged.analysis, Verdict(entry.declared.expect)
    beside = _beside(analysis, expect, planned.experiment.decides)
    code = gravest((Exit.FAILED if beside else _expected(analysis.verdict, expect), *codes))
    row = Row(
        experiment=planned.name,
        title=planned.experiment.title,
        variant=planned.variant,
        seed=planned.seed,
        expect=expect,
        verdict=analysis.verdict,
        reason=beside or analysis.reason,
        decided_by=analysis.decided_by,
        decides=planned.experiment.decides,
        code=code,
        ended="",
        run=f"../../{ended.folder.name}",
        duration_s=round(time.monotonic() - start_s, 1),
        figures=figures(analysis.checks),
    )
    complain(f"{analysis.verdict.upper()}  {planned.name}: {row.reason}")
    stop = RESIDUE if ended.residue else INTERRUPTED if ended.interrupted else ""
    return Done(row, stop, judged.about.versions)


def not_run(entry: LoadedEntry, args: Namespace, why: str) -> Row:
    """Tell an experiment whose turn never came; what was not run proves nothing."""
    return _without_run(entry, args, "not run", Exit.INCONCLUSIVE, why)


def _expected(verdict: Verdict, expect: Verdict) -> Exit:
    """Return 0 for the verdict that is expected; a pass where it must not be is a failure too."""
    if verdict is expect:
        return Exit.PASSED
    return Exit.FAILED if verdict is Verdict.PASS else OF_VERDICT[verdict]


def _beside(analysis: Analysis, expect: Verdict, decides: str | None) -> str:
    """Say that a failure is wanted and there is one, but of something else than the experiment is about; else empty."""
    if not (analysis.verdict is expect is Verdict.FAIL) or decides in {None, analysis.decided_by}:
        return ""
    return f"it failed, but not of {decides}, which the experiment is about: {analysis.reason}"


def _refused(entry: LoadedEntry, args: Namespace, trouble: Trouble) -> Done:
    show(trouble)
    ended: Literal["refused", "error"] = "refused" if trouble.code in {Exit.REFUSED, Exit.USAGE} else "error"
    told = f"{trouble.what}: {trouble.seen}" if trouble.seen else trouble.what
    return Done(_without_run(entry, args, ended, trouble.code, told))


def _without_run(
    entry: LoadedEntry,
    args: Namespace,
    ended: Literal["refused", "error", "not run"],
    code: Exit,
    reason: str,
    *,
    duration_s: float = 0.0,
) -> Row:
    loaded = entry.loaded
    return Row(
        experiment=loaded.name,
        title=loaded.experiment.title,
        variant=args.variant if loaded.system.variants else None,
        seed=args.seed,
        expect=Verdict(entry.declared.expect),
        verdict=None,
        reason=reason,
        decided_by=None,
        decides=loaded.experiment.decides,
        code=code,
        ended=ended,
        run=None,
        duration_s=round(duration_s, 1),
        figures=(),
    )


def _keep(error: Exception, path: Path, args: Namespace, planned: Plan) -> str:
    """Write the traceback beside the summary, tell it in one line, and return that line."""
    path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    what = f"internal error, {type(error).__name__}: {' '.join(str(error).split())[:200]}"
    again = command("recover", *where(planned), *out_flag(args.out))
    show(Trouble(what, where=str(path), next=again))
    sys.stderr.flush()
    return what

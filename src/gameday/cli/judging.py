"""Judge a run's folder and write its reports; the same folder gives the same bytes."""

from __future__ import annotations

import errno
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gameday.analysis.continuity import deciding_length_s
from gameday.analysis.judge import judge
from gameday.analysis.model import Analysis, Verdict
from gameday.cli.cluster import allowed_context, where
from gameday.cli.exits import Exit
from gameday.cli.parser import parse
from gameday.cli.program import command, context_flag, out_flag, program
from gameday.cli.trouble import Trouble
from gameday.experiment.checks.phases import MOST_S
from gameday.experiment.plan import Plan, read_plan
from gameday.experiment.writing import seconds
from gameday.record.folder import About, NotARunError, read_about, read_run
from gameday.record.guarded import read_text, write_text
from gameday.report.as_json import to_json
from gameday.report.ending import next_step
from gameday.report.html import html
from gameday.report.junit import junit
from gameday.report.markdown import markdown

RENDERERS = {"report.html": html, "report.md": markdown, "report.json": to_json, "junit.xml": junit}
OF_VERDICT = {
    Verdict.PASS: Exit.PASSED,
    Verdict.FAIL: Exit.FAILED,
    Verdict.INCONCLUSIVE: Exit.INCONCLUSIVE,
    Verdict.INVALID: Exit.INCONCLUSIVE,
}
"""The exit code of a command that has judged one run."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a run's folder says: what came out, what was planned, what it was made with."""

    analysis: Analysis
    plan: Plan
    about: About


def judged_run(folder: Path) -> Judged:
    """
    Compute a run's analysis from its folder, writing nothing.

    Raises:
        NotARunError: The folder holds no run.
        Trouble: Its ``plan.json`` or ``run.json`` cannot be read.
    """
    see_readable(folder, {"plan.json": (_plan, made_by), "run.json": (read_about, _planned)})
    data, about = read_run(folder), read_about(folder)
    return Judged(judge(data), data.plan, about)


def write_reports(folder: Path) -> Judged:
    """
    Compute a run's analysis from its folder and write every report; an old one is replaced at once or not at all.

    Raises what ``judged_run`` does, and ``OSError``.
    """
    judged = judged_run(folder)
    put(folder, {name: render(judged.analysis, judged.plan, judged.about) for name, render in RENDERERS.items()})
    return judged


def put(folder: Path, texts: Mapping[str, str]) -> None:
    """Write files by their names; an old one is replaced at once or not at all. What is no text, as a broken name, is escaped."""
    for name, text in texts.items():
        write_text(folder / name, text, errors="backslashreplace")


def unwritten(error: OSError, folder: Path, *, left: Collection[str], again: str) -> Trouble:
    """Return what to show of a run whose reports cannot be written: it was undone first, but for what is ``left``."""
    why = error.strerror if folder.is_dir() else "the run's folder was removed"
    return Trouble(
        f"the reports cannot be written: {why}; the run was undone first"
        + ", but something is left of it" * bool(left),
        seen=str(error.filename or folder),
        details=tuple(left),
        next=f"{_mend(error)}, then: {again}",
        code=Exit.RESIDUE if left else Exit.INCONCLUSIVE,
    )


def unrecorded(error: OSError, out: Path, *, again: str) -> Trouble:
    """Return what to show of a run that could not be begun, because nothing of it could be written."""
    what = f"{error}; nothing was started"
    return Trouble(what, where=str(out), next=f"{_mend(error)}, then: {again}", code=Exit.INCONCLUSIVE)


def _mend(error: OSError) -> str:
    return "make room" if error.errno in {errno.ENOSPC, errno.EDQUOT} else "mend that"


def hint(judged: Judged) -> str:
    """Return what to try next, with commands like the one that made the run."""
    words: tuple[str, ...] = ("run", judged.plan.name, *_allowing(judged.plan))
    with suppress(Trouble, SystemExit, ValueError):  # a command of another version: the experiment's name will do
        args = parse(shlex.split(judged.about.command)[1:])
        if args.command == "run":
            words = ("run", args.name, *out_flag(args.out), *context_flag(args.allow_context))
        elif args.command == "monkey":  # its flags draw the experiment
            words = _without(shlex.split(judged.about.command)[1:], "--target", "--variant", "--seed")
            if (decides_s := deciding_length_s(judged.analysis, most_s=MOST_S)) is not None:
                words = (*_without(words, "--for"), "--for", seconds(decides_s))
    doctor = command("doctor", *where(judged.plan))
    return next_step(judged.analysis, judged.plan, program=program(), run=command(*words), doctor=doctor)


def _allowing(plan: Plan) -> tuple[str, ...]:
    """Return the words that allow a plan's context."""
    return context_flag(allowed_context(plan.target, plan.system))


def _without(words: Sequence[str], *flags: str) -> tuple[str, ...]:
    """Leave out flags and their values, as what comes next has its own."""
    after = ("", *words)
    return tuple(word for before, word in zip(after, words, strict=False) if word not in flags and before not in flags)


def see_readable(folder: Path, files: Mapping[str, tuple[Callable[[Path], object], Callable[[Path], str]]]) -> None:
    """
    Tell a broken file by its name; one that is missing is left to those who read the folder.

    Args:
        folder: The run's.
        files: Each file's name, who reads it, and who knows from the other files how to make the run again.

    Raises:
        Trouble: One of them cannot be read.
    """
    for name, (read, again) in files.items():
        try:
            read(folder)
        except (FileNotFoundError, NotARunError):
            continue
        except OSError as error:
            what = f"{name} of the run cannot be opened: {error.strerror}"
            raise Trouble(what, where=str(folder / name), next=command("list")) from error
        except ValueError as error:
            raise Trouble(
                f"{name} of the run cannot be read",
                seen=f"{(folder / name).stat().st_size} bytes that are not what a run of this version writes",
                valid=f"the {name} that the run wrote, from a copy of the folder; or a new run",
                where=str(folder / name),
                next=_or_list(again, folder),
            ) from error


def _plan(folder: Path) -> Plan:
    return read_plan(read_text(folder / "plan.json"))


def made_by(folder: Path) -> str:
    """Return the command that made a run, by its ``run.json``. Raises ``ValueError`` when it was none of gameday's."""
    words = shlex.split(read_about(folder).command)
    if words[:1] != ["gameday"]:
        raise ValueError(f"another program made the run: {words}")
    return command(*words[1:])


def _planned(folder: Path) -> str:
    """Return a command that makes a run again, by its plan."""
    plan = _plan(folder)
    variant = ("--variant", plan.variant) if plan.variant else ()
    return command("run", plan.name, "--target", plan.target, "--seed", str(plan.seed), *variant, *_allowing(plan))


def _or_list(again: Callable[[Path], str], folder: Path) -> str:
    """Return the command that makes a run again; where the other file is broken too, the one that lists experiments."""
    try:
        return again(folder)
    except (OSError, ValueError):
        return command("list")

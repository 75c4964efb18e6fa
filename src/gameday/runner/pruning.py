"""Remove the folders of old runs, and of old results of suites, and nothing else."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from gameday.analysis.suite import SuiteRun, read_suite_run
from gameday.experiment.foreign import ForeignPlan
from gameday.experiment.plan import Plan, read_plan
from gameday.record.folder import read_about
from gameday.record.foreign import PLAN, failed_rollbacks, is_foreign_run, read_foreign_run
from gameday.record.guarded import read_text, see_own
from gameday.record.history import Event, outstanding, read_history
from gameday.runner.foreign.order import NOWHERE
from gameday.runner.identity import processes
from gameday.runner.lock import is_locked
from gameday.runner.suite import FILE, FOLDER

_LAST = ("plan.json", PLAN, "run.json")
"""What makes a folder a run's; removed last, so that a removal which was broken off can be taken up again."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed, and which old runs were kept because they left something behind; oldest first."""

    removed: tuple[Path, ...]
    kept: tuple[Path, ...]


@dataclass(frozen=True, slots=True, order=True)
class _Run:
    """A run's folder; they sort from the oldest to the newest."""

    stamp: str
    number: int
    folder: Path
    plan: Plan | ForeignPlan = field(compare=False)


@dataclass(frozen=True, slots=True, order=True)
class _Suite:
    """The folder of a suite's result; they sort from the oldest to the newest."""

    stamp: str
    number: int
    folder: Path
    run: SuiteRun = field(compare=False)


def prune(out: Path, *, keep: int, spare: Collection[Path] = ()) -> Pruned:
    """
    Remove all runs' folders under ``out`` but the newest ``keep``.

    A folder is taken for a run's only if it lies directly in ``out``, is no link, belongs to this user, and holds a plan and a
    ``run.json`` that can be read and fit its name. Kept in any case are runs that left a fault or a process behind, runs that go on,
    ``spare``, and what ``latest`` points to.

    Raises:
        OSError: A folder cannot be removed; those before it are gone.
    """
    runs = sorted(_runs(out))
    spared = {path.resolve() for path in (*spare, out / "latest")}
    removed, kept = [], []
    for run in runs[: max(0, len(runs) - keep)]:
        if run.folder.resolve() in spared:
            continue
        if _may_have_residue(run):
            kept.append(run.folder)
            continue
        _remove(run.folder, _LAST)
        removed.append(run.folder)
    return Pruned(tuple(removed), tuple(kept))


def prune_suites(out: Path, *, keep: int, spare: Collection[Path] = ()) -> tuple[Path, ...]:
    """
    Remove all results of suites under ``out`` but the newest ``keep``, and return which those were, oldest first.

    A folder is taken for a suite's only if it lies directly in ``suites``, neither is a link, it belongs to this user, and it holds a
    ``suite.json`` that can be read and fits its name. Kept in any case are ``spare``, what ``latest`` points to, and of each suite on each
    target the newest result that was not interrupted: the next one is compared with it.

    Raises:
        OSError: A folder cannot be removed; those before it are gone.
    """
    place = out / FOLDER
    suites = sorted(_suites(place)) if not place.is_symlink() else []
    compared = {(each.run.name, each.run.target): each.folder for each in suites if not each.run.interrupted}
    spared = {path.resolve() for path in (*spare, *compared.values(), place / "latest")}
    old = [each.folder for each in suites[: max(0, len(suites) - keep)] if each.folder.resolve() not in spared]
    for folder in old:
        _remove(folder, (FILE,))
    return tuple(old)


def _runs(out: Path) -> Iterator[_Run]:
    for path in _own(out):
        plan = _plan(path)
        if plan and (begun := _begun(path, plan.name)):
            yield _Run(*begun, path, plan)


def _suites(place: Path) -> Iterator[_Suite]:
    for path in _own(place):
        run = _suite(path / FILE)
        if run and (begun := _begun(path, run.name)):
            yield _Suite(*begun, path, run)


def _own(place: Path) -> Iterator[Path]:
    """Yield the folders directly in a place that are no links and belong to this user."""
    for path in place.iterdir() if place.is_dir() else ():
        with suppress(OSError):
            see_own(path)
            yield path


def _begun(folder: Path, name: str) -> tuple[str, int] | None:
    """Return the second in which a folder was made, and its number in that; None when it is not called as ``new_folder`` would."""
    match = re.fullmatch(rf"(\d{{8}}-\d{{6}})-{re.escape(name)}(?:-(\d{{1,6}}))?", folder.name)
    return (match[1], int(match[2] or 1)) if match else None


def _suite(file: Path) -> SuiteRun | None:
    """Read a suite's result; None when it is none."""
    if not file.is_symlink():
        with suppress(OSError, ValueError):
            return read_suite_run(read_text(file))
    return None


def _plan(folder: Path) -> Plan | ForeignPlan | None:
    """Read a folder's plan; None when it is no run's."""
    if any((folder / name).is_symlink() for name in _LAST):
        return None
    with suppress(OSError, ValueError):
        read_about(folder)
        if is_foreign_run(folder):
            return read_foreign_run(folder).plan
        return read_plan(read_text(folder / "plan.json"))
    return None


def _may_have_residue(run: _Run) -> bool:
    """Return whether a run left something behind, or cannot be read so far that it could be told."""
    try:
        return _has_residue(run)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return True


def _has_residue(run: _Run) -> bool:
    """Return whether a run left a fault or a process behind, or goes on."""
    history, plan = read_history(run.folder), run.plan
    if outstanding(history) or any(known.find() for known in processes(history, read_about(run.folder))):
        return True
    if isinstance(plan, ForeignPlan) and failed_rollbacks(plan, history):
        return True
    if any(record.event in {Event.RUN_FINISHED, Event.RECOVERED} for record in history):
        return False
    system, target = (plan.name, NOWHERE) if isinstance(plan, ForeignPlan) else (plan.system.name, plan.target)
    return is_locked(run.folder.parent, system=system, target=target)


def _remove(folder: Path, last: Collection[str]) -> None:
    """Remove a folder; ``last`` are the files that make it what it is."""
    for path in folder.iterdir():
        if path.name in last:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    for name in last:
        (folder / name).unlink(missing_ok=True)
    folder.rmdir()

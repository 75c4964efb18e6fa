"""
Systems that stay up between runs, under the same locks as runs: ``up``, ``down``, and the run that finds one.

A run uses what is up in its own folder of runs, and nothing else; so a lock on that folder is enough to keep a run, ``up`` and ``down``
apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gameday.experiment.model import System
from gameday.runner.lock import RefusedError, is_locked, lock
from gameday.targets.local.standing import (
    STATE,
    Standing,
    bring_up,
    clear,
    fallen,
    place,
    see_place,
    standing,
    switch,
    take_down,
)
from gameday.targets.local.stay import is_held

TARGET = "local"


class UnlikeError(RefusedError):
    """What is up is from a system file that asks for something else."""


@dataclass(frozen=True, slots=True)
class Raised:
    """What is up now; ``was_up`` tells that it was so before."""

    up: Standing
    was_up: bool


def usable(out: Path, system: System, *, target: str = TARGET) -> Standing | None:
    """
    Return what a run in ``out`` is to use; None when nothing is up there and it starts its own, or finds it elsewhere. Call under the lock.

    Raises:
        UnlikeError: Something is up there under this name.
    """
    if target != TARGET:
        return None
    _see_place(out, system.name)
    up = standing(out, system.name)
    if up is not None and not up.fits(system):
        raise UnlikeError(f"the {system.name} that is up in {out} runs as another system file says; end it first")
    return up


def raise_up(system: System, variant: str | None, *, keep: bool, out: Path, progress: Callable[[str], None]) -> Raised:
    """
    See that a system is up on a variant: start it, or switch the one that is.

    Args:
        system: The system.
        variant: One of its variants; None when it has none.
        keep: Leave what is up already on the variant that it has.
        out: The folder of runs that it is for.
        progress: Takes a few words for each step.

    Raises:
        RefusedError: A run holds the system, or what is up fits another system file.
        TargetError: It could not be started or switched.
    """
    with lock(out, system=system.name, target=TARGET):
        if up := usable(out, system):
            again = up if keep or variant == up.variant else switch(up, system, variant)
            return Raised(again, was_up=True)
        return Raised(bring_up(system, variant, runs=out, progress=progress), was_up=False)


def lower(name: str, *, out: Path) -> bool:
    """
    End what ``raise_up`` started, or remove what is left of it.

    Returns:
        Whether there was something to end.

    Raises:
        RefusedError: A run holds the system.
        TargetError: It resists.
    """
    if "/" in name or not place(out, name).is_dir() or place(out, name).is_symlink():
        return False
    _see_place(out, name)
    with lock(out, system=name, target=TARGET):
        if up := standing(out, name):
            take_down(up)
            return True
        was_up = is_held(place(out, name) / STATE)  # its node ends without its state, whoever that is
        clear(place(out, name))
        return was_up


def _see_place(out: Path, name: str) -> None:
    """Raise ``RefusedError`` when somebody else may have written what lies where a system that is up would lie."""
    try:
        see_place(out, name)
    except OSError as error:
        raise RefusedError(f"the {name} that is up in {out} is not trusted: {error}") from error


def clear_fallen(out: Path) -> tuple[Path, ...]:
    """Remove what systems that were up and died have left, but for those that are being started; return their folders."""
    found = tuple(folder for name, folder in fallen(out) if not is_locked(out, system=name, target=TARGET))
    for folder in found:
        clear(folder)
    return found

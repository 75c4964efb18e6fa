"""The composition root of loading: experiments are found by name and loaded with the faults that ship."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from gameday.cli.cluster import allowed
from gameday.cli.machine import this_machine
from gameday.cli.program import command
from gameday.cli.trouble import Trouble, trouble_of
from gameday.experiment.flaws import did_you_mean, one_of
from gameday.experiment.loading.finding import (
    Found,
    UnknownSuiteError,
    UnknownSystemError,
    experiment_folders,
    find_experiment,
    find_suite,
    suite_folders,
    system_folders,
)
from gameday.experiment.loading.foreign import Foreign, read_foreign
from gameday.experiment.loading.load import Loaded, load_experiment
from gameday.experiment.loading.suite import LoadedSuite, load_suite
from gameday.experiment.loading.system import load_system
from gameday.experiment.model import System
from gameday.experiment.placement import impossible, undeclared
from gameday.experiment.plan import Plan, plan
from gameday.faults import catalogue
from gameday.targets.local.switches import SWITCHES


def load(name: str) -> Loaded:
    """
    Load an experiment by its name or by the path of its file.

    Raises:
        UnknownExperimentError: There is none.
        InvalidFileError: Its files have mistakes.
    """
    return _load(find_experiment(name, experiment_folders(Path())))


def find_foreign(name: str) -> Foreign | None:
    """
    Read an experiment if it is a plain one; None for gameday's own.

    Raises:
        UnknownExperimentError: There is none of this name.
        InvalidFileError: A key is nearly one of Chaos Toolkit's.
    """
    return read_foreign(find_experiment(name, experiment_folders(Path())).path)


def suite(name: str) -> LoadedSuite:
    """
    Load a suite by its name or by the path of its file, with all its experiments.

    Raises:
        Trouble: There is none.
        InvalidFileError: Its file, or one of its experiments' files, has mistakes.
    """
    try:
        path = find_suite(name, suite_folders(Path()))
    except UnknownSuiteError as error:
        raise trouble_of(error) from None
    return load_suite(path, experiment_folders(Path()), _load)


def _load(found: Found) -> Loaded:
    machine = this_machine()
    return load_experiment(found.path, catalogue(), systems=found.systems, switches=SWITCHES, machine=machine)


def system(args: Namespace) -> System:
    """
    Load the system that a command line names.

    Raises:
        Trouble: There is none.
        InvalidFileError: Its file has mistakes.
    """
    try:
        return load_system(args.system, system_folders(Path()))
    except UnknownSystemError as error:
        what, usage = f"there is no system {error.seen}", command(args.command, "--help")
        raise Trouble(what, seen=error.seen, valid=error.valid, hint=error.hint, next=usage) from None


def variant(system: System, wanted: str, *, again: tuple[str, ...]) -> str | None:
    """
    Return the variant that is asked for; None for a system that has none.

    Args:
        system: The system.
        wanted: The variant's name.
        again: The words of the command without the variant, for the next step.

    Raises:
        Trouble: The system has variants, but not this one.
    """
    if not system.variants:
        return None
    if wanted in system.variants:
        return wanted
    known = list(system.variants)
    raise Trouble(
        f"the system {system.name} has no variant {wanted}",
        seen=wanted,
        valid=one_of(known),
        hint=did_you_mean(wanted, known),
        next=command(*again, "--variant", known[0]),
    )


def make_plan(loaded: Loaded, args: Namespace, *, seed: int, again: tuple[str, ...]) -> Plan:
    """
    Plan an experiment as the command line asks for it.

    Args:
        loaded: The experiment.
        args: Its target and variant.
        seed: Its seed.
        again: The words of the command without the variant, for the next step.

    Raises:
        Trouble: The system has no such target, or it has variants, but not the one that is asked for; or the target cannot do a fault.
    """
    see_declared(loaded.system, args.target)
    planned = plan(
        loaded.experiment,
        allowed(loaded.system, args),
        catalogue(),
        name=loaded.name,
        target=args.target,
        variant=variant(loaded.system, args.variant, again=again),
        seed=seed,
    )
    if misplaced := impossible(planned):
        raise Trouble(misplaced.what, seen=misplaced.seen, valid=misplaced.valid, next=command("list"))
    return planned


def see_declared(system: System, target: str) -> None:
    """Raise ``Trouble`` when a system's file says nothing of a target."""
    if misplaced := undeclared(system, target):
        raise Trouble(misplaced.what, seen=misplaced.seen, valid=misplaced.valid, next=command("schema", "system"))

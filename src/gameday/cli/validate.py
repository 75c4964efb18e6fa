"""``gameday validate``: every mistake in experiments, their systems and suites, at once."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from gameday.cli.catalogue import find_foreign, load, suite
from gameday.cli.exits import Exit
from gameday.cli.screen import count, say, short, show
from gameday.cli.trouble import trouble_of
from gameday.experiment.loading.finding import (
    SUFFIX,
    UnknownExperimentError,
    experiment_folders,
    find_experiments,
    find_suites,
    suite_folders,
)
from gameday.experiment.loading.foreign import Foreign
from gameday.experiment.loading.problems import InvalidFileError, Problem
from gameday.experiment.loading.suite import is_suite


def run(args: Namespace) -> int:
    """Check each, say which are valid, and raise all mistakes of all together."""
    suites = map(str, find_suites(suite_folders(Path())).values())
    names = args.names or [*find_experiments(experiment_folders(Path())), *suites]
    problems: list[Problem] = []
    unknown: list[UnknownExperimentError] = []
    for name in names:
        try:
            _check(name)
        except InvalidFileError as error:
            problems.extend(error.problems)
        except UnknownExperimentError as error:
            unknown.append(error)
    for each in unknown if problems else unknown[:-1]:
        show(trouble_of(each))
    if problems:
        raise InvalidFileError(problems)
    if unknown:
        raise unknown[-1]
    return Exit.PASSED


def _check(name: str) -> None:
    """Check one file, and print that it is valid. Raises what loading raises."""
    if _is_suite(name):
        found = suite(name)
        say(f"valid  {found.name}  ({short(found.path)}, suite of {count(len(found.entries), 'experiment')})")
    elif foreign := find_foreign(name):
        _foreign(foreign)
    else:
        loaded = load(name)
        say(f"valid  {loaded.name}  ({short(loaded.experiment_path)}, {short(loaded.system_path)})")


def _is_suite(name: str) -> bool:
    """Return whether a suite is meant; of a name that stands for both, it is the experiment."""
    if "/" in name or name.endswith((SUFFIX, ".yml")):
        return Path(name).is_file() and is_suite(Path(name))
    return name in find_suites(suite_folders(Path())) and name not in find_experiments(experiment_folders(Path()))


def _foreign(foreign: Foreign) -> None:
    """Print that a plain experiment is valid, and what it cannot show; raises ``InvalidFileError``."""
    from gameday.cli.foreign import see_sound  # noqa: PLC0415 - it loads the runner, and most experiments are not plain

    found = see_sound(foreign)
    say(f"valid  {foreign.plan.name}  ({short(foreign.path)}, plain Chaos Toolkit)")
    for question in found.questions:
        say(f"       {question}, so a run needs a terminal")
    if not foreign.plan.method:
        say("       its method is empty, so nothing is done: the best result is inconclusive")

"""``gameday validate``: every mistake in experiments, their systems and suites, at once."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from gameday.cli.catalogue import load, suite
from gameday.cli.exits import Exit
from gameday.cli.foreign import find_foreign
from gameday.cli.screen import count, say, short
from gameday.experiment.loading.finding import (
    SUFFIX,
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
    for name in names:
        try:
            if _is_suite(name):
                found = suite(name)
                say(f"valid  {found.name}  ({short(found.path)}, suite of {count(len(found.entries), 'experiment')})")
                continue
            if foreign := find_foreign(name):
                problems.extend(_foreign(foreign))
                continue
            loaded = load(name)
        except InvalidFileError as error:
            problems.extend(error.problems)
        else:
            say(f"valid  {loaded.name}  ({short(loaded.experiment_path)}, {short(loaded.system_path)})")
    if problems:
        raise InvalidFileError(problems)
    return Exit.PASSED


def _is_suite(name: str) -> bool:
    """Tell whether a suite is meant; of a name that stands for both, it is the experiment."""
    if "/" in name or name.endswith((SUFFIX, ".yml")):
        return Path(name).is_file() and is_suite(Path(name))
    return name in find_suites(suite_folders(Path())) and name not in find_experiments(experiment_folders(Path()))


def _foreign(foreign: Foreign) -> Iterator[Problem]:
    """Let Chaos Toolkit say what is wrong with a plain experiment; it names one mistake at a time, and no line."""
    from gameday.runner.foreign.validity import refusal  # noqa: PLC0415 - it is slow to import, and most experiments are not plain

    if reason := refusal(foreign):
        valid = "an experiment that chaos validate accepts"
        yield Problem(foreign.path, 1, "", "Chaos Toolkit does not accept the experiment", reason, valid)
    else:
        say(f"valid  {foreign.plan.name}  ({short(foreign.path)}, plain Chaos Toolkit)")

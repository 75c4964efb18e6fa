"""``gameday validate``: every mistake in experiments and their systems, at once."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from gameday.cli.catalogue import load
from gameday.cli.exits import Exit
from gameday.cli.foreign import find_foreign
from gameday.cli.screen import say, short
from gameday.experiment.loading.finding import experiment_folders, find_experiments
from gameday.experiment.loading.foreign import Foreign
from gameday.experiment.loading.problems import InvalidFileError, Problem


def run(args: Namespace) -> int:
    """Check each, say which are valid, and raise all mistakes of all together."""
    names = args.names or list(find_experiments(experiment_folders(Path())))
    problems: list[Problem] = []
    for name in names:
        try:
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


def _foreign(foreign: Foreign) -> Iterator[Problem]:
    """Let Chaos Toolkit say what is wrong with a plain experiment; it names one mistake at a time, and no line."""
    from gameday.runner.foreign.validity import refusal  # noqa: PLC0415 - it is slow to import, and most experiments are not plain

    if reason := refusal(foreign):
        valid = "an experiment that chaos validate accepts"
        yield Problem(foreign.path, 1, "", "Chaos Toolkit does not accept the experiment", reason, valid)
    else:
        say(f"valid  {foreign.plan.name}  ({short(foreign.path)}, plain Chaos Toolkit)")

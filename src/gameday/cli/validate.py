"""``gameday validate``: every mistake in experiments and their systems, at once."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from gameday.cli.catalogue import load
from gameday.cli.exits import Exit
from gameday.cli.screen import say, short
from gameday.experiment.loading.finding import experiment_folders, find_experiments
from gameday.experiment.loading.problems import InvalidFileError, Problem


def run(args: Namespace) -> int:
    """Check each, say which are valid, and raise all mistakes of all together."""
    names = args.names or list(find_experiments(experiment_folders(Path())))
    problems: list[Problem] = []
    for name in names:
        try:
            loaded = load(name)
        except InvalidFileError as error:
            problems.extend(error.problems)
        else:
            say(f"valid  {loaded.name}  ({short(loaded.experiment_path)}, {short(loaded.system_path)})")
    if problems:
        raise InvalidFileError(problems)
    return Exit.PASSED

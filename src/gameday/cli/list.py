"""``gameday list``: the experiments and suites there are."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from gameday.cli.exits import Exit
from gameday.cli.program import command
from gameday.cli.screen import complain, say, short, table
from gameday.experiment.loading.document import read_document
from gameday.experiment.loading.finding import (
    Found,
    experiment_folders,
    find_experiments,
    find_suites,
    suite_folders,
)
from gameday.experiment.loading.plain import Plain
from gameday.experiment.loading.problems import InvalidFileError


def run(args: Namespace) -> int:  # noqa: ARG001 - every command has the same signature
    """Print name, title, tags and deciding check of each; a file that cannot be read is told on stderr and left out."""
    folders = experiment_folders(Path())
    rows = [row for name, found in find_experiments(folders).items() if (row := _row(name, found))]
    table([("NAME", "TITLE", "TAGS", "DECIDES"), *rows])
    say()
    say(f"from {', '.join(short(folder) for folder in folders)}; next: {command('plan', 'NAME')}")
    suites = [row for path in find_suites(suite_folders(Path())).values() if (row := _suite(path))]
    if suites:
        say()
        table([("SUITE", "TITLE", "EXPERIMENTS"), *suites])
        say()
        say(f"next: {command('suite', 'NAME')}")
    return Exit.PASSED


def _row(name: str, found: Found) -> tuple[str, ...] | None:
    value = _read(found.path, name)
    if value is None:
        return None
    tags = value.get("tags")
    words = [_text(tag) for tag in tags] if isinstance(tags, list) else []
    return name, _text(value.get("title")), ", ".join(words), _text(value.get("decides"))


def _suite(path: Path) -> tuple[str, ...] | None:
    value = _read(path, str(path))
    if value is None:
        return None
    experiments = value.get("experiments")
    return path.stem, _text(value.get("title")), str(len(experiments)) if isinstance(experiments, list) else "-"


def _read(path: Path, name: str) -> dict[str, Plain] | None:
    try:
        return read_document(path).value
    except InvalidFileError as error:
        complain(f"{short(path)}: {error.problems[0].message}; see {command('validate', name)}")
        return None


def _text(value: Plain) -> str:
    """Show a value that is not validated in one line."""
    return " ".join(value.split()) if isinstance(value, str) and value.strip() else "-"

"""``gameday list``: the experiments there are."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from gameday.cli.exits import Exit
from gameday.cli.program import command
from gameday.cli.screen import complain, say, short, table
from gameday.experiment.loading.document import read_document
from gameday.experiment.loading.finding import Found, experiment_folders, find_experiments
from gameday.experiment.loading.plain import Plain
from gameday.experiment.loading.problems import InvalidFileError


def run(args: Namespace) -> int:  # noqa: ARG001 - every command has the same signature
    """Print name, title, tags and deciding check of each; a file that cannot be read is told on stderr and left out."""
    folders = experiment_folders(Path())
    rows = [row for name, found in find_experiments(folders).items() if (row := _row(name, found))]
    table([("NAME", "TITLE", "TAGS", "DECIDES"), *rows])
    say()
    say(f"from {', '.join(short(folder) for folder in folders)}; next: {command('plan', 'NAME')}")
    return Exit.PASSED


def _row(name: str, found: Found) -> tuple[str, ...] | None:
    try:
        value = read_document(found.path).value
    except InvalidFileError as error:
        complain(f"{short(found.path)}: {error.problems[0].message}; see {command('validate', name)}")
        return None
    tags = value.get("tags")
    words = [_text(tag) for tag in tags] if isinstance(tags, list) else []
    return name, _text(value.get("title")), ", ".join(words), _text(value.get("decides"))


def _text(value: Plain) -> str:
    """Show a value that is not validated in one line."""
    return " ".join(value.split()) if isinstance(value, str) and value.strip() else "-"

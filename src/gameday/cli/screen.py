"""
Write to the screen: results to stdout, troubles to stderr.

Colours come only where stderr is a terminal and NO_COLOR is not set; lines are never wrapped, so that paths can be clicked and copied.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from gameday.cli.streams import OutputError
from gameday.cli.trouble import Trouble
from gameday.experiment.loading.problems import InvalidFileError
from gameday.experiment.visible import visible

_STYLES = {
    "error": "bold red",
    "seen": "yellow",
    "valid": "green",
    "hint": "bold green",
    "where": "cyan",
    "next": "bold",
}


def say(text: str = "") -> None:
    """Write a line to stdout."""
    sys.stdout.write(f"{visible(text)}\n")


def table(rows: Iterable[tuple[str, ...]], *, indent: str = "") -> None:
    """Write rows to stdout as aligned columns."""
    rows = tuple(rows)
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        say(f"{indent}{'  '.join(cells)}".rstrip())


def complain(text: str) -> None:
    """Write a plain line to stderr."""
    sys.stderr.write(f"{visible(text)}\n")


def show(trouble: Trouble) -> None:
    """Show a trouble on stderr, behind what stdout has so far; that this cannot be written is told at the command's end."""
    with suppress(OutputError):
        sys.stdout.flush()
    _write("error", trouble.what, indent="")
    for label, text in trouble.parts():
        if text:
            _write(label, text, indent="  ")


def show_invalid(invalid: InvalidFileError, *, again: str) -> None:
    """Show every problem of invalid files; ``again`` is the command to type when they are mended."""
    for each in invalid.problems:
        where = f"{short(each.file)}:{each.line}" + (f"  {each.key_path}" if each.key_path else "")
        show(Trouble(each.message, seen=each.seen, valid=each.valid, hint=each.hint, where=where))
    files = count(len({each.file for each in invalid.problems}), "file")
    _write("", f"{count(len(invalid.problems), 'mistake')} in {files}; nothing was started", indent="")
    _write("next", again, indent="  ")


def short(path: Path) -> str:
    """Write a path as seen from the current folder if it lies under it."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except (ValueError, FileNotFoundError):
        return str(path)


def count(number: int, thing: str) -> str:
    """Write a number of things."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _write(label: str, text: str, *, indent: str) -> None:
    prefix = f"{indent}{label}: " if label else indent
    if not sys.stderr.isatty() or os.environ.get("NO_COLOR"):
        complain(f"{prefix}{text}")
        return
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it, and it is slow to import
    from rich.text import Text  # noqa: PLC0415 - same

    Console(stderr=True, highlight=False).print(
        Text(prefix).append(visible(text), _STYLES.get(label, "")), soft_wrap=True
    )

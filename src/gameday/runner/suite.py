"""Keep a suite's result in a folder beside the runs, and find the one before."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from gameday.analysis.suite import SuiteRun, read_suite_run
from gameday.record.guarded import write_text
from gameday.runner.folder import new_folder, point_latest

FOLDER = "suites"
"""Where suites lie in a folder of runs."""
FILE = "suite.json"
MOST = 30
"""Of earlier results: what a month of nights differs by."""


def create(out: Path, name: str) -> Path:
    """Make ``<out>/suites/<UTC time>-<suite>/``, empty."""
    return new_folder(out / FOLDER, name)


def keep(folder: Path, files: Mapping[str, str]) -> None:
    """Write a suite's files, each at once or not at all, and point ``latest`` beside the folder to it."""
    for name, text in files.items():
        write_text(folder / name, text)
    point_latest(folder)


def earlier(place: Path, *, name: str, target: str) -> tuple[SuiteRun, ...]:
    """
    Find the results of a suite on a target, the newest first.

    Args:
        place: A suite's own folder, a folder of suites, or a folder of runs, such as one that CI kept of the nights before.
        name: The suite's.
        target: Where it ran.

    An interrupted one is passed over, unless ``place`` is its own folder; so is a file that cannot be read.

    Raises:
        ValueError: ``place`` is a suite's own folder, and its ``suite.json`` cannot be read.
        OSError: The same.
    """
    if (place / FILE).is_file():
        run = _read(place / FILE)
        return (run,) if (run.name, run.target) == (name, target) else ()
    found: list[SuiteRun] = []
    for path in {each.resolve() for each in (*place.glob(f"{FOLDER}/*/{FILE}"), *place.glob(f"*/{FILE}"))}:
        with suppress(OSError, ValueError):
            found.append(_read(path))
    fitting = [run for run in found if (run.name, run.target) == (name, target) and not run.interrupted]
    return tuple(sorted(fitting, key=lambda run: run.started, reverse=True)[:MOST])


def _read(path: Path) -> SuiteRun:
    return read_suite_run(path.read_text(encoding="utf-8"))

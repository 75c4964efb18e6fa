"""Find experiment, system and suite files by name: beside the caller first, then those that ship with gameday."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from gameday.experiment.flaws import did_you_mean, one_of

SUFFIX = ".yaml"
SUITES = "suites"
"""The folder of suites, among experiments."""


@dataclass(frozen=True, slots=True)
class Found:
    """An experiment's file, and the folders in which its system file is looked for, in order."""

    path: Path
    systems: tuple[Path, ...]


class _UnknownError(Exception):
    """
    There is nothing of this name, or no file at this path.

    Attributes:
        reason: What is missing, in a short sentence.
        seen: What was asked for.
        valid: The names that would be found, with the folders they were looked for in.
        hint: The nearest name as a question; empty when none is near.
    """

    what: ClassVar[str]
    or_path: ClassVar[str] = ", or the path of a file"

    def __init__(self, seen: str, names: Sequence[str], folders: Sequence[Path]) -> None:
        """List what there is."""
        self.seen = seen
        self.reason = f"there is no {self.what} {seen}"
        self.hint = did_you_mean(seen, names)
        if _is_path(seen):
            folder = Path(seen).is_dir()
            self.reason = f"{seen} is a folder" if folder else f"there is no file {seen}"
            self.hint = did_you_mean(Path(seen).stem, names)
        self.valid = f"{one_of(names, nothing=f'no {self.what}')} (in {one_of(map(str, folders))}){self.or_path}"
        super().__init__(f"{self.reason}; {self.valid}")


class UnknownExperimentError(_UnknownError):
    """There is no such experiment."""

    what = "experiment"


class UnknownSystemError(_UnknownError):
    """There is no such system; it is always meant by its name."""

    what, or_path = "system", ""


class UnknownSuiteError(_UnknownError):
    """There is no such suite."""

    what = "suite"


def shipped() -> Path:
    """Return the folder of the experiments that ship: inside the package, or the repository's in a checkout."""
    package = Path(__file__).parents[2]
    inside = package / "experiments"
    return inside if inside.is_dir() else package.parents[1] / "experiments"


def experiment_folders(here: Path) -> tuple[Path, ...]:
    """Return where experiments are looked for when gameday is called in ``here``; the first one that has a name wins."""
    return tuple(each for each in _distinct(here / "experiments", shipped()) if each.is_dir())


def find_experiments(folders: Sequence[Path]) -> dict[str, Found]:
    """Return every experiment by its name (the file's stem), in alphabetical order."""
    return {name: _found(path) for name, path in _by_stem(folders).items()}


def find_experiment(wanted: str, folders: Sequence[Path]) -> Found:
    """
    Find an experiment by its name, or by the path of its file (anything with a slash or ending in ``.yaml``).

    Raises:
        UnknownExperimentError: There is none.
    """
    if _is_path(wanted):
        path = Path(wanted)
        if not path.exists() or path.is_dir():  # a pipe will do
            raise UnknownExperimentError(wanted, list(find_experiments(folders)), folders)
        return _found(path)
    paths = _by_stem(folders)
    if wanted not in paths:
        raise UnknownExperimentError(wanted, list(paths), folders)
    return _found(paths[wanted])


def system_folders(here: Path) -> tuple[Path, ...]:
    """Return where systems are looked for when gameday is called in ``here``; the first one that has a name wins."""
    return tuple(each for each in _distinct(here / "experiments" / "systems", shipped() / "systems") if each.is_dir())


def find_systems(folders: Sequence[Path]) -> dict[str, Path]:
    """Return every system's file by its name (the file's stem), in alphabetical order."""
    return _by_stem(folders)


def suite_folders(here: Path) -> tuple[Path, ...]:
    """Return where suites are looked for when gameday is called in ``here``; the first one that has a name wins."""
    return tuple(each for each in _distinct(here / "experiments" / SUITES, shipped() / SUITES) if each.is_dir())


def find_suites(folders: Sequence[Path]) -> dict[str, Path]:
    """Return every suite's file by its name (the file's stem), in alphabetical order."""
    return _by_stem(folders)


def find_suite(wanted: str, folders: Sequence[Path]) -> Path:
    """
    Find a suite by its name, or by the path of its file (anything with a slash or ending in ``.yaml``).

    Raises:
        UnknownSuiteError: There is none.
    """
    found = find_suites(folders)
    if _is_path(wanted):
        path = Path(wanted)
        if path.is_file():
            return path
    elif wanted in found:
        return found[wanted]
    raise UnknownSuiteError(wanted, list(found), folders)


def _is_path(wanted: str) -> bool:
    """Return whether a file is meant, and not a name."""
    return "/" in wanted or wanted.endswith((SUFFIX, ".yml", ".json"))


def _by_stem(folders: Sequence[Path]) -> dict[str, Path]:
    """Return every file by its stem, in alphabetical order; the first folder that has a stem wins."""
    found: dict[str, Path] = {}
    for folder in folders:
        for path in folder.glob(f"*{SUFFIX}"):
            found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def _found(path: Path) -> Found:
    return Found(path, _distinct(path.parent / "systems", shipped() / "systems"))


def _distinct(first: Path, second: Path) -> tuple[Path, ...]:
    return (first,) if first.resolve() == second.resolve() else (first, second)

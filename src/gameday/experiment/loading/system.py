"""Load a system by itself, without an experiment: to bring it up, or to write the first experiment for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gameday.experiment.loading.document import read_document
from gameday.experiment.loading.finding import UnknownSystemError, find_systems
from gameday.experiment.loading.problems import InvalidFileError
from gameday.experiment.loading.validation import validate
from gameday.experiment.model import System


def load_system(name: str, folders: Sequence[Path]) -> System:
    """
    Read and check the system of a name.

    Raises:
        UnknownSystemError: There is none.
        InvalidFileError: With all mistakes of its file; what only an experiment could show is not looked at.
    """
    found = find_systems(folders)
    if name not in found:
        raise UnknownSystemError(name, list(found), folders)
    document = read_document(found[name])
    system = validate(System, document.value)
    if document.problems or system.flaws or system.value is None:
        raise InvalidFileError([*document.problems, *map(document.problem, system.flaws)])
    return system.value

"""What is wrong with a file, and in which line; every mistake of both files travels in one error."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Problem:
    """A ``Flaw`` with its file and line (counted from 1) and the key path as it is printed; empty for the whole file."""

    file: Path
    line: int
    key_path: str
    message: str
    seen: str
    valid: str
    hint: str = ""


class InvalidFileError(Exception):
    """
    Every mistake of an experiment and its system file at once.

    Attributes:
        problems: Sorted by file, line and key path; never empty.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Sort the problems, each once."""
        self.problems = tuple(
            sorted(set(problems), key=lambda each: (str(each.file), each.line, each.key_path, each.message))
        )
        super().__init__(
            "; ".join(f"{each.file}:{each.line} {each.key_path}: {each.message}" for each in self.problems)
        )

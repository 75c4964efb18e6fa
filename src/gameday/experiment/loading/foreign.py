"""Read a plain Chaos Toolkit experiment the way Chaos Toolkit reads it: anchors, merge keys and the last of two equal keys included."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import JsonValue

from gameday.experiment.flaws import written
from gameday.experiment.foreign import ForeignPlan, foreign_plan, is_foreign, misspelt
from gameday.experiment.loading.document import MOST_BYTES
from gameday.experiment.loading.problems import InvalidFileError, Problem


@dataclass(frozen=True, slots=True)
class Foreign:
    """A plain experiment: its file, the text as it was read, and what it will do."""

    path: Path
    text: str
    plan: ForeignPlan
    value: Mapping[str, JsonValue]

    def secrets(self, environment: Mapping[str, str] = os.environ) -> frozenset[str]:
        """Return the values of its secrets that are known before it runs: written in the file, or in the environment."""
        return frozenset(_secrets(self.value.get("secrets"), environment))


def read_foreign(path: Path) -> Foreign | None:
    """
    Read a file if it is a plain Chaos Toolkit experiment.

    Returns:
        None when it is anything else, also when it cannot be read: then the strict loader says what is wrong.

    Raises:
        InvalidFileError: It is one, but a key is nearly one that keeps it safe, such as ``rollback``.
    """
    if not path.is_file():  # a pipe can be read once only, and is left to the strict loader
        return None
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        text = data.decode("utf-8-sig")
        value = parse(text, path.suffix)
    except (OSError, ValueError, OverflowError, RecursionError, yaml.YAMLError):
        return None
    if len(data) > MOST_BYTES or not is_foreign(value) or not isinstance(value, dict):
        return None
    if problems := [
        Problem(
            path, _line(text, str(flaw.path[0])), written(flaw.path), flaw.message, flaw.seen, flaw.valid, flaw.hint
        )
        for flaw in misspelt(value)
    ]:
        raise InvalidFileError(problems)
    return Foreign(path=path, text=text, plan=foreign_plan(value, name=path.stem), value=value)


def parse(text: str, suffix: str) -> JsonValue:
    """Parse a file's text by its suffix; raises ``ValueError`` or ``yaml.YAMLError``. Dates become what YAML makes of them."""
    parsed: JsonValue = json.loads(text) if suffix == ".json" else yaml.safe_load(text)
    return parsed


def _line(text: str, key: str) -> int:
    """Find the line of a top-level key, near enough for a person: the first that begins with it."""
    lines = enumerate(text.splitlines(), 1)
    return next((number for number, line in lines if line.strip().lstrip('"').startswith(key)), 1)


def _secrets(value: JsonValue, environment: Mapping[str, str]) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _secrets(each, environment)
    elif isinstance(value, dict):
        if value.get("type") == "env":
            yield environment.get(str(value.get("key")), "")
        elif value.get("type") != "vault":  # only the run itself knows what a vault holds
            for each in value.values():
                yield from _secrets(each, environment)

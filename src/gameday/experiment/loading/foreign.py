"""Read a plain Chaos Toolkit experiment the way Chaos Toolkit reads it: anchors, merge keys and the last of two equal keys included."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import JsonValue

from gameday.experiment.flaws import KeyPath
from gameday.experiment.foreign import SECTIONS, ForeignPlan, foreign_plan, is_foreign
from gameday.experiment.loading.document import MOST_BYTES, Document, read_document
from gameday.experiment.loading.problems import InvalidFileError

_MOST_PLACES = 20_000
"""How many lines are looked up; a file of aliases of aliases has any number of places."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """A plain experiment: its file, the text as it was read, and what it will do."""

    path: Path
    text: str
    plan: ForeignPlan
    value: Mapping[str, JsonValue]

    def secrets(self, environment: Mapping[str, str] = os.environ) -> frozenset[str]:
        """Return the values of its secrets that are known before it runs: written in the file, or in the environment."""
        return frozenset(known_secrets(self.value.get("secrets"), environment))

    def document(self) -> Document:
        """Return the file with the lines of its keys and values, as Chaos Toolkit reads it."""
        key_lines, value_lines = _lines(self.text, self.path.suffix)
        return Document(
            path=self.path,
            text=self.text,
            value={},
            problems=(),
            broken=frozenset(),
            key_lines=key_lines,
            value_lines=value_lines,
        )


def read_foreign(path: Path) -> Foreign | None:
    """
    Read a file if it is a plain Chaos Toolkit experiment.

    Returns:
        None when it is anything else, also when it cannot be read: then the strict loader says what is wrong.
    """
    if not path.is_file():  # a pipe can be read once only, and is left to the strict loader
        return None
    if _is_our_own(path):
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
    return Foreign(path=path, text=text, plan=foreign_plan(value, name=path.stem), value=value)


def _is_our_own(path: Path) -> bool:
    """Return whether the strict loader, which has to read gameday's own files anyway, finds one of their sections."""
    if path.suffix == ".json":
        return False
    try:
        return not SECTIONS.isdisjoint(read_document(path).value)
    except InvalidFileError:
        return False


def parse(text: str, suffix: str) -> JsonValue:
    """Parse a file's text by its suffix; raises ``ValueError`` or ``yaml.YAMLError``. Dates become what YAML makes of them."""
    parsed: JsonValue = json.loads(text) if suffix == ".json" else yaml.safe_load(text)
    return parsed


def known_secrets(value: JsonValue, environment: Mapping[str, str] = os.environ) -> Iterator[str]:
    """Yield the values under ``secrets`` that are known before the run; names of variables and places in a vault are none."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from known_secrets(each, environment)
    elif isinstance(value, dict):
        if value.get("type") == "env":
            yield environment.get(str(value.get("key")), "")
        elif value.get("type") != "vault":  # only the run itself knows what a vault holds
            for each in value.values():
                yield from known_secrets(each, environment)


def _lines(text: str, suffix: str) -> tuple[dict[KeyPath, int], dict[KeyPath, int]]:
    """Return the lines of keys and of values; JSON is read as YAML, which has no tabs."""
    key_lines: dict[KeyPath, int] = {}
    value_lines: dict[KeyPath, int] = {}
    with suppress(yaml.YAMLError, ValueError, OverflowError, RecursionError):
        root = yaml.compose(text.replace("\t", " ") if suffix == ".json" else text, Loader=yaml.SafeLoader)
        todo: list[tuple[KeyPath, yaml.Node]] = [((), root)] if root else []
        while todo and len(value_lines) < _MOST_PLACES:
            path, node = todo.pop()
            value_lines.setdefault(path, node.start_mark.line + 1)
            for key, line, inner in _inner(node):
                key_lines[*path, key] = line
                value_lines[*path, key] = inner.start_mark.line + 1
                todo.append(((*path, key), inner))
    return key_lines, value_lines


def _inner(node: yaml.Node) -> Iterator[tuple[str | int, int, yaml.Node]]:
    """Yield key, line and value of what a node holds; what is merged comes first, so that the node's own keys win."""
    if isinstance(node, yaml.SequenceNode):
        for index, each in enumerate(node.value):
            yield index, each.start_mark.line + 1, each
    elif isinstance(node, yaml.MappingNode):
        merged = [value for key, value in node.value if key.tag == "tag:yaml.org,2002:merge"]
        for each in merged:
            for mapping in reversed(each.value) if isinstance(each, yaml.SequenceNode) else (each,):
                yield from _inner(mapping)
        for key, value in node.value:
            if key.tag != "tag:yaml.org,2002:merge" and isinstance(key, yaml.ScalarNode):
                yield key.value, key.start_mark.line + 1, value

"""
Build plain values from YAML's events, one by one, so that depth and size are bounded before anything is built.

PyYAML's own composer recurses, drops duplicate keys without a word and forgets the lines.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from gameday.experiment.flaws import KeyPath, written
from gameday.experiment.loading.plain import CONTROL, Plain, bare, describe
from gameday.experiment.loading.problems import Problem

MOST_DEPTH = 30
"""How deep values may be nested; an experiment needs six."""
MOST_VALUES = 20_000
"""How many keys, values and list items a file may have; an experiment has about a hundred."""


class RefusedError(Exception):
    """Reading stops here: the file is too deep, too long, or more than one document."""

    def __init__(self, message: str, seen: str, valid: str) -> None:
        """Keep what is told."""
        super().__init__(message)
        self.message, self.seen, self.valid = message, seen, valid


@dataclass(slots=True)
class _Frame:
    """
    An open mapping or list.

    ``kept`` is false inside what is left out, such as the second value of a key; ``key`` waits for its value.
    """

    path: KeyPath
    value: dict[str, Plain] | list[Plain]
    kept: bool
    key: str | None = None
    key_kept: bool = True

    def at_key(self) -> bool:
        """Return whether the next node is a key."""
        return isinstance(self.value, dict) and self.key is None


@dataclass(slots=True)
class Builder:
    """The values, lines and problems so far; ``broken`` are the paths of values that were lost."""

    file: Path
    root: Plain = None
    problems: list[Problem] = field(default_factory=list)
    broken: set[KeyPath] = field(default_factory=set)
    key_lines: dict[KeyPath, int] = field(default_factory=dict)
    value_lines: dict[KeyPath, int] = field(default_factory=dict)
    _open: list[_Frame] = field(default_factory=list)
    _documents: int = 0
    _values: int = 0

    def take(self, event: yaml.Event) -> None:
        """
        Take the next event.

        Raises:
            RefusedError: A limit is passed, or a second document begins.
        """
        line = event.start_mark.line + 1 if event.start_mark else 1
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise RefusedError("the file holds a second document", "---", "one document per file")
            case yaml.ScalarEvent():
                self._scalar(event, line)
            case yaml.AliasEvent():
                path, kept = self._put(None, line)
                if kept:
                    self._lost(
                        path, line, "aliases are not read", f"*{event.anchor}", "the value written out, or in quotes"
                    )
            case yaml.MappingStartEvent():
                self._start({}, event, line)
            case yaml.SequenceStartEvent():
                self._start([], event, line)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._open.pop()
            case _:
                pass

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        is_key = bool(self._open) and self._open[-1].at_key()
        text = CONTROL.sub("?", event.value)
        value = bare(text) if event.style is None and not is_key else text
        infinite = isinstance(value, float) and not math.isfinite(value)
        path, kept = self._put(None if infinite else value, line)
        if not kept:
            return
        if infinite:
            self._lost(path, line, "this number is not finite", text, "a finite number")
        if text != event.value:
            self._lost(path, line, "a control character stands in the text", describe(text), "printable text")
        self._decorated(event, path, line)

    def _start(self, value: dict[str, Plain] | list[Plain], event: yaml.CollectionStartEvent, line: int) -> None:
        if len(self._open) >= MOST_DEPTH:
            raise RefusedError("values are nested too deep", f"more than {MOST_DEPTH} levels", f"at most {MOST_DEPTH}")
        path, kept = self._put(value, line)
        if kept:
            self._decorated(event, path, line)
        self._open.append(_Frame(path, value, kept))

    def _decorated(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, path: KeyPath, line: int) -> None:
        if event.anchor is not None:
            self._tell(path, line, "anchors are not read", f"&{event.anchor}", "the value without it, or in quotes")
        if event.tag is not None:
            self._lost(path, line, "tags are not read", str(event.tag), "the value without it, or in quotes")

    def _put(self, value: Plain, line: int) -> tuple[KeyPath, bool]:
        """Put a node where it belongs; return its path and whether it is kept."""
        self._values += 1
        if self._values > MOST_VALUES:
            raise RefusedError("the file has too many values", f"more than {MOST_VALUES}", f"at most {MOST_VALUES}")
        if not self._open:
            self.root = value
            return (), True
        frame = self._open[-1]
        if isinstance(frame.value, list):
            path: KeyPath = (*frame.path, len(frame.value))
            frame.value.append(value)
            kept = frame.kept
        elif frame.key is None:
            return self._put_key(frame, value, line)
        else:
            path = (*frame.path, frame.key)
            kept = frame.kept and frame.key_kept
            if kept:
                frame.value[frame.key] = value
            frame.key = None
        if kept:
            self.value_lines[path] = self.key_lines.get(path, line) if isinstance(value, dict | list) else line
        return path, kept

    def _put_key(self, frame: _Frame, value: Plain, line: int) -> tuple[KeyPath, bool]:
        """Open a key; a collection as a key is told here, and its insides are left out."""
        frame.key = value if isinstance(value, str) else "?"
        path = (*frame.path, frame.key)
        first = self.key_lines.get(path)
        frame.key_kept = isinstance(value, str) and first is None and frame.key != "<<"
        if not frame.kept:
            return path, False
        if not isinstance(value, str):
            self._tell(frame.path, line, "a key is not text", describe(value), "text before the colon")
        elif frame.key == "<<":
            self._lost(path, line, "merge keys are not read", "<<", "the keys written out")
        elif first is not None:
            self._tell(path, line, f"the key stands twice, first in line {first}", frame.key, "each key once")
        else:
            self.key_lines[path] = line
        return path, frame.key_kept

    def _lost(self, path: KeyPath, line: int, message: str, seen: str, valid: str) -> None:
        self.broken.add(path)
        self._tell(path, line, message, seen, valid)

    def _tell(self, path: KeyPath, line: int, message: str, seen: str, valid: str) -> None:
        self.problems.append(Problem(self.file, line, written(path), message, seen, valid))

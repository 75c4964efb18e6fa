"""
Read a YAML file into plain values, remembering the line of every key and value.

A strict subset of YAML 1.1 is read: one document of mappings, lists and scalars. Keys are always text; dates stay text;
duplicate keys, anchors, aliases, merge keys, tags, infinities and control characters are problems.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

from gameday.experiment.flaws import Flaw, KeyPath, written
from gameday.experiment.loading.building import Builder, RefusedError
from gameday.experiment.loading.plain import CONTROL, Plain, describe
from gameday.experiment.loading.problems import InvalidFileError, Problem

MOST_BYTES = 1_048_576
"""The largest file that is read. An experiment has about a kilobyte."""

_UNQUOTED = re.compile(r"(?:[:\[{,]|^-)\s*([<>]=?\s*[0-9][^,}\]#]*|[@`%*&][^,}\]#]*)")
"""A comparison, or a value that begins with a sign that YAML keeps for itself, without quotes."""
_ODD_BREAK = re.compile(r"[\x85\u2028\u2029]|\r(?!\n)")
"""Line breaks of YAML 1.1 that editors do not count, so that no line number would be right."""


@dataclass(frozen=True, slots=True)
class Document:
    """
    One file as plain values.

    Attributes:
        path: The file.
        text: As it was read.
        value: The root mapping.
        problems: What is wrong in spite of being YAML, such as a key that stands twice (the first one counts).
        broken: The key paths whose values were lost to these problems.
    """

    path: Path
    text: str
    value: dict[str, Plain]
    problems: tuple[Problem, ...]
    broken: frozenset[KeyPath]
    key_lines: Mapping[KeyPath, int]
    value_lines: Mapping[KeyPath, int]

    def line(self, path: KeyPath, *, of_key: bool = False) -> int:
        """Return the line (from 1) of a value, or of its nearest parent that stands in the file; of a key if so asked."""
        while path:
            for lines in (self.key_lines, self.value_lines) if of_key else (self.value_lines, self.key_lines):
                if path in lines:
                    return lines[path]
            path, of_key = path[:-1], True
        return 1

    def problem(self, flaw: Flaw) -> Problem:
        """Tie a flaw to this file."""
        line = self.line(flaw.path, of_key=flaw.of_key)
        return Problem(self.path, line, written(flaw.path), flaw.message, flaw.seen, flaw.valid, flaw.hint)


def read_document(path: Path) -> Document:
    """
    Read one file.

    Raises:
        InvalidFileError: It cannot be read, is not UTF-8, not YAML, too large, or not one mapping.
    """
    return _parse(path, _read_text(path))


@lru_cache(maxsize=64)
def _parse(path: Path, text: str) -> Document:
    """Parse a file's text; a system file is read again for each experiment that names it, and parsed once."""
    builder = Builder(path)
    line, quoted = 1, None
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            line = event.start_mark.line + 1 if event.start_mark else line
            if isinstance(event, yaml.ScalarEvent) and event.style in {"'", '"'}:
                quoted = event
            builder.take(event)
    except yaml.YAMLError as error:
        raise InvalidFileError([_not_yaml(path, text, error, quoted)]) from error
    except (ValueError, OverflowError) as error:  # PyYAML lets them out for impossible escapes such as "\UFFFFFFFF"
        raise InvalidFileError([_whole(path, line, "this is not YAML", _shown(text, line), "YAML")]) from error
    except RefusedError as error:
        raise InvalidFileError([_whole(path, line, error.message, error.seen, error.valid)]) from error
    root = builder.root
    if not isinstance(root, dict):
        message = "the file is empty" if root is None else "the file is not a mapping"
        problem = _whole(path, 1, message, describe(root), "keys with values, such as title: …")
        raise InvalidFileError([*builder.problems, problem])
    return Document(
        path=path,
        text=text,
        value=root,
        problems=tuple(builder.problems),
        broken=frozenset(builder.broken),
        key_lines=builder.key_lines,
        value_lines=builder.value_lines,
    )


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InvalidFileError([_whole(path, 1, "the file cannot be read", reason, "a readable file")]) from error
    if len(data) > MOST_BYTES:
        raise InvalidFileError([_whole(path, 1, "the file is too large", "more than 1 MiB", "at most 1 MiB")])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        seen = f"byte 0x{data[error.start]:02x}"
        raise InvalidFileError([_whole(path, line, "the file is not text in UTF-8", seen, "UTF-8")]) from error
    if odd := _ODD_BREAK.search(text):
        line, seen = text.count("\n", 0, odd.start()) + 1, f"the character U+{ord(odd[0]):04X}"
        raise InvalidFileError(
            [_whole(path, line, "an unusual line break", seen, "line feeds, which editors count as well")]
        )
    return text


def _whole(path: Path, line: int, message: str, seen: str, valid: str, *, hint: str = "") -> Problem:
    return Problem(path, line, "", message, seen, valid, hint)


def _not_yaml(path: Path, text: str, error: yaml.YAMLError, quoted: yaml.ScalarEvent | None) -> Problem:
    """Say what is wrong in a file of either syntax; one that is named as JSON is told in JSON's words."""
    if path.suffix == ".json":
        try:
            json.loads(text)
        except ValueError as wrong:
            line, why = (wrong.lineno, wrong.msg) if isinstance(wrong, json.JSONDecodeError) else (1, str(wrong))
            seen = _shown(text, line)
            hint = "JSON has no comments" if "//" in seen or seen.startswith(("#", "/*")) else ""
            return _whole(path, line, "this is not JSON", seen, f"JSON ({why})", hint=hint)
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        seen = f"the character U+{ord(text[error.position]):04X}"
        return _whole(path, line, "this is not YAML", seen, "printable text")
    if not isinstance(error, yaml.MarkedYAMLError):
        return _whole(path, 1, "this is not YAML", _shown(text, 1), "YAML")
    mark, reason = error.problem_mark, error.problem
    if error.context_mark and (error.context or "").startswith(("while scanning a quoted", "while parsing a flow")):
        mark = error.context_mark  # what was never closed is told where it was opened
    line = min(mark.line + 1, max(1, len(text.splitlines()))) if mark else 1
    if mark and text[mark.index : mark.index + 1] == "\t":
        return _whole(path, line, "a tab stands where YAML wants spaces", _shown(text, line), "spaces only")
    opened, closed = (quoted.start_mark, quoted.end_mark) if quoted else (None, None)
    if opened and closed and opened.line + 1 < line == closed.line + 1:
        first = opened.line + 1
        message = f"a quote is opened here, and the next one stands only in line {line}"
        return _whole(path, first, message, _shown(text, first), "a quote at both ends of a value")
    seen = _shown(text, line)
    valid = f"YAML ({reason})" if reason else "YAML"
    return _whole(path, line, "this is not YAML", seen, valid, hint=_in_quotes(seen))


def _in_quotes(line: str) -> str:
    """Return the advice to quote what YAML takes for a sign of its own; empty where no value begins with one."""
    begun = _UNQUOTED.search(line)
    return f'put the value in quotes: "{begun[1].strip()}"' if begun else ""


def _shown(text: str, line: int) -> str:
    lines = text.splitlines()
    return describe(CONTROL.sub("?", lines[line - 1])) if line <= len(lines) else "the end of the file"

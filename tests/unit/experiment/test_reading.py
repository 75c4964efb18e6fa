"""Files that are no text, too large, or YAML in name only are refused in words; ordinary variations are read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gameday.experiment.loading.document import Document, read_document
from gameday.experiment.loading.plain import bare
from gameday.experiment.loading.problems import InvalidFileError, Problem


def read(folder: Path, data: bytes) -> Document:
    """Read a file of these bytes."""
    path = folder / "file.yaml"
    path.write_bytes(data)
    return read_document(path)


def refused(folder: Path, data: bytes) -> Problem:
    """Return the one problem for which a file is not read."""
    with pytest.raises(InvalidFileError) as caught:
        read(folder, data)
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize(
    ("data", "line", "message"),
    [
        pytest.param(b"a: 1\nb: caf\xe9\n", 2, "the file is not text in UTF-8", id="latin-1"),
        pytest.param("a: 1".encode("utf-16"), 1, "the file is not text in UTF-8", id="utf-16"),
        pytest.param(b"a: \x00\n", 1, "this is not YAML", id="nul"),
        pytest.param(b"a: 1\nb: \x07\n", 2, "this is not YAML", id="bell"),
        pytest.param("a: 1\nb: x\u2028y\n".encode(), 2, "an unusual line break", id="line separator"),
        pytest.param(b"a: 1\rb: 2\n", 1, "an unusual line break", id="carriage return"),
        pytest.param(b"a: " + b"x" * 1_048_577, 1, "the file is too large", id="more than a mebibyte"),
        pytest.param(b"a: [" + b"1, " * 30_000 + b"1]", 1, "the file has too many values", id="many values"),
        pytest.param(b"a: " + b"[" * 100_000, 1, "values are nested too deep", id="deep lists"),
        pytest.param(b"{a: " * 40, 1, "values are nested too deep", id="deep mappings"),
        pytest.param(b"a: *b\n" * 3 + b"&b c: [*b, *b]\n---\n", 5, "the file holds a second document", id="aliases"),
    ],
)
def test_what_is_no_file_of_ours_is_refused_with_its_line(tmp_path: Path, data: bytes, line: int, message: str) -> None:
    """Size and depth are bounded before anything is built."""
    problem = refused(tmp_path, data)
    assert (problem.line, problem.message) == (line, message)


def test_what_cannot_be_opened_is_told(tmp_path: Path) -> None:
    """A folder, for example."""
    with pytest.raises(InvalidFileError) as caught:
        read_document(tmp_path)
    assert caught.value.problems[0].message == "the file cannot be read"
    assert caught.value.problems[0].seen == os.strerror(21)


@pytest.mark.parametrize(
    "data", [b"\xef\xbb\xbfa: 1\nb: 2\n", b"a: 1\r\nb: 2\r\n", b"---\na: 1\nb: 2\n...\n", b'{"a": 1, "b": 2}']
)
def test_ordinary_variations_are_read(tmp_path: Path, data: bytes) -> None:
    """A byte order mark, Windows' line ends, document marks, JSON."""
    assert read(tmp_path, data).value == {"a": 1, "b": 2}


def test_every_key_and_value_has_its_line(tmp_path: Path) -> None:
    """A collection stands where its key does, a value where it is written."""
    document = read(tmp_path, b"a:\n  b:\n    - 1\n    -\n      c: >\n        text\n  d: {e: 5}\n")
    lines = {("a",): 1, ("a", "b"): 2, ("a", "b", 0): 3, ("a", "b", 1): 5, ("a", "b", 1, "c"): 5, ("a", "d", "e"): 7}
    assert {path: document.line(path) for path in lines} == lines
    assert document.line(("a", "x", "y")) == 1


def test_the_first_value_of_a_key_counts_and_nothing_of_the_second_is_kept(tmp_path: Path) -> None:
    """Whatever stands inside the second one is not looked at any more."""
    document = read(tmp_path, b"a: 1\na: {b: [*c, {a: 2, a: 3}]}\nd: 4\n")
    assert document.value == {"a": 1, "d": 4}
    assert [(each.line, each.key_path) for each in document.problems] == [(2, "a")]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("null", None),
        ("Yes", True),
        ("off", False),
        ("42", 42),
        ("-1", -1),
        ("1.50", 1.5),
        ("0755", "0755"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("2026-11-20", "2026-11-20"),
        ("9" * 400, "9" * 400),
        ("100/s", "100/s"),
    ],
)
def test_bare_words_mean_what_they_show(text: str, value: object) -> None:
    """No octal, sexagesimal or date surprises."""
    assert bare(text) == value
    assert type(bare(text)) is type(value)

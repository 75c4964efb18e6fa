"""
Every file that ships, broken in one place: the mistake is told with its file and line, and nothing is started.

The places are found in the text by rules that know YAML's look and nothing of gameday's models.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from gameday.cli.exits import Exit
from gameday.cli.main import main

SHIPPED = Path(__file__).parents[3] / "experiments"
FILES = sorted(path for folder in (".", "systems", "suites") for path in (SHIPPED / folder).glob("*.yaml"))
LEAST = 300
"""Mutations that the rules must find at least."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """One broken place: ``text`` is the whole file with it, ``line`` where it is (from 1), ``word`` what an error may name instead."""

    file: Path
    rule: str
    line: int
    word: str
    text: str

    @property
    def name(self) -> str:
        """Return what pytest calls it."""
        return f"{self.file.stem}-{self.line}-{self.rule}"


Rule = Callable[[str], "tuple[str, str] | None"]
"""Breaks a line in one way; returns the broken line and the word that the error names, None where the rule does not apply."""


def _swap(pattern: str, replacement: str, word: str = "") -> Rule:
    def broken(line: str) -> tuple[str, str] | None:
        code = line.partition(" #")[0]
        match = re.search(pattern, code)
        if match is None or code.lstrip().startswith(("title", "description", "#", "tags")):
            return None
        new = match.expand(replacement)
        return line[: match.start()] + new + line[match.end() :], word or new.strip(" :{,")

    return broken


RULES: dict[str, Rule] = {
    "a misspelt key": _swap(
        r"\b(edge|service|delay|replicas|route|good|p95|p50|within|isolated|duplicates|hard|kind|request|deadline):",
        r"\1x:",
    ),
    "a misspelt reference": _swap(r"\b(route|service|system|origin): ([a-z]+)", r"\1: \2x"),
    "a duration without its unit": _swap(r": ([0-9]+)(ms|s)\b", r": \1"),
    "a rate without its unit": _swap(r": ([0-9]+)/s", r": \1"),
    "a negative quantity": _swap(r": ([0-9]+)(ms|s|/s)", r": -\1\2"),
    "a rate of nothing": _swap(r": ([0-9]+)/s", ": 0/s"),
    "a comparison the wrong way down": _swap(r'"> ([0-9.]+%)"', r'"< \1"'),
    "a comparison the wrong way up": _swap(r'"< ([^"]+)"', r'"> \1"'),
    "a comparison without quotes": _swap(r'"(> [0-9.]+%)"', r"\1"),
    "a share above all": _swap(r'"> [0-9.]+%"', '"> 197%"'),
    "a quote that is not closed": _swap(r'"([<>] [^"]+)"', r'"\1'),
    "a bracket that is not closed": _swap(r"\}\s*$", ""),
    "a list in place of a text": _swap(r"(system|service|route): ([a-z]+)", r"\1: [\2, \2]"),
    "nothing in place of a value": _swap(r"(duplicates|within|delay|kind|deadline): [^,}]+", r"\1: ~"),
    "a mapping in place of a number": _swap(r"(within|delay|hang|at|for): [0-9]+m?s", r"\1: {a: 1}"),
    "an alias": _swap(r"(service|route|system): ([a-z]+)", r"\1: *\2"),
    "an unknown fault": _swap(
        r"^  - (latency|kill|stress|surge|empty-cache|blackhole|pause|drain|errors|none)", r"  - \1ed"
    ),
    "a key that stands twice": _swap(
        r"\b(service|route|edge|good|p95|kind|deadline|hard): ([^,}\[]+)([,}])", r"\1: \2, \1: \2\3"
    ),
    "an arrow without a caller": _swap(r"[a-z]+ -> ([a-z]+)", r"-> \1"),
}


def _mutations() -> Iterator[Mutation]:
    for file in FILES:
        lines = file.read_text(encoding="utf-8").split("\n")
        for number, line in enumerate(lines, 1):
            for rule, break_line in RULES.items():
                broken = break_line(line)
                if broken is not None and broken[0] != line:
                    text = "\n".join((*lines[: number - 1], broken[0], *lines[number:]))
                    yield Mutation(file, rule, number, broken[1], text)


MUTATIONS = tuple(_mutations())[::2]  # neighbours break alike


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a copy of all that ships."""
    path = tmp_path_factory.mktemp("mutated")
    shutil.copytree(SHIPPED, path / "experiments")
    return path


def test_the_rules_find_enough_places() -> None:
    """The table does not shrink by accident, and every rule finds something to break."""
    assert len(MUTATIONS) >= LEAST
    assert {each.rule for each in MUTATIONS} == set(RULES)


@pytest.mark.parametrize("mutation", [pytest.param(each, id=each.name) for each in MUTATIONS])
def test_one_broken_place_is_told_where_it_is(
    folder: Path, mutation: Mutation, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2, the file and the line or what is named there, no traceback, and nothing started or written."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("NO_COLOR", "1")
    copy = folder / "experiments" / mutation.file.relative_to(SHIPPED)
    sound = copy.read_text(encoding="utf-8")
    copy.write_text(mutation.text, encoding="utf-8")
    before, children = sorted(folder.rglob("*")), psutil.Process().children()
    name = str(copy.relative_to(folder)) if copy.parent.name != "systems" else "none"
    try:
        code = main(["validate", name])
    finally:
        copy.write_text(sound, encoding="utf-8")
    shown = capsys.readouterr()
    assert code == Exit.USAGE, shown.out
    assert shown.out == ""
    assert "Traceback" not in shown.err
    assert f"{mutation.file.name}:{mutation.line}" in shown.err or mutation.word in shown.err, shown.err
    assert "valid: " in shown.err
    assert "next: gameday validate" in shown.err
    assert sorted(folder.rglob("*")) == before
    assert psutil.Process().children() == children

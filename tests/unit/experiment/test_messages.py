"""What the message of a mistake must make plain: the value as it was written, and what to write in its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from gameday.cli.exits import Exit
from gameday.cli.main import main
from gameday.experiment.loading.document import read_document
from gameday.experiment.loading.problems import InvalidFileError
from unit.experiment.small_files import SYSTEM, lay_out, problems, work_in

LATENCY = "latency: {edge: web -> stock, delay: 2s}"


def errors(parameters: str) -> tuple[str, str]:
    """Edit the method into an errors fault."""
    return LATENCY, f"errors: {{edge: web -> stock, {parameters}}}"


@pytest.mark.parametrize(
    ("edit", "parts"),
    [
        (errors('status: "503"'), ('seen "503" (text, because of the quotes)', "leave the quotes out")),
        (errors('path: "/a?b=c"'), ("path cannot be read", "without its query")),
        (errors("path: *.html"), ("this is not YAML", 'put the value in quotes: "*.html"')),
        (("title: Does it hold?", 'title: ""'), ("title is empty", "a sentence that is not blank")),
        (("title: Does it hold?", 'title: "   "'), ("title is empty", "a sentence that is not blank")),
        (("title: Shoppers are served", 'title: ""'), ("title is empty", "a sentence that is not blank")),
        (("description: A small experiment.", 'description: " "'), ("description is empty",)),
        ((LATENCY, "kill: {service: web, grace: 60s}"), ("the fault phase would be over", "60s", "below 20s")),
        (('{route: look, good: "> 97%"}', "{route: look, good: > 97%}"), ('put the value in quotes: "> 97%"',)),
        (("  bulkhead: {isolated: [buy]}", "  recovery:\n    within: >= 97s"), ('put the value in quotes: ">= 97s"',)),
        (('good: "> 97%"}\nmethod', 'good: "> 97%}\nmethod'), ("a quote is opened here", "stands only in line 25")),
        ((f"method:\n  - {LATENCY}", "method: 3"), ('a list of faults, such as "- kill: {service: web}"',)),
        (("  title: Shoppers are served", "  titel: Shoppers are served"), ("valid title, probes", 'mean "title"')),
    ],
)
def test_a_message_shows_the_mistake_and_the_cure(
    tmp_path: Path, edit: tuple[str, str], parts: tuple[str, ...]
) -> None:
    """And never a key that only gameday's own types have."""
    told = _told(tmp_path, edit)
    assert all(part in told for part in parts), told
    assert not any(word in told for word in ("parameters, timing", "others")), told


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("cache: {kind: redis,", 'cache: {kind: redis, metrics-port: "9187",', ('seen "9187" (text',)),
        ("request: POST /buy", "request: post /buy", ("GET, POST, PUT or DELETE in capitals",)),
        ("request: POST /buy", "request: POST buy", ("a path that begins with /",)),
        ("stock: {}", "stock: {deployment: Stock}", ("lower-case letters, digits and dashes", "seen Stock")),
        ("env: GAMEDAY_TEST_TOKEN", "env: a-b", ("the name of an environment variable",)),
        ("web: {metrics: /metrics}", "web: {metrics: metrics}", ("a path that begins with /",)),
    ],
)
def test_a_message_says_what_a_value_lacks(tmp_path: Path, old: str, new: str, parts: tuple[str, ...]) -> None:
    """An example alone leaves it to be guessed."""
    assert SYSTEM.count(old) == 1
    told = _told(tmp_path, system=SYSTEM.replace(old, new))
    assert all(part in told for part in parts), told


def _told(folder: Path, *edits: tuple[str, str], system: str = SYSTEM) -> str:
    found = problems(folder, *edits, system=system)
    return "\n".join(f"{each.message}; seen {each.seen}; valid {each.valid}; {each.hint}" for each in found)


def test_a_file_named_as_json_is_told_in_the_words_of_json(tmp_path: Path) -> None:
    """Whoever writes JSON need not know that YAML would read it."""
    path = tmp_path / "e.json"
    path.write_text('{\n  // a comment\n  "title": "x"}', encoding="utf-8")
    with pytest.raises(InvalidFileError) as caught:
        read_document(path)
    (problem,) = caught.value.problems
    assert (problem.message, problem.line, problem.hint) == ("this is not JSON", 2, "JSON has no comments")


def test_validate_goes_on_behind_a_name_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every mistake of every file at once, whatever else is wrong."""
    work_in(tmp_path, monkeypatch)
    lay_out(tmp_path / "others", name="bad")
    broken = tmp_path / "others" / "bad.yaml"
    broken.write_text(broken.read_text().replace("system: tiny", "sistem: tiny"), encoding="utf-8")
    assert main(["validate", "small", "nope", "others/bad.yaml", "small"]) == Exit.USAGE
    shown = capsys.readouterr()
    assert shown.out.count("valid  small") == 2
    assert "there is no experiment nope" in shown.err
    assert "unknown key sistem" in shown.err


@pytest.mark.parametrize("command", ["run", "plan", "validate"])
def test_a_path_that_is_not_there_is_no_unknown_experiment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """A file was meant, so a file is missing."""
    work_in(tmp_path, monkeypatch)
    assert main([command, "smal.yaml"]) == Exit.USAGE
    assert "error: there is no file smal.yaml" in capsys.readouterr().err

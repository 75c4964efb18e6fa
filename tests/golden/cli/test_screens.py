"""Error screens and ``--help``, letter for letter; ``pytest tests/golden --renew`` writes them anew, to be read in the diff."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gameday.cli import list as listing
from gameday.cli.exits import Exit
from gameday.cli.main import main
from gameday.cli.parser import COMMANDS
from gameday.experiment.loading.finding import shipped
from unit.experiment.small_files import EXPERIMENT, SYSTEM, TOKEN

HERE = Path(__file__).parent
SPOILT = (
    EXPERIMENT.replace("buy: 100/s", "buy: 100")
    .replace("tags:", "tag:")
    .replace("- latency:", "- latencey:")
    .replace('good: "> 97%"}\nmethod', 'good: "> 99.9%"}\nmethod')
    .replace("abort: {route: buy", "abort: {route: by")
)
SPOILT_SYSTEM = SYSTEM.replace("  stock: {}\n", "  stock: {}\n  web: {}\n")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder, on a narrow terminal's settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("GAMEDAY_PROGRAM", raising=False)
    monkeypatch.setenv(TOKEN, "hunter2-hunter2")


def write(experiment: str, system: str) -> None:
    """Write an experiment and its system where they are found by name."""
    folder = Path("experiments/systems")
    folder.mkdir(parents=True)
    (folder / "tiny.yaml").write_text(system, encoding="utf-8")
    (folder.parent / "small.yaml").write_text(experiment, encoding="utf-8")


def compare(name: str, shown: str, request: pytest.FixtureRequest) -> None:
    """Compare with the golden file, or write it."""
    path = HERE / f"{name}.txt"
    shown = shown.replace(str(shipped()), "<shipped>")
    if request.config.getoption("--renew"):
        path.write_text(shown, encoding="utf-8")
    assert shown == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_is_as_it_was_read(
    command: str, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    """Every command explains itself."""
    assert main([*([command] if command else []), "--help"]) == Exit.PASSED
    compare(f"help-{command or 'gameday'}", capsys.readouterr().out, request)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("unknown-command", ["valdiate"]),
        ("unknown-experiment", ["run", "cache-stampde"]),
        ("unknown-file", ["validate", "experiments/none-such.yaml"]),
        ("unknown-variant", ["plan", "small", "--variant", "hardend"]),
        ("unknown-flag", ["plan", "small", "--sed", "1"]),
        ("missing-name", ["run"]),
        ("wrong-seed", ["run", "small", "--seed", "one"]),
        ("wrong-target", ["run", "small", "--target", "locale"]),
        ("wrong-kind", ["schema", "plan"]),
    ],
)
def test_usage_errors_are_told_in_the_one_shape(
    name: str, arguments: list[str], capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    """What failed, what was seen, what would be valid, and the next command."""
    write(EXPERIMENT, SYSTEM)
    assert main(arguments) == Exit.USAGE
    shown = capsys.readouterr()
    assert shown.out == ""
    compare(f"error-{name}", shown.err, request)


def test_every_mistake_of_both_files_stands_on_one_screen(
    capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    """Mistakes are sorted by file and line."""
    write(SPOILT, SPOILT_SYSTEM)
    assert main(["validate", "small"]) == Exit.USAGE
    compare("error-invalid-files", capsys.readouterr().err, request)


def test_a_fault_of_gameday_itself_is_one_line_and_a_kept_traceback(
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Here a command is broken on purpose."""

    def broken(rows: object) -> None:
        raise LookupError(f"no column for\n{type(rows).__name__}")

    monkeypatch.setattr(listing, "table", broken)
    assert main(["list"]) == Exit.INTERNAL
    shown = capsys.readouterr().err
    kept = re.search(r"traceback in (\S+)", shown)
    assert kept is not None
    assert "Traceback" in Path(kept[1]).read_text(encoding="utf-8")
    Path(kept[1]).unlink()
    compare("error-internal", shown.replace(kept[1], "<file>"), request)


def test_the_plan_is_as_it_was_read(capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> None:
    """Timeline, faults with their undo and proof, arrivals with what they can show, checks."""
    write(EXPERIMENT, SYSTEM)
    assert main(["plan", "small"]) == Exit.PASSED
    compare("plan", capsys.readouterr().out, request)

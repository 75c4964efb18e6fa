"""Every mistake in a file is told with its file, line and key path; the command ends with exit code 2 and has started nothing."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from gameday.cli.exits import Exit
from gameday.cli.main import main
from gameday.experiment.loading.load import Loaded, load_experiment
from gameday.experiment.loading.problems import InvalidFileError
from gameday.faults import catalogue
from gameday.targets.local.switches import SWITCHES
from unit.experiment.malformed_across import ACROSS
from unit.experiment.malformed_load import FILES, LOAD
from unit.experiment.malformed_timing import TIMING
from unit.experiment.malformed_vain import VAIN
from unit.experiment.malformed_values import VALUES
from unit.experiment.small_files import EXPERIMENT, SHORT, SYSTEM, TOKEN, Case, experiment, system

TABLE = {**VALUES, **ACROSS, **TIMING, **LOAD, **VAIN}

CASES = [
    pytest.param(case, id=f"{kind}-{number}") for kind, cases in TABLE.items() for number, case in enumerate(cases, 1)
]


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN, "hunter2-hunter2")
    monkeypatch.setenv(SHORT, "hunter2")


def written(folder: Path, case: Case | None) -> Path:
    """Write both files, one of them edited, and return the experiment's path."""
    texts = {"experiment": EXPERIMENT, "system": SYSTEM}
    if case is not None:
        text = texts[case.file]
        assert text.count(case.old) == 1 or not case.old, "an edit must hit one place"
        texts[case.file] = text.replace(case.old, case.new) if case.old else case.new
    (folder / "systems").mkdir()
    (folder / "systems" / "tiny.yaml").write_text(texts["system"], encoding="utf-8")
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    path = folder / "small.yaml"
    path.write_text(texts["experiment"], encoding="utf-8")
    return path


def loaded(path: Path) -> Loaded:
    """Load as the program does."""
    return load_experiment(path, catalogue(), systems=[path.parent / "systems"], switches=SWITCHES)


@pytest.mark.parametrize(
    "method",
    [
        "stress: {service: web, cpu: 1 core}",
        "pause: {service: web, replicas: one}",
        "latency: {edge: web -> cache, delay: 2s}",
    ],
)
def test_a_fault_that_leaves_isolated_routes_what_they_need_is_accepted(tmp_path: Path, method: str) -> None:
    """A neighbour takes nothing away, another replica may be left, and what is soft can be missed."""
    assert loaded(written(tmp_path, experiment("latency: {edge: web -> stock, delay: 2s}", method, ""))).name == "small"


def test_the_switches_of_another_demo_are_not_looked_at(tmp_path: Path) -> None:
    """Whoever does not know them cannot say."""
    path = written(
        tmp_path, system("naive: {breaker: false}\n  hardened: {breaker: true}", "old: {breaker: true, x: true}", "")
    )
    assert load_experiment(path, catalogue(), systems=[tmp_path / "systems"]).name == "small"


def test_the_files_that_are_spoilt_below_are_valid(tmp_path: Path) -> None:
    """Otherwise no case would show anything."""
    path = written(tmp_path, None)
    assert loaded(path).name == "small"


def test_there_are_fifteen_classes_of_four_cases_or_more() -> None:
    """The table does not shrink by accident."""
    assert len(TABLE) >= 15
    assert min(map(len, TABLE.values())) >= 4


@pytest.mark.parametrize("case", CASES)
def test_exactly_the_mistakes_that_were_made_are_told_where_they_stand(tmp_path: Path, case: Case) -> None:
    """No mistake hides another, and none is told that was not made."""
    path = written(tmp_path, case)
    spoilt = path if case.file == "experiment" else tmp_path / "systems" / "tiny.yaml"
    with pytest.raises(InvalidFileError) as caught:
        loaded(path)
    told = [
        f"{'' if each.file == spoilt else f'{each.file.name} '}{each.line} {each.key_path}: {each.message}"
        for each in caught.value.problems
    ]
    assert len(told) == len(case.problems), told
    for line, expected in zip(told, case.problems, strict=True):
        assert line.startswith(expected)
    assert all(each.valid and each.seen for each in caught.value.problems)
    assert "hunter2" not in str([(each.message, each.seen, each.valid, each.hint) for each in caught.value.problems])


@pytest.mark.parametrize("command", ["validate", "plan", "run"])
@pytest.mark.parametrize("cases", [pytest.param(cases, id=kind) for kind, cases in TABLE.items()])
def test_commands_refuse_a_malformed_file_with_exit_code_2_and_start_nothing(
    tmp_path: Path,
    cases: tuple[Case, ...],
    command: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No process, no run's folder; stdout stays empty and no secret is shown."""
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path, cases[0])
    before, children = sorted(tmp_path.rglob("*")), psutil.Process().children()
    assert main([command, str(path)]) == Exit.USAGE
    assert sorted(tmp_path.rglob("*")) == before
    assert psutil.Process().children() == children
    shown = capsys.readouterr()
    assert shown.out == ""
    assert f":{cases[0].problems[0].split()[0]}" in shown.err
    assert "nothing was started" in shown.err
    assert "hunter2" not in shown.err
    assert "Traceback" not in shown.err

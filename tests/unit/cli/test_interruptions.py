"""Ctrl-C at a complete run, while it is cleaned up or judged: its verdict stands and is told, no other is started, exit 130."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gameday.analysis.model import Verdict
from gameday.cli import foreign, once
from gameday.cli.exits import Exit
from gameday.cli.judging import Judged
from gameday.cli.main import main
from gameday.runner.foreign.supervise import ForeignEnded
from gameday.runner.signals import Interruptions
from gameday.runner.supervisor import Ended
from gameday.runner.view import View
from gameday.targets.local.requirements import missing
from unit.experiment.small_files import work_in
from unit.report.analyses import failed

ANSWER = "SIGINT: the clean-up goes on, and nothing is started after it; no further signal shortens it"
PLAIN = """\
title: plain
description: It looks, and does nothing.
method:
- {type: probe, name: looks, provider: {type: process, path: "true"}}
"""


def interrupt() -> None:
    """Press Ctrl-C."""
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Work in a folder with an experiment, a plain one and a suite, where a run passes in no time; return its folders, as they are made."""
    if missing():
        pytest.skip("this machine cannot run the local target")
    work_in(tmp_path, monkeypatch)
    Path("s.yaml").write_text("title: All\nexperiments: [small, {experiment: small, seed: 2}]\n", encoding="utf-8")
    Path("plain.yaml").write_text(PLAIN, encoding="utf-8")
    return []


@pytest.fixture(params=["clean-up", "judging"])
def _interrupted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, runs: list[Path]) -> None:
    """Interrupt the first run when it is complete."""
    cleaning = request.param == "clean-up"
    act_in(monkeypatch, runs, clean_up=interrupt if cleaning else None, judging=None if cleaning else interrupt)


def act_in(
    monkeypatch: pytest.MonkeyPatch,
    runs: list[Path],
    *,
    clean_up: Callable[[], None] | None = None,
    judging: Callable[[], None] | None = None,
) -> None:
    """Stand in for carrying out and judging; do something in the middle of the first run's."""
    case = failed()

    def supervise(*_: object, out: Path, view: View, interruptions: Interruptions, **__: object) -> Ended:
        interruptions.check()
        runs.append(out / f"run-{len(runs) + 1}")
        runs[-1].mkdir(parents=True)
        with interruptions.clean_up(view.notice):
            if clean_up and len(runs) == 1:
                clean_up()
        return Ended(runs[-1], interrupted=None, residue=False, error=None, expected=True, left=())

    def write_reports(folder: Path) -> Judged:
        if judging and len(runs) == 1:
            judging()
        (folder / "report.json").write_text('{"verdict": "pass"}', encoding="utf-8")
        return Judged(replace(case.analysis, verdict=Verdict.PASS), case.plan, case.about)

    monkeypatch.setattr(once, "supervise", supervise)
    monkeypatch.setattr(once, "write_reports", write_reports)


def test_a_command_that_nobody_interrupts_makes_all_its_runs(monkeypatch: pytest.MonkeyPatch, runs: list[Path]) -> None:
    """The stand-in passes, so that what follows is due to the signal alone."""
    act_in(monkeypatch, runs)
    assert main(["run", "small", "--repeat", "2"]) == Exit.PASSED
    assert len(runs) == 2


@pytest.mark.usefixtures("_interrupted")
def test_of_several_runs_no_other_is_started(runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    """What has been made is told, with its own verdict; too few of them prove nothing together."""
    assert main(["run", "small", "--repeat", "3"]) == Exit.INTERRUPTED
    assert len(runs) == 1
    told = capsys.readouterr().out
    assert "PASS" in told
    assert "1 of 3 runs: 1 passed" in told


@pytest.mark.usefixtures("_interrupted")
def test_a_single_run_keeps_its_verdict_and_says_that_it_was_interrupted(
    runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """The measurement was complete, so nothing of it is in doubt."""
    assert main(["run", "small", "--json"]) == Exit.INTERRUPTED
    assert len(runs) == 1
    assert json.loads(capsys.readouterr().out) == {"verdict": "pass"}


@pytest.mark.usefixtures("_interrupted")
def test_a_monkey_keeps_its_verdict_and_says_that_it_was_interrupted(
    runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """As any other run."""
    assert main(["monkey"]) == Exit.INTERRUPTED
    assert len(runs) == 1
    assert "PASS" in capsys.readouterr().out


@pytest.mark.usefixtures("_interrupted")
def test_the_rest_of_a_suite_is_told_as_not_run(runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    """The row of the complete run stays what it came to, for the comparison with the next night."""
    assert main(["suite", "s.yaml", "--out", "o"]) == Exit.INTERRUPTED
    assert len(runs) == 1
    written = json.loads(Path("o/suites/latest/suite.json").read_text(encoding="utf-8"))
    assert written["interrupted"]
    assert [(row["ended"], row["verdict"], row["code"]) for row in written["rows"]] == [
        ("", "pass", Exit.PASSED),
        ("not run", None, Exit.INCONCLUSIVE),
    ]
    assert "1 not run; interrupted" in capsys.readouterr().out


def test_who_interrupts_a_clean_up_is_told_each_time_that_it_goes_on(
    monkeypatch: pytest.MonkeyPatch, runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """It may last more than a minute in a cluster."""

    def twice() -> None:
        interrupt()
        interrupt()

    act_in(monkeypatch, runs, clean_up=twice)
    assert main(["run", "small"]) == Exit.INTERRUPTED
    assert capsys.readouterr().err.splitlines()[:2] == [ANSWER, ANSWER]


@pytest.mark.usefixtures("runs")
def test_a_plain_experiment_says_that_it_was_interrupted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also when its rollbacks were all that was left."""
    case = failed()

    def supervise(*_: object, out: Path, view: View, interruptions: Interruptions, **__: object) -> ForeignEnded:
        with interruptions.clean_up(view.notice):
            interrupt()
        return ForeignEnded(out, interrupted=None, refused=None, residue=(), error=None, unrecorded=None)

    monkeypatch.setattr(foreign, "supervise_foreign", supervise)
    passed = replace(case.analysis, verdict=Verdict.PASS)
    monkeypatch.setattr(foreign, "write_foreign_reports", lambda _: (passed, None))
    monkeypatch.setattr(foreign, "print_foreign", lambda *_: None)
    assert main(["run", "plain.yaml"]) == Exit.INTERRUPTED
    assert capsys.readouterr().err.splitlines() == [ANSWER]

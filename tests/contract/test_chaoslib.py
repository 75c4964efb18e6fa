"""
What ends a Chaos Toolkit run, and how: the behaviour of the installed library on which gameday rests, one case per situation.

Each case is run by ``run_experiment`` in a process of its own, with the default strategy for rollbacks and with ``always``. Where versions
differ (1.44 on Python 3.11, 1.45 on 3.12 and later), the case says so. When one of these fails after an upgrade, read runner/guard.py,
runner/foreign and analysis/foreign.py again: they make up for what is written here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import chaoslib
import pytest

RUNNER = Path(__file__).parent / "chaoslib_case.py"
SINCE_1_45 = tuple(int(part) for part in chaoslib.__version__.split(".")[:2]) >= (1, 45)
Json = dict[str, object]


def python(function: str, **arguments: object) -> Json:
    """Return a provider that calls a function of the case's runner."""
    return {"type": "python", "module": "chaoslib_case", "func": function, "arguments": arguments}


def action(function: str, **more: object) -> Json:
    """Return an action."""
    return {"type": "action", "name": function, "provider": python(function), **more}


def process(path: str, *arguments: str, **more: object) -> Json:
    """Return a process action."""
    provider = {"type": "process", "path": path, "arguments": list(arguments)}
    return {"type": "action", "name": path, "provider": provider, **more}


def hypothesis(function: str, tolerance: object = 1, **arguments: object) -> Json:
    """Return a hypothesis of one probe."""
    probe = {"type": "probe", "name": function, "tolerance": tolerance, "provider": python(function, **arguments)}
    return {"title": "normal", "probes": [probe]}


FINE = hypothesis("one")
RANGE: Json = {"type": "range", "range": [0, 2]}


@dataclass(frozen=True)
class Case:
    """
    A situation, and what the library makes of it.

    ``status`` and ``deviated`` are the journal's; None as ``status``: an exception left ``run_experiment``, and there is no journal.
    ``rollbacks`` tells when they are played; ``signal`` is what the process gets while the method's activity runs.
    """

    status: str | None
    rollbacks: Literal["by default", "if always", "never"]
    method: tuple[Json, ...] = ()
    hypothesis: Json | None = None
    strategy: str = "default"
    deviated: bool = False
    fail_fast: bool = False
    method_runs: tuple[str | None, ...] | None = None
    signal: Literal["SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGKILL"] | None = None


CASES = {
    "the hypothesis is off before": Case(
        "completed", "by default", (action("nothing"),), hypothesis("two"), method_runs=()
    ),
    "a probe raises before": Case("failed", "if always", (action("nothing"),), hypothesis("fail"), method_runs=()),
    "the hypothesis is off after": Case("completed", "by default", (action("break_it"),), FINE, deviated=True),
    "an action raises, and the next ones go on": Case(
        "completed", "by default", (action("fail"), action("nothing")), FINE, method_runs=("failed", "succeeded")
    ),
    "a process leaves with a status": Case(
        "completed", "by default", (process("false"),), FINE, method_runs=("succeeded",)
    ),
    "it deviates during only": Case(
        "completed", "by default", (action("break_it"), action("wait"), action("mend")), FINE, "continuously"
    ),
    "it deviates during, and fails fast": Case(
        "failed", "if always", (action("break_for_a_while"),), FINE, strategy="continuously", fail_fast=True
    ),
    "Ctrl-C": Case("interrupted", "if always", (action("hang"),), FINE, signal="SIGINT"),
    "exit_gracefully": Case("interrupted", "if always", (action("hang"),), FINE, signal="SIGUSR1"),
    "exit_ungracefully": Case("interrupted", "never", (action("hang"),), FINE, signal="SIGUSR2"),
    "SIGTERM while a process is in the foreground": Case(
        "interrupted", "if always", (process("sleep", "20"),), FINE, signal="SIGTERM"
    ),
    "SIGTERM while a python activity is in the foreground": (
        Case("interrupted", "if always", (action("hang"), action("nothing")), FINE, signal="SIGTERM")
        if SINCE_1_45
        else Case(
            "completed",
            "by default",
            (action("hang"), action("nothing")),
            FINE,
            method_runs=("failed", "succeeded"),
            signal="SIGTERM",
        )
    ),
    "SystemExit within an action": Case("interrupted", "if always", (action("leave"),), FINE, method_runs=(None,)),
    "a binary that is missing": Case("aborted", "by default", (action("remove_it"), process("./gone")), FINE),
    "a tolerance that raises before": Case(None, "never", (action("nothing"),), hypothesis("nothing", RANGE)),
    "a tolerance that raises after": Case(None, "never", (action("lose_it"),), hypothesis("one", RANGE)),
    "a tolerance that raises during": Case(
        "aborted",
        "by default",
        (action("lose_it"), action("wait"), action("mend")),
        hypothesis("one", RANGE),
        "during-method-only",
    ),
    "an action in the background raises InterruptExecution": Case(
        "completed",
        "by default",
        (action("interrupt", background=True), action("nothing")),
        FINE,
        method_runs=(None if SINCE_1_45 else "failed", "succeeded"),
    ),
    "SIGKILL": Case(None, "never", (action("hang"),), FINE, signal="SIGKILL"),
}


@pytest.mark.parametrize("strategy", ["default", "always"])
@pytest.mark.parametrize("situation", CASES)
def test_a_run_ends_as_gameday_reckons(situation: str, strategy: str, tmp_path: Path) -> None:
    """Status, deviation, the method's activities and whether the rollbacks were played."""
    case = CASES[situation]
    experiment = {
        "title": "t",
        "description": "d",
        "steady-state-hypothesis": case.hypothesis,
        "method": list(case.method),
        "rollbacks": [{"type": "action", "name": "back", "provider": python("roll_back")}],
    }
    order = {
        "experiment": experiment,
        "strategy": case.strategy,
        "fail_fast": case.fail_fast,
        "rollbacks": strategy,
        "signal": case.signal,
    }
    done = subprocess.run(
        [sys.executable, str(RUNNER), json.dumps(order)],
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
        check=False,
    )
    played = (tmp_path / "rolled-back").exists()
    assert played == (case.rollbacks == "by default" or (case.rollbacks, strategy) == ("if always", "always")), (
        done.stderr.decode()
    )
    if case.status is None:
        assert done.returncode != 0
        assert done.stdout == b""
        return
    journal = json.loads(done.stdout)
    assert (journal["status"], journal["deviated"]) == (case.status, case.deviated)
    if case.method_runs is not None:
        assert tuple(run.get("status") for run in journal["run"]) == case.method_runs


def test_a_timeout_of_an_activity_is_validated_and_never_applied(tmp_path: Path) -> None:
    """So gameday has a watch of its own."""
    order = {
        "experiment": {
            "title": "t",
            "description": "d",
            "method": [action("wait", timeout=0.1)],
        },
        "strategy": "default",
        "fail_fast": False,
        "rollbacks": "default",
        "signal": None,
    }
    done = subprocess.run(
        [sys.executable, str(RUNNER), json.dumps(order)], cwd=tmp_path, capture_output=True, timeout=60, check=True
    )
    assert json.loads(done.stdout)["run"][0]["status"] == "succeeded"

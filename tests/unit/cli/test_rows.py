"""A row of a suite is green only where what was expected has come out, and nothing went wrong beside it."""

from __future__ import annotations

import datetime as dt
import functools
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import pytest

from gameday.analysis.judge import judge
from gameday.analysis.model import Analysis, Verdict
from gameday.cli import rows
from gameday.cli.exits import Exit
from gameday.cli.judging import Judged
from gameday.cli.rows import INTERRUPTED, RESIDUE, Done, carry_out, not_run
from gameday.cli.suite import _made
from gameday.cli.trouble import Trouble
from gameday.experiment.loading.load import Loaded
from gameday.experiment.loading.suite import LoadedEntry, LoadedSuite
from gameday.experiment.suite import Entry, Suite
from gameday.record.folder import About
from gameday.runner.signals import Interruptions
from gameday.runner.supervisor import Ended
from samples import experiment, planned, shop
from simulator.systems import healthy
from simulator.world import Asked, made_up, run_of

NOW = dt.datetime(2026, 11, 20, 1, tzinfo=dt.UTC)
DECIDES = "recovery.time"
RECOVERING = {"recovery": {"within": "10s"}}


@functools.cache
def sound() -> Analysis:
    """Return the analysis of a run in which all went well."""
    asked = Asked(rates_per_s={"login": 60, "pulse": 60}, expect=RECOVERING)
    plan = made_up(asked, 1)
    return judge(run_of(plan, healthy(plan)))


def entry(expect: str = "pass") -> LoadedEntry:
    """Return an experiment on the shop with the verdict that is expected of it."""
    loaded = Loaded(
        "small", experiment(expect=RECOVERING, decides=DECIDES), shop(), Path("small.yaml"), Path("shop.yaml"), "", ""
    )
    return LoadedEntry(Entry.model_validate({"experiment": "small", "expect": expect}), "small", loaded)


def settings(out: Path) -> Namespace:
    """Return how it is run."""
    return Namespace(variant="hardened", seed=1, out=out, target="local")


def done(
    monkeypatch: pytest.MonkeyPatch,
    out: Path,
    verdict: Verdict,
    *,
    expect: str = "pass",
    decided_by: str | None = None,
    ended: Ended | None = None,
) -> Done:
    """Carry an experiment out whose run came out so."""
    plan = planned(expect=RECOVERING, decides=DECIDES)
    analysis = replace(sound(), verdict=verdict, reason="as it was", decided_by=decided_by)
    judged = Judged(analysis, plan, About(started="", start_s=0.0, boot_id="", versions={"gameday": "1"}, command=""))
    monkeypatch.setattr(rows, "once", lambda *_, **__: (ended or over(out), judged))
    return carry_out(entry(expect), plan, settings(out), trace=out / "error-1.txt", interruptions=Interruptions())


def over(out: Path, *, interrupted: str | None = None, residue: bool = False, error: str | None = None) -> Ended:
    """Say how a run ended; well, if nothing is said."""
    return Ended(out / "20260101-small", interrupted, residue, error, error is None, ())


@pytest.mark.parametrize(
    ("verdict", "expect", "decided_by", "code"),
    [
        (Verdict.PASS, "pass", None, Exit.PASSED),
        (Verdict.FAIL, "pass", DECIDES, Exit.FAILED),
        (Verdict.INCONCLUSIVE, "pass", None, Exit.INCONCLUSIVE),
        (Verdict.INVALID, "pass", None, Exit.INCONCLUSIVE),
        (Verdict.FAIL, "fail", DECIDES, Exit.PASSED),
        (Verdict.FAIL, "fail", "bulkhead.login.hung", Exit.FAILED),
        (Verdict.PASS, "fail", None, Exit.FAILED),
        (Verdict.INVALID, "fail", None, Exit.INCONCLUSIVE),
        (Verdict.INVALID, "invalid", None, Exit.PASSED),
        (Verdict.FAIL, "inconclusive", DECIDES, Exit.FAILED),
    ],
)
def test_only_what_is_expected_counts_as_passed(  # noqa: PLR0917 - a table of cases
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, verdict: Verdict, expect: str, decided_by: str | None, code: Exit
) -> None:
    """A failure that is wanted must be one of the check that the experiment decides by."""
    row = done(monkeypatch, tmp_path, verdict, expect=expect, decided_by=decided_by).row
    assert (row.verdict, row.code) == (verdict, code)


def test_a_failure_of_something_else_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody should take it for the failure that was wanted."""
    row = done(monkeypatch, tmp_path, Verdict.FAIL, expect="fail", decided_by="bulkhead.login.hung").row
    assert row.reason == f"it failed, but not of {DECIDES}, which the experiment is about: as it was"


@pytest.mark.parametrize(
    ("went", "code", "stop"),
    [
        ({"residue": True}, Exit.RESIDUE, RESIDUE),
        ({"interrupted": "SIGINT"}, Exit.INTERRUPTED, INTERRUPTED),
        ({"error": "KeyError: 'web-1'"}, Exit.INTERNAL, ""),
    ],
    ids=["residue", "interrupted", "error"],
)
def test_what_went_wrong_beside_a_pass_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, went: dict[str, str | bool], code: Exit, stop: str
) -> None:
    """After residue and Ctrl-C nothing more is run; after an error of ours the next one is."""
    given = {"interrupted": None, "residue": False, "error": None, **went}
    ended = over(
        tmp_path,
        interrupted=str(given["interrupted"]) if given["interrupted"] else None,
        residue=bool(given["residue"]),
        error=str(given["error"]) if given["error"] else None,
    )
    came = done(monkeypatch, tmp_path, Verdict.PASS, ended=ended)
    assert (came.row.code, came.stop) == (code, stop)


def test_a_crash_of_ours_is_a_row_with_its_traceback_beside_the_summary(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the next step is to undo what it may have left."""

    def crash(*_: object, **__: object) -> None:
        raise KeyError("web-1")

    monkeypatch.setattr(rows, "once", crash)
    plan, trace = planned(expect=RECOVERING, decides=DECIDES), tmp_path / "error-1.txt"
    row = carry_out(entry(), plan, settings(tmp_path), trace=trace, interruptions=Interruptions()).row
    assert (row.verdict, row.ended, row.code, row.run) == (None, "error", Exit.INTERNAL, None)
    assert "KeyError: 'web-1'" in (tmp_path / "error-1.txt").read_text(encoding="utf-8")
    assert f"recover --out {tmp_path}" in capsys.readouterr().err


def test_what_cannot_be_planned_is_refused_with_its_reason(tmp_path: Path) -> None:
    """Nothing is started."""
    trouble, trace = Trouble("drain cannot be done on local"), tmp_path / "trace"
    came = carry_out(entry(), trouble, settings(tmp_path), trace=trace, interruptions=Interruptions())
    assert (came.row.ended, came.row.code, came.row.reason) == ("refused", 2, "drain cannot be done on local")
    assert came.stop == ""


def test_the_suites_exit_code_is_the_gravest_of_its_rows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One failure among passes fails it, and what was never run is no pass."""
    passed, failed = (done(monkeypatch, tmp_path, verdict) for verdict in (Verdict.PASS, Verdict.FAIL))
    never = Done(not_run(entry(), settings(tmp_path), INTERRUPTED))
    suite = Suite.model_validate({"title": "All", "experiments": [{"experiment": "small"}]})
    loaded = LoadedSuite("all", tmp_path / "all.yaml", suite, (entry(),))
    args = Namespace(**vars(settings(tmp_path)), suite="all", allow_context=None)

    def code(*of: Done, interrupted: bool = False) -> int:
        return _made(loaded, list(of), args, started=NOW, interrupted=interrupted).code

    assert code(passed) == Exit.PASSED
    assert code(passed, failed, passed) == Exit.FAILED
    assert code(passed, never) == Exit.INCONCLUSIVE
    assert code(passed, failed, interrupted=True) == Exit.INTERRUPTED

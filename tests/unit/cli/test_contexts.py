"""Who has allowed a context by its name is not asked again: every command that comes next carries it, and a refusal says how."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from gameday.analysis.model import Verdict
from gameday.cli.catalogue import load, make_plan
from gameday.cli.exits import Exit
from gameday.cli.judging import Judged, hint
from gameday.cli.main import main
from gameday.cli.once import troubles, words
from gameday.cli.parser import parse
from gameday.experiment.plan import Plan
from gameday.runner.supervisor import Ended
from unit.experiment.small_files import SYSTEM, work_in
from unit.report.analyses import failed

LOCAL = "  local: {demo: shop}\n"
IN_PROD = '  kind: {context: prod, namespace: tiny, demo: shop, url: "http://127.0.0.1:1"}\n'
KIND = ("--target", "kind")
ALLOWED = (*KIND, "--allow-context", "prod")
OF_TINY = (*ALLOWED, "--system", "tiny")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with an experiment whose cluster is none of kind's."""
    work_in(tmp_path, monkeypatch)
    (tmp_path / "experiments/systems/tiny.yaml").write_text(SYSTEM.replace(LOCAL, LOCAL + IN_PROD), encoding="utf-8")


def planned() -> Plan:
    """Return the plan of a run that was allowed on the command line."""
    args = parse(["run", "small", *ALLOWED])
    return make_plan(load("small"), args, seed=1, again=())


def next_of(text: str) -> list[str]:
    """Return the words of the next command."""
    return shlex.split(text.splitlines()[-1].strip().removeprefix("next: "))[1:]


def test_what_is_left_of_an_allowed_run_is_undone_with_its_context_allowed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the flag the cluster would not be touched, and the residue would stay."""
    ended = Ended(tmp_path / "a-run", interrupted=None, residue=True, error=None, expected=True, left=())
    assert list(troubles(ended, planned(), reason="")) == [Exit.RESIDUE]
    assert next_of(capsys.readouterr().err) == ["recover", *OF_TINY, "--out", str(tmp_path)]


def test_what_broke_an_allowed_run_is_looked_for_with_its_context_allowed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The doctor may not ask the cluster either."""
    ended = Ended(tmp_path, interrupted=None, residue=False, error="no answer", expected=True, left=())
    assert list(troubles(ended, planned(), reason="")) == [Exit.INCONCLUSIVE]
    assert next_of(capsys.readouterr().err) == ["doctor", *OF_TINY]


@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.INVALID])
@pytest.mark.parametrize("known", [True, False], ids=["this version's", "another version's"])
def test_the_hint_after_an_allowed_run_allows_the_context(verdict: Verdict, *, known: bool) -> None:
    """Once, whatever comes next."""
    case, plan = failed(), planned()
    made_by = shlex.join(("gameday", *words("small", plan))) if known else "gameday run small --new-flag"
    told = hint(Judged(replace(case.analysis, verdict=verdict), plan, replace(case.about, command=made_by)))
    assert told.splitlines()[-1].count("--allow-context prod") == 1
    assert "--target kind" in told


def test_a_plan_leads_to_a_run_where_it_was_planned(capsys: pytest.CaptureFixture[str]) -> None:
    """On the same target, with the same context."""
    assert main(["plan", "small", *ALLOWED]) == Exit.PASSED
    expected = ["run", "small", *ALLOWED, "--variant", "hardened", "--seed", "1"]
    assert next_of(capsys.readouterr().out) == expected


def test_a_wrong_variant_is_put_right_with_the_context_allowed(capsys: pytest.CaptureFixture[str]) -> None:
    """What else was typed and is right is kept."""
    assert main(["plan", "small", *ALLOWED, "--variant", "x"]) == Exit.USAGE
    assert next_of(capsys.readouterr().err) == ["plan", "small", *ALLOWED, "--variant", "naive"]


@pytest.mark.parametrize(
    "arguments", [["doctor", "--system", "tiny"], ["recover", "--system", "tiny"], ["run", "small"]]
)
def test_a_context_that_nobody_has_allowed_is_refused_with_a_next_step_that_is_not(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The doctor only looks; it must not send to itself as it was."""
    assert main([*arguments, *KIND]) == Exit.REFUSED
    told = capsys.readouterr().err
    assert "  seen: prod\n" in told
    assert "  valid: a context that begins with kind-" in told
    assert next_of(told) == ["doctor", *OF_TINY]


@pytest.mark.parametrize(
    "arguments", [["doctor", "--system", "tiny"], ["recover", "--system", "tiny"], ["plan", "small"]]
)
def test_allowing_another_context_than_the_system_s_is_told_with_both(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """In the one shape: the value seen, what is valid, and the next command."""
    assert main([*arguments, *KIND, "--allow-context", "staging"]) == Exit.REFUSED
    told = capsys.readouterr().err
    assert "  seen: staging\n  valid: prod\n" in told
    assert next_of(told) == ["doctor", *OF_TINY]


def test_what_the_verdict_says_already_is_not_said_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An error of gameday's own is, and with it where its traceback is."""
    ended = Ended(tmp_path, interrupted=None, residue=False, error="no answer", expected=True, left=())
    assert list(troubles(ended, planned(), reason="no answer; the load was not begun")) == [Exit.INCONCLUSIVE]
    assert not capsys.readouterr().err
    assert list(troubles(replace(ended, expected=False), planned(), reason="no answer")) == [Exit.INTERNAL]
    assert "no answer" in capsys.readouterr().err

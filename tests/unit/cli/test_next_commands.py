"""The next command that is printed can be pasted: it begins as the program was called, and it means the same experiment."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from gameday.analysis.model import Status, Verdict
from gameday.cli.exits import Exit
from gameday.cli.judging import Judged, hint
from gameday.cli.main import main
from gameday.cli.once import made_by, words
from gameday.cli.parser import COMMANDS, parse
from gameday.cli.program import RUNS
from gameday.runner.lock import lock
from gameday.targets.local.requirements import missing
from samples import ROOT, planned
from unit.experiment.small_files import TOKEN, lay_out
from unit.report.analyses import failed

PROGRAM = "/srv/my checkout/gameday"
TYPED = "'/srv/my checkout/gameday'"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder whose experiments are not where names are looked for, called by a path with a space in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(TOKEN, "hunter2-hunter2")
    monkeypatch.setenv("GAMEDAY_PROGRAM", PROGRAM)
    lay_out(tmp_path / "mine", name="none")


def last(text: str) -> str:
    """Return the last line."""
    return text.splitlines()[-1].strip()


def test_a_plan_of_a_file_leads_to_a_run_of_that_file(capsys: pytest.CaptureFixture[str]) -> None:
    """By its stem it would be another experiment: one of this name ships."""
    assert main(["plan", "mine/none.yaml"]) == Exit.PASSED
    assert last(capsys.readouterr().out) == f"next: {TYPED} run mine/none.yaml --variant hardened --seed 1"


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["plam"], "--help"),
        (["run"], "run --help"),
        (["plan", "none", "--sed", "1"], "plan --help"),
        (["plan", "none", "--seed", "one"], "plan --help"),
        (["validate", "no-such"], "list"),
        (["report", "no-such"], "list"),
        (["plan", "mine/none.yaml", "--variant", "x", "--seed", "7"], "plan mine/none.yaml --seed 7 --variant naive"),
        (["run", "mine/none.yaml", "--variant", "x", "--out", "o"], "run mine/none.yaml --out o --variant naive"),
        (["export", "mine/none.yaml", "--variant", "x"], "export mine/none.yaml --variant naive"),
        (["up", "--variant", "x", "--out", "o"], "up shop --out o --variant naive"),
        (["new", "No"], "new --help"),
        (["new", "mine", "--system", "shp"], "new --help"),
        (["monkey", "--system", "shp"], "monkey --help"),
        (["up", "shp"], "up --help"),
        (["doctor", "--system", "shp"], "doctor --help"),
        (["recover", "--target", "kind", "--system", "shp"], "recover --help"),
        (["completion"], "completion --help"),
    ],
)
def test_every_error_s_next_command_begins_as_the_program_was_called(
    arguments: list[str], command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What else was typed and is right is kept."""
    if arguments[0] in {"run", "up"} and len(arguments) > 1 and missing():
        pytest.skip("this machine cannot run the local target")
    assert main(arguments) == Exit.USAGE
    assert last(capsys.readouterr().err) == f"next: {TYPED} {command}"


def test_a_shell_that_is_missing_is_told_without_the_words_that_only_scripts_say(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """They stand in no help."""
    assert main(["completion"]) == Exit.USAGE
    assert capsys.readouterr().err.startswith("error: the following arguments are required: SHELL\n")


def test_a_context_that_is_not_there_is_told_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    """The namespace alone would mislead: nobody has looked for it yet."""
    assert main(["init", "--context", "kind-no-such", "--namespace", "mine"]) == Exit.USAGE
    assert "  seen: --context kind-no-such --namespace mine\n" in capsys.readouterr().err


def test_mistakes_in_files_lead_back_to_the_command_that_found_them(capsys: pytest.CaptureFixture[str]) -> None:
    """It is typed again when they are mended."""
    Path("mine/none.yaml").write_text("title: 1\n", encoding="utf-8")
    assert main(["validate", "mine/none.yaml"]) == Exit.USAGE
    assert last(capsys.readouterr().err) == f"next: {TYPED} validate mine/none.yaml"


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_shows_the_program_as_it_was_called(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Usage and examples."""
    assert main([*([command] if command else []), "--help"]) == Exit.PASSED
    shown = capsys.readouterr().out
    assert shown.startswith(f"usage: {TYPED}")
    examples = shown.split("examples:\n")[1].splitlines()
    assert all(line.startswith((f"  {TYPED} ", f'  eval "$({TYPED} ')) for line in examples)


def test_a_refused_run_asks_for_a_folder_once(capsys: pytest.CaptureFixture[str]) -> None:
    """The folder that was given is the one that is taken."""
    if missing():
        pytest.skip("this machine cannot run the local target")
    with lock(Path("o"), system="tiny", target="local"):
        assert main(["run", "mine/none.yaml", "--out", "o"]) == Exit.REFUSED
    expected = f"next: {TYPED} run mine/none.yaml --target local --seed 1 --variant hardened --out FOLDER"
    assert last(capsys.readouterr().err) == expected


@pytest.mark.parametrize("asked", ["up", "down"])
def test_a_refused_up_or_down_is_to_be_asked_again(asked: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder of its own would be no answer: it is this one that is held."""
    if missing():
        pytest.skip("this machine cannot run the local target")
    out = Path("my runs")
    (out / ".up-shop-local").mkdir(parents=True)
    with lock(out, system="shop", target="local"):
        assert main([asked, "--out", str(out)]) == Exit.REFUSED
    assert last(capsys.readouterr().err) == f"next: {TYPED} {asked} shop --out 'my runs'"


def test_the_command_in_a_run_s_folder_names_the_file_and_the_folder_but_not_this_machine_s_program() -> None:
    """The reports stay the same bytes, whoever makes them."""
    args = parse(["run", "mine/none.yaml", "--out", "my runs", "--seed", "7"])
    assert made_by(words(args.name, planned()), out=args.out) == (
        "gameday run mine/none.yaml --target local --seed 1 --variant hardened --out 'my runs'"
    )
    assert "--out" not in made_by(words("none", planned()), out=RUNS)


def _hint(command: str, verdict: Verdict = Verdict.PASS, variant: str = "naive") -> str:
    case = failed()
    analysis = replace(case.analysis, verdict=verdict)
    about = replace(case.about, command=command)
    return hint(Judged(analysis, replace(case.plan, variant=variant), about)).splitlines()[-1]


def test_the_hint_after_a_run_repeats_the_file_the_folder_and_the_variant() -> None:
    """All but the seed stays, when only the seed is to change."""
    command = "gameday run mine/none.yaml --target local --seed 7 --variant naive --out 'my runs'"
    assert _hint(command) == f"{TYPED} run mine/none.yaml --out 'my runs' --variant naive --seed 8"
    assert _hint(command, Verdict.INCONCLUSIVE) == _hint(command)


def test_the_hint_after_a_monkey_says_each_flag_once() -> None:
    """What draws its visits stays; what comes next has its own seed."""
    command = "gameday monkey --services web --target local --for 2m --variant naive --seed 7 --out 'my runs'"
    expected = f"{TYPED} monkey --services web --for 2m --out 'my runs' --variant naive --seed 8"
    assert _hint(command) == expected


def test_the_hint_after_an_undecided_monkey_is_another_length() -> None:
    """The same length again would leave it as undecided."""
    case = failed()
    check = replace(
        case.analysis.checks[0],
        id="continuity.held",
        status=Status.INCONCLUSIVE,
        value=0.9,
        n=20,
        op=">",
        bound=0.75,
    )
    analysis = replace(case.analysis, verdict=Verdict.INCONCLUSIVE, checks=(check,))
    about = replace(case.about, command="gameday monkey --for 60s --seed 7")
    words = hint(Judged(analysis, replace(case.plan, variant="naive"), about)).splitlines()
    assert words[0] == "a fault phase of 192s decides, if as much of the time holds again:"
    assert words[1] == f"{TYPED} monkey --for 192s --variant naive --seed 8"


def test_the_hint_after_a_naive_failure_keeps_the_folder() -> None:
    """The pair of runs lies together."""
    command = "gameday run mine/none.yaml --out o"
    assert _hint(command, Verdict.FAIL) == f"{TYPED} run mine/none.yaml --out o --variant hardened --seed 7"


def test_an_invalid_run_leads_to_the_doctor() -> None:
    """By the same program."""
    assert _hint("gameday run none", Verdict.INVALID) == f"{TYPED} doctor"


@pytest.mark.parametrize("command", ["", "gameday", "gameday run", "gameday run none --new-flag", "gameday run 'none"])
def test_a_command_that_this_version_cannot_read_gives_the_experiment_s_name(command: str) -> None:
    """A run of another version is still told."""
    assert _hint(command) == f"{TYPED} run slow-recommendations --variant naive --seed 8"


def test_without_the_script_the_program_is_plainly_gameday(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As it is installed."""
    monkeypatch.delenv("GAMEDAY_PROGRAM")
    main(["plam"])
    assert last(capsys.readouterr().err) == "next: gameday --help"


@pytest.mark.parametrize(
    ("called", "told"),
    [(["./gameday"], "./gameday"), (["{}/gameday"], "{}/gameday"), (["sh", "gameday"], "./gameday")],
)
def test_the_script_of_a_checkout_tells_how_it_was_called(tmp_path: Path, called: list[str], told: str) -> None:
    """What it starts prints commands that work in the same folder."""
    checkout = tmp_path / "checkout"
    (checkout / "scripts").mkdir(parents=True)
    (checkout / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(ROOT / "gameday", checkout / "gameday")
    for path, text in (("scripts/setup", ""), (".venv/bin/gameday", 'printf "%s" "$GAMEDAY_PROGRAM"\n')):
        (checkout / path).write_text(f"#!/bin/sh\n{text}", encoding="utf-8")
        (checkout / path).chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if name != "GAMEDAY_PROGRAM"}
    words = [word.format(checkout) for word in called]
    ended = subprocess.run(words, cwd=checkout, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout == told.format(checkout)

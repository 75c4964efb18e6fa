"""A tab in a shell offers what may come next, and only that."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gameday.cli.completion import candidates
from gameday.cli.exits import Exit
from gameday.cli.main import main
from gameday.cli.parser import COMMANDS
from gameday.experiment.loading.finding import shipped
from unit.experiment.small_files import SYSTEM, lay_out

SHIPPED = tuple(sorted(path.stem for path in shipped().glob("*.yaml")))


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with one experiment and one system of its own, and a run."""
    monkeypatch.chdir(tmp_path)
    lay_out(tmp_path / "experiments")
    (tmp_path / "reports" / "20260101-000000-small").mkdir(parents=True)
    (tmp_path / "reports" / "20260101-000000-small" / "run.json").touch()


def offered(line: str) -> tuple[str, ...]:
    """Return what is offered at the end of a line."""
    return candidates(line.split(" "))


@pytest.mark.parametrize(
    ("line", "some"),
    [
        ("", tuple(COMMANDS)),
        ("re", ("recover", "report")),
        ("--", ("--help", "--version", "--debug")),
        ("run ", (*SHIPPED, "small")),
        ("--debug run sm", ("small",)),
        ("run small --v", ("--variant",)),
        ("run small --variant ", ("naive", "hardened")),
        ("run --variant naive sm", ("small",)),
        ("run small --target ", ("local",)),
        ("validate small non", ("none",)),
        ("report ", ("reports/20260101-000000-small",)),
        ("up t", ("tiny",)),
        ("up tiny --variant h", ("hardened",)),
        ("schema ", ("experiment", "system")),
        ("completion ", ("bash", "zsh", "fish")),
        ("new lost --fault empty", ("empty-cache",)),
        ("new lost --system tiny --route b", ("buy",)),
        ("run small --variant = h", ("hardened",)),
        ("run small --variant =", ("naive", "hardened")),
        ("run small --variant=n", ("--variant=naive",)),
        ("manifests there role --for k", ("kill", "kill-down")),
        ("manifests there role --", ("--for", "--workloads", "--nodes")),
    ],
)
def test_what_may_come_next_is_offered(line: str, some: tuple[str, ...]) -> None:
    """Commands, flags, experiments, variants, runs; from what the program itself knows."""
    found = offered(line)
    assert set(some) <= set(found)
    assert all(word.startswith(line.rsplit(" ", maxsplit=1)[-1].removeprefix("=")) for word in found)


@pytest.mark.parametrize(
    ("line", "never"),
    [
        ("run small --variant naive --v", "--variant"),
        ("validate small s", "small"),
        ("run small --variant ", "small"),
        ("completion ", "words"),
    ],
)
def test_what_stands_there_already_is_not_offered_again(line: str, never: str) -> None:
    """Nor is what is meant for the scripts alone."""
    assert never not in offered(line)


@pytest.mark.parametrize("line", ["run small --seed ", "run small --out ", "new ", "run small more ", "schema system "])
def test_nothing_is_offered_where_anything_may_stand(line: str) -> None:
    """The shell then completes file names."""
    assert offered(line) == ()


def test_a_broken_file_offers_less_and_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody wants an error in the middle of a command line."""
    Path("experiments/small.yaml").write_text("a: [", encoding="utf-8")
    Path("experiments/systems/tiny.yaml").write_text("", encoding="utf-8")
    assert main(["completion", "words", "--", "run", "small", "--variant", ""]) == Exit.PASSED
    shown = capsys.readouterr()
    assert (set(shown.out.split()), shown.err) == ({"naive", "hardened"}, "")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_offers_its_flags(command: str) -> None:
    """They come from the parser, so a new one is there at once."""
    assert "--debug" in offered(f"{command} --")


def test_what_a_shell_would_not_take_as_it_stands_is_not_offered() -> None:
    """Files and folders may have been made by anybody; so may a system file's variants."""
    for name in ("$(touch gone)", "a b", "`id`", "x;y", "*"):
        Path(f"experiments/{name}.yaml").touch()
        Path(f"reports/{name}").mkdir()
        Path(f"reports/{name}/run.json").touch()
    evil = SYSTEM.replace("  hardened:", '  "$(touch gone)":')
    assert evil != SYSTEM
    Path("experiments/systems/tiny.yaml").write_text(evil, encoding="utf-8")
    assert set(offered("run ")) == {*SHIPPED, "small"}
    assert offered("report ") == ("reports/20260101-000000-small",)
    assert offered("up tiny --variant ") == ("naive",)


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Return a shell's script."""
    assert main(["completion", shell]) == Exit.PASSED
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "offers"),
    [
        (["gameday", "ru"], {"run"}),
        (["gameday", "run", "s"], {"slow-recommendations", "small"}),
        (["gameday", "run", "small", "--va"], {"--variant"}),
        (["gameday", "run", "small", "--variant", ""], {"naive", "hardened"}),
    ],
)
def test_bash_itself_completes(
    words: list[str], offers: set[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A real bash loads the script and is asked as its tab key would ask."""
    found = asked_by_bash(words, f'exec "{sys.executable}" -m gameday.cli "$@"', tmp_path, script("bash", capsys))
    assert set(found) >= offers
    assert all(word.startswith(words[-1]) for word in found)


def test_bash_executes_nothing_that_it_is_offered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not even what another version of gameday offers: a line is a word, whatever stands in it."""
    lines = ("$(touch gone)", "`touch gone`", "*", "two words")
    said = "printf '%s\\n' " + " ".join(f"'{line}'" for line in lines)
    assert tuple(asked_by_bash(["gameday", "run", ""], said, tmp_path, script("bash", capsys))) == lines
    assert not Path("gone").exists()


def asked_by_bash(words: list[str], says: str, folder: Path, script: str) -> list[str]:
    """Let bash complete the words with the script, asking a program that consists of the shell line ``says``."""
    program = folder / "bin" / "gameday"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{says}\n", encoding="utf-8")
    program.chmod(0o755)
    quoted = " ".join(f"'{word}'" for word in words)
    asked = (
        f"{script}\n"
        f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; COMP_LINE='{' '.join(words)}'; COMP_POINT=${{#COMP_LINE}}\n"
        "complete -p gameday >/dev/null || exit 1\n"
        "_gameday && printf '%s\\n' \"${COMPREPLY[@]}\"\n"
    )
    ended = subprocess.run(
        ["bash", "--norc", "-c", asked],  # noqa: S607 - bash is found as the user finds it
        env={**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout.splitlines()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_script_is_one_that_its_shell_can_read(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Its own shell checks the syntax, where there is one."""
    text = script(shell, capsys)
    assert "completion words --" in text
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"no {shell} here")
    ended = subprocess.run([program, "-n"], input=text, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")

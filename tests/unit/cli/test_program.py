"""The program as it is started from a shell: codes, streams, signals, and how little it loads for a quick answer."""

from __future__ import annotations

import errno
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from gameday.agent.waiting import readable

PROGRAM = (sys.executable, "-m", "gameday.cli")
LIMIT_S = 60.0
"""A bound against hangs on a busy machine; each of these takes well under a second."""


def gameday(
    *arguments: str, folder: Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the program to its end."""
    return subprocess.run(
        [*PROGRAM, *arguments],
        cwd=folder,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def test_without_a_command_it_shows_help_and_exits_2(tmp_path: Path) -> None:
    """Nothing was asked for, so nothing succeeded."""
    ended = gameday(folder=tmp_path)
    assert ended.returncode == 2
    assert ended.stdout.startswith("usage: gameday")


def test_the_version_is_the_package_s(tmp_path: Path) -> None:
    """Bug reports begin with it."""
    ended = gameday("--version", folder=tmp_path)
    assert (ended.returncode, ended.stdout.split()[0]) == (0, "gameday")


def test_list_works_in_any_folder(tmp_path: Path) -> None:
    """Name, title, tags and the deciding check of each experiment that ships."""
    ended = gameday("list", folder=tmp_path)
    assert ended.returncode == 0
    assert "cache-stampede" in ended.stdout
    assert "Does an empty cache melt the database?" in ended.stdout
    assert "stampede.duplicates" in ended.stdout


def test_a_plan_as_json_is_read_back_by_the_program(tmp_path: Path) -> None:
    """Other tools can use it; nothing else is on stdout."""
    ended = gameday("plan", "none", "--json", "--seed", "7", folder=tmp_path)
    assert ended.returncode == 0
    assert json.loads(ended.stdout)["seed"] == 7
    assert list(tmp_path.iterdir()) == []


def test_the_same_plan_comes_out_twice_and_another_for_another_seed(tmp_path: Path) -> None:
    """The seed fixes every arrival."""
    texts = [gameday("plan", "none", "--seed", seed, folder=tmp_path).stdout for seed in ("1", "1", "2")]
    assert texts[0] == texts[1]
    assert texts[0].replace("seed 1", "seed 2") != texts[2]


RUNNING = {
    *(
        "aiohttp",
        "asyncpg",
        "chaoslib",
        "chaosk8s",
        "gevent",
        "jinja2",
        "kubernetes",
        "locust",
        "numpy",
        "psutil",
        "redis",
    ),
    *("requests", "rich", "asyncio", "ssl", "multiprocessing"),
    *("gameday.analysis", "gameday.load", "gameday.record", "gameday.report", "gameday.runner", "gameday.agent"),
}
"""What only a run, its judgement and its report need: libraries, and rooms of this package."""
QUICK = {*RUNNING, "pydantic", "gameday.faults", "gameday.targets"}
"""What a command that reads no model of a file does not need either."""


@pytest.mark.parametrize(
    ("arguments", "slow"),
    [
        (["--help"], QUICK),
        (["list"], QUICK),
        (["run", "--help"], QUICK),
        (["completion", "bash"], QUICK),
        (["completion", "words", "--", "run", ""], QUICK),
        (["validate"], RUNNING),
        (["validate", "none"], RUNNING),
        (["plan", "none"], RUNNING),
        (["plan", "kill-web", "--json"], RUNNING),
        (["export", "none"], RUNNING),
        (["schema", "experiment"], RUNNING),
        (["schema", "system"], RUNNING),
        (["schema", "suite"], RUNNING),
    ],
)
def test_quick_answers_load_nothing_that_is_slow(arguments: list[str], slow: set[str], tmp_path: Path) -> None:
    """``--help`` and ``list`` are typed often, ``validate`` and ``plan`` after each change of a file."""
    code = (
        "import sys\nfrom gameday.cli.main import main\n"
        f"code = main({arguments!r})\n"
        f"slow = {sorted(slow)!r}\n"
        "loaded = [name for name in slow if any((each + '.').startswith(name + '.') for each in sys.modules)]\n"
        "sys.exit(str(loaded) if loaded else code)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    """``gameday schema experiment | head -1`` stays silent."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = subprocess.run(
            [*PROGRAM, "schema", "experiment"],
            cwd=tmp_path,
            stdout=writing,
            stderr=subprocess.PIPE,
            timeout=LIMIT_S,
            check=False,
        )
    finally:
        os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.parametrize("buffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("arguments", ["list", "schema system", "plan none --json", "--help", ""])
def test_output_that_cannot_be_written_is_told(tmp_path: Path, arguments: str, buffered: str) -> None:
    """A full disk loses the result, so it is no success; nor is it a fault of gameday's."""
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        ended = subprocess.run(
            [*PROGRAM, *arguments.split()],
            cwd=tmp_path,
            env={**os.environ, "PYTHONUNBUFFERED": buffered},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
    assert ended.returncode == 3
    assert ended.stderr.startswith("error: the output cannot be written: No space left on device\n")
    assert "internal error" not in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("buffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize(("arguments", "code"), [("list", 0), ("plan nothing-like-this", 2)])
def test_remarks_that_cannot_be_written_change_no_exit_code(
    tmp_path: Path, arguments: str, code: int, buffered: str
) -> None:
    """A run whose log is on a full disk is judged all the same."""
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        ended = subprocess.run(
            [*PROGRAM, *arguments.split()],
            cwd=tmp_path,
            env={**os.environ, "PYTHONUNBUFFERED": buffered},
            stdout=subprocess.PIPE,
            stderr=full,
            timeout=LIMIT_S,
            check=False,
        )
    assert ended.returncode == code


@pytest.mark.parametrize(
    "arguments", ["list", "validate none", "plan none", "run none", "report x", "up", "down", "recover", "new mine"]
)
def test_a_working_folder_that_was_removed_is_told(tmp_path: Path, arguments: str) -> None:
    """Read as an empty one, it would seem that nothing is outstanding."""
    ended = in_a_folder_that_is_gone(tmp_path, arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "error: the folder in which gameday was called does not exist any more\n" in ended.stderr
    assert ended.stderr.endswith(f"  next: cd FOLDER && gameday {arguments}\n")


def test_what_needs_no_folder_is_answered_in_one_that_was_removed(tmp_path: Path) -> None:
    """It reads nothing there."""
    assert in_a_folder_that_is_gone(tmp_path, "schema system").returncode == 0


def in_a_folder_that_is_gone(tmp_path: Path, arguments: str) -> subprocess.CompletedProcess[str]:
    """Call the program from a shell whose working folder is removed first."""
    gone = tmp_path / "gone"
    gone.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "GAMEDAY_PROGRAM"}
    return subprocess.run(
        ["/bin/sh", "-c", f'rmdir "$PWD" && exec "$@" {arguments}', "sh", *PROGRAM],
        cwd=gone,
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def test_ctrl_c_ends_a_command_with_130_and_no_traceback(tmp_path: Path) -> None:
    """The command is reading a pipe into which nobody writes."""
    pipe = tmp_path / "slow.yaml"
    os.mkfifo(pipe)
    with subprocess.Popen(
        [*PROGRAM, "validate", str(pipe)],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hears_ctrl_c,  # noqa: PLW1509 - no threads run here
    ) as process:
        writer = opened_for_writing(pipe)
        try:
            process.send_signal(signal.SIGINT)
            os.close(writer)  # a signal that came just before the read does not end it; the end of the file does
            _, shown = process.communicate(timeout=LIMIT_S)
        finally:
            process.kill()
    assert (process.returncode, shown) == (130, "interrupted\n")


def hears_ctrl_c() -> None:
    """Undo what a shell does to its background jobs, and they to us: SIGINT would be ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def opened_for_writing(pipe: Path) -> int:
    """Wait until somebody reads the pipe, and return a descriptor that keeps it open."""
    until_s = time.monotonic() + LIMIT_S
    while True:
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO or time.monotonic() > until_s:
                raise
        time.sleep(0.01)


def test_debug_shows_the_traceback_of_an_expected_error_as_well(tmp_path: Path) -> None:
    """Whoever asks for it gets it on the screen."""
    ended = gameday("validate", "nothing-like-this", "--debug", folder=tmp_path)
    assert ended.returncode == 2
    assert "Traceback" in ended.stderr
    assert ended.stderr.endswith("next: gameday list\n")


def on_terminal(arguments: Sequence[str], folder: Path, environment: dict[str, str]) -> str:
    """Run the program with a terminal of eighty columns as its stderr, and return what it wrote there."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80", **environment}
    with subprocess.Popen([*PROGRAM, *arguments], cwd=folder, env=environment, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while readable(ours, LIMIT_S):
            try:
                shown += os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
        process.wait(LIMIT_S)
    os.close(ours)
    return shown.decode()


def test_a_terminal_gets_colours_and_long_paths_on_one_line(tmp_path: Path) -> None:
    """A path that is wrapped can be neither clicked nor copied."""
    folder = tmp_path / ("long-" * 20)
    folder.mkdir()
    path = folder / "broken.yaml"
    path.write_text("title: 1\n", encoding="utf-8")
    shown = on_terminal(["validate", str(path)], Path.cwd(), {"NO_COLOR": ""})
    assert "\x1b[" in shown
    assert f"{path}:1" in shown


def test_no_color_is_honoured_on_a_terminal(tmp_path: Path) -> None:
    """See no-color.org."""
    shown = on_terminal(["validate", "nothing-like-this"], tmp_path, {"NO_COLOR": "1"})
    assert "error: there is no experiment" in shown
    assert "\x1b[" not in shown


def test_streams_that_are_no_terminal_get_no_colours(tmp_path: Path) -> None:
    """Logs stay readable."""
    assert "\x1b[" not in gameday("validate", "nothing-like-this", folder=tmp_path).stderr


@pytest.mark.parametrize(("closed", "arguments", "code"), [(">&-", "list", 0), ("2>&-", "plan nothing-like-this", 2)])
def test_a_closed_stream_changes_no_exit_code(tmp_path: Path, closed: str, arguments: str, code: int) -> None:
    """Whoever closes an output wants to read nothing on it."""
    ended = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {arguments} {closed}', "sh", *PROGRAM],
        cwd=tmp_path,
        capture_output=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert ended.returncode == code
    assert b"Traceback" not in ended.stdout + ended.stderr

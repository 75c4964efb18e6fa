"""Start gameday as a user does, in a process of its own, and see what it leaves on the machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil

from gameday.record.history import Event, Record, read_history

MARK = "GAMEDAY_TEST_MARK"
"""An environment variable that every process of a run inherits, so that what is left of it can be found."""
PATIENCE_S = 150.0
MOST_RUNS = 6
"""Of one experiment, each of a minute."""
T = TypeVar("T")


@dataclass
class Running:
    """A ``gameday`` process that was started by a test; its output goes to a file beside its runs."""

    process: subprocess.Popen[bytes]
    out: Path
    mark: str

    @property
    def folder(self) -> Path:
        """Return the folder of its run. Raises ``FileNotFoundError`` before there is one."""
        return (self.out / "latest").resolve(strict=True)

    def history(self) -> tuple[Record, ...]:
        """Return what its run has recorded so far."""
        try:
            return read_history(self.folder)
        except FileNotFoundError:
            return ()

    def wait_for(self, event: Event, *, within_s: float = 40.0) -> Record:
        """Wait until the run has recorded an event."""

        def found() -> Record | None:
            ended = self.process.poll() is not None
            record = next((record for record in self.history() if record.event == event), None)
            assert record or not ended, f"it ended without {event}; it printed:\n{self.printed()}"
            return record

        record = wait_until(found, within_s=within_s, what=f"{event} in {self.out}")
        assert record is not None
        return record

    def code(self, *, within_s: float = PATIENCE_S) -> int:
        """Wait for its end and return its exit code."""
        return self.process.wait(within_s)

    def printed(self) -> str:
        """Return what it has printed, both streams."""
        return (self.out / "printed.txt").read_text(encoding="utf-8", errors="replace")

    def left(self) -> list[str]:
        """Return the processes of this run that are still there, gameday itself included."""
        return marked(self.mark)


def start(out: Path, *arguments: str, environment: Mapping[str, str] | None = None, cwd: Path | None = None) -> Running:
    """Start ``gameday ARGUMENTS`` in a session of its own."""
    out.mkdir(parents=True, exist_ok=True)
    mark = uuid.uuid4().hex
    with (out / "printed.txt").open("ab") as printed:
        process = subprocess.Popen(
            [sys.executable, "-m", "gameday.cli", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {}), MARK: mark},
            cwd=cwd,
            start_new_session=True,
        )
    return Running(process, out, mark)


def run(out: Path, experiment: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Running:
    """Run an experiment to its end."""
    running = start(out, "run", experiment, "--out", str(out), *arguments, environment=environment)
    running.code()
    return running


def run_until_decided(out: Path, experiment: str, *arguments: str, wanted: str, seed: int = 1) -> Running:
    """
    Run an experiment until it has the verdict that is wanted, with the next seed each time; return the last run, or one that was not outvoted.

    One that is undecided says itself that it proves nothing and is to be repeated. A failure that nobody wanted must be outvoted: a machine
    that stands still for a second fails a system that is well, once and not each time. A pass that nobody wanted is never excused.
    """
    missing, failed = 1, None
    for number in range(MOST_RUNS):
        running = run(out / str(number), experiment, *arguments, "--seed", str(seed + number))
        verdict = json.loads((running.folder / "report.json").read_text(encoding="utf-8"))["verdict"]
        if verdict == wanted:
            missing -= 1
        elif verdict == "fail":
            missing, failed = missing + 1, running
        if not missing or verdict == "pass" != wanted:
            return running
    return failed or running


def marked(mark: str) -> list[str]:
    """Return ``pid name`` of every process with this mark in its environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{process.pid} {' '.join(process.cmdline()[:4])}")
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def wait_until(look: Callable[[], T], *, within_s: float, what: str) -> T:
    """Look every 50 ms until there is something; fail with what was waited for."""
    until_s = time.monotonic() + within_s
    while not (seen := look()):
        assert time.monotonic() < until_s, f"waited {within_s:g} s for {what}"
        time.sleep(0.05)
    return seen


def all_gone(mark: str, *, within_s: float = 8.0) -> bool:
    """Wait until no process with this mark is left."""
    wait_until(lambda: not marked(mark), within_s=within_s, what=f"the end of {marked(mark)}")
    return True


def kill(pid: int) -> None:
    """Kill one process by its id; fine when it is gone already."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return

"""The supervisor's side of the worker process: start it early, give it its order, hear what it records, end it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from pydantic import BaseModel, JsonValue

from gameday.agent.lifeline import tie


@dataclass(frozen=True, slots=True)
class Heard:
    """A record that the worker has just written."""

    t_s: float
    event: str
    data: Mapping[str, JsonValue]


class WorkerProcess:
    """Started in a session of its own, so that Ctrl-C reaches it only through the supervisor; dies with the supervisor."""

    def __init__(self, module: str = "gameday.runner.worker") -> None:
        """Start it; it loads its libraries while the system starts. From the main thread only."""
        self._process = subprocess.Popen(  # noqa: S603 - a module of ours
            [sys.executable, "-P", "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=tie(signal.SIGTERM),  # noqa: PLW1509 - it takes no lock that another thread could hold
        )
        self._rest = b""

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self._process.pid

    def begin(self, order: BaseModel) -> None:
        """Let it run the experiment. Raises ``BrokenPipeError`` when it is dead."""
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101 - it was opened above
        stdin.write(order.model_dump_json().encode() + b"\n")
        stdin.flush()

    def hear(self) -> Iterator[Heard]:
        """Yield what it has recorded since the last call; never waits."""
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101 - it was opened above
        os.set_blocking(stdout.fileno(), False)
        while data := _read(stdout.fileno()):
            self._rest += data
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            if line.startswith(b"{"):
                value = json.loads(line)
                yield Heard(value["t_s"], value["event"], value["data"])

    def ask_to_leave(self) -> None:
        """Ask it to leave through its rollbacks; does nothing when it has ended."""
        if self.code() is None:
            self._process.terminate()

    def kill_group(self) -> None:
        """Kill what it has started and left behind, and itself; fine when all is gone."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def code(self) -> int | None:
        """Return its exit status, None while it runs."""
        return self._process.poll()

    def end(self, *, within_s: float) -> None:
        """Ask it to leave through its rollbacks, and kill it when it has not done so in time; idempotent."""
        if self.code() is None:
            self._process.terminate()
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with suppress(BrokenPipeError):
                    pipe.close()


def _read(file: int) -> bytes:
    try:
        return os.read(file, 65536)
    except BlockingIOError:
        return b""

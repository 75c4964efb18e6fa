"""Keep one process running: start it, notice its end at once, start it again with back-off as a kubelet would."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from gameday.agent.lifeline import created_s, tie
from gameday.targets.events import ProcessEvent, ProcessExited, ProcessStarted

_FIRST_BACKOFF_S = 0.2
_LONGEST_BACKOFF_S = 5.0
_STEADY_S = 10.0  # who lived so long starts again with the shortest back-off


@dataclass(frozen=True, slots=True)
class Program:
    """
    What to run.

    Attributes:
        name: The process's name in events and logs.
        command: Program and arguments.
        environment: All of it.
        log: Where its output goes; standard output too unless it is ``piped``.
        user: The uid and gid to run as; None for the node's own.
        input: Written to its standard input, which then ends; None gives it none.
        piped: Standard input and output stay with the node, for a proxy's control.
        stop_signal: Asks it to end orderly.
        death_signal: Sent by the kernel when the node is gone.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    log: Path
    user: tuple[int, int] | None = None
    input: bytes | None = field(default=None, repr=False)
    piped: bool = False
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL


def spawn(program: Program) -> subprocess.Popen[bytes]:
    """Start a program, tied to this process. Call from the main thread. Raises ``OSError``."""
    pipe = subprocess.PIPE
    uid, gid = program.user or (None, None)
    with program.log.open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - programs of this package, of its dependencies and redis-server
            program.command,
            env=dict(program.environment),
            stdin=pipe if program.piped or program.input is not None else subprocess.DEVNULL,
            stdout=pipe if program.piped else log,
            stderr=log,
            cwd="/",
            user=uid,
            group=gid,
            extra_groups=None if uid is None else (),
            preexec_fn=tie(program.death_signal),  # noqa: PLW1509 - the node has one thread only
        )
    if program.input is not None and process.stdin is not None:
        with suppress(BrokenPipeError):
            process.stdin.write(program.input)
            process.stdin.close()
    return process


async def exit_code(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process to end; by its pidfd, so no thread is needed."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    pidfd = os.pidfd_open(process.pid)
    loop.add_reader(pidfd, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(pidfd)
        os.close(pidfd)
    return process.wait()


def tree(pid: int) -> list[psutil.Process]:
    """Return a process and all of its descendants; empty when it is gone."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


class Child:
    """
    One process that is kept running.

    Args:
        program: What to run.
        tell: Takes each event.
        on_start: Called after each start, such as to configure a proxy.

    Attributes:
        process: The present one; None before the first start and between two.
        restarts: How often it was started again.
        failure: Why it could not be started the last time that it could not; None when it always could.
    """

    def __init__(
        self,
        program: Program,
        tell: Callable[[ProcessEvent], None],
        on_start: Callable[[subprocess.Popen[bytes]], Awaitable[None]] | None = None,
    ) -> None:
        """Start nothing yet."""
        self.program = program
        self.process: subprocess.Popen[bytes] | None = None
        self.restarts = 0
        self.failure: OSError | None = None
        self._tell = tell
        self._on_start = on_start
        self._stopping = False
        self._killed = False
        self._may_start = asyncio.Event()
        self._may_start.set()
        self._lease: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start it and keep it running until ``stop``."""
        self._task = asyncio.ensure_future(self._keep())

    def kill(self, lease_s: float, *, grace_s: float = 0.0) -> None:
        """
        End it and all of its children with SIGKILL; it is not started again before ``lease_s`` is over, or ``revive``.

        Children would keep the stores' resources for a moment, in which the next process could not start. Given ``grace_s``, it is
        asked to end, once, and has so long to do it.
        """
        self.revive()
        if lease_s > 0:
            self._may_start.clear()
            self._lease = asyncio.get_running_loop().call_later(lease_s, self.revive)
        if self.process is None or (self._killed and grace_s > 0):
            return
        self._killed = True
        if grace_s > 0:
            self._signal(self.program.stop_signal)
            asyncio.get_running_loop().call_later(grace_s, self._kill_tree, self.process)
        else:
            self._kill_tree(self.process)

    def _kill_tree(self, process: subprocess.Popen[bytes]) -> None:
        if process is not self.process:
            return
        for each in tree(process.pid):
            with suppress(psutil.NoSuchProcess):
                each.kill()

    def revive(self) -> None:
        """Keep it down no longer; idempotent."""
        if self._lease is not None:
            self._lease.cancel()
            self._lease = None
        self._may_start.set()

    async def stop(self, within_s: float) -> None:
        """Ask it to end, wait, and kill it when it does not; idempotent."""
        self._stopping = True
        self._signal(self.program.stop_signal)
        if self._task is None:
            return
        if self.process is None:
            self._task.cancel()
        done, _ = await asyncio.wait([self._task], timeout=within_s)
        if not done:
            self._signal(signal.SIGKILL)
            await asyncio.wait([self._task], timeout=1.0)

    def _signal(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)

    async def _keep(self) -> None:
        backoff_s = _FIRST_BACKOFF_S
        while not self._stopping:
            began_s = time.monotonic()
            try:
                await self._run_once()
            except OSError as error:
                self.failure = error
            if self._stopping:
                return
            backoff_s = _FIRST_BACKOFF_S if time.monotonic() - began_s > _STEADY_S else backoff_s
            await asyncio.sleep(backoff_s)
            while not self._may_start.is_set():
                await self._may_start.wait()
            backoff_s = min(2 * backoff_s, _LONGEST_BACKOFF_S)
            self.restarts += 1

    async def _run_once(self) -> None:
        process = self.process = spawn(self.program)
        name, pid = self.program.name, process.pid
        self._killed = False
        with suppress(ProcessLookupError):
            self._tell(ProcessStarted(time.monotonic(), name, pid, created_s(pid)))
        if self._on_start is not None:
            await self._on_start(process)
        code = await exit_code(process)
        self.process = None
        self._tell(ProcessExited(time.monotonic(), name, pid, code, self._stopping or self._killed))

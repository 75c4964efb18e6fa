"""A process that holds a fault for the agent, and its lease: lines on its standard input renew it, the end of its input ends it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from gameday.agent.lifeline import tie

_ANSWER_S = 4.0
"""How long it may take to start and to say so: an interpreter beside a busy container, and two seconds of ``hold``."""
_END_S = 1.0
"""How long it may take to end when it is told to; then it is killed."""


class Helper:
    """A module of this package that runs as a process; it dies with the agent."""

    def __init__(self, module: str, *arguments: str) -> None:
        """Start it. Raises ``OSError``."""
        tied = tie()

        def prepare() -> None:
            tied()
            with suppress(OSError):
                Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")  # before any process of the pod

        self._process = subprocess.Popen(  # noqa: S603 - a module of this package
            [sys.executable, "-P", "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            preexec_fn=prepare,  # noqa: PLW1509 - the agent runs no other threads that hold locks
        )

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self._process.pid

    @property
    def lives(self) -> bool:
        """Return whether it is there."""
        return self._process.poll() is None

    def say(self, line: str) -> None:
        """Give it a line; one that has just ended does not hear it."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.write(line.encode() + b"\n")

    async def hear(self) -> str:
        """Return what it says next; nothing when it ends. Raises ``TimeoutError``."""
        if self._process.stdout is None:
            return ""
        loop, file, said = asyncio.get_running_loop(), self._process.stdout.fileno(), asyncio.Event()
        loop.add_reader(file, said.set)
        try:
            async with asyncio.timeout(_ANSWER_S):
                await said.wait()
        finally:
            loop.remove_reader(file)
        return os.read(file, 4096).decode(errors="replace").strip()

    async def end(self) -> None:
        """End it by closing its input, and wait for that; idempotent."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        if self.lives:
            await self._wait_for_its_end()
        if self.lives:
            self._process.kill()
            self._process.wait()

    async def _wait_for_its_end(self) -> None:
        """Wait until it has ended, or for as long as it may take."""
        loop, process, ended = asyncio.get_running_loop(), os.pidfd_open(self.pid), asyncio.Event()
        loop.add_reader(process, ended.set)
        try:
            async with asyncio.timeout(_END_S):
                await ended.wait()
        except TimeoutError:
            pass
        finally:
            loop.remove_reader(process)
            os.close(process)


def tree(pid: int) -> Sequence[int]:
    """Return a process and its children; whoever has gone is left out."""
    found = [pid]
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text(encoding="ascii").split())
    return found

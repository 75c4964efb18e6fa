"""
Processes that hold a fault for the node: one that keeps a service's process stopped, one that uses processor time and memory.

Each holds its lease itself, so that its fault ends although the node may be gone: a pause is let go when the node's pipe closes, a stress
dies with the node.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Protocol

import psutil

from gameday.agent.affording import too_much
from gameday.agent.lifeline import created_s
from gameday.targets.events import ProcessEvent, ProcessExited, ProcessStarted
from gameday.targets.local.child import Child, Program, exit_code, spawn, tree
from gameday.targets.protocol import Stress, Stressed, TargetError

Tell = Callable[[ProcessEvent], None]


class Make(Protocol):
    """Makes a helper's program."""

    def __call__(self, name: str, module: str, argument: str, *, death_signal: signal.Signals) -> Program:
        """Return the program that runs a module with an argument."""
        ...


_ANSWER_S = 2.0
_END_S = 1.0


class Helper:
    """A process that reads leases from its standard input; its end is awaited, and told like any other's."""

    def __init__(self, program: Program, tell: Tell, ended: Callable[[], None] = lambda: None) -> None:
        """Start it; ``ended`` is called after its end, however it came. Raises ``OSError``."""
        self._process = spawn(program)
        self._asked = False
        tell(ProcessStarted(time.monotonic(), program.name, self._process.pid, created_s(self._process.pid)))
        self._end = asyncio.ensure_future(self._follow(program.name, tell, ended))

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self._process.pid

    @property
    def lives(self) -> bool:
        """Return whether it is there."""
        return not self._end.done()

    def say(self, line: str) -> None:
        """Give it a line; one that has just ended does not hear it."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                os.write(self._process.stdin.fileno(), line.encode() + b"\n")

    async def hear(self) -> None:
        """Wait until it says something. Raises ``TargetError``."""
        said, out = asyncio.Event(), self._process.stdout
        if out is None:
            return
        loop, file = asyncio.get_running_loop(), out.fileno()
        loop.add_reader(file, said.set)
        try:
            await asyncio.wait_for(said.wait(), _ANSWER_S)
        except TimeoutError:
            raise TargetError(f"the process that holds the fault said nothing within {_ANSWER_S:g} s") from None
        finally:
            loop.remove_reader(file)  # by its number: one that has just ended is closed already

    async def end(self) -> None:
        """Let it end by closing its input, and wait for that; idempotent."""
        self._asked = True
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        done, _ = await asyncio.wait([self._end], timeout=_END_S)
        if not done:
            self._process.kill()
            await asyncio.wait([self._end], timeout=_END_S)

    async def _follow(self, name: str, tell: Tell, ended: Callable[[], None]) -> None:
        code = await exit_code(self._process)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()
        ended()
        tell(ProcessExited(time.monotonic(), name, self._process.pid, code, self._asked or code == 0))


class Pauses:
    """The processes that are stopped."""

    def __init__(self, children: Mapping[str, Child], make: Make, tell: Tell) -> None:
        """Stop children by their names."""
        self._children = children
        self._make = make
        self._tell = tell
        self._held: dict[str, tuple[int, Helper]] = {}

    async def pause(self, name: str, lease_s: float) -> None:
        """Stop a process and its descendants, or extend the lease. Raises ``TargetError`` when there is no process."""
        process = self._children[name].process
        if process is None:
            raise TargetError(f"{name} is not running, so it cannot be paused")
        held = self._held.get(name)
        if held is None or held[0] != process.pid or not held[1].lives:
            await self.resume(name)
            pid = process.pid
            program = self._make(f"{name}-pause", "gameday.agent.pause", str(pid), death_signal=signal.SIGTERM)
            held = self._held[name] = (pid, Helper(program, self._tell, ended=lambda: _let_go_on(pid)))
            await held[1].hear()
        held[1].say(f"{lease_s}")

    async def resume(self, name: str) -> None:
        """Let it go on; idempotent."""
        held = self._held.pop(name, None)
        if held is not None:
            await held[1].end()

    async def stop(self) -> None:
        """Let all of them go on."""
        await asyncio.gather(*(self.resume(name) for name in tuple(self._held)))


class Stresses:
    """The stressors that run, by the place that each was asked for."""

    def __init__(self, make: Make, tell: Tell) -> None:
        """Start none yet."""
        self._make = make
        self._tell = tell
        self._held: dict[str, Helper] = {}

    def stress(self, place: str, stress: Stress, lease_s: float) -> None:
        """Use so much, or extend the lease with what is asked now. Raises ``TargetError`` when the machine has not so much."""
        held = self._held.get(place)
        if held is None or not held.lives:
            if lacking := too_much(stress.most_cores, stress.most_bytes, machine="this machine"):
                raise TargetError(lacking)
            program = self._make(
                f"{place}-stress", "gameday.agent.stress", str(stress.most_cores), death_signal=signal.SIGKILL
            )
            held = self._held[place] = Helper(program, self._tell)
        held.say(f"{stress.cores} {stress.memory_bytes} {lease_s}")

    def stressed(self, place: str) -> Stressed | None:
        """Read what a stressor has used; None when there is none."""
        held = self._held.get(place)
        if held is None or not held.lives:
            return None
        used_s = rss_bytes = 0.0
        for process in tree(held.pid):
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                used_s += times.user + times.system
                rss_bytes += process.memory_info().rss if process.pid == held.pid else 0
        return Stressed(time.monotonic(), used_s, rss_bytes)

    async def relax(self, place: str) -> None:
        """End a stressor; idempotent."""
        held = self._held.pop(place, None)
        if held is not None:
            await held.end()

    async def stop(self) -> None:
        """End all of them."""
        await asyncio.gather(*(self.relax(place) for place in tuple(self._held)))


def _let_go_on(pid: int) -> None:
    """Continue what a pause may have left stopped: it was killed itself."""
    for process in tree(pid):
        with suppress(psutil.NoSuchProcess):
            process.resume()

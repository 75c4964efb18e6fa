"""A process that is kept running, or down, whoever kills it and how often."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

from gameday.targets.events import ProcessEvent, ProcessExited, ProcessStarted
from gameday.targets.local.child import Child, Program

LIMIT_S = 20.0
"""A bound against hangs."""


def test_a_kill_without_a_lease_ends_the_lease_of_the_one_before(tmp_path: Path) -> None:
    """It is started again as after any crash; nothing else would start it ever again."""

    async def kill_twice() -> list[type[ProcessEvent]]:
        told: asyncio.Queue[ProcessEvent] = asyncio.Queue()
        program = Program("sleeper", ("sleep", "60"), {"PATH": "/usr/bin:/bin"}, tmp_path / "log")
        child = Child(program, told.put_nowait)
        child.start()
        seen = [type(await told.get())]
        child.kill(lease_s=60)
        seen.append(type(await told.get()))
        child.kill(lease_s=0)
        seen.append(type(await told.get()))
        await child.stop(LIMIT_S)
        return [*seen, type(await told.get())]

    seen = asyncio.run(asyncio.wait_for(kill_twice(), LIMIT_S))
    assert seen == [ProcessStarted, ProcessExited] * 2


def test_a_graceful_kill_asks_first_and_kills_later(tmp_path: Path) -> None:
    """One that ends when asked is not killed; one that does not, is."""

    async def end(name: str, command: str, grace_s: float) -> tuple[int, float]:
        log = tmp_path / name
        told: asyncio.Queue[ProcessEvent] = asyncio.Queue()
        program = Program(name, ("sh", "-c", command), {"PATH": "/usr/bin:/bin"}, log)
        child = Child(program, told.put_nowait)
        child.start()
        await told.get()
        while b"ready" not in log.read_bytes():  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.01)
        began_s = time.monotonic()
        child.kill(lease_s=60, grace_s=grace_s)
        child.kill(lease_s=60, grace_s=grace_s)
        exited = await told.get()
        assert isinstance(exited, ProcessExited)
        assert exited.expected
        await child.stop(LIMIT_S)
        return exited.code, time.monotonic() - began_s

    async def both() -> None:
        code, took_s = await end("polite", "echo ready; exec sleep 60", 10)
        assert (code, took_s < 5) == (-signal.SIGTERM, True)
        code, took_s = await end("deaf", "trap '' TERM; echo ready; while :; do sleep 0.05; done", 0.3)
        assert (code, took_s >= 0.3) == (-signal.SIGKILL, True)

    asyncio.run(asyncio.wait_for(both(), LIMIT_S))

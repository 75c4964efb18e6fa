"""A process that is kept running, or down, whoever kills it and how often."""

from __future__ import annotations

import asyncio
from pathlib import Path

from gameday.targets.local.child import Child, Program
from gameday.targets.local.events import ProcessEvent, ProcessExited, ProcessStarted

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

"""
Run in a pod's ephemeral container: ``python -m gameday.agent.pod network|process``.

The environment holds ``GAMEDAY_KEY`` and ``GAMEDAY_AGENT``: see ``agent.proof``.
"""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from collections.abc import Callable, Coroutine

from gameday.agent.proof import Verifier
from gameday.agent.resources import SHORTAGES, raise_open_files

_IDLE_S = 60.0
"""Of an agent that holds nothing: a runner asks every second, so one that is silent for so long is gone."""


def main(arguments: list[str]) -> int:
    """Do as the only argument says; return the exit code."""
    env = os.environ
    if arguments not in (["network"], ["process"]) or not (env.get("GAMEDAY_KEY") and env.get("GAMEDAY_AGENT")):
        sys.stderr.write("usage: GAMEDAY_KEY=... GAMEDAY_AGENT=... python -m gameday.agent.pod network|process\n")
        return 2
    idle_s = float(env.get("GAMEDAY_IDLE_S", _IDLE_S))
    if arguments == ["network"]:
        from gameday.agent.pod import supervisor  # noqa: PLC0415 - each mode loads what it needs alone: it must start fast

        return supervisor.supervise(lambda: _network(idle_s))
    from gameday.agent.pod import process  # noqa: PLC0415 - same

    return _run(lambda: process.serve(_verifier(), idle_s=idle_s))


def _network(idle_s: float) -> int:
    from gameday.agent.pod import network  # noqa: PLC0415 - same

    return _run(lambda: network.serve(_verifier(), idle_s=idle_s))


def _verifier() -> Verifier:
    return Verifier(os.environ["GAMEDAY_AGENT"], os.environ["GAMEDAY_KEY"])


def _run(serve: Callable[[], Coroutine[object, object, None]]) -> int:
    raise_open_files()

    async def followed() -> None:
        SHORTAGES.follow(asyncio.get_running_loop())
        await serve()

    try:
        asyncio.run(followed())
    except OSError as error:
        sys.stderr.write(f"gameday agent: {error}\n")
        return 3 if error.errno == errno.EADDRINUSE else 1  # supervisor.TAKEN
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Run in a pod's ephemeral container: ``python -m gameday.agent.pod network|process``; the environment holds ``GAMEDAY_TOKEN``."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from collections.abc import Callable, Coroutine

_IDLE_S = 60.0
"""Of an agent that holds nothing: a runner asks every second, so one that is silent for so long is gone."""


def main(arguments: list[str]) -> int:
    """Do as the only argument says; return the exit code."""
    token = os.environ.get("GAMEDAY_TOKEN", "")
    if arguments not in (["network"], ["process"]) or not token:
        sys.stderr.write("usage: GAMEDAY_TOKEN=... python -m gameday.agent.pod network|process\n")
        return 2
    idle_s = float(os.environ.get("GAMEDAY_IDLE_S", _IDLE_S))
    if arguments == ["network"]:
        from gameday.agent.pod import supervisor  # noqa: PLC0415 - each mode loads what it needs alone: it must start fast

        return supervisor.supervise(lambda: _network(token, idle_s))
    from gameday.agent.pod import process  # noqa: PLC0415 - same

    return _run(lambda: process.serve(token, idle_s=idle_s))


def _network(token: str, idle_s: float) -> int:
    from gameday.agent.pod import network  # noqa: PLC0415 - same

    return _run(lambda: network.serve(token, idle_s=idle_s))


def _run(serve: Callable[[], Coroutine[object, object, None]]) -> int:
    try:
        asyncio.run(serve())
    except OSError as error:
        sys.stderr.write(f"gameday agent: {error}\n")
        return 3 if error.errno == errno.EADDRINUSE else 1  # supervisor.TAKEN
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""
Start a part of a load of several workers: ``python -m gameday.load.child.pod master|worker``.

The environment says the rest: ``GAMEDAY_TOKEN`` (the crew's; whoever has it may ask and report), ``GAMEDAY_WORKERS`` (the master:
how many), ``GAMEDAY_MASTER`` (the worker: the master's host), ``JOB_COMPLETION_INDEX`` (the worker: its number, set by Kubernetes), and
for crews on one machine ``GAMEDAY_CONTROL_PORT`` and ``GAMEDAY_LOCUST_PORT``.
"""

from __future__ import annotations

import os
import sys
import types

from gameday.agent.wire import CONTROL_PORT

LOCUST_PORT = 15030


def main(part: str) -> int:
    """Run the part until the load is over or nobody asks for it any more, and return the exit code."""
    # Locust's web interface is never used, and importing it costs a third of the start.
    web = types.ModuleType("locust.web")
    web.WebUI = object  # type: ignore[attr-defined]  # the one name that locust.env needs
    sys.modules["locust.web"] = web
    env = os.environ
    token = env["GAMEDAY_TOKEN"]
    locust_port = int(env.get("GAMEDAY_LOCUST_PORT", LOCUST_PORT))
    if part == "master":
        from gameday.load.child.master import Master  # noqa: PLC0415 - Locust patches the standard library at its import

        control_port = int(env.get("GAMEDAY_CONTROL_PORT", CONTROL_PORT))
        return Master(
            int(env["GAMEDAY_WORKERS"]), token=token, locust_port=locust_port, control_port=control_port
        ).run()

    from gameday.load.child.member import run  # noqa: PLC0415 - as above

    return run(env["GAMEDAY_MASTER"], locust_port, worker=int(env["JOB_COMPLETION_INDEX"]), token=token)


if __name__ == "__main__":
    code = main(sys.argv[1])
    sys.stderr.flush()
    # Locust's greenlets and their exit handlers have nothing left to do.
    os._exit(code)

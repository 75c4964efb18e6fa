"""
Start a part of a load of several workers: ``python -m gameday.load.child.pod master|worker``.

The environment says the rest: ``GAMEDAY_KEY`` and ``GAMEDAY_AGENT`` (the master: whose commands it takes, see
``agent.proof``), ``GAMEDAY_WORKERS`` (the master: how many), ``GAMEDAY_MASTER`` (the worker: the master's host),
``JOB_COMPLETION_INDEX`` (the worker: its number, set by Kubernetes), and for crews on one machine
``GAMEDAY_CONTROL_PORT`` and ``GAMEDAY_LOCUST_PORT``. A worker makes a pass when it starts, which it shows its master,
and writes the pass's digest into its log: by that the session, which may read logs, tells the master who is a worker.
"""

from __future__ import annotations

import os
import secrets
import sys
import types

from gameday.agent.proof import PASS, Verifier, announce, digest
from gameday.agent.wire import CONTROL_PORT

LOCUST_PORT = 15030


def main(part: str) -> int:
    """Run the part until the load is over or nobody asks for it any more, and return the exit code."""
    # Locust's web interface is never used, and importing it costs a third of the start.
    web = types.ModuleType("locust.web")
    web.WebUI = object  # type: ignore[attr-defined]  # the one name that locust.env needs
    sys.modules["locust.web"] = web
    env = os.environ
    locust_port = int(env.get("GAMEDAY_LOCUST_PORT", LOCUST_PORT))
    if part == "master":
        from gameday.load.child.master import Master  # noqa: PLC0415 - Locust patches the standard library at its import

        control_port = int(env.get("GAMEDAY_CONTROL_PORT", CONTROL_PORT))
        verifier = Verifier(env["GAMEDAY_AGENT"], env["GAMEDAY_KEY"])
        workers = int(env["GAMEDAY_WORKERS"])
        return Master(workers, verifier=verifier, locust_port=locust_port, control_port=control_port).run()

    own_pass = secrets.token_hex(32)
    announce(PASS, digest(own_pass.encode()))
    from gameday.load.child.member import run  # noqa: PLC0415 - as above

    return run(env["GAMEDAY_MASTER"], locust_port, worker=int(env["JOB_COMPLETION_INDEX"]), own_pass=own_pass)


if __name__ == "__main__":
    code = main(sys.argv[1])
    sys.stderr.flush()
    # Locust's greenlets and their exit handlers have nothing left to do.
    os._exit(code)

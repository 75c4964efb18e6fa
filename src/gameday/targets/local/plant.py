"""All processes of the shop, as the node runs them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from gameday.agent.resources import SHORTAGES
from gameday.demo.toggles import SPREAD
from gameday.demo.topology import SHOP, Process
from gameday.targets.events import ProcessExited, ProcessShort, ReplicaJoined, ReplicaLeft, TargetEvent
from gameday.targets.local import http
from gameday.targets.local.child import Child, Program, exit_code, spawn
from gameday.targets.local.events import event_message
from gameday.targets.local.helpers import Pauses, Stresses
from gameday.targets.local.ports import Reservations
from gameday.targets.local.programs import find_postgres, find_redis, readable_postgres
from gameday.targets.local.proxies import ProxyLink
from gameday.targets.local.replicas import Replicas
from gameday.targets.local.spec import Spec
from gameday.targets.local.stores import CacheStore, DatabaseStore
from gameday.targets.local.wire import encode
from gameday.targets.local.wiring import Wiring, database_user

_POLL_S = 0.02
_READY_S = 40.0
_MOST_RESTARTS = 3  # of a process that never became ready
_DRAIN_S = 2.2  # services finish what is in flight within two seconds
_STOP_S = 0.7
_PROBE_S = 1.0


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
        events: Everything that happened to processes and replicas, oldest first.
        proxies: By the service that each stands before.
        children: By process name.
        pauses: Keeps processes stopped.
        stresses: Uses processor time and memory.
        replicated: By name, the services of which there is more than one process.
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
        self.events: list[TargetEvent] = []  # grows by four for each restart, which back-off bounds
        self.proxies: dict[str, ProxyLink] = {}
        self.children: dict[str, Child] = {}
        self.pauses = Pauses(self.children, self.wiring.helper, self._note)
        self.stresses = Stresses(self.wiring.helper, self._note)
        several = [process for process in SHOP.processes if process.replicas > 1]
        self.replicated = {process.name: self._replicas(process) for process in several}
        self._service_of = {instance: process.name for process in several for instance in process.instances}
        self._watching: list[asyncio.Future[None]] = []

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
            for instance in process.instances:
                self._run(self.wiring.http(process, instance, {}))
        say("creating the database")
        await self._start_database()
        say("waiting for the services")
        await asyncio.gather(
            self._until("cache", self.cache.is_ready),
            *(self._until(name, lambda n=name: self._answers(n)) for process in services for name in process.instances),  # type: ignore[misc]
            *(self._until(f"{name}-proxy", lambda link=link: _is_ready(link)) for name, link in self.proxies.items()),  # type: ignore[misc]
        )
        self._watching = [asyncio.ensure_future(replicas.watch()) for replicas in self.replicated.values()]

    @property
    def services(self) -> tuple[str, ...]:
        """Return the names of the shop's services."""
        return tuple(process.name for process in SHOP.processes)

    def replicas(self, service: str) -> tuple[str, ...]:
        """Return the names of the processes that serve a service, ready or not; empty for an unknown service."""
        if service not in self.services:
            return ()
        if (replicated := self.replicated.get(service)) is not None:
            return replicated.serving
        return SHOP.process(service).instances

    async def is_ready(self, replica: str) -> bool:
        """Ask a service's process directly whether it can do its work; within about a second."""
        kinds = {name: process.kind for process in SHOP.processes for name in process.instances}
        try:
            async with asyncio.timeout(_PROBE_S):
                match kinds[replica]:
                    case "postgres":
                        return await self.database.is_ready()
                    case "redis":
                        return await self.cache.is_ready()
                    case _:
                        return await self._answers(replica)
        except TimeoutError:
            return False

    async def switch(self, toggles: Mapping[str, bool]) -> None:
        """Spread replicated services or not, and let web start with these toggles, should it have to start again."""
        web = SHOP.process("web")
        for instance in web.instances:
            self.children[instance].program = self.wiring.http(web, instance, toggles)
        for replicated in self.replicated.values():
            await replicated.spread_over(all_of_them=toggles.get(SPREAD, True))

    async def stop(self) -> None:
        """End everything: services first, then what they depend on; bounded, and killed where that does not help."""
        await self.pauses.stop()  # who is stopped does not hear that it is to end
        await self.stresses.stop()
        for watching in self._watching:
            watching.cancel()
        services = {name for process in SHOP.processes if process.kind == "http" for name in process.instances}
        first = [child for name, child in self.children.items() if name in services]
        then = [child for name, child in self.children.items() if name not in services]
        await asyncio.gather(*(child.stop(_DRAIN_S) for child in first))
        self.database.close()
        await self.cache.close()
        await asyncio.gather(*(child.stop(_STOP_S) for child in then))
        self._reservations.close()

    def note_shortages(self) -> None:
        """Note what the node itself has run short of."""
        for what, count in SHORTAGES.news().items():
            self._note(ProcessShort(time.monotonic(), "node", what, count))

    def _note(self, event: TargetEvent) -> None:
        self.events.append(event)
        sys.stderr.write(encode(event_message(event)).decode())
        sys.stderr.flush()
        if isinstance(event, ProcessExited) and (service := self._service_of.get(event.process)) is not None:
            self.replicated[service].ended(event.process)

    def _replicas(self, process: Process) -> Replicas:
        edges = [str(edge) for edge in SHOP.callers(process.name)]

        async def lead_to(instances: tuple[str, ...]) -> None:
            await self.proxies[process.name].lead_to(edges, self.wiring.endpoints(instances))

        def told(replica: str, joined: bool) -> None:  # noqa: FBT001 - as the replicas tell it
            kind = ReplicaJoined if joined else ReplicaLeft
            self._note(kind(time.monotonic(), process.name, replica, identity="", node=""))

        return Replicas(process.instances, self._answers, lead_to, told)

    def _run(
        self, program: Program, on_start: Callable[[subprocess.Popen[bytes]], Awaitable[None]] | None = None
    ) -> None:
        child = self.children[program.name] = Child(program, self._note, on_start)
        child.start()

    def _start_proxy(self, service: str) -> None:
        link = ProxyLink(service, self.wiring.proxy_configuration(service), self._note)
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

    async def _answers(self, process: str) -> bool:
        try:
            answer = await http.request(self.wiring.replica_ports[process], "GET", "/healthz", timeout_s=_PROBE_S)
        except OSError as error:
            SHORTAGES.note(error, "probes of replicas failed")
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

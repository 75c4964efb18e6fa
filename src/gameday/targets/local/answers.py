"""What the node answers to each request."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import asdict

from gameday.demo.instruments import WORST, cache_page, database_page
from gameday.demo.topology import SHOP
from gameday.targets.local import http
from gameday.targets.local.canary import canary_s
from gameday.targets.local.events import event_message
from gameday.targets.local.plant import Plant
from gameday.targets.local.ports import HOST
from gameday.targets.local.process_faults import ProcessFaults
from gameday.targets.local.proxies import ProxyLink
from gameday.targets.local.wire import Json, Message, number
from gameday.targets.pages import Page, ServicePage, parse_page
from gameday.targets.protocol import TargetError

_READY_S = 4.0
_POLL_S = 0.05
_KINDS = {process.name: process.kind for process in SHOP.processes}


class Answers:
    """Does what requests ask; each method named ``on_...`` is one operation. All may raise ``TargetError``."""

    def __init__(self, plant: Plant, *, hot: int, stop: Callable[[], None]) -> None:
        """Answer for a plant; a reset warms ``hot`` products."""
        self._plant = plant
        self._hot = hot
        self._stop = stop
        self._toggles: dict[str, bool] = {}
        self._pages: dict[str, ServicePage] = {}
        self._processes = ProcessFaults(plant)
        self._operations: Mapping[str, Callable[[Message], Awaitable[dict[str, Json]]]] = {
            "delay": self.on_delay,
            "blackhole": self.on_blackhole,
            "answer": self.on_answer,
            "heal": self.on_heal,
            "edge": self.on_edge,
            "canary": self.on_canary,
            "page": self.on_page,
            "metrics": self.on_metrics,
            "cache-keys": self.on_cache_keys,
            "empty-cache": self.on_empty_cache,
            "url": self.on_url,
            "switch": self.on_switch,
            "reset": self.on_reset,
            "events": self.on_events,
            "versions": self.on_versions,
            "stop": self.on_stop,
            **self._processes.operations,
        }

    async def answer(self, request: Message) -> dict[str, Json]:
        """Answer one request; what went wrong is told in ``error``."""
        operation = self._operations.get(str(request.get("op")))
        if operation is None:
            return {"error": f"unknown operation; valid: {', '.join(self._operations)}"}
        try:
            return await operation(request)
        except TargetError as error:
            return {"error": str(error)}
        except (KeyError, TypeError, ValueError) as error:
            return {"error": f"the request is incomplete: {type(error).__name__} {error}"}

    async def on_delay(self, request: Message) -> dict[str, Json]:
        """Delay an edge under a lease."""
        numbers = {name: number(request, name) for name in ("delay_s", "jitter_s", "lease_s")}
        return dict(await self._proxy(request).ask("delay", str(request["edge"]), **numbers))

    async def on_blackhole(self, request: Message) -> dict[str, Json]:
        """Let nothing pass on an edge under a lease."""
        return dict(
            await self._proxy(request).ask("blackhole", str(request["edge"]), lease_s=number(request, "lease_s"))
        )

    async def on_answer(self, request: Message) -> dict[str, Json]:
        """Answer requests on an edge under a lease; only HTTP has any."""
        self._service({"service": self._edge(request).split(" -> ")[1]}, "http")
        rule = {name: request[name] for name in ("path", "status", "share", "lease_s")}
        return dict(await self._proxy(request).ask("answer", str(request["edge"]), **rule))

    async def on_heal(self, request: Message) -> dict[str, Json]:
        """Heal an edge."""
        return dict(await self._proxy(request).ask("heal", str(request["edge"])))

    async def on_edge(self, request: Message) -> dict[str, Json]:
        """Read an edge's state."""
        return dict(await self._proxy(request).ask("state", str(request["edge"])))

    async def on_canary(self, request: Message) -> dict[str, Json]:
        """Send one harmless request over an edge."""
        edge = self._edge(request)
        kind = _KINDS[edge.split(" -> ")[1]]
        port = self._plant.wiring.edge_ports[edge]
        await self._proxy(request).ask("canary", edge)
        return {"canary_s": await canary_s(kind, port, within_s=number(request, "within_s"))}

    async def on_page(self, request: Message) -> dict[str, Json]:
        """Scrape one service."""
        service = self._service(request, "http")
        if (page := await self._scrape(service)) is None:
            raise TargetError(f"{service} does not answer GET /metrics; see its log")
        return {"values": {**page}}

    async def on_metrics(self, _: Message) -> dict[str, Json]:
        """Scrape everything; what does not answer is left out."""
        services = [name for name, kind in _KINDS.items() if kind == "http"]
        scraped = await asyncio.gather(*(self._scrape(name) for name in services))
        values: dict[str, Json] = {
            name: {**page} for name, page in zip(services, scraped, strict=True) if page is not None
        }
        values["node"] = await self._node_page()
        for store, page in (("cache", self._cache_page()), ("database", self._database_page())):
            try:
                values[store] = await page
            except TargetError:
                continue
        return {"values": values}

    async def on_cache_keys(self, request: Message) -> dict[str, Json]:
        """Count keys."""
        self._service(request, "redis")
        return {"keys": await self._plant.cache.keys(_prefix(request))}

    async def on_empty_cache(self, request: Message) -> dict[str, Json]:
        """Remove keys."""
        self._service(request, "redis")
        return {**asdict(await self._plant.cache.empty(_prefix(request)))}

    async def on_url(self, request: Message) -> dict[str, Json]:
        """Say where requests from outside enter."""
        ports = self._plant.wiring.edge_ports
        edge = f"load -> {request['service']}"
        if edge not in ports:
            valid = ", ".join(name.removeprefix("load -> ") for name in ports if name.startswith("load -> "))
            raise TargetError(f"nothing from outside enters at {request['service']!r}; valid: {valid}")
        return {"url": f"http://{HOST}:{ports[edge]}"}

    async def on_switch(self, request: Message) -> dict[str, Json]:
        """Switch mechanisms; all that are not named stay as they are."""
        wanted = request["toggles"]
        if not isinstance(wanted, dict):
            raise TargetError("toggles: give each mechanism true or false")
        await self._control("config", wanted)
        self._toggles |= {name: bool(value) for name, value in wanted.items()}
        await self._plant.switch(self._toggles)
        return {}

    async def on_reset(self, _: Message) -> dict[str, Json]:
        """Begin afresh: no fault, an empty cache warmed with the hot products, closed breakers, the toggles last switched."""
        for edge in self._plant.wiring.edge_ports:
            await self._proxy({"edge": edge}).ask("heal", edge)
        await self._processes.reset()
        await self._plant.cache.empty(None)
        await self._control("config", {**self._toggles})
        await self._control("reset", {"warm": self._hot})
        return {}

    async def on_events(self, request: Message) -> dict[str, Json]:
        """Return what happened to processes after the first ``after`` events."""
        self._plant.note_shortages()
        after = int(number(request, "after"))
        return {"events": [event_message(event) for event in self._plant.events[after:]]}

    async def on_versions(self, _: Message) -> dict[str, Json]:
        """Return the stores' versions."""
        return {"Redis": await self._plant.cache.version(), "PostgreSQL": await self._plant.database.version()}

    async def on_stop(self, _: Message) -> dict[str, Json]:
        """End the node after this answer."""
        self._stop()
        return {}

    def _edge(self, request: Message) -> str:
        edge = str(request["edge"])
        if edge not in self._plant.wiring.edge_ports:
            raise TargetError(f"unknown edge {edge!r}; valid: {', '.join(self._plant.wiring.edge_ports)}")
        return edge

    def _proxy(self, request: Message) -> ProxyLink:
        return self._plant.proxies[self._edge(request).split(" -> ")[1]]

    def _service(self, request: Message, kind: str) -> str:
        service = str(request["service"])
        if _KINDS.get(service) != kind:
            valid = ", ".join(name for name, other in _KINDS.items() if other == kind)
            raise TargetError(f"{service!r} is no service of kind {kind}; valid: {valid}")
        return service

    async def _scrape(self, service: str) -> Page | None:
        """Read the page of a service's replicas; None when none of them answers."""
        read = await asyncio.gather(*(self._read(instance) for instance in self._plant.replicas(service)))
        pages: dict[Hashable, Page] = {replica: page for replica, page in read if page is not None}
        return self._pages.setdefault(service, ServicePage(worst=WORST)).merged(pages) if pages else None

    async def _read(self, instance: str) -> tuple[tuple[str, int], Page | None]:
        process = self._plant.children[instance].process
        replica = (instance, process.pid if process else 0)
        try:
            return replica, parse_page((await self._request(instance, "GET", "/metrics", b"")).decode())
        except TargetError:
            return replica, None

    async def _control(self, what: str, body: Message) -> None:
        """Tell every replica of web, also those that do not serve: they must be ready to."""
        sent = json.dumps(body).encode()

        async def tell(instance: str) -> None:
            await self._ready(instance)
            await self._request(instance, "POST", f"/control/{what}", sent)

        await asyncio.gather(*(tell(instance) for instance in SHOP.process("web").instances))

    async def _ready(self, instance: str) -> None:
        """Wait for a process that is being started."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + _READY_S
        while not await self._plant.is_ready(instance):
            if loop.time() > until_s:
                raise TargetError(f"{instance} was not ready within {_READY_S:g} s; see logs/{instance}.log")
            await asyncio.sleep(_POLL_S)

    async def _request(self, instance: str, method: str, path: str, body: bytes) -> bytes:
        try:
            answer = await http.request(self._plant.wiring.replica_ports[instance], method, path, body)
        except OSError as error:
            raise TargetError(
                f"{instance} does not answer {method} {path}: {type(error).__name__} {error}; see logs/{instance}.log"
            ) from error
        if answer.status != 200:
            raise TargetError(f"{instance} answered {method} {path} with {answer.status}: {answer.body.decode()}")
        return answer.body

    async def _node_page(self) -> dict[str, Json]:
        page: dict[str, Json] = {
            f'process_restarts_total{{process="{name}"}}': child.restarts
            for name, child in self._plant.children.items()
        }
        for edge in self._plant.wiring.edge_ports:
            try:
                state = await self._proxy({"edge": edge}).ask("state", edge)
            except TargetError:
                continue
            page[f'proxy_connections_total{{edge="{edge}"}}'] = state["connections"]
            page[f'proxy_delayed_total{{edge="{edge}"}}'] = state["delayed"]
        return page

    async def _cache_page(self) -> dict[str, Json]:
        return {**cache_page(await self._plant.cache.keys(None))}

    async def _database_page(self) -> dict[str, Json]:
        counts = await self._plant.database.counts()
        return {**database_page(counts.origin_queries, counts.connections, counts.connections_limit)}


def _prefix(request: Message) -> str | None:
    prefix = request.get("prefix")
    return None if prefix is None else str(prefix)

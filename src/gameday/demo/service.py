"""What every service of the shop has: routes that are counted and logged, /metrics, /healthz, an orderly end."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CollectorRegistry, disable_created_metrics, generate_latest

from gameday.demo.instruments import RequestInstruments
from gameday.demo.logs import LibraryHandler, Log
from gameday.demo.settings import Settings
from gameday.demo.trace import Trace, span

_GONE = 499  # nginx's code for a client that closed the connection before its answer
_DRAIN_S = 2.0


@dataclass(frozen=True, slots=True)
class Context:
    """
    What is known of one request.

    Attributes:
        route: Its route's name.
        request_id: The caller's, or a new one.
        trace: This service's span.
        deadline_s: When the caller stops waiting, on the event loop's clock; None when it did not say.
    """

    route: str
    request_id: str
    trace: Trace
    deadline_s: float | None

    def headers(self, now_s: float) -> dict[str, str]:
        """Return the headers that pass this context on to a dependency."""
        passed = {"traceparent": self.trace.header(), "X-Request-Id": self.request_id}
        if self.deadline_s is not None:
            passed["X-Deadline-Ms"] = str(max(0, round((self.deadline_s - now_s) * 1000)))
        return passed


Handler = Callable[[web.Request, Context], Awaitable[web.Response]]


class Service:
    """
    One service's HTTP face.

    Attributes:
        app: For routes of its own, such as control routes, which are neither counted nor logged.
        registry: What /metrics shows.
        requests: The instruments of its routes.
    """

    def __init__(self, name: str, *, ready: Callable[[], bool] = lambda: True) -> None:
        """Prepare a service that is ready when ``ready`` says so."""
        self.name = name
        self.log = Log(name)
        self.registry = CollectorRegistry()
        self.requests = RequestInstruments(self.registry)
        self.app = web.Application()
        self._ready = ready
        self._is_leaving = False
        self.app.router.add_get("/metrics", self._metrics)
        self.app.router.add_get("/healthz", self._healthz)

    def route(self, method: str, path: str, name: str, handler: Handler) -> None:
        """Serve a route; every request of it is counted exactly once, when its answer has been sent."""
        in_flight, duration = self.requests.route(name)

        async def counted(request: web.Request) -> web.Response:
            began_s = time.perf_counter()
            context = _context(request, name)
            code = _GONE
            in_flight.inc()
            try:
                response = await self._answer(handler, request, context)
                code = await _send(request, response)
            finally:
                in_flight.dec()
                took_s = time.perf_counter() - began_s
                duration.observe(took_s)
                self.requests.count(name, code)
                self._log_request(context, code, took_s)
            return response

        self.app.router.add_route(method, path, counted)

    async def leave(self, within_s: float) -> None:
        """Tell whoever still asks, for so long, to make other connections."""
        self._is_leaving = True
        await asyncio.sleep(within_s)

    async def _answer(self, handler: Handler, request: web.Request, context: Context) -> web.Response:
        try:
            response = await handler(request, context)
        except Exception as error:  # noqa: BLE001 - the last resort: whatever it was, the client gets its answer
            self.log.failure("uncaught", error, {"route": context.route, "request_id": context.request_id})
            response = web.json_response({"error": "internal error"}, status=500)
        response.headers["X-Request-Id"] = context.request_id
        if self._is_leaving:
            response.force_close()
        return response

    def _log_request(self, context: Context, code: int, took_s: float) -> None:
        self.log.write(
            "request",
            {
                "route": context.route,
                "code": code,
                "duration_ms": round(took_s * 1000, 2),
                "request_id": context.request_id,
                "trace_id": context.trace.trace_id,
                "span_id": context.trace.span_id,
            },
        )

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self.registry), content_type="text/plain")

    async def _healthz(self, _: web.Request) -> web.Response:
        ready = self._ready()
        return web.json_response({"status": "ok" if ready else "starting"}, status=200 if ready else 503)


def _context(request: web.Request, route: str) -> Context:
    headers = request.headers
    left_ms = headers.get("X-Deadline-Ms", "")
    return Context(
        route=route,
        request_id=headers.get("X-Request-Id") or uuid.uuid4().hex,
        trace=span(headers.get("traceparent")),
        deadline_s=asyncio.get_running_loop().time() + int(left_ms) / 1000 if left_ms.isdecimal() else None,
    )


async def _send(request: web.Request, response: web.Response) -> int:
    """Send an answer and return the code to count: the client may be gone."""
    if request.transport is None or request.transport.is_closing():
        return _GONE
    try:
        await response.prepare(request)
        await response.write_eof()
    except ConnectionError:
        return _GONE
    return response.status


def run(service: Service, settings: Settings, resources: AbstractAsyncContextManager[None] | None = None) -> None:
    """
    Serve until SIGTERM, then finish what is in flight, within two seconds.

    Args:
        service: Its routes may also be added while ``resources`` is entered.
        settings: Where to listen, and how to leave.
        resources: What the handlers need; entered before the service listens, left when every request has been answered.
    """
    logging.getLogger().addHandler(LibraryHandler(service.log))
    disable_created_metrics()  # type: ignore[no-untyped-call]  # the library does not type it
    asyncio.run(_serve(service, settings, resources or nullcontext()))


async def _serve(service: Service, settings: Settings, resources: AbstractAsyncContextManager[None]) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with resources:
        runner = web.AppRunner(service.app, access_log=None, shutdown_timeout=_DRAIN_S, keepalive_timeout=3600)
        await runner.setup()
        await web.TCPSite(runner, settings.host, settings.port, backlog=1024).start()
        service.log.write("started", {"port": settings.port, "python": sys.version.split()[0]})
        await stop.wait()
        await service.leave(settings.leave_s)
        await runner.cleanup()
    service.log.write("stopped", {})

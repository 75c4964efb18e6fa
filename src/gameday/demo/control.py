"""The control routes of web: switch mechanisms, and begin afresh."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

from aiohttp import web

from gameday.demo.logs import Log
from gameday.demo.toggles import Switches, ToggleError

_MOST_WARM = 10_000


class Control:
    """Serves ``/control/config`` and ``/control/reset``; neither is counted or logged as a request."""

    def __init__(self, switches: Switches, reset: Callable[[int], Awaitable[None]], log: Log) -> None:
        """Switch these; ``reset`` begins afresh with so many products in the cache."""
        self._switches = switches
        self._reset = reset
        self._log = log

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/control/config", self.read)
        app.router.add_post("/control/config", self.change)
        app.router.add_post("/control/reset", self.begin_afresh)

    async def read(self, _: web.Request) -> web.Response:
        """Return every toggle."""
        return web.json_response(self._switches.current.to_json())

    async def change(self, request: web.Request) -> web.Response:
        """Set the toggles that the body names; all of them or, with 400 and what would be valid, none."""
        try:
            values = await _object(request)
            self._switches.current = self._switches.current.changed(values)
        except ToggleError as error:
            return web.json_response({"error": "nothing was switched", "problems": error.problems}, status=400)
        self._log.write("switched", {**self._switches.current.to_json()})
        return web.json_response(self._switches.current.to_json())

    async def begin_afresh(self, request: web.Request) -> web.Response:
        """Close breakers, forget shared queries, and warm ``{"warm": COUNT}`` products."""
        try:
            warm = (await _object(request)).get("warm", 0)
        except ToggleError as error:
            return web.json_response({"error": "nothing was reset", "problems": error.problems}, status=400)
        if not isinstance(warm, int) or isinstance(warm, bool) or not 0 <= warm <= _MOST_WARM:
            return web.json_response({"error": f"warm: {warm!r}; valid: 0 to {_MOST_WARM}"}, status=400)
        await self._reset(warm)
        self._log.write("reset", {"warm": warm})
        return web.json_response({"warm": warm})


async def _object(request: web.Request) -> dict[str, object]:
    try:
        value = json.loads(await request.read() or b"{}")
    except ValueError:
        raise ToggleError(("the body is not JSON",)) from None
    if not isinstance(value, dict):
        raise ToggleError(("the body is no JSON object",))
    return value

"""The control of every comparison: answers at once and shares no pool with anything."""

from __future__ import annotations

from aiohttp import web

from gameday.demo.service import Context, Service, run
from gameday.demo.settings import read_settings


async def beat(_: web.Request, __: Context) -> web.Response:
    """Answer."""
    return web.json_response({"pulse": "ok"})


def main() -> None:
    """Run it."""
    settings = read_settings()
    service = Service(settings.service)
    service.route("GET", "/pulse", "pulse", beat)
    run(service, settings)


if __name__ == "__main__":
    main()

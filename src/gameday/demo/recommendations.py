"""The recommendation service: ids of products, after an emulated service time."""

from __future__ import annotations

from aiohttp import web

from gameday.demo.emulate import work
from gameday.demo.service import Context, Service, run
from gameday.demo.settings import read_settings

SERVICE_S = 0.02


async def recommend(request: web.Request, context: Context) -> web.Response:
    """Return four products beside the one asked about; 504 when the caller would not wait for them."""
    if not await work(SERVICE_S, context):
        return web.json_response({"error": "deadline passed"}, status=504)
    product = int(request.match_info["id"])
    return web.json_response({"recommendations": [product + step for step in range(1, 5)]})


def main() -> None:
    """Run it."""
    settings = read_settings()
    service = Service(settings.service)
    service.route("GET", r"/recommendations/{id:\d{1,9}}", "recommendations", recommend)
    run(service, settings)


if __name__ == "__main__":
    main()

"""The payment service: accepts every payment, after an emulated service time."""

from __future__ import annotations

import uuid

from aiohttp import web

from gameday.demo.emulate import work
from gameday.demo.service import Context, Service, run
from gameday.demo.settings import read_settings

SERVICE_S = 0.02


async def pay(request: web.Request, context: Context) -> web.Response:
    """Accept a payment; 504 when the caller would not wait for it."""
    await request.read()
    if not await work(SERVICE_S, context):
        return web.json_response({"error": "deadline passed"}, status=504)
    return web.json_response({"payment": uuid.uuid4().hex})


def main() -> None:
    """Run it."""
    settings = read_settings()
    service = Service(settings.service)
    service.route("POST", "/payments", "payments", pay)
    run(service, settings)


if __name__ == "__main__":
    main()

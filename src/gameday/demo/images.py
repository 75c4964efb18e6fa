"""The image service: one job at a time in a worker of its own, a short queue before it, and 503 when that is full."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web

from gameday.demo.pool import Pool, QueueFullError
from gameday.demo.resize import JOB_S, resize
from gameday.demo.service import Context, Service, run
from gameday.demo.settings import read_settings

QUEUE = 1
"""Who is second in it would be answered after what remains of one job and two more: too late for most callers."""


class Images:
    """Makes images."""

    def __init__(self) -> None:
        """Start with an idle worker."""
        self._worker = ThreadPoolExecutor(1)
        self._jobs = Pool("jobs", 1, queue_limit=QUEUE)

    async def make(self, request: web.Request, context: Context) -> web.Response:
        """Make one image; 503 when too many wait, 504 without beginning when its caller will not wait for the end."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(context.deadline_s):
                await self._jobs.acquire(bounded=True)
        except QueueFullError:
            return web.json_response({"error": "too many jobs wait"}, status=503, headers={"Retry-After": "1"})
        except TimeoutError:
            return web.json_response({"error": "deadline passed"}, status=504)
        try:
            if context.deadline_s is not None and loop.time() + JOB_S > context.deadline_s:
                return web.json_response({"error": "deadline passed"}, status=504)
            return web.json_response(await loop.run_in_executor(self._worker, resize, int(request.match_info["id"])))
        finally:
            self._jobs.release()


def main() -> None:
    """Run it."""
    settings = read_settings()
    service = Service(settings.service)
    service.route("GET", r"/images/{id:\d{1,9}}", "images", Images().make)
    run(service, settings)


if __name__ == "__main__":
    main()

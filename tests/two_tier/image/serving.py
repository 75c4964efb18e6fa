"""HTTP/1.1 with keep-alive on one port, a page of own counters on another."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import urlsplit

METRICS_PORT, HTTP_PORT = 9797, 9898
Answer = tuple[int, Mapping[str, Any]]
Handle = Callable[[str, bytes], Answer]
"""Takes the path and the body of a request; returns status and JSON."""


class Counts:
    """How many answers of which status each route gave."""

    def __init__(self) -> None:
        """Start at none."""
        self._answers: Counter[tuple[str, int]] = Counter()
        self._lock = threading.Lock()

    def add(self, route: str, status: int) -> None:
        """Count one answer."""
        with self._lock:
            self._answers[route, status] += 1

    def lines(self) -> list[str]:
        """Return the counters under names of this system's own."""
        with self._lock:
            answers = dict(self._answers)
        lines = [
            f'office_answers_total{{route="{route}",status="{status}"}} {n}' for (route, status), n in answers.items()
        ]
        return ["# TYPE office_answers_total counter", *sorted(lines)]


class Asked:
    """How long another service took to answer, in milliseconds, and how often it did not."""

    BOUNDS_MS = (5, 20, 50, 100, 200, 400, 800, 1600)

    def __init__(self, whom: str) -> None:
        """Start at none."""
        self._whom = whom
        self._took_ms: list[float] = []
        self._unanswered = 0
        self._lock = threading.Lock()

    def add(self, took_ms: float | None) -> None:
        """Count a call: how long it took, or that nobody answered."""
        with self._lock:
            if took_ms is None:
                self._unanswered += 1
            else:
                self._took_ms.append(took_ms)

    def lines(self) -> list[str]:
        """Return the counters under names of this system's own."""
        with self._lock:
            took_ms, unanswered = tuple(self._took_ms), self._unanswered
        whom, name = f'whom="{self._whom}"', "office_asked_milliseconds"
        below = [(f"{bound}", sum(each <= bound for each in took_ms)) for bound in self.BOUNDS_MS]
        return [
            f"# TYPE {name} histogram",
            *(f'{name}_bucket{{{whom},le="{bound}"}} {n}' for bound, n in (*below, ("+Inf", len(took_ms)))),
            f"{name}_sum{{{whom}}} {sum(took_ms)}",
            f"{name}_count{{{whom}}} {len(took_ms)}",
            "# TYPE office_unanswered_total counter",
            f"office_unanswered_total{{{whom}}} {unanswered}",
        ]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


def serve(routes: Mapping[str, Handle], asked: Asked | None) -> None:
    """Serve routes, each by the first part of its path, and the counters; return never."""
    counts = Counts()

    def page() -> str:
        return "\n".join((*counts.lines(), *(asked.lines() if asked else ()), ""))

    figures = _Server(("", METRICS_PORT), _handler({"figures": lambda _path, _body: (200, {})}, counts, page))
    threading.Thread(target=figures.serve_forever, daemon=True).start()
    _Server(
        ("", HTTP_PORT), _handler({"ready": lambda _path, _body: (200, {}), **routes}, counts, None)
    ).serve_forever()


def _handler(
    routes: Mapping[str, Handle], counts: Counts, page: Callable[[], str] | None
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body leave in two pieces
        timeout = 30
        known: ClassVar = routes

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            route = path.split("/")[1]
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length) if length else b""
            if page is None:
                status, answer = self.known[route](path, body) if route in self.known else (404, {"unknown": path})
                counts.add(route, status)
                self._send(status, json.dumps(answer).encode(), "application/json")
            else:
                self._send(200 if route in self.known else 404, page().encode(), "text/plain; version=0.0.4")

        do_POST = do_GET  # noqa: N815 - the standard library's name

        def _send(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if status == 503:
                self.send_header("Retry-After", "1")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Print nothing for each request."""

    return Handler

"""A tiny shop over HTTP that can be broken and mended, for experiments that are written as Chaos Toolkit's users write them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Shop:
    """What the shop is like; ``asked`` are the requests that it got, as ``METHOD path``, and ``refuses`` is whether it can be mended."""

    url: str = ""
    open: bool = True
    refuses: bool = False
    stock: int = 7
    asked: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)

    def answer(self, request: str) -> tuple[int, object]:
        """Do what a request asks for."""
        self.asked.append(request)
        match request:
            case "POST /close":
                self.open = False
            case "POST /open":
                self.open = True
            case "POST /mend" if self.refuses:
                return 422, {}
            case "GET /stock":
                return 200, {"count": self.stock}
            case "GET /health":
                return (200, {"ok": True}) if self.open else (503, {"ok": False})
        return 200, {}


@contextmanager
def serving() -> Iterator[Shop]:
    """Serve a shop on a free port of this machine within the block."""
    shop = Shop()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._answer()

        def _answer(self) -> None:
            shop.tokens.append(self.headers.get("Authorization") or "")
            status, body = shop.answer(f"{self.command} {self.path}")
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    shop.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield shop
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)

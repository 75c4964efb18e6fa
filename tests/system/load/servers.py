"""Servers that answer as a test says: plain sockets, so that they can also misbehave as no framework would."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """
    What to do with a request: send the parts with ``pause_s`` between them, then keep or close the connection.

    ``close`` ends the connection in the same segment as the last part; ``reset`` with an RST.
    """

    parts: tuple[bytes, ...] = ()
    pause_s: float = 0.0
    close: bool = False
    reset: bool = False


def answer(status: int = 200, *, body: bytes = b"{}", close: bool = False, **headers: str) -> Reply:
    """Return a whole answer; ``retry_after="3"`` becomes a header."""
    fields = {"Content-Length": str(len(body)), **{name.replace("_", "-"): text for name, text in headers.items()}}
    head = "".join(f"{name}: {text}\r\n" for name, text in fields.items())
    return Reply((f"HTTP/1.1 {status} Status\r\n{head}\r\n".encode() + body,), close=close)


def silent(_: Request) -> Reply:
    """Say nothing for ever: the one part is never sent, because the pause before it ends with the server."""
    return Reply((b"", b"never"), pause_s=600)


@dataclass
class Server:
    """
    Listens on 127.0.0.1 while its context lasts; a thread per connection.

    ``respond`` is called for every whole request, perhaps from many threads; it may wait on ``closing`` to take its time.
    """

    respond: Callable[[Request], Reply]
    read_body: bool = True
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    closing: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        """Bind a free port; nothing listens yet."""
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()

    @property
    def url(self) -> str:
        """Return its base URL."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        """Start to accept."""
        self._acceptor = threading.Thread(target=self._accept)
        self._acceptor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close every connection and wait for every thread."""
        self.closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(10)
        self._listener.close()
        for connection in tuple(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.add(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                buffer = b""
                while (parsed := self._request(connection, buffer)) is not None:
                    request, buffer = parsed
                    self.requests.append(request)
                    if not self._reply(connection, self.respond(request)):
                        return
            except OSError:
                return
            finally:
                self._open.discard(connection)

    def _request(self, connection: socket.socket, buffer: bytes) -> tuple[Request, bytes] | None:
        while b"\r\n\r\n" not in buffer:
            data = connection.recv(65536)
            if not data:
                return None
            buffer += data
        head, buffer = buffer.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): text for name, _, text in (line.partition(": ") for line in lines)}
        length = int(headers.get("content-length", "0")) if self.read_body else 0
        while len(buffer) < length:
            data = connection.recv(65536)
            if not data:
                return None
            buffer += data
        method, target, _ = first.split(" ")
        return Request(method, target, headers, buffer[:length]), buffer[length:]

    def _reply(self, connection: socket.socket, reply: Reply) -> bool:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if reply.close:
            # The end of the stream leaves with the last bytes, so that no client can see one without the other.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        for index, part in enumerate(reply.parts):
            if index and self.closing.wait(reply.pause_s):
                return False
            connection.sendall(part)
        if reply.reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        elif reply.close:
            connection.shutdown(socket.SHUT_WR)
        return not (reply.close or reply.reset)

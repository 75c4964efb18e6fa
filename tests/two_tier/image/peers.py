"""Clients over pools of kept connections: HTTP with head and body in two pieces, and Redis."""

from __future__ import annotations

import queue
import socket
import time
from io import BufferedReader


class Connection:
    """One kept connection."""

    def __init__(self, host: str, port: int, timeout_s: float) -> None:
        """Connect, with every write sent at once."""
        self.socket = socket.create_connection((host, port), timeout=timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader: BufferedReader = self.socket.makefile("rb")

    def line(self) -> bytes:
        """Return the next line without its end."""
        line = self.reader.readline()
        if not line.endswith(b"\n"):
            raise ConnectionError("closed before the answer was whole")
        return line.rstrip(b"\r\n")

    def close(self) -> None:
        """Close it."""
        self.reader.close()
        self.socket.close()


class Pool:
    """Kept connections to one address; each call has one to itself."""

    def __init__(self, host: str, port: int, timeout_s: float) -> None:
        """Keep none yet."""
        self._address = (host, port)
        self._timeout_s = timeout_s
        self._idle: queue.LifoQueue[Connection] = queue.LifoQueue(maxsize=32)

    def call(self, *pieces: bytes) -> tuple[Connection, bytes]:
        """
        Send a request piece by piece and return its connection and the first line of the answer.

        A kept connection that was closed meanwhile is replaced by a new one, once.
        """
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            return self._sent(Connection(*self._address, self._timeout_s), pieces)
        try:
            return self._sent(connection, pieces)
        except TimeoutError:
            raise
        except OSError:
            return self._sent(Connection(*self._address, self._timeout_s), pieces)

    def keep(self, connection: Connection) -> None:
        """Take a connection back whose answer was read to its end."""
        try:
            self._idle.put_nowait(connection)
        except queue.Full:
            connection.close()

    def _sent(self, connection: Connection, pieces: tuple[bytes, ...]) -> tuple[Connection, bytes]:
        try:
            for piece in pieces:
                connection.socket.sendall(piece)
            return connection, connection.line()
        except OSError:
            connection.close()
            raise


class Backend:
    """An HTTP service that is asked by POST."""

    def __init__(self, address: str, timeout_s: float) -> None:
        """Name where it listens, as host:port."""
        host, port = address.rsplit(":", 1)
        self._host = host
        self._pool = Pool(host, int(port), timeout_s)

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Return status and body of the answer; raise OSError without one."""
        fields = f"Host: {self._host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        head = f"POST {path} HTTP/1.1\r\n{fields}\r\n\r\n"
        connection, line = self._pool.call(head.encode(), body)
        try:
            status, length = int(line.split()[1]), 0
            while field := connection.line():
                name, _, text = field.partition(b":")
                length = int(text) if name.lower() == b"content-length" else length
            answer = connection.reader.read(length)
        except OSError:
            connection.close()
            raise
        self._pool.keep(connection)
        return status, answer


class Store:
    """A Redis; after a call that failed it is left alone for a moment."""

    REST_S = 0.3

    def __init__(self, address: str, timeout_s: float) -> None:
        """Name where it listens, as host:port."""
        host, port = address.rsplit(":", 1)
        self._pool = Pool(host, int(port), timeout_s)
        self._failed_s = -self.REST_S

    def ask(self, *words: str) -> bytes | None:
        """Return the reply to a command of a single value; raise OSError without one."""
        if time.monotonic() - self._failed_s < self.REST_S:
            raise ConnectionError("it did not answer a moment ago")
        encoded = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in (text.encode() for text in words))
        try:
            connection, line = self._pool.call(b"*%d\r\n%s" % (len(words), encoded))
            reply = connection.reader.read(int(line[1:]) + 2)[:-2] if line[:1] == b"$" and line != b"$-1" else None
        except OSError:
            self._failed_s = time.monotonic()
            raise
        self._pool.keep(connection)
        if line[:1] == b"-":
            raise ConnectionError(line.decode())
        return line[1:] if line[:1] in b"+:" else reply

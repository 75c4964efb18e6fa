"""A proxy's process between a plain caller and a plain callee, for tests."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass

EDGE = "caller -> callee"
PATIENCE_S = 20.0
Serve = Callable[[socket.socket], None]


@dataclass
class Proxy:
    """A running proxy with one edge."""

    process: subprocess.Popen[str]
    port: int

    def ask(self, **request: object) -> dict[str, object]:
        """Send a request and return its answer."""
        return self.say(json.dumps({"edge": EDGE, **request}))

    def say(self, line: str) -> dict[str, object]:
        """Send any line."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer: dict[str, object] = json.loads(self.process.stdout.readline())
        return answer

    def call(self) -> socket.socket:
        """Open a connection as the caller."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)


@contextmanager
def proxy(endpoints: list[tuple[str, int]], *, files: int | None = None) -> Iterator[Proxy]:
    """Run a proxy that leads to these endpoints; ``files`` is the soft limit that it is started with."""
    port = free_port()
    limited = [] if files is None else ["prlimit", f"--nofile={files}:"]
    process = subprocess.Popen(
        [*limited, sys.executable, "-m", "gameday.agent.proxy"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        found = Proxy(process, port)
        configuration: Mapping[str, object] = {
            "seed": 1,
            "endpoints": endpoints,
            "edges": {EDGE: ("127.0.0.1", port)},
        }
        assert found.say(json.dumps(configuration)) == {"ready": True}
        yield found
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()


@contextmanager
def callee(serve: Serve) -> Iterator[tuple[str, int]]:
    """Run a server that handles each connection with ``serve`` in a thread."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                connection.settimeout(PATIENCE_S)
                threading.Thread(target=_served, args=(serve, connection), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield ("127.0.0.1", server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)


def _served(serve: Serve, connection: socket.socket) -> None:
    with connection:
        serve(connection)


def free_port() -> int:
    """Return a port that was free just now."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


def echo(connection: socket.socket) -> None:
    """Send back what comes until the end of it."""
    while data := connection.recv(1 << 16):
        connection.sendall(data)


def everything(connection: socket.socket) -> bytes:
    """Read to the end."""
    return b"".join(iter(lambda: connection.recv(1 << 16), b""))

"""
A pod as the kernel sees it: a network namespace with a gateway, joined by a cable to one that stands for everybody else.

Sockets of tests are opened in either namespace; the agent runs in the pod's as a process of its own.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import pytest

from gameday.agent.proof import Commander
from gameday.agent.wire import PORTS, PROOF_HEADER
from system.target.running import wait_until

POD, GATEWAY = "10.77.0.2", "10.77.0.1"
POD6, CALLER6, CACHE6 = "fd77::2", "fd77::3", "fd77::4"
CALLER, CACHE, OTHER = "10.77.0.3", "10.77.0.4", "10.77.0.5"
"""Addresses of everybody else; the gateway's is the kubelet's."""

PATIENCE_S = 10.0
RUN, STRANGER = Commander(bytes(32)), Commander(bytes([1] * 32))
AGENT = "a-pod/an-agent"
TRUSTS = {"GAMEDAY_KEY": RUN.public, "GAMEDAY_AGENT": AGENT}
_CLONE_NEWNET = 0x40000000  # linux/sched.h
_LIBC = ctypes.CDLL(None, use_errno=True)
Serve = Callable[[socket.socket], None]
Json = Mapping[str, object]


def commanded(by: Commander, body: bytes, send: Callable[[str], tuple[int, bytes]]) -> tuple[int, dict[str, object]]:
    """Command the agent and return the status and what it answers, which must be its own."""
    status, said, boot = by.command(AGENT, "/", body, send)
    assert boot, said
    return status, json.loads(said)


@functools.cache
def missing() -> str:
    """Say what this machine lacks for these tests; nothing when it has all of it."""
    for program in ("nft", "ip", "unshare", "setpriv"):
        if shutil.which(program) is None:
            return f"the program {program} is not installed"
    tried = subprocess.run(
        ["unshare", "--net", "nft", "add table inet gameday"],  # noqa: S607 - found as the agent finds it
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if tried.returncode == 0 else f"no network namespace with nftables: {tried.stderr.strip()}"


needs_namespaces = pytest.mark.skipif(bool(missing()), reason=missing() or "nothing is missing")


@dataclass
class Pod:
    """A pod with an agent, once ``start`` has been called."""

    name: str
    outside: str
    process: subprocess.Popen[bytes] | None = None
    servers: list[socket.socket] = field(default_factory=list)

    def start(self, **environment: str) -> None:
        """Start the agent and wait until it answers."""
        self.process = self.run_agent(**environment)
        wait_until(self._answers, what="the agent")

    def run_agent(self, **environment: str) -> subprocess.Popen[bytes]:
        """Start an agent and wait for nothing."""
        return subprocess.Popen(
            ["ip", "netns", "exec", self.name, sys.executable, "-m", "gameday.agent.pod", "network"],  # noqa: S607 - as above
            env={**os.environ, **TRUSTS, "GAMEDAY_RUN": "a-run", **environment},
        )

    def _answers(self) -> bool:
        try:
            return self.ask("hello")["run"] == "a-run"
        except ConnectionError:
            return False

    @property
    def agent(self) -> int:
        """Return the id of the process that the supervisor watches."""
        assert self.process
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as children:  # noqa: PTH123 - a pseudo-file
            return int(children.read().split()[0])

    def ask(self, op: str, **parameters: object) -> dict[str, object]:
        """Send a request that must succeed and return its answer."""
        status, answer = self.post(json.dumps({"op": op, **parameters}).encode())
        assert status == 200, answer
        return answer

    def post(self, body: bytes, *, by: Commander = RUN, path: str = "/") -> tuple[int, dict[str, object]]:
        """Send any request and return status and answer."""

        def send(proof: str) -> tuple[int, bytes]:
            connection = http.client.HTTPConnection(POD, PORTS["network"], timeout=PATIENCE_S)
            with inside(self.outside), contextlib.closing(connection):
                connection.request("POST", path, body, {PROOF_HEADER: proof})
                response = connection.getresponse()
                return response.status, response.read()

        return commanded(by, body, send)

    def call(self, port: int, *, source: str = CALLER) -> socket.socket:
        """Connect to the pod from outside."""
        with inside(self.outside):
            host = POD6 if ":" in source else POD
            return socket.create_connection((host, port), timeout=PATIENCE_S, source_address=(source, 0))

    def call_out(self, host: str, port: int) -> socket.socket:
        """Connect from the pod to somebody outside."""
        with inside(self.name):
            return socket.create_connection((host, port), timeout=PATIENCE_S)

    def serve(self, serve: Serve, port: int, *, host: str = POD, family: socket.AddressFamily = socket.AF_INET) -> None:
        """Handle connections to an address, of the pod or outside of it, each in a thread."""
        place = self.name if host in (POD, POD6, "::") else self.outside
        with inside(place):
            server = socket.create_server((host, port), family=family, backlog=256, dualstack_ipv6=host == "::")
        self.servers.append(server)
        threading.Thread(target=_accept, args=(server, serve), daemon=True).start()

    @property
    def table(self) -> str:
        """Return the agent's table as the kernel has it; nothing when there is none."""
        return subprocess.run(
            ["ip", "netns", "exec", self.name, "nft", "list", "tables"],  # noqa: S607 - as above
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    @property
    def proxy_port(self) -> int:
        """Return where connections are led, as the kernel has it."""
        rules = subprocess.run(
            ["ip", "netns", "exec", self.name, "nft", "list", "table", "inet", "gameday"],  # noqa: S607 - as above
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        return int(rules.rpartition("redirect to :")[2].split()[0])

    def end(self) -> None:
        """End the agent and the servers."""
        for server in self.servers:
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            server.close()
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            assert self.process.wait(PATIENCE_S) == 0


@contextlib.contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Let this thread open its sockets in another network namespace: one with a name, or a process's by its id."""
    path = f"/proc/{namespace}/ns/net" if namespace.isdigit() else f"/run/netns/{namespace}"
    with open("/proc/thread-self/ns/net") as here, open(path) as there:  # noqa: PTH123 - pseudo-files
        _enter(there.fileno())
        try:
            yield
        finally:
            _enter(here.fileno())


def _enter(namespace: int) -> None:
    if _LIBC.setns(namespace, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


@contextlib.contextmanager
def new_pod() -> Iterator[Pod]:
    """Make the two namespaces, and remove them with everything in them."""
    mark = uuid.uuid4().hex[:6]
    pod = Pod(f"gameday-{mark}-p", f"gameday-{mark}-o")
    try:
        for line in _plan(pod.name, pod.outside, f"gd{mark}"):
            subprocess.run(["ip", *line.split()], check=True)  # noqa: S607 - as above
        yield pod
    finally:
        pod.end()
        for name in (pod.name, pod.outside):
            subprocess.run(["ip", "netns", "delete", name], check=True)  # noqa: S607 - as above


def _plan(pod: str, outside: str, cable: str) -> Iterator[str]:
    yield f"netns add {pod}"
    yield f"netns add {outside}"
    yield f"link add {cable}p netns {pod} type veth peer name {cable}o netns {outside}"
    yield f"-n {pod} address add {POD}/24 dev {cable}p"
    yield f"-n {pod} address add {POD6}/64 dev {cable}p nodad"
    for address in (GATEWAY, CALLER, CACHE, OTHER):
        yield f"-n {outside} address add {address}/24 dev {cable}o"
    for address in (CALLER6, CACHE6):
        yield f"-n {outside} address add {address}/64 dev {cable}o nodad"
    for name, end in ((pod, f"{cable}p"), (outside, f"{cable}o")):
        yield f"-n {name} link set lo up"
        yield f"-n {name} link set {end} up"
    yield f"-n {pod} route add default via {GATEWAY}"


def _accept(server: socket.socket, serve: Serve) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(connection, serve), daemon=True).start()


def _serve(connection: socket.socket, serve: Serve) -> None:
    with connection, contextlib.suppress(OSError):
        serve(connection)


def echo(connection: socket.socket) -> None:
    """Send back what comes, a line at a time."""
    while data := connection.recv(1 << 16):
        connection.sendall(data)


def shop(connection: socket.socket) -> None:
    """Answer every request with two letters."""
    while b"\r\n\r\n" in connection.recv(1 << 16):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


def round_trip_s(connection: socket.socket) -> float:
    """Say something, hear it back, and return how long that took."""
    began_s = time.monotonic()
    connection.sendall(b"x")
    assert connection.recv(1) == b"x"
    return time.monotonic() - began_s


def is_reset(connection: socket.socket) -> bool:
    """Tell whether a connection has been reset."""
    connection.settimeout(0.3)
    try:
        connection.sendall(b"x")
        return connection.recv(1) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    finally:
        with contextlib.suppress(OSError):
            connection.settimeout(PATIENCE_S)

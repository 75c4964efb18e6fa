"""
Measure what the agent in a pod does to what passes it: requests that are written in two pieces, and large bodies.

``python benchmarks/passing.py pieces [N]`` sends N requests of each size past the agent and N through it, in turn, over one connection each
between two network namespaces; the client writes head and body with a send() each, keeps its connection, and leaves Nagle's algorithm on. It prints
the share of requests that took more than 10 ms longer than the median past the agent.

``python benchmarks/passing.py bodies`` reads 256 MB past the agent and through it, without a delay and with delays of 1 ms, 100 ms and 1 s, and last
over 50 connections at once. It prints bytes per second of wall time, and per second of the agent's processor time, the first byte's
delay, and the agent's largest memory. Needs root and nftables.
"""

from __future__ import annotations

import contextlib
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from system.agent.pods import CALLER, GATEWAY, POD, Pod, missing, new_pod
from system.target.running import wait_until

PORT = 8080
EDGE = "load -> web"
SIZES = (200, 5_000, 200_000)
BODY_BYTES = 256_000_000
CONNECTIONS = 50
SERVER = f"""
import socket, threading

def serve(connection):
    file = connection.makefile("rb")
    while head := file.readline():
        path = head.split(b" ")[1]
        length = 0
        while (line := file.readline()) != b"\\r\\n":
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        file.read(length)
        if path == b"/":
            connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
            continue
        left, piece = int(path[1:]), bytes(1 << 20)
        while left > 0:
            left -= connection.send(piece[:left])

with socket.create_server(({POD!r}, {PORT}), backlog=128) as server:
    while True:
        threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"""


def post_s(connection: socket.socket, size: int) -> float:
    """Send a request in two pieces and return how long its answer took."""
    began_s = time.perf_counter()
    connection.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size)
    connection.sendall(bytes(size))
    answer = b""
    while not answer.endswith(b"ok"):
        answer += connection.recv(1 << 16) or sys.exit("the connection was closed")
    return time.perf_counter() - began_s


def get_s(connection: socket.socket, size: int) -> tuple[float, float]:
    """Read a body of so many bytes and return how long its first byte and all of it took."""
    connection.settimeout(300)
    buffer, count, first_s = bytearray(1 << 20), 0, 0.0
    began_s = time.perf_counter()
    connection.sendall(b"GET /%d HTTP/1.1\r\n\r\n" % size)
    while count < size:
        count += connection.recv_into(buffer) or sys.exit("the connection was closed")
        first_s = first_s or time.perf_counter() - began_s
    return first_s, time.perf_counter() - began_s


def pieces(pod: Pod, count: int) -> None:
    """Print the shares of slow requests."""
    for size in SIZES:
        with pod.call(PORT, source=GATEWAY) as past, pod.call(PORT, source=CALLER) as through:
            direct, led = list[float](), list[float]()
            for _ in range(count):
                direct.append(post_s(past, size))
                led.append(post_s(through, size))
        middle_s = statistics.median(direct)
        shares = (sum(took_s > middle_s + 0.01 for took_s in times) / count for times in (direct, led))
        print(
            f"body {size:7} bytes   median past {middle_s * 1e3:7.2f} ms, through {statistics.median(led) * 1e3:7.2f} ms   "
            "more than 10 ms slower: past {:.1%}, through {:.1%}".format(*shares)
            + f"   n={count}",
            flush=True,
        )


def bodies(pod: Pod) -> None:
    """Print how fast large bodies pass."""
    agent = psutil.Process(pod.agent)
    for delay_s in (None, 0.001, 0.1, 1.0):
        if delay_s is not None:
            pod.ask("delay", edge=EDGE, delay_s=delay_s, jitter_s=delay_s / 10, lease_s=600)
        with pod.call(PORT, source=GATEWAY) as past, pod.call(PORT, source=CALLER) as through, watched(agent) as most:
            _, direct_s = get_s(past, BODY_BYTES)
            before_s = sum(agent.cpu_times()[:2])
            first_s, took_s = get_s(through, BODY_BYTES)
            used_s = sum(agent.cpu_times()[:2]) - before_s
        show(f"delay {delay_s or 0:g} s", direct_s, took_s, used_s=used_s, first_s=first_s, most_bytes=most[0])
    pod.ask("delay", edge=EDGE, delay_s=0.1, jitter_s=0.01, lease_s=600)
    with contextlib.ExitStack() as stack, watched(agent) as most, ThreadPoolExecutor(CONNECTIONS) as pool:
        ends = [stack.enter_context(pod.call(PORT, source=CALLER)) for _ in range(CONNECTIONS)]
        before_s, began_s = sum(agent.cpu_times()[:2]), time.perf_counter()
        firsts = list(pool.map(lambda end: get_s(end, BODY_BYTES // 10)[0], ends))
        took_s, used_s = time.perf_counter() - began_s, sum(agent.cpu_times()[:2]) - before_s
    total = CONNECTIONS / 10
    print(
        f"{CONNECTIONS} connections, delay 0.1 s: {total * BODY_BYTES / took_s / 1e6:.0f} MB/s, {total * BODY_BYTES / used_s / 1e6:.0f} MB per "
        f"second of processor time; first byte after at least {min(firsts):.3f} s; memory at most {most[0] / 2**20:.0f} MiB"
    )


def show(label: str, direct_s: float, took_s: float, *, used_s: float, first_s: float, most_bytes: int) -> None:
    """Print one row."""
    print(
        f"{label:13} past {BODY_BYTES / direct_s / 1e6:5.0f} MB/s, through {BODY_BYTES / took_s / 1e6:5.0f} MB/s, "
        f"{BODY_BYTES / used_s / 1e6:5.0f} MB per second of processor time; first byte {first_s:.3f} s, last byte {took_s:.2f} s; "
        f"memory at most {most_bytes / 2**20:.0f} MiB",
        flush=True,
    )


@contextlib.contextmanager
def watched(process: psutil.Process) -> Iterator[list[int]]:
    """Give a list whose only element is, at the end, the most memory that a process had meanwhile."""
    most, over = [0], threading.Event()

    def watch() -> None:
        while not over.wait(0.01):
            most[0] = max(most[0], process.memory_info().rss)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield most
    finally:
        over.set()
        thread.join()


def answers(pod: Pod) -> bool:
    """Return whether the server is there."""
    with contextlib.suppress(ConnectionError), pod.call(PORT) as connection:
        return post_s(connection, 1) > 0
    return False


def main(what: str, count: int) -> None:
    """Measure and print."""
    if missing():
        sys.exit(f"cannot measure here: {missing()}")
    with new_pod() as pod:
        server = subprocess.Popen(["ip", "netns", "exec", pod.name, sys.executable, "-c", SERVER])  # noqa: S607 - found as the user finds it
        try:
            wait_until(lambda: answers(pod), what="the server")
            pod.start()
            pod.ask("open", edge=EDGE, side="in", port=PORT, lease_s=600)
            pieces(pod, count) if what == "pieces" else bodies(pod)
        finally:
            server.kill()
            server.wait()


if __name__ == "__main__":
    if sys.argv[1:2] not in (["pieces"], ["bodies"]):
        sys.exit(__doc__)
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1000)

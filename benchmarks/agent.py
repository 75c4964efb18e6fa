"""
Measure what the agent in a pod adds to a request that it only passes on.

``python benchmarks/agent.py [SECONDS]`` sends 200 requests a second through the agent and 200 past it, in turns, over one connection each, between
two network namespaces, and prints the medians, their difference, and the 99th percentiles. Needs root and nftables.
"""

from __future__ import annotations

import contextlib
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from system.agent.pods import CALLER, GATEWAY, POD, Pod, missing, new_pod
from system.target.running import wait_until

RATE_PER_S = 200
PORT = 8080
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
SERVER = f"""
import asyncio

class Answer(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
    def data_received(self, data):
        self.transport.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")

async def main():
    server = await asyncio.get_running_loop().create_server(Answer, {POD!r}, {PORT})
    await server.serve_forever()

asyncio.run(main())
"""


def took_s(connection: socket.socket) -> float:
    """Send one request and return how long its answer took."""
    began_s = time.perf_counter()
    connection.sendall(REQUEST)
    connection.recv(1 << 16)
    return time.perf_counter() - began_s


def measure(pod: Pod, seconds: float) -> tuple[list[float], list[float]]:
    """Return the times of requests past the agent, as the kubelet's go, and through it."""
    pod.ask("open", edge="load -> web", side="in", ports=[PORT], lease_s=seconds + 60)
    direct, led = list[float](), list[float]()
    with pod.call(PORT, source=GATEWAY) as past, pod.call(PORT, source=CALLER) as through:
        took_s(past), took_s(through)
        began_s = time.perf_counter()
        for number in range(round(seconds * RATE_PER_S)):
            for half, (connection, times) in enumerate(((past, direct), (through, led))):
                due_s = began_s + (number + half / 2) / RATE_PER_S
                time.sleep(max(0.0, due_s - time.perf_counter()))
                times.append(took_s(connection))
        state = pod.ask("state", edge="load -> web")
    if (state["connections"], state["spared"]) != (1, 1):
        sys.exit(f"nothing was measured: connections did not go as they should: {state}")
    return direct, led


def answers(pod: Pod) -> bool:
    """Return whether the server is there."""
    with contextlib.suppress(ConnectionError), pod.call(PORT) as connection:
        return took_s(connection) > 0
    return False


def main(seconds: float) -> None:
    """Measure and print."""
    if missing():
        sys.exit(f"cannot measure here: {missing()}")
    with new_pod() as pod:
        server = subprocess.Popen(["ip", "netns", "exec", pod.name, sys.executable, "-c", SERVER])  # noqa: S607 - found as the user finds it
        try:
            wait_until(lambda: answers(pod), what="the server")
            pod.start()
            direct, led = measure(pod, seconds)
        finally:
            server.kill()
            server.wait()
    added_ms = (statistics.median(led) - statistics.median(direct)) * 1e3
    for name, times in (("past the agent", direct), ("through it", led)):
        p99_ms = statistics.quantiles(times, n=100)[98] * 1e3
        print(f"{name:16} median {statistics.median(times) * 1e3:.3f} ms   p99 {p99_ms:.3f} ms   n={len(times)}")
    print(f"{'added':16} median {added_ms:.3f} ms")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 20.0)

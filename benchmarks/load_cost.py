"""
Compare what a request costs gameday's load process with what it costs a plain FastHttpUser of Locust, at the same rate.

``python benchmarks/load_cost.py [SECONDS [ROUNDS]]`` runs both against the same server in turns and prints medians and ratios:
CPU time per request, and the lag (sent minus scheduled). FastHttpUser has no schedule; its lag is taken against the even pace that
its ``constant_throughput`` promises, laid for each user so that its most punctual request has none.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gameday.load.session import LoadSession
from gameday.record.requests import Outcome, read_rows

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from system.load.plans import load_plan

RATE_PER_S = 300
USERS = 30
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

LOCUSTFILE = """
import json, time
from locust import FastHttpUser, constant_throughput, events, task
starts, cpu = {}, {}

class Paced(FastHttpUser):
    wait_time = constant_throughput(%(rate)s)

    @task
    def one(self):
        starts.setdefault(id(self), []).append(time.monotonic())
        self.client.get("/")

@events.test_start.add_listener
def begin(**_):
    cpu["start_s"] = time.process_time()

@events.quit.add_listener
def end(**_):
    lags = []
    for times in starts.values():
        late = [t - n / %(rate)s for n, t in enumerate(times)]
        lags += [t - min(late) for t in late]
    with open(%(out)r, "w") as file:
        json.dump({"cpu_s": time.process_time() - cpu["start_s"], "lags_s": lags}, file)
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run cost: CPU seconds per request, and quantiles of the lag."""

    cpu_s: float
    lag_p50_s: float
    lag_p99_s: float
    requests: int


class Fixed(asyncio.Protocol):
    """Answers every request the same; a request comes in one piece here."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer as many requests as have come."""
        if isinstance(self._transport, asyncio.Transport):
            self._transport.write(ANSWER * data.count(b"\r\n\r\n"))


async def serve() -> None:
    """Listen on a free port, print it, and serve until killed."""
    server = await asyncio.get_running_loop().create_server(Fixed, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


def gameday_cost(url: str, duration_s: float) -> Cost:
    """Run gameday's load process once."""
    plan = load_plan({"one": {"request": "GET /"}}, rate=f"{RATE_PER_S}/s", arrivals="constant", duration_s=duration_s)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with LoadSession(plan, folder=folder, urls={"one": url}, secrets={}) as load:
            load.start()
            load.begin(time.monotonic() + 0.5)
            while not load.finished:
                load.poll()
                time.sleep(0.5)
            done, rows = load.finished, read_rows(folder)
        if not (rows["outcome"] == Outcome.OK).all():
            raise SystemExit("some requests did not end well; the machine is too busy to compare")
        p50_s, p99_s = np.quantile(rows["lag_s"], (0.5, 0.99))
        return Cost(done.cpu_share * duration_s / len(rows), float(p50_s), float(p99_s), len(rows))


def locust_cost(url: str, duration_s: float) -> Cost:
    """Run a plain FastHttpUser once."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        out = folder / "out.json"
        text = LOCUSTFILE % {"rate": RATE_PER_S / USERS, "out": str(out)}
        (folder / "locustfile.py").write_text(text, encoding="utf-8")
        subprocess.run(
            [
                *(sys.executable, "-m", "locust", "-f", str(folder / "locustfile.py"), "--headless", "--host", url),
                *("-u", str(USERS), "-r", str(USERS), "-t", f"{duration_s:g}s", "--only-summary"),
            ],
            check=True,
            capture_output=True,
            timeout=duration_s + 60,
        )
        seen = json.loads(out.read_text(encoding="utf-8"))
        p50_s, p99_s = np.quantile(seen["lags_s"], (0.5, 0.99))
        return Cost(seen["cpu_s"] / len(seen["lags_s"]), float(p50_s), float(p99_s), len(seen["lags_s"]))


def _line(name: str, costs: list[Cost]) -> tuple[float, float, float]:
    cpu_s, p50_s, p99_s = (
        statistics.median(getattr(cost, field) for cost in costs) for field in ("cpu_s", "lag_p50_s", "lag_p99_s")
    )
    requests = sum(cost.requests for cost in costs)
    sys.stdout.write(f"{name:<14} {requests:>8} {cpu_s * 1e6:>14.0f} {p50_s * 1e3:>12.3f} {p99_s * 1e3:>12.3f}\n")
    return cpu_s, p50_s, p99_s


def main(duration_s: float, rounds: int) -> None:
    """Run both in turns and print the table."""
    server = subprocess.Popen([sys.executable, __file__, "serve"], stdout=subprocess.PIPE, text=True)
    try:
        url = f"http://127.0.0.1:{int(server.stdout.readline() if server.stdout else 0)}"
        ours, plain = [], []
        for _ in range(rounds):
            ours.append(gameday_cost(url, duration_s))
            plain.append(locust_cost(url, duration_s))
    finally:
        server.kill()
        server.communicate()
    sys.stdout.write(f"{'at 300/s':<14} {'requests':>8} {'CPU us/request':>14} {'lag p50 ms':>12} {'lag p99 ms':>12}\n")
    mine, theirs = _line("gameday", ours), _line("FastHttpUser", plain)
    ratios = [f"{a / b:.3f}" for a, b in zip(mine, theirs, strict=True)]
    sys.stdout.write(f"{'ratio':<14} {'':>8} {ratios[0]:>14} {ratios[1]:>12} {ratios[2]:>12}\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        asyncio.run(serve())
    else:
        main(float(sys.argv[1]) if len(sys.argv) > 1 else 8.0, int(sys.argv[2]) if len(sys.argv) > 2 else 3)

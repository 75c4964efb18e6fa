"""
Measure faults on a kind cluster on which the shop is up. ``python benchmarks/cluster.py [accuracy|times|proxy] ...``; without a name, all.

Every figure comes from one run or one loop, in which what is compared alternates or stands side by side.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import yaml

from gameday.experiment.loading.system import load_system
from gameday.record.folder import read_run
from gameday.record.history import Event
from gameday.record.requests import Outcome
from gameday.targets.kubernetes.site import site_of
from gameday.targets.kubernetes.target import KubernetesTarget
from gameday.targets.protocol import Delay

GAMEDAY = Path(sys.executable).parent / "gameday"
ROOT = Path(__file__).parents[1]
EDGE, SERVICE, URL = "load -> web", "web", "http://127.0.0.1:30080/healthz"
DELAY_S, LEASE_S, RATE_PER_S = 0.1, 5.0, 200.0
EXPERIMENT = f"""title: How exact is a delay?
description: One edge is delayed; nothing is judged but that it is.
system: shop
load: {{routes: {{login: 100/s}}}}
phases: {{warmup: 4s, baseline: 16s, fault: 20s, recovery: 9s}}
steady-state-hypothesis: {{title: Logins are served, probes: [{{route: login, good: "> 90%"}}]}}
method: [{{latency: {{edge: {EDGE}, delay: 300ms}}}}]
expect: {{recovery: {{within: 6s}}}}
"""


def main() -> int:
    """Measure what was named."""
    figures: dict[str, Callable[[int], None]] = {"accuracy": accuracy, "times": times, "proxy": proxy}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"which of {', '.join(figures)}")
    parser.add_argument("-n", type=int, default=5, help="repetitions (default: 5)")
    args = parser.parse_args()
    for name in args.names or figures:
        figures[name](args.n)
    return 0


def accuracy(n: int) -> None:
    """Compare Q95 of one run's requests in the fault with that in the baseline and with what was asked; tell when it began and ended."""
    for seed in range(1, n + 1):
        with tempfile.TemporaryDirectory(prefix="gameday-bench-") as name:
            folder = Path(name)
            _write(folder)
            words = ("run", str(folder / "accuracy.yaml"), "--target", "kind", "--seed", str(seed), "--out", name)
            subprocess.run([GAMEDAY, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            _tell(folder / "latest")


def _write(folder: Path) -> None:
    (folder / "systems").mkdir()
    (folder / "accuracy.yaml").write_text(EXPERIMENT, encoding="utf-8")
    shop = yaml.safe_load((ROOT / "experiments/systems/shop.yaml").read_text(encoding="utf-8"))
    (folder / "systems/shop.yaml").write_text(yaml.safe_dump(shop), encoding="utf-8")


def _tell(folder: Path) -> None:
    data = read_run(folder)
    asked_s = 0.3
    at = {record.event: record.t_s for record in data.history}
    rows = data.rows[data.rows["outcome"] <= Outcome.LATE]
    response_s = rows["lag_s"] + rows["service_s"]
    ended_s = rows["scheduled_s"] + response_s
    baseline, recovery = data.plan.phase("baseline"), data.plan.phase("recovery")
    before = response_s[(rows["scheduled_s"] >= baseline.start_s) & (rows["scheduled_s"] < baseline.end_s)]
    on = (rows["scheduled_s"] >= at[Event.FAULT_CONFIRMED]) & (rows["scheduled_s"] < recovery.start_s - 1.0)
    during = response_s[on]
    delayed = response_s >= asked_s / 2
    first_s = float(ended_s[delayed & (ended_s > at[Event.FAULT_INTENDED])].min()) - at[Event.FAULT_INTENDED]
    last_s = float(ended_s[delayed].max()) - recovery.start_s
    off_s = float(np.quantile(during, 0.95) - np.quantile(before, 0.95)) - asked_s
    bound_s = max(0.003, 0.02 * asked_s)
    print(
        f"delay of {asked_s * 1000:.0f} ms: Q95 rose by {off_s * 1000:+.2f} ms more than asked (at most {bound_s * 1000:.0f} ms; "
        f"n = {len(before)} and {len(during)}); attached: first delayed answer {first_s:.2f} s after fault.intended, "
        f"last one {last_s:.2f} s after the planned end"
    )


@contextmanager
def _target() -> Iterator[KubernetesTarget]:
    system = load_system("shop", [ROOT / "experiments/systems"])
    target = KubernetesTarget(site_of(system, run="benchmark"))
    target.leave()
    try:
        yield target
    finally:
        target.leave()


def times(n: int) -> None:
    """Time from an injection into pods without agents until an answer is late, and from its undo until none is."""
    cold, clean = [], []
    for _ in range(n):
        with _target() as target, _asking() as seen:
            began_s = time.monotonic()
            target.delay(EDGE, Delay(2 * DELAY_S), lease_s=LEASE_S)
            cold.append(_until(seen, lambda took_s: took_s >= DELAY_S) - began_s)
            time.sleep(2.0)
            undone_s = time.monotonic()
            target.heal(EDGE)
            time.sleep(2.0)
            clean.append(max((at_s for at_s, took_s in seen if took_s >= DELAY_S), default=undone_s) - undone_s)
    print(f"first delayed answer after an injection without agents: {_range(cold)}")
    print(f"last delayed answer after the undo:                     {_range(clean)}")


@contextmanager
def _asking() -> Iterator[list[tuple[float, float]]]:
    """Ask fifty times a second, on a new connection each, and note when each answer came and how long it took."""
    seen: list[tuple[float, float]] = []
    over = threading.Event()

    def ask() -> None:
        while not over.wait(0.04):
            seen.append(_asked())

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _asked() -> tuple[float, float]:
    began_s = time.monotonic()
    try:
        with urllib.request.urlopen(URL, timeout=3) as answer:
            answer.read()
    except OSError:
        return time.monotonic(), 0.0
    return time.monotonic(), time.monotonic() - began_s


def _until(seen: list[tuple[float, float]], holds: Callable[[float], bool]) -> float:
    until_s = time.monotonic() + 15
    while time.monotonic() < until_s:
        if found := next((at_s for at_s, took_s in seen if holds(took_s)), None):
            return found
        time.sleep(0.01)
    raise TimeoutError("no answer was late")


def proxy(n: int) -> None:
    """Ask at 200/s with the way open and closed in turn, and compare the medians."""
    added = []
    for _ in range(n):
        with _target() as target:
            direct = _median_s()
            target.attach((EDGE,), ())
            added.append(1000 * (_median_s() - direct))
    print(f"the proxy without a fault adds to the median at {RATE_PER_S:g}/s: {_range(added, unit=' ms')}")


def _median_s() -> float:
    """Ask for five seconds at a steady rate, over new connections, and return the median of how long an answer took."""
    took: list[float] = []
    begun_s = time.monotonic()

    def ask(first: int) -> None:
        for number in range(first, int(5 * RATE_PER_S), 4):
            time.sleep(max(0.0, begun_s + number / RATE_PER_S - time.monotonic()))
            took.append(_asked()[1])

    threads = [threading.Thread(target=ask, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statistics.median(took)


def _range(values: list[float], *, unit: str = " s") -> str:
    return f"{statistics.median(values):.2f}{unit} ({min(values):.2f} to {max(values):.2f}, n={len(values)})"


if __name__ == "__main__":
    sys.exit(main())

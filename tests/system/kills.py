"""
Kill parts of short runs at random moments and count what is left. ``python tests/system/kills.py --runs 100 --seed 1``.

Every run has one of the faults, and one victim, or two at once; every second one dies while the fault is on. Afterwards nothing of the run may be there: no process,
no fault outstanding once ``gameday recover`` has looked, no history that cannot be read, no temporary folder that stays.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

if __package__ is None or not __package__:
    sys.path.insert(0, str(Path(__file__).parents[1]))

import psutil
from pydantic import JsonValue

from gameday.record.history import Event, Record, outstanding, read_history
from gameday.targets.local.folder import sweep
from system.running import Running, all_gone, kill, start, wait_until
from system.variations import short_experiment

PHASES: JsonValue = {"warmup": "1s", "baseline": "2s", "fault": "6s", "recovery": "2s", "guard": "500ms"}
LOAD: JsonValue = {"routes": {"recommendations": "20/s", "checkout": "36/s", "pulse": "20/s"}}
FAULTS: dict[str, list[JsonValue]] = {
    "latency": [{"latency": {"edge": "web -> recommendations", "delay": "300ms"}}],
    "pause": [{"pause": {"service": "database"}}],
    "blackhole": [{"blackhole": {"edge": "web -> payments"}}],
    "kill": [{"kill": {"service": "cache", "down": "3s"}}],
    "monkey": [{"monkey": {"services": ["web", "cache"], "singles": True}}],
    "stress": [{"stress": {"cpu": "0.2 cores", "memory": "20MB"}}],
    "errors": [{"errors": {"edge": "web -> payments", "share": "50%"}, "ramp": "1s"}],
    "empty-cache": [{"empty-cache": {"service": "cache"}}],
    "surge": [{"surge": {"route": "image", "rate": "2/s"}}],
    "several": [
        {"pause": {"service": "web"}, "for": "3s"},
        {"kill": {"service": "database", "down": "2s"}, "at": "1s"},
    ],
}
"""Methods; together they have every fault of gameday's own that does something."""
VICTIMS: tuple[tuple[str, ...], ...] = (
    ("supervisor",),
    ("worker",),
    ("load",),
    ("proxy",),
    ("service",),
    ("supervisor", "worker"),
    ("node",),
)


@dataclass(frozen=True, slots=True)
class Killed:
    """What one kill left: everything but the first five is to be empty or true."""

    fault: str
    victims: tuple[str, ...]
    during_fault: bool
    code: int
    healed_s: float
    processes: tuple[str, ...]
    outstanding: tuple[str, ...]
    folders: tuple[str, ...]
    readable: bool

    @property
    def clean(self) -> bool:
        """Tell whether nothing is left."""
        return not self.processes and not self.outstanding and not self.folders and self.readable


def kill_once(fault: str, victims: Sequence[str], *, during_fault: bool, source: random.Random, folder: Path) -> Killed:
    """Start a run, kill its victims at a random moment, wait for its end, recover, and look."""
    experiment = short_experiment(folder / "experiment", method=FAULTS[fault], phases=PHASES, load=LOAD)
    variant = source.choice(("naive", "hardened"))
    running = start(folder, "run", str(experiment), "--out", str(folder), "--variant", variant)
    running.wait_for(Event.FAULT_INJECTED if during_fault else Event.SYSTEM_READY)
    time.sleep(source.uniform(0.0, 2.5 if during_fault else 6.0))
    pids = [_pid(running, victim, source) for victim in victims]
    for pid in pids:
        kill(pid)
    killed_s = time.monotonic()
    code = running.code(within_s=60)
    with suppress(AssertionError):  # what is left is told below
        all_gone(running.mark)
    healed_s = time.monotonic() - killed_s
    start(folder, "recover", "--out", str(folder)).code(within_s=30)
    return Killed(
        fault=fault,
        victims=tuple(victims),
        during_fault=during_fault,
        code=code,
        healed_s=healed_s,
        processes=tuple(running.left()),
        outstanding=tuple(str(record.data["id"]) for record in outstanding(read_history(running.folder))),
        folders=tuple(str(path) for path in sweep()),
        readable=_readable(running),
    )


def _pid(running: Running, victim: str, source: random.Random) -> int:
    """Find a victim by the records of the run, once it has started: a proxy or a service is drawn from those that run."""
    if victim == "supervisor":
        return running.process.pid
    if victim == "node":
        children = psutil.Process(running.process.pid).children()
        return next(each.pid for each in children if "gameday.targets.local.node" in each.cmdline())
    last = wait_until(lambda: _started(running, victim), within_s=20, what=f"{victim} to start")
    name = source.choice(sorted(last))
    return int(str(last[name].data["pid"]))


def _started(running: Running, victim: str) -> dict[str, Record]:
    """Return the newest start of each process that a victim's word stands for."""
    last = {
        str(record.data["process"]): record for record in running.history() if record.event == Event.PROCESS_STARTED
    }
    if victim == "proxy":
        return {name: record for name, record in last.items() if name.endswith("-proxy")}
    if victim == "service":
        others = {"worker", "load", "node"}
        return {name: record for name, record in last.items() if not name.endswith("-proxy") and name not in others}
    return {name: record for name, record in last.items() if name == victim}


def _readable(running: Running) -> bool:
    """Judge the run: its history, rows and metrics must be readable whatever was cut off."""
    report = start(running.folder, "report", str(running.folder))
    if report.code(within_s=60) != 0:
        return False
    return bool(json.loads((running.folder / "report.json").read_text(encoding="utf-8")))


def turns(runs: int, faults: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...], bool]]:
    """Yield fault, victims and whether they die while it is on; all three take turns of their own, so that everything meets everything."""
    for number in range(runs):
        yield faults[number % len(faults)], VICTIMS[number % len(VICTIMS)], (number + number // len(faults)) % 2 == 0


def kill_many(runs: int, *, seed: int) -> list[Killed]:
    """Kill each kind of victim in turn, every second time while the fault is on; the faults take turns too, in a seeded order."""
    source = random.Random(seed)
    faults = source.sample(sorted(FAULTS), len(FAULTS))
    killed = []
    for number, (fault, victims, during_fault) in enumerate(turns(runs, faults)):
        with tempfile.TemporaryDirectory(prefix="gameday-kills-") as name:
            killed.append(kill_once(fault, victims, during_fault=during_fault, source=source, folder=Path(name)))
            print(_line(number, killed[-1]), flush=True)
    return killed


def _line(number: int, killed: Killed) -> str:
    when = "fault on" if killed.during_fault else "any time"
    state = "clean" if killed.clean else f"LEFT: {killed}"
    return f"{number + 1:3} {killed.fault:12} {'+'.join(killed.victims):18} {when}  exit {killed.code:4}  all gone after {killed.healed_s:5.1f} s  {state}"


def main() -> int:
    """Kill as often as asked and sum up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    killed = kill_many(args.runs, seed=args.seed)
    clean = sum(each.clean for each in killed)
    slowest_s = max(each.healed_s for each in killed)
    print(f"{clean} of {len(killed)} clean; all processes gone at most {slowest_s:.1f} s after the kill")
    return 0 if clean == len(killed) else 1


if __name__ == "__main__":
    sys.exit(main())

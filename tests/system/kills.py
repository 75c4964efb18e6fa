"""
Kill parts of short runs at random moments and count what is left. ``python tests/system/kills.py --runs 40 --seed 1``.

Every run has one victim, or two at once; every second one dies while the fault is on. Afterwards nothing of the run may be there: no process,
no fault outstanding once ``gameday recover`` has looked, no history that cannot be read, no temporary folder that stays.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

if __package__ is None or not __package__:
    sys.path.insert(0, str(Path(__file__).parents[1]))

from gameday.record.history import Event, Record, outstanding, read_history
from gameday.targets.local.folder import sweep
from system.running import Running, all_gone, kill, start

EXPERIMENT = Path(__file__).parent / "experiments" / "short-latency.yaml"
VICTIMS: tuple[tuple[str, ...], ...] = (
    ("supervisor",),
    ("worker",),
    ("load",),
    ("proxy",),
    ("service",),
    ("supervisor", "worker"),
)


@dataclass(frozen=True, slots=True)
class Killed:
    """What one kill left: everything but the first four is to be empty or true."""

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


def kill_once(victims: Sequence[str], *, during_fault: bool, source: random.Random, folder: Path) -> Killed:
    """Start a run, kill its victims at a random moment, wait for its end, recover, and look."""
    running = start(
        folder, "run", str(EXPERIMENT), "--out", str(folder), "--variant", source.choice(("naive", "hardened"))
    )
    running.wait_for(Event.FAULT_INJECTED if during_fault else Event.SYSTEM_READY)
    time.sleep(source.uniform(0.0, 2.5 if during_fault else 6.0))
    pids = [_pid(running, victim, source) for victim in victims]
    for pid in pids:
        kill(pid)
    killed_s = time.monotonic()
    code = running.code(within_s=60)
    all_gone(running.mark)
    healed_s = time.monotonic() - killed_s
    start(folder, "recover", "--out", str(folder)).code(within_s=30)
    return Killed(
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
    """Find a victim by the records of the run: a proxy or a service is drawn from those that run."""
    if victim == "supervisor":
        return running.process.pid
    last: dict[str, Record] = {
        str(record.data["process"]): record for record in running.history() if record.event == Event.PROCESS_STARTED
    }
    wanted = {
        "proxy": [name for name in last if name.endswith("-proxy")],
        "service": [name for name in last if not name.endswith("-proxy") and name not in {"worker", "load", "node"}],
    }
    name = source.choice(sorted(wanted.get(victim, [victim])))
    return int(str(last[name].data["pid"]))


def _readable(running: Running) -> bool:
    """Judge the run: its history, rows and metrics must be readable whatever was cut off."""
    report = start(running.folder, "report", str(running.folder))
    if report.code(within_s=60) != 0:
        return False
    return bool(json.loads((running.folder / "report.json").read_text(encoding="utf-8")))


def kill_many(runs: int, *, seed: int) -> list[Killed]:
    """Kill each kind of victim in turn, every second time while the fault is on."""
    source = random.Random(seed)
    killed = []
    for number in range(runs):
        with tempfile.TemporaryDirectory(prefix="gameday-kills-") as name:
            victims, during_fault = VICTIMS[number % len(VICTIMS)], (number // len(VICTIMS) + number) % 2 == 0
            killed.append(kill_once(victims, during_fault=during_fault, source=source, folder=Path(name)))
            print(_line(number, killed[-1]), flush=True)
    return killed


def _line(number: int, killed: Killed) -> str:
    when = "fault on" if killed.during_fault else "any time"
    state = "clean" if killed.clean else f"LEFT: {killed}"
    return f"{number + 1:3} {'+'.join(killed.victims):18} {when}  exit {killed.code:4}  all gone after {killed.healed_s:5.1f} s  {state}"


def main() -> int:
    """Kill as often as asked and sum up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    killed = kill_many(args.runs, seed=args.seed)
    clean = sum(each.clean for each in killed)
    slowest_s = max(each.healed_s for each in killed)
    print(f"{clean} of {len(killed)} clean; all processes gone at most {slowest_s:.1f} s after the kill")
    return 0 if clean == len(killed) else 1


if __name__ == "__main__":
    sys.exit(main())

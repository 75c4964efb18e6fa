"""
Kill the runner of short runs in the cluster, its agent, or both, at random moments, and count what is left.

``PYTHONPATH=tests python tests/cluster/kills.py --runs 30 --seed 1``; the shop must be up. Every run has one of the faults. The effect must
end by the fault's lease when the runner is dead, and after ``gameday recover`` nothing may be left in the cluster or on this machine.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

if __package__ is None or not __package__:
    sys.path.insert(0, str(Path(__file__).parents[1]))

import psutil
from pydantic import JsonValue

from gameday.faults.place import LEASE_S
from gameday.record.history import Event
from gameday.targets.kubernetes.api import open_api
from gameday.targets.kubernetes.residue import look
from gameday.targets.kubernetes.site import Site, site_of
from samples import shop
from system.running import Running, kill, start
from system.target.running import CHECKOUT, LOGIN, Ask, send
from system.variations import short_experiment

WEB = "http://127.0.0.1:30080"
PHASES: JsonValue = {"warmup": "1s", "baseline": "2s", "fault": "8s", "recovery": "2s", "guard": "500ms"}
LOAD: JsonValue = {"routes": {"recommendations": "20/s", "checkout": "30/s", "pulse": "20/s"}}
FAULTS: dict[str, list[JsonValue]] = {
    "latency": [{"latency": {"edge": "load -> web", "delay": "400ms"}}],
    "latency-out": [{"latency": {"edge": "web -> payments", "delay": "400ms"}}],
    "blackhole": [{"blackhole": {"edge": "web -> payments"}}],
    "errors": [{"errors": {"edge": "web -> payments", "status": 500}}],
    "pause": [{"pause": {"service": "payments"}}],
    "stress": [{"stress": {"service": "web", "cpu": "0.2 cores", "memory": "20MB"}}],
    "kill": [{"kill": {"service": "recommendations", "down": "6s"}}],
    "scale": [{"scale": {"service": "recommendations", "replicas": 0}}],
    "drain": [{"drain": {"service": "pulse", "cordon-only": True}}],
    "empty-cache": [{"empty-cache": {"service": "cache"}}],
}
"""Methods; together they have every fault that acts on a cluster."""
WITHOUT_AGENT = frozenset({"kill", "scale", "drain"})
"""Of these the target's API is all that is needed."""
VICTIMS = ("runner", "agent", "both")
AGENTS = ("gameday.agent.pod", "gameday.agent.stress")
FAST_S = 0.25
BY_LEASE_S = LEASE_S + 1.0
PATIENCE_S = 40.0
_LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Killed:
    """
    What one kill left.

    Attributes:
        fault: What was on.
        victims: Who was killed.
        found: How many processes that were.
        healed_s: When the effect was over, counted from the kill; None when that was not seen in time.
        recovered: The exit code of ``gameday recover``.
        left: What is left after it, one sentence each.
    """

    fault: str
    victims: str
    found: int
    healed_s: float | None
    recovered: int
    left: tuple[str, ...]

    @property
    def least(self) -> int:
        """Return how many there must have been to kill: where no agent was, none was killed, and nothing was tried."""
        agents = 0 if self.fault in WITHOUT_AGENT else 1
        return {"runner": 1, "agent": agents, "both": 1 + agents}[self.victims]

    @property
    def clean(self) -> bool:
        """Tell whether everybody was killed, nothing is left, and the effect was over by the lease where nobody else could end it."""
        if self.found < self.least:
            return False
        in_time = self.healed_s is not None and (self.victims == "agent" or self.healed_s <= BY_LEASE_S)
        return in_time and self.recovered == 0 and not self.left


def kill_once(fault: str, victims: str, *, source: random.Random, folder: Path) -> Killed:
    """Start a run, kill its victims at a random moment while the fault is on, and look until its effect is over."""
    site = site_of(shop(), run="kills")
    experiment = short_experiment(folder / "experiment", method=FAULTS[fault], phases=PHASES, load=LOAD)
    running = start(folder, "run", str(experiment), "--target", "kind", "--out", str(folder))
    running.wait_for(Event.FAULT_INJECTED, within_s=90)
    time.sleep(source.uniform(0.0, 4.0))
    pids = _pids(running, victims)
    for pid in pids:
        kill(pid)
    healed_s = _healed_s(fault, site, running if victims == "agent" else None)
    running.code(within_s=120)
    recovered = start(folder, "recover", "--target", "kind", "--out", str(folder)).code(within_s=90)
    return Killed(
        fault,
        victims,
        len(pids),
        healed_s,
        recovered,
        (*look(open_api(site.context), site).sentences(), *running.left()),
    )


def _pids(running: Running, victims: str) -> list[int]:
    """Find the victims: a runner is its supervisor, worker and load, so that none is left to undo; a kind cluster's pods run on this machine."""
    agents = [process.pid for process in psutil.process_iter() if _is_agent(process)]
    root = psutil.Process(running.process.pid)
    runner = [root.pid, *(child.pid for child in root.children(recursive=True))]
    return {"runner": runner, "agent": agents, "both": runner + agents}[victims]


def _is_agent(process: psutil.Process) -> bool:
    try:
        return any(each in process.cmdline() for each in AGENTS)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _healed_s(fault: str, site: Site, running: Running | None) -> float | None:
    """Return how long the effect was still seen; where the runner lives, it may go on until its run has ended."""
    began_s = seen_s = time.monotonic()
    while time.monotonic() < began_s + PATIENCE_S:
        if _is_on(fault, site) or (running is not None and running.process.poll() is None):
            seen_s = time.monotonic()
        elif time.monotonic() > seen_s + 1.0:
            return seen_s - began_s
        time.sleep(_LOOK_S)
    return None


def _is_on(fault: str, site: Site) -> bool:
    """Look for the effect itself: slow or failing answers, changed objects, a stressor's processes."""
    if fault in {"kill", "scale", "drain"}:
        found = look(open_api(site.context), site)
        return bool(found.annotations or found.cordons)
    if fault == "stress":
        return any(AGENTS[1] in process.cmdline() for process in psutil.process_iter() if _is_agent(process))
    began_s = time.monotonic()
    answers = send([Ask("POST", f"{WEB}/login", LOGIN), Ask("POST", f"{WEB}/checkout", CHECKOUT)], patience_s=1.0)
    return time.monotonic() > began_s + FAST_S or any(answer.status != 200 for answer in answers)


def turns(runs: int, faults: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield fault and victims; both take turns of their own, so that everything meets everything."""
    for number in range(runs):
        yield faults[number % len(faults)], VICTIMS[(number + number // len(faults)) % len(VICTIMS)]


def kill_many(runs: int, *, seed: int, faults: Sequence[str] = tuple(FAULTS)) -> list[Killed]:
    """Kill each kind of victim in turn; the faults take turns too, in a seeded order."""
    source = random.Random(seed)
    killed = []
    for number, (fault, victims) in enumerate(turns(runs, source.sample(sorted(faults), len(faults)))):
        with tempfile.TemporaryDirectory(prefix="gameday-kills-") as name:
            killed.append(kill_once(fault, victims, source=source, folder=Path(name)))
        print(_line(number, killed[-1]), flush=True)
    return killed


def main() -> int:
    """Kill as often as asked and sum up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", nargs="+", choices=sorted(FAULTS), default=sorted(FAULTS))
    args = parser.parse_args()
    killed = kill_many(args.runs, seed=args.seed, faults=args.faults)
    clean = sum(each.clean for each in killed)
    idle = sum(not each.found for each in killed)
    by_lease_s = [each.healed_s for each in killed if each.healed_s is not None and each.victims != "agent"]
    print(
        f"{clean} of {len(killed)} clean (in {idle} there was no agent to kill); without a runner the effect ended after {statistics.median(by_lease_s):.1f} s "
        f"(median; at most {max(by_lease_s):.1f} s, the lease being {LEASE_S:g} s)"
    )
    return 0 if clean == len(killed) else 1


def _line(number: int, killed: Killed) -> str:
    healed = "never" if killed.healed_s is None else f"{killed.healed_s:5.1f} s"
    state = "clean" if killed.clean else f"NOT CLEAN, recover {killed.recovered}: {'; '.join(killed.left)}"
    return f"{number + 1:3} {killed.fault:12} {killed.victims:7} ({killed.found} killed)  effect over after {healed}  {state}"


if __name__ == "__main__":
    sys.exit(main())

"""
Judge and report runs of many requests: ``python benchmarks/rows.py 1e5 1e6 1e7``; ``--folder F`` keeps the runs.

Each run's folder is written in the format that a run writes, with response times drawn from a seed: an hour of four phases, a fault that
slows the routes that need it, a handful of other outcomes. Then ``gameday report`` judges it; time and memory are those of its process.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from gameday.experiment.model import Experiment, System
from gameday.experiment.plan import Plan, plan
from gameday.faults import catalogue
from gameday.record.folder import About, started
from gameday.record.history import Event, History, boot_id
from gameday.record.requests import ROW, Outcome, RowWriter

HOUR_S = 3600.0
CHUNK = 200_000
"""So many rows are written at once."""
PHASES = {"warmup": 0.02, "baseline": 0.38, "fault": 0.3, "recovery": 0.3}
"""Each phase's share of the time."""
ROUTES = 6


def main() -> int:
    """Write the runs that were asked for, and print what judging each took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", type=float, default=[1e5, 1e6, 1e7], help="how many requests (1e5 1e6 1e7)")
    parser.add_argument("--routes", type=int, default=ROUTES, help=f"how many routes they are of (default: {ROUTES})")
    parser.add_argument("--length", type=float, default=HOUR_S, help="seconds of load (default: an hour)")
    parser.add_argument("--folder", type=Path, help="keep the runs here")
    args = parser.parse_args()
    for count in args.rows:
        with tempfile.TemporaryDirectory(prefix="gameday-bench-") as temporary:
            folder = (args.folder or Path(temporary)) / f"{int(count)}-rows-{args.routes}-routes"
            n = write_run(folder, made_up(int(count), routes=args.routes, length_s=args.length))
            print(f"{n:>10,} rows of {args.routes} routes  {judged(folder)}", flush=True)
    return 0


def judged(folder: Path) -> str:
    """Run ``gameday report`` and return its processor time, its time, its largest memory and the size of the page."""
    began_s, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "gameday.cli", "report", folder], stdout=subprocess.DEVNULL, check=True)
    took_s, after = time.perf_counter() - began_s, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    pages = ", ".join(
        f"{name} {(folder / name).stat().st_size / 1e6:.2f} MB" for name in ("report.html", "report.json")
    )
    return f"{took_s:.1f} s, {cpu_s:.1f} s of processor, at most {after.ru_maxrss / 1e6:.2f} GB; {pages}"


def made_up(rows: int, *, routes: int, length_s: float) -> Plan:
    """Plan a run of a system with so many routes: half of them need a backend that becomes slow, one is the control."""
    names = ["pulse", *(f"{'page' if index % 2 else 'search'}-{index}" for index in range(1, routes))]
    system = {
        "name": "made-up",
        "targets": {},
        "services": {"web": {}, "backend": {}, "pulse": {}},
        "dependencies": ["web -> backend"],
        "routes": {
            name: {
                "request": f"GET /{name}",
                "hard": ["pulse"] if name == "pulse" else ["web", "backend"] if name.startswith("search") else ["web"],
                "control": name == "pulse",
            }
            for name in names
        },
    }
    pages = [name for name in names if name.startswith("page")]
    experiment = {
        "title": "Are many requests judged?",
        "description": "Made up.",
        "system": "made-up",
        "load": {"routes": dict.fromkeys(names, f"{rows / length_s / routes:.6f}/s")},
        "phases": {name: f"{length_s * share:g}s" for name, share in PHASES.items()},
        "steady-state-hypothesis": {
            "title": "Served",
            "probes": [{"route": name, "p95": "< 250ms", "good": "> 97%"} for name in pages],
        },
        "method": [{"fault": "latency", "parameters": {"edge": "web -> backend", "delay": "2s"}}],
        "expect": {"bulkhead": {"isolated": pages}, "backpressure": {}, "recovery": {}},
    }
    shape, declared = Experiment.model_validate(experiment), System.model_validate(system)
    return plan(shape, declared, catalogue(), name="made-up", target="simulated", variant=None, seed=1)


def write_run(folder: Path, planned: Plan) -> int:
    """Write the folder of a run as it would have been, and return how many requests it had; one that is there is left alone."""
    if not folder.exists():
        (folder / "history").mkdir(parents=True)
        (folder / "plan.json").write_text(planned.to_json(), encoding="utf-8")
        about = About("2026-01-01T00:00:00+00:00", 0.0, boot_id(), {"gameday": "0"}, "gameday run made-up")
        (folder / "run.json").write_text(about.to_json(), encoding="utf-8")
        _write_history(folder, planned)
        _write_rows(folder, planned)
    return sum(load.scheduled for load in planned.routes)


def _write_history(folder: Path, planned: Plan) -> None:
    now_s = [0.0]
    history = History(folder, "supervisor", start_s=0.0, monotonic_s=lambda: now_s[0])
    fault = planned.phase("fault")
    proof = {"bites": True, "asked": 2.0, "measured": 2.0, "unit": "s", "n": 100, "bypassed": 0, "text": "it was slow"}
    mark = {"id": "1", "fault": "latency"}
    for t_s, event, data in (
        (0.0, Event.RUN_STARTED, started(planned)),
        (0.0, Event.LOAD_ORIGIN, {"origin_s": 0.0}),
        (fault.start_s, Event.FAULT_INTENDED, {**mark, "undo": {}}),
        (fault.start_s, Event.FAULT_INJECTED, mark),
        (fault.start_s + 0.5, Event.FAULT_CONFIRMED, {**mark, "proof": proof}),
        (fault.end_s, Event.FAULT_UNDONE, mark),
        (fault.end_s, Event.FAULT_VERIFIED, mark),
        (planned.duration_s, Event.LOAD_DONE, {"rows": sum(load.scheduled for load in planned.routes)}),
        (planned.duration_s, Event.RUN_FINISHED, {}),
    ):
        now_s[0] = t_s
        history.append(event, data)
    history.close()


def _write_rows(folder: Path, planned: Plan) -> None:
    source, fault = np.random.default_rng(planned.seed), planned.phase("fault")
    writer = RowWriter(folder, worker=0, routes=[load.route for load in planned.routes], origin_monotonic_s=0.0)
    for load in planned.routes:
        times_s = np.array(planned.arrivals(load.route).times_s)
        for first in range(0, len(times_s), CHUNK):
            scheduled_s = times_s[first : first + CHUNK]
            n = len(scheduled_s)
            slowed = (scheduled_s >= fault.start_s) & (scheduled_s < fault.end_s) & load.route.startswith("search")
            service_s = source.lognormal(np.log(0.02), 0.7, n) + slowed * 2.0
            other = source.random(n)
            kinds = [other < 0.001, other < 0.004, service_s > 1.0]
            rows = np.zeros(n, ROW)
            rows["seq"], rows["route"], rows["attempts"] = np.arange(first, first + n), load.index, 1
            rows["scheduled_s"], rows["service_s"] = scheduled_s, service_s
            rows["lag_s"] = source.exponential(0.001, n)
            rows["outcome"] = np.select(kinds, [Outcome.ERROR, Outcome.REJECTED, Outcome.LATE], Outcome.OK)
            rows["origin"], rows["retry_after_s"] = 255, np.nan
            writer.copy(rows[np.argsort(scheduled_s + service_s, kind="stable")].tobytes())
    writer.close()


if __name__ == "__main__":
    sys.exit(main())

"""
Make the figures that the README quotes. ``python benchmarks/figures.py [help|quick|overhead|report] ...``; without a name, all of them.

Times on shared machines are noisy: ratios come from commands run in turn, and everything else is a median with its range.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from gameday.record.folder import read_run

BIN = Path(sys.executable).parent
EXPERIMENTS = Path(__file__).parents[1] / "experiments"
SIXTH = """routes:
  again:
    request: GET /recommendations/{id}
    keys: zipf(1.0, 20)
    hard: [web]
    soft: [recommendations]
"""


def main() -> int:
    """Run the benchmarks that were named."""
    benchmarks: dict[str, Callable[[int], None]] = {
        "help": help_ratio,
        "quick": quick,
        "overhead": overhead,
        "report": report,
    }
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"which of {', '.join(benchmarks)}")
    parser.add_argument("-n", type=int, default=5, help="repetitions (default: 5)")
    args = parser.parse_args()
    for name in args.names or benchmarks:
        benchmarks[name](args.n)
    return 0


def help_ratio(n: int) -> None:
    """Time ``gameday --help`` against ``chaos --help``, in turn."""
    pairs = [(_wall_s(BIN / "gameday", "--help"), _wall_s(BIN / "chaos", "--help")) for _ in range(n + 1)][1:]
    ours, theirs = zip(*pairs, strict=True)
    print(f"gameday --help        {_range(ours)}")
    print(f"chaos --help          {_range(theirs)}")
    print(f"  ratio               {_range([a / b for a, b in pairs], unit='')}")


def quick(n: int) -> None:
    """Measure the processor time of ``gameday validate`` and ``plan``, in turn with what they cannot do without."""
    commands: dict[str, tuple[str | Path, ...]] = {
        "python -c pass": (sys.executable, "-c", "pass"),
        "import pydantic": (sys.executable, "-c", "from pydantic import BaseModel"),
        "gameday validate": (BIN / "gameday", "validate"),
        "gameday plan": (BIN / "gameday", "plan", "cache-stampede"),
    }
    rounds = [{name: _cpu_s(*command) for name, command in commands.items()} for _ in range(n + 1)][1:]
    for name in commands:
        ratio = _range([each[name] / each["python -c pass"] for each in rounds], unit="")
        print(f"{name:<21} {_range([each[name] for each in rounds])}  of python -c pass: {ratio}")


def overhead(n: int) -> None:
    """Time whole runs and take their phases off."""
    beyond = []
    for _ in range(n):
        with tempfile.TemporaryDirectory(prefix="gameday-bench-") as out:
            wall_s = _wall_s(BIN / "gameday", "run", "cache-stampede", "--out", out)
            beyond.append(wall_s - read_run(Path(out) / "latest").plan.duration_s)
    print(f"run beyond its phases {_range(beyond)}")


def report(n: int) -> None:
    """Time ``gameday report`` on a run of six routes."""
    with tempfile.TemporaryDirectory(prefix="gameday-bench-") as out:
        _wall_s(BIN / "gameday", "run", _six_routes(Path(out)), "--out", out)
        folder = Path(out) / "latest"
        data = read_run(folder)
        times = [_wall_s(BIN / "gameday", "report", folder) for _ in range(n + 1)][1:]
        size_kb = (folder / "report.html").stat().st_size / 1000
    print(
        f"analysis and report   {_range(times)}  {len(data.plan.routes)} routes, {len(data.rows):,} rows, {size_kb:.0f} kB"
    )


def _six_routes(folder: Path) -> Path:
    """Write ``none`` and its system with a sixth route, and return the experiment."""
    (folder / "systems").mkdir()
    shop = (EXPERIMENTS / "systems" / "shop.yaml").read_text(encoding="utf-8")
    (folder / "systems" / "shop.yaml").write_text(shop.replace("routes:\n", SIXTH, 1), encoding="utf-8")
    none = (EXPERIMENTS / "none.yaml").read_text(encoding="utf-8")
    path = folder / "six-routes.yaml"
    path.write_text(none.replace("pulse: 60/s}", "pulse: 60/s, again: 60/s}"), encoding="utf-8")
    return path


def _wall_s(*command: str | Path) -> float:
    started_s = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return time.perf_counter() - started_s


def _cpu_s(*command: str | Path) -> float:
    before_s = _children_cpu_s()
    _wall_s(*command)
    return _children_cpu_s() - before_s


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _range(values: Sequence[float], *, unit: str = " s") -> str:
    return f"{statistics.median(values):.2f}{unit} ({min(values):.2f} to {max(values):.2f}, n={len(values)})"


if __name__ == "__main__":
    sys.exit(main())

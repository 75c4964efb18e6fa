"""
Show that naive, hardened and nothing separate: every experiment on both variants with several seeds, as a Markdown table.

``python benchmarks/separation.py --seeds 1 2 3 4 5`` makes the table of docs/separation.md; with ``--target kind --seeds 1 2 3`` the one of
the cluster, for which the shop must be up.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

GAMEDAY = Path(sys.executable).parent / "gameday"
EXPERIMENTS = (
    "none",
    "cache-stampede",
    "slow-recommendations",
    "blackhole-payments",
    "kill-web",
    "redis-down",
    "kill-database",
    "noisy-neighbour",
)
ON_KIND = ("lose-a-node",)
VARIANTS = ("naive", "hardened")


def main() -> int:
    """Run them all and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--target", choices=("local", "kind"), default="local")
    parser.add_argument("--experiments", nargs="+")
    args = parser.parse_args()
    experiments = args.experiments or (EXPERIMENTS + ON_KIND if args.target == "kind" else EXPERIMENTS)
    beyond_s: list[float] = []
    print("| experiment | variant | verdicts | decided by | measured, per seed | predicted, per seed | gates fired |")
    print("|---|---|---|---|---|---|---|")
    for experiment in experiments:
        for variant in VARIANTS:
            print(_row((experiment, "--target", args.target, "--variant", variant), args.seeds, beyond_s), flush=True)
    middle, most = statistics.median(beyond_s), max(beyond_s)
    print(f"\n{len(beyond_s)} runs; each took {middle:.1f} s longer than its phases (median; at most {most:.1f} s).")
    return 0


def _row(words: Sequence[str], seeds: Sequence[int], beyond_s: list[float]) -> str:
    reports = []
    for seed in seeds:
        started_s = time.monotonic()
        reports.append(_run(words, seed))
        beyond_s.append(time.monotonic() - started_s - reports[-1]["phases"][-1]["end_s"])
    verdicts = ", ".join(report["verdict"] for report in reports)
    decided = ", ".join(dict.fromkeys(report["decided_by"] or "—" for report in reports))
    gates = sum(gate["status"] != "pass" for report in reports for gate in report["gates"])
    measured, predicted = _predictions(reports) if reports[0]["predictions"] else (_decisive(reports), "—")
    return f"| {words[0]} | {words[-1]} | {verdicts} | {decided} | {measured} | {predicted} | {gates} |"


def _decisive(reports: Sequence[dict[str, Any]]) -> str:
    """Write what the check that decides between the variants measured, and what is accepted."""
    decides = reports[0]["run"]["decides"]
    checks = [check for report in reports for check in report["checks"] if check["id"] == decides]
    if not checks:
        return "—"
    values = ", ".join("—" if check["value"] is None else f"{check['value']:.3g}" for check in checks)
    return f"{values} {checks[0]['unit']}, accepted {checks[0]['op']} {checks[0]['bound']:g}"


def _predictions(reports: Sequence[dict[str, Any]]) -> tuple[str, str]:
    measured, predicted = [], []
    for index, first in enumerate(reports[0]["predictions"]):
        values = [report["predictions"][index] for report in reports]
        name = first["name"].split(".")[1]
        measured.append(f"{name} " + ", ".join(_number(value["measured"]) for value in values))
        predicted.append(", ".join(_number(value["predicted"]) for value in values))
    return "; ".join(measured) or "—", "; ".join(predicted) or "—"


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.2f}"


def _run(words: Sequence[str], seed: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="gameday-separation-") as out:
        command = [str(GAMEDAY), "run", *words, "--seed", str(seed), "--out", out, "--json"]
        done = subprocess.run(command, capture_output=True, check=False)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


if __name__ == "__main__":
    sys.exit(main())

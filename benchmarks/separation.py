"""
Show that naive, hardened and nothing separate: every experiment on both variants with several seeds, as a Markdown table.

``python benchmarks/separation.py --seeds 1 2 3 4 5`` makes the table of docs/separation.md; with ``--target kind --seeds 1 2 3`` the one of
the cluster, for which the shop must be up. ``--out DIR`` goes on where an earlier call ended.
"""

from __future__ import annotations

import argparse
import itertools
import json
import shlex
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
    """Run them all, seed by seed, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--target", choices=("local", "kind"), default="local")
    parser.add_argument("--experiments", nargs="+")
    parser.add_argument(
        "--out", type=Path, help="keep every run in this folder, and do not repeat those that are in it"
    )
    args = parser.parse_args()
    experiments = args.experiments or (EXPERIMENTS + ON_KIND if args.target == "kind" else EXPERIMENTS)
    rows = list(itertools.product(experiments, VARIANTS))
    beyond_s: list[float] = []
    with tempfile.TemporaryDirectory(prefix="gameday-separation-") as temporary:
        out = args.out or Path(temporary)
        reports = {
            (*row, seed): _report(
                out / f"{'-'.join(row)}-{seed}", (row[0], "--target", args.target, "--variant", row[1]), seed, beyond_s
            )
            for seed in args.seeds
            for row in rows
        }
    print("| experiment | variant | verdicts | decided by | measured, per seed | predicted, per seed | gates fired |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        print(_row(row, [reports[(*row, seed)] for seed in args.seeds]))
    if beyond_s:
        middle, most = statistics.median(beyond_s), max(beyond_s)
        print(
            f"\n{len(beyond_s)} runs; each took {middle:.1f} s longer than its phases (median; at most {most:.1f} s)."
        )
    return 0


def _row(row: tuple[str, str], reports: Sequence[dict[str, Any]]) -> str:
    verdicts = ", ".join(report["verdict"] for report in reports)
    decided = ", ".join(dict.fromkeys(report["decided_by"] or "—" for report in reports))
    gates = sum(gate["status"] != "pass" for report in reports for gate in report["gates"])
    is_predicted = reports[0]["run"]["decides"] in {each["name"] for each in reports[0]["predictions"]}
    measured, predicted = _predictions(reports) if is_predicted else (_decisive(reports), "—")
    return f"| {row[0]} | {row[1]} | {verdicts} | {decided} | {measured} | {predicted} | {gates} |"


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


def _report(out: Path, words: Sequence[str], seed: int, beyond_s: list[float]) -> dict[str, Any]:
    """Return the report of one run, which is made unless `out` holds it, and say on standard error how it ended."""
    kept = next(out.glob("*/report.json"), None)
    report: dict[str, Any] = (
        json.loads(kept.read_text()) if kept else _run((*words, "--seed", str(seed), "--out", str(out)), beyond_s)
    )
    fired = ", ".join(f"{gate['id']}: {gate['reason']}" for gate in report["gates"] if gate["status"] != "pass")
    print(f"{out.name}: {report['verdict']} by {report['decided_by']} {fired}", file=sys.stderr, flush=True)
    return report


def _run(words: Sequence[str], beyond_s: list[float]) -> dict[str, Any]:
    command = [str(GAMEDAY), "run", *words, "--json"]
    started_s = time.monotonic()
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    took_s = time.monotonic() - started_s
    if not done.stdout:
        sys.exit(f"{shlex.join(command)} wrote no report:\n{done.stderr}")
    report: dict[str, Any] = json.loads(done.stdout)
    beyond_s.append(took_s - report["phases"][-1]["end_s"])
    return report


if __name__ == "__main__":
    sys.exit(main())

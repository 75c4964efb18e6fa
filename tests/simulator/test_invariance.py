"""The same run gives the same analysis: whatever worker wrote a row, in whatever order, in whatever process."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from gameday.analysis.judge import judge
from simulator.systems import flushed, inflated
from simulator.world import Asked, made_up, run_of, shipped

TESTS = Path(__file__).parent.parent
PROGRAM = """
from gameday.analysis.judge import judge
from simulator.systems import flushed
from simulator.world import run_of, shipped
plan = shipped("cache-stampede", 11)
print(repr(judge(run_of(plan, flushed(plan, single_flight=False)))))
"""


def test_neither_the_split_over_workers_nor_the_order_of_rows_matters() -> None:
    """Rows of three workers, shuffled, are judged like those of one."""
    asked = Asked(rates_per_s={"login": 60, "pulse": 60}, expect={"bulkhead": {"isolated": ["login"]}})
    emptied, slowed = shipped("cache-stampede", 9), made_up(asked, 9)
    for run in (
        run_of(emptied, flushed(emptied, single_flight=False)),
        run_of(slowed, inflated(slowed, factor=1.5, sd=0.3)),
    ):
        order = np.random.default_rng(1).permutation(len(run.rows))
        rows = run.rows[order]
        rows["worker"] = np.arange(len(rows)) % 3
        assert judge(replace(run, rows=rows)) == judge(run)


def test_another_process_time_zone_and_hash_seed_give_the_same_words() -> None:
    """Every number, sentence and order of the analysis is fixed by the run's bytes."""
    said = []
    for zone, hash_seed in (("UTC", "1"), ("Asia/Kathmandu", "4242")):
        environment = {**os.environ, "PYTHONPATH": str(TESTS), "TZ": zone, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True, timeout=120
        )
        said.append(done.stdout)
    assert said[0] == said[1]
    assert "stampede.duplicates" in said[0]

"""Print at the end of ``gameday run --repeat`` what its runs say together."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gameday.analysis.model import Analysis, Status
from gameday.analysis.repeats import Repeated
from gameday.cli.screen import say, table

SCHEMA = 1
"""Raised when a key changes its meaning or goes."""


@dataclass(frozen=True, slots=True)
class Made:
    """One of several runs."""

    seed: int
    folder: Path
    analysis: Analysis


def tell(made: Sequence[Made], together: Repeated, *, name: str, as_json: bool) -> None:
    """Print a line per run and the verdict of all, or the same as JSON."""
    if as_json:
        sys.stdout.write(_json(made, together, name))
        return
    say()
    table(
        (
            ("SEED", "VERDICT", "DECIDED BY", "RUN"),
            *(
                (str(each.seed), each.analysis.verdict, each.analysis.decided_by or "-", str(each.folder))
                for each in made
            ),
        )
    )
    if told := [check for check in together.checks if check.status is not Status.PASS]:
        say("\nWhat does not pass over all runs")
        table(((check.status, check.id, check.reason) for check in told), indent="  ")
    say(f"{together.verdict.upper()}  {name}: {together.reason}")
    sys.stdout.flush()


def _json(made: Sequence[Made], together: Repeated, name: str) -> str:
    value = {
        "schema": SCHEMA,
        "name": name,
        "verdict": together.verdict,
        "reason": together.reason,
        "flaky": together.flaky,
        "checks": [
            {
                "id": check.id,
                "status": check.status,
                "value": check.value,
                "unit": check.unit,
                "interval": None if check.interval is None else [check.interval.lo, check.interval.hi],
                "op": check.op,
                "bound": check.bound,
                "runs": check.n,
            }
            for check in together.checks
        ],
        "runs": [
            {
                "seed": each.seed,
                "verdict": each.analysis.verdict,
                "reason": each.analysis.reason,
                "decided_by": each.analysis.decided_by,
                "folder": str(each.folder),
            }
            for each in made
        ],
    }
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"

"""
The operating characteristic: how often a verdict fails, is inconclusive and passes, against a true effect.

``PYTHONPATH=tests .venv/bin/python -m worlds.characteristic --seeds 200`` prints it as Markdown, ``--coverage`` how
often intervals contain the truth as well. A seed gives the same runs on every machine, and takes about three seconds of
one processor for all lines.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from gameday.analysis.judge import judge
from gameday.analysis.model import Finding, Status
from gameday.record.requests import Outcome, Rows
from worlds.layers import (
    Layer,
    Span,
    bursting,
    failing,
    leaking,
    lognormal,
    pareto,
    pausing,
    queue,
    slower,
    wandering,
    warming,
)
from worlds.runs import BASELINE_S, END_S, FAULT, INJECTED_S, QUIET, UNDONE_S, WINDOW, World

EFFECTS = (1.0, 1.25, 1.5, 2.0, 3.0)
"""How many times slower login really becomes; 1.5 is what is allowed."""
LENGTHS_S = (0.5, 1.0, 2.0, 4.0)
INTERVALS = ("latency", "errors", "goodput")
STATUSES = (Status.FAIL, Status.INCONCLUSIVE, Status.PASS)
LOGIN = QUIET["login"]
WORLDS: Mapping[str, tuple[Layer, ...]] = {
    "quiet": LOGIN,
    "Pareto, shape 1.8": (pareto(0.014, 1.8),),
    "AR(1) noise, sd 0.15": (*LOGIN, wandering(0.15)),
    "AR(1) noise, sd 0.3": (*LOGIN, wandering(0.3)),
    "M/M/4 at 0.8": (queue(4, 0.8),),
    "M/M/4 at 0.9": (queue(4, 0.9),),
    "pauses of 0.5 s every 8 s": (*LOGIN, pausing(0.5, 8.0)),
    "bursts of 8 errors, 2 %": (*LOGIN, bursting(0.02, 8)),
    "warm-up": (*LOGIN, warming(2.5, 9.0)),
    "leak of 5 % a second": (*LOGIN, leaking(0.05)),
    "noisy control": LOGIN,
}
"""What login does by itself, before, during and after the fault; no burst is likely to be an outage of a second."""
NOISY_CONTROL = (lognormal(0.012, 0.47), wandering(0.3))


@dataclass(frozen=True, slots=True)
class Case:
    """One line of a table: a world with a true effect on login, or with an outage of it for some seconds at a place."""

    name: str
    size: float
    unit: str
    worlds: tuple[World, ...]
    """Seeds take them in turn."""

    @property
    def is_nothing(self) -> bool:
        """Return whether there is no effect at all, so that no verdict may fail."""
        return self.unit == "times" and self.size == 1

    @property
    def is_large(self) -> bool:
        """Return whether no verdict may pass: far beyond what is allowed, or an outage of a second."""
        return self.size >= (3 if self.unit == "times" else 1)


@dataclass(frozen=True, slots=True)
class Result:
    """
    What was said of one run, and what was so.

    Attributes:
        latency: The status of login's latency check.
        bulkhead: That of all its bulkhead checks: a failure of any, else an indecision of any.
        covers: What each interval of ``INTERVALS`` spans; None where none is given.
        good: Good answers and requests, in the baseline and in the window.
    """

    latency: Status
    bulkhead: Status
    covers: tuple[Span | None, ...]
    good: tuple[tuple[int, int], tuple[int, int]]


def effects() -> Iterator[Case]:
    """Yield each world with each effect: all that login does takes so many times as long while the fault is on."""
    for name, layers in WORLDS.items():
        control = {"pulse": NOISY_CONTROL} if name == "noisy control" else {}
        for effect in EFFECTS:
            world = World({"login": (*layers, slower(effect, FAULT)), **control})
            yield Case(name, effect, "times", (world,))


def outages() -> Iterator[Case]:
    """Yield total outages of login (errors, hangs, rejections by turns) wherever a window may begin or end."""
    kinds = (Outcome.ERROR, Outcome.TIMEOUT, Outcome.REJECTED)
    for length_s in LENGTHS_S:
        begins_s = {
            "from the injection on": INJECTED_S - 0.05,
            "in mid-fault": INJECTED_S + 8,
            "up to the undo": UNDONE_S - length_s,
            "across the undo": UNDONE_S - length_s / 2,
            "in the recovery": UNDONE_S + 3,
            "up to the end": END_S - length_s,
        }
        for place, begin_s in begins_s.items():
            down = [failing(1.0, kind, (begin_s, begin_s + length_s)) for kind in kinds]
            yield Case(f"outage {place}", length_s, "s", tuple(World({"login": (*LOGIN, out)}) for out in down))


def measure(case: Case, seed: int) -> Result:
    """Judge one run of a case."""
    run = case.worlds[seed % len(case.worlds)].run(seed)
    checks = {check.id.split(".")[2]: check for check in judge(run).checks if check.id.startswith("bulkhead.login.")}
    statuses = {check.status for check in checks.values()}
    return Result(
        checks["latency"].status,
        next(status for status in STATUSES if status in statuses),
        tuple(_spanned(checks[part]) for part in INTERVALS),
        (_good(run.rows, (BASELINE_S, INJECTED_S)), _good(run.rows, WINDOW)),
    )


def _spanned(check: Finding) -> Span | None:
    return (check.interval.lo, check.interval.hi) if check.interval else None


def _good(rows: Rows, span: Span) -> tuple[int, int]:
    """Return how many requests of login were answered well, and how many there were."""
    which = (rows["route"] == 0) & (rows["scheduled_s"] >= span[0]) & (rows["scheduled_s"] < span[1])
    return int(np.sum(rows["outcome"][which] <= Outcome.DEGRADED)), int(np.sum(which))


def of_seed(names: Sequence[str], seed: int) -> list[Result]:
    """Judge a run of every case: all of one seed meet the same arrivals, which are drawn once."""
    return [measure(case, seed) for case in chosen(names)]


def chosen(names: Sequence[str]) -> list[Case]:
    """Return the cases whose name contains one of these; all without any."""
    return [case for case in (*effects(), *outages()) if not names or any(name in case.name for name in names)]


def characteristic(cases: Sequence[Case], results: Sequence[Sequence[Result]]) -> Iterator[str]:
    """Yield the lines of the table: the share of seeds in percent."""
    yield "| world | truth | latency: fail | inconclusive | pass | all bulkhead checks: fail | inconclusive | pass |"
    yield "|---|---|---|---|---|---|---|---|"
    for case, runs in zip(cases, results, strict=True):
        shares = (
            100 * np.mean([judged is status for judged in of])
            for of in ([run.latency for run in runs], [run.bulkhead for run in runs])
            for status in STATUSES
        )
        yield f"| {case.name} | {case.size:g} {case.unit} | " + " | ".join(f"{share:.1f}" for share in shares) + " |"


def coverage(cases: Sequence[Case], results: Sequence[Sequence[Result]]) -> Iterator[str]:
    """
    Yield the lines of the other table: in which share of the seeds an interval contains the truth, in percent.

    The true slowdown is the world's. The true shares of good answers are those of all seeds' requests together; with
    few seeds they are not known well enough.
    """
    yield "| world | truth | " + " | ".join(INTERVALS) + " |"
    yield "|---|---|---|---|---|"
    for case, runs in zip(cases, results, strict=True):
        if case.unit != "times":
            continue
        (before, offered), (after, asked) = np.sum([run.good for run in runs], axis=0).tolist()
        truths = (case.size, before / offered - after / asked, after / asked / (before / offered))
        columns = [_covered([run.covers[index] for run in runs], truth) for index, truth in enumerate(truths)]
        yield f"| {case.name} | {case.size:g} times | " + " | ".join(columns) + " |"


def _covered(spans: Sequence[Span | None], truth: float) -> str:
    given = [span for span in spans if span is not None]
    if not given:
        return "none"
    share = np.mean([low - 1e-9 <= truth <= high + 1e-9 for low, high in given])
    return f"{100 * share:.1f}" + (f" of {len(given)}" if len(given) < len(spans) else "")


def collected(seeds: Iterable[int], names: Sequence[str], *, jobs: int, minutes: float) -> list[list[Result]]:
    """Return the results of every case, of as many seeds as there is time for, and report progress."""
    end_s, found = time.monotonic() + 60 * minutes, []
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        for results in pool.imap_unordered(partial(of_seed, names), seeds):
            found.append(results)
            print(f"\r{len(found)} seeds", end="", file=sys.stderr, flush=True)
            if time.monotonic() > end_s:
                print(f": {minutes:g} min are over", end="", file=sys.stderr)
                break
    print(file=sys.stderr)
    return [list(of_case) for of_case in zip(*found, strict=True)]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m worlds.characteristic", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="runs of each line (default: %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default: %(default)s)")
    parser.add_argument(
        "--world", action="append", default=[], help="only lines whose world contains this text; may be repeated"
    )
    parser.add_argument("--coverage", action="store_true", help="print how often intervals contain the truth as well")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: %(default)s)")
    parser.add_argument(
        "--minutes", type=float, default=45, help="begin no line after this time (default: %(default)s)"
    )
    given = parser.parse_args()
    cases = chosen(given.world)
    if not cases:
        parser.error(f"no world's name contains {' or '.join(given.world)}; there are {', '.join(WORLDS)} and outages")
    seeds = range(given.first, given.first + given.seeds)
    results = collected(seeds, given.world, jobs=given.jobs, minutes=given.minutes)
    print(f"{len(results[0])} runs of each line, in percent of the runs.\n")
    print(*characteristic(cases, results), sep="\n")
    if given.coverage:
        print("\nHow often the interval contains the truth, in percent of the runs.\n")
        print(*coverage(cases, results), sep="\n")


if __name__ == "__main__":
    main()

"""
What differs between two groups of runs: each run is one value of every finding. Pure.

Seconds of one run resemble each other, and so do the runs of one night; what a run's own interval says of another run is too little.
So a difference is called better or worse only by what runs differ by among themselves, of which two groups of one run each say
nothing, and its interval is never narrower than their own make it.

Source:
    Hunter, Stryer & Olsen (2023), change points of benchmarks; Student's distribution of a difference of means with one
    variance; Zou & Donner (2008), the MOVER method, for the part that the runs' own intervals have in it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gameday.analysis.model import Finding
from gameday.analysis.statistics import Floats, student

LEAST_DEGREES = 2
"""Degrees of freedom of what runs differ by: one run against three, or two against two."""
LEAST_BEFORE = LEAST_DEGREES + 1
"""How many runs one more has to be compared with."""

Call = Literal["better", "worse", ""]


@dataclass(frozen=True, slots=True)
class Figure:
    """One judged finding of a run; an end of its interval that is open is None, and both are where there is no interval."""

    id: str
    title: str
    unit: str
    op: Literal["<", ">"]
    value: float
    lo: float | None
    hi: float | None
    level: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Difference:
    """
    What a finding differs by between two groups of runs.

    Attributes:
        then: The first group's mean, in the finding's unit, of ratios (``times``) the geometric one; ``now`` the second's.
        value: The second mean less the first; of ratios their quotient.
        lo: The lower end of its interval at 99 %, ``hi`` the upper; None where it is open, both where there is no interval.
        runs: How many there are in either group.
        call: Whether the second group is better or worse; empty where the interval holds no difference as well.
        replicated: Whether the interval is that of other runs too; else it is of these runs alone, and calls nothing. It is
            not where runs are too few, or where a count that has no interval was the same in all of them.
    """

    then: float
    now: float
    value: float
    lo: float | None
    hi: float | None
    runs: tuple[int, int]
    call: Call
    replicated: bool


def figures(checks: Sequence[Finding]) -> tuple[Figure, ...]:
    """Return the findings of a run that another run's can be compared with: those that are judged and finite."""
    return tuple(
        Figure(
            id=check.id,
            title=check.title,
            unit=check.unit,
            op=check.op,
            value=check.value,
            lo=check.interval.lo if check.interval and math.isfinite(check.interval.lo) else None,
            hi=check.interval.hi if check.interval and math.isfinite(check.interval.hi) else None,
            level=check.interval.level if check.interval else None,
            n=check.n,
        )
        for check in checks
        if check.op is not None and check.value is not None and math.isfinite(check.value)
    )


def difference(then: Sequence[Figure], now: Sequence[Figure]) -> Difference | None:
    """
    Compare one finding of two groups of runs.

    Args:
        then: The finding in each run of the first group, at least one.
        now: The same of the second group.

    Returns:
        None where they do not measure the same: another unit, or another side is accepted.
    """
    every = (*then, *now)
    if len({(each.unit, each.op) for each in every}) > 1:
        return None
    ratios = every[0].unit == "times" and all(each.value > 0 for each in every)
    before, after = (_scaled([each.value for each in group], ratios=ratios) for group in (then, now))
    value = float(after.mean() - before.mean())
    below, above = _within(then, before, ratios=ratios), _within(now, after, ratios=ratios)
    down, up = math.hypot(below[1], above[0]), math.hypot(below[0], above[1])
    degrees = len(every) - 2
    square = float(((before - before.mean()) ** 2).sum() + ((after - after.mean()) ** 2).sum()) / max(1, degrees)
    counted = any(each.level is None for each in every)
    replicated = degrees >= LEAST_DEGREES and (
        square > 0 or not counted
    )  # counts that were always the same tell no spread
    if replicated:
        half = student(degrees) * math.sqrt(square * (1 / len(then) + 1 / len(now)))
        down, up = max(down, half), max(up, half)
    elif counted:
        down = up = math.inf
    lo, hi = value - down, value + up
    call: Call = ""
    if replicated and (lo > 0 or hi < 0):
        call = "better" if (hi < 0) == (every[0].op == "<") else "worse"
    told = (float(before.mean()), float(after.mean()), value, lo, hi)
    first, second, value, lo, hi = map(_exp, told) if ratios else told
    runs = (len(then), len(now))
    return Difference(first, second, value, _closed(lo), _closed(hi), runs, call, replicated)


def _scaled(values: Sequence[float], *, ratios: bool) -> Floats:
    found = np.array(values, np.float64)
    return np.log(found) if ratios else found


def _within(group: Sequence[Figure], values: Floats, *, ratios: bool) -> tuple[float, float]:
    """Return how far the mean may lie below and above its value by the runs' own intervals; not at all where none has one."""
    away = [0.0, 0.0]
    for figure, value in zip(group, values.tolist(), strict=True):
        if figure.level is None:
            continue
        for side, end in enumerate((figure.lo, figure.hi)):
            scaled = end if end is None or not ratios else math.log(end) if end > 0 else None
            away[side] += math.inf if scaled is None else (scaled - value) ** 2
    return math.sqrt(away[0]) / len(group), math.sqrt(away[1]) / len(group)


def _exp(logarithm: float) -> float:
    return math.inf if logarithm == math.inf else math.exp(logarithm)


def _closed(end: float) -> float | None:
    return end if math.isfinite(end) else None

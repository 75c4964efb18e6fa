"""
The merged schedule: every arrival of a run in the order of its time, as fixed-width records.

The session draws it from the plan and hands it to the load process in memory, so that the process needs neither the plan nor
the library that validates it, and starts in half a second.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

ARRIVAL = np.dtype(
    [
        ("scheduled_s", "<f8"),  # on the load's clock
        ("route", "<u2"),  # index into the routes of the plan
        ("seq", "<u4"),  # number of the arrival within its route, from 0
        ("key", "<u4"),  # 0 for a route without keys
    ]
)
Schedule = npt.NDArray[np.void]
_CHUNK = 4096


class Arrival(NamedTuple):
    """One record of a schedule as plain Python numbers; a tuple, because one is made for every request."""

    scheduled_s: float
    route: int
    seq: int
    key: int


def merge(routes: Sequence[tuple[Sequence[float], Sequence[int]]]) -> Schedule:
    """
    Merge the arrivals of all routes by time; those of the same instant keep the order of their routes.

    Args:
        routes: Per route, in the order of the plan: times in seconds, ascending, and as many keys or none.
    """
    parts = []
    for index, (times_s, keys) in enumerate(routes):
        part = np.zeros(len(times_s), ARRIVAL)
        part["scheduled_s"] = times_s
        part["route"] = index
        part["seq"] = np.arange(len(times_s))
        part["key"] = keys if len(keys) else 0
        parts.append(part)
    merged = np.concatenate([np.empty(0, ARRIVAL), *parts])
    return merged[np.argsort(merged["scheduled_s"], kind="stable")]


def from_bytes(data: bytes) -> Schedule:
    """Read what ``Schedule.tobytes`` wrote."""
    return np.frombuffer(data, ARRIVAL)


def walk(schedule: Schedule) -> Iterator[Arrival]:
    """Return the arrivals one by one; only a few thousand exist as Python objects at any time."""
    for start in range(0, len(schedule), _CHUNK):
        yield from map(Arrival._make, schedule[start : start + _CHUNK].tolist())

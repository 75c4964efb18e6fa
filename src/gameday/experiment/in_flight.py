"""Compute how many requests of an open load may be open at once, and what a machine needs to carry them. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gameday.experiment.catalogue import PlannedFault
from gameday.experiment.model import Load

LATE_S = 0.5
"""How much longer than ``hang`` a request may stay open: the load's own lateness in giving it up."""
DEVIATIONS = 6
"""Standard deviations of a Poisson count: about one seed in a billion has more arrivals in one such time."""
LEAST = 500
"""However low the rates: what is open at once when the load has to catch up."""
OTHER_FILES = 64
"""What a process of the load has open besides its requests."""
BYTES_EACH = 32 * 1024
"""Memory of one open request with its connection and its greenlet."""
WORKER_BYTES = 416 * 2**20
"""What a worker in a cluster may use for them: its memory limit less what it has at its start."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What a machine allows a process of the load: open files (the hard limit), free memory, local ports of one address."""

    open_files: float
    memory_bytes: float
    ports: int


def peak_rate_per_s(load: Load, faults: Sequence[PlannedFault]) -> float:
    """Return the most arrivals per second of all routes together, surges included."""
    surges = [(fault.start_s, fault.end_s, rate) for fault in faults for rate in fault.surge_per_s.values()]
    on = (sum(rate for start_s, end_s, rate in surges if start_s <= t_s < end_s) for t_s, _, _ in surges)
    return sum(load.routes.values()) + max(on, default=0.0)


def needed(load: Load, faults: Sequence[PlannedFault], *, workers: int = 1) -> int:
    """Return how many requests can be open at once, in each of so many workers, if the system answers none."""
    mean = peak_rate_per_s(load, faults) / workers * (load.hang_s + LATE_S)
    return math.ceil(mean + DEVIATIONS * math.sqrt(mean)) + 1


def most_in_flight(load: Load, faults: Sequence[PlannedFault]) -> int:
    """Return how many requests each worker may have open: its share of ``max-in-flight``, and at least what it can need."""
    given = load.max_in_flight or 0
    return max(LEAST, needed(load, faults, workers=load.workers), math.ceil(given / load.workers))


def lacking(count: int, machine: Machine, *, sockets: int = 1) -> Iterator[str]:
    """Yield what a machine lacks for so many open requests, of which a process holds so many sockets each, with the next step."""
    if machine.open_files < (files := count * sockets + OTHER_FILES):
        yield f"{files} open files are needed and {machine.open_files:g} allowed: raise the hard limit (ulimit -Hn {files})"
    if machine.memory_bytes < count * BYTES_EACH:
        need, free = (round(each / 2**20) for each in (count * BYTES_EACH, machine.memory_bytes))
        yield f"{need} MiB of memory are needed and {free} MiB free: free some, or lower the rates or load.hang"
    if machine.ports < count:
        yield (
            f"{count} local ports are needed and there are {machine.ports}: widen net.ipv4.ip_local_port_range,"
            " or lower the rates or load.hang"
        )

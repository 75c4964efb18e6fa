"""Start the Jobs that undo a run's faults before its load begins, and remove those that no fault needs any more."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from gameday.experiment.catalogue import PlannedFault
from gameday.targets.kubernetes import janitor, parallel
from gameday.targets.kubernetes.api import Api
from gameday.targets.kubernetes.pods import pods_of
from gameday.targets.kubernetes.site import Site
from gameday.targets.kubernetes.undo import Touched, outstanding
from gameday.targets.kubernetes.workload import path_of

STARTED_S = 30.0
"""So long a pod may take to start before the load: the run waits for nothing else."""
LATE_S = 180
"""A fault begins at most so much later than on the load's clock: agents take up to 40 s, the load up to a minute; the rest is margin."""
MOST_NODES = 3
"""On so many nodes a drain's Job waits ahead: the node is drawn later, and one that was not foreseen gets its Job then."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A Job to be started ahead: for the object at an API ``path``, for how many whole seconds, and which node it must not be on."""

    path: str
    first_s: int
    spare: str | None = None

    @property
    def name(self) -> str:
        """Return what changes, for messages."""
        return self.path.rpartition("/")[2]


def waits(faults: Sequence[PlannedFault]) -> dict[str, int]:
    """
    Return the services whose workloads will be changed, and for how many whole seconds the Job of each waits for the first change.

    Where that would be longer than ``janitor.MOST_S``, none is started ahead: the fault starts its own.
    """
    return _first([(fault, fault.services) for fault in faults if fault.held])


def drains(faults: Sequence[PlannedFault]) -> dict[str, int]:
    """Return the services of which a replica's node will be drained, and the same of each."""
    return _first([(fault, (str(fault.parameters["service"]),)) for fault in faults if fault.fault == "drain"])


def planned(api: Api, site: Site, faults: Sequence[PlannedFault]) -> tuple[Waiting, ...]:
    """Return the Jobs that a run's faults need ahead. Raises ``TargetError``."""
    workloads = (Waiting(path_of(api, site, service), wait_s) for service, wait_s in waits(faults).items())
    return (*workloads, *_of_nodes(api, site, drains(faults)))


def start(api: Api, site: Site, waiting: Iterable[Waiting]) -> None:
    """
    Start Jobs, and return when the pod of each is ready: it has tried its undo then, before anything is changed. Idempotent.

    Raises:
        TargetError: One cannot be made, does not start or may not undo, so nobody would undo a fault when gameday is gone.
    """

    def start_one(each: Waiting) -> None:
        janitor.prepare(api, site, path=each.path, first_s=each.first_s, spare=each.spare)
        janitor.await_pod(api, site, janitor.name_ahead(site, each.path), within_s=STARTED_S)

    parallel.each(waiting, start_one)


def end(api: Api, site: Site, waiting: Iterable[Waiting]) -> None:
    """Remove Jobs that were started ahead, but those that still have something to undo. Idempotent; raises ``TargetError``."""
    needed = {undo.janitor for _, undo in outstanding(api, site)}
    names = {janitor.name_ahead(site, each.path) for each in waiting}
    parallel.each(sorted(names - needed), lambda name: janitor.end(api, site, name))


def _first(changes: Sequence[tuple[PlannedFault, Sequence[str]]]) -> dict[str, int]:
    first_s: dict[str, float] = {}
    for fault, services in changes:
        for service in services:
            first_s[service] = min(fault.start_s, first_s.get(service, math.inf))
    found = {service: math.ceil(start_s) + LATE_S for service, start_s in first_s.items()}
    return {service: wait_s for service, wait_s in found.items() if wait_s <= janitor.MOST_S}


def _of_nodes(api: Api, site: Site, waits_s: dict[str, int]) -> Iterator[Waiting]:
    for service, wait_s in waits_s.items():
        names = sorted({pod.node for pod in pods_of(api, site, service) if pod.node})
        for name in names[:MOST_NODES]:
            yield Waiting(Touched("node", name).path(site.namespace), wait_s, name)

"""Start the Jobs that undo a run's faults before its load begins, and remove those that no fault needs any more."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from gameday.experiment.catalogue import PlannedFault
from gameday.targets.kubernetes import janitor, parallel
from gameday.targets.kubernetes.api import Api
from gameday.targets.kubernetes.site import Site
from gameday.targets.kubernetes.undo import outstanding
from gameday.targets.kubernetes.workload import path_of

STARTED_S = 30.0
"""So long a pod may take to start before the load: the run waits for nothing else."""
LATE_S = 180
"""A fault begins at most so much later than on the load's clock: agents take up to 40 s, the load up to a minute; the rest is margin."""


def waits(faults: Sequence[PlannedFault]) -> dict[str, int]:
    """
    Return the services whose workloads will be changed, and for how many whole seconds the Job of each waits for the first change.

    Where that would be longer than ``janitor.MOST_S``, none is started ahead: the fault starts its own.
    """
    first_s: dict[str, float] = {}
    for fault in faults:
        for service in fault.services if fault.held else ():
            first_s[service] = min(fault.start_s, first_s.get(service, math.inf))
    found = {service: math.ceil(start_s) + LATE_S for service, start_s in first_s.items()}
    return {service: wait_s for service, wait_s in found.items() if wait_s <= janitor.MOST_S}


def start(api: Api, site: Site, waits_s: Mapping[str, int]) -> None:
    """
    Start a Job for the workload of each service, which waits for so long, and return when its pod runs. Idempotent.

    Raises:
        TargetError: One cannot be made or does not start, so nobody would undo a fault when gameday is gone.
    """

    def start_one(service: str) -> None:
        path = path_of(api, site, service)
        janitor.prepare(api, site, path=path, first_s=waits_s[service])
        janitor.await_pod(api, site, janitor.name_ahead(site, path), within_s=STARTED_S)

    parallel.each(waits_s, start_one)


def end(api: Api, site: Site, services: Iterable[str]) -> None:
    """Remove the Jobs that were started for these services, but those that still have something to undo. Idempotent; raises ``TargetError``."""
    needed = {undo.janitor for _, undo in outstanding(api, site)}
    names = {janitor.name_ahead(site, path_of(api, site, service)) for service in services}
    parallel.each(sorted(names - needed), lambda name: janitor.end(api, site, name))

"""
Tell which replicas left the endpoints of their service although no planned fault could have made them.

In a cluster the run starts no process of the system's, so its exits are nobody's to record: that a pod was restarted, deleted or found
unready shows by its leaving. Which services a fault can make unready is taken widely: what it acts on, both ends of its edges, whoever calls
any of these, because a caller that waits may fail its own probes, and whomever these call, because what a cache no longer answers, or a
caller tries again, is asked of others. Of a fault whose victims are not known beforehand it is every service, and of one that takes what
they share: pods of a node have its processors and memory in common, whoever calls whom.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gameday.analysis.case import Case
from gameday.analysis.kills import MONKEY, seen_at_s
from gameday.experiment.catalogue import PlannedFault
from gameday.experiment.foreign import ACTIVITY
from gameday.experiment.model import System, onward
from gameday.record.history import Event

DRAIN = "drain"
CLUSTER = "kind"
"""Where the system's replicas are followed and its processes are not; locally the node tells of every exit, and more surely."""


def departures(case: Case) -> tuple[str, ...]:
    """
    Return in words when each such replica left, oldest first, from the baseline's begin on.

    Empty where the target is no cluster.
    """
    return tuple(_departures(case)) if case.plan.target == CLUSTER else ()


def followed(case: Case) -> int:
    """Count the replicas that were seen among the endpoints; 0 where the target is no cluster, or nobody followed them."""
    if case.plan.target != CLUSTER:
        return 0
    joined = (record.data for record in case.history if record.event == Event.REPLICA_JOINED)
    return len({(str(data.get("service")), str(data.get("identity") or data.get("replica"))) for data in joined})


def _departures(case: Case) -> Iterator[str]:
    reached = frozenset(name for fault in case.plan.faults for name in _reached(fault, case.plan.system))
    baseline, end_s = case.windows.baseline, case.windows.observed.end_s
    for record in sorted((each for each in case.history if each.event == Event.REPLICA_LEFT), key=seen_at_s):
        t_s, service = seen_at_s(record), str(record.data.get("service"))
        before = t_s < baseline.end_s
        if baseline.start_s <= t_s < end_s and (before or service not in reached):
            why = "in the baseline, before any fault" if before else f"and no planned fault can make {service} unready"
            yield f"{service}: {record.data.get('replica')} left the endpoints at {t_s:.1f} s, {why}"


def _reached(fault: PlannedFault, system: System) -> Iterable[str]:
    """Return the services that a fault can make unready."""
    unknown = fault.fault in {DRAIN, MONKEY} or (fault.fault == ACTIVITY and not fault.services)
    if unknown or fault.beside or fault.surge_per_s:
        return system.services
    ends = (end for edge in fault.edges for end in edge.split(" -> "))
    return onward(onward((*fault.services, *ends), system.callers), system.callees)

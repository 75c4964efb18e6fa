"""Where a fault acts: on one edge, or every edge into a service; and whether anybody calls there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import model_validator

from gameday.experiment.catalogue import Mistake, PlannedFault
from gameday.experiment.declared import Declared, Name
from gameday.experiment.model import System
from gameday.experiment.notation import Edge
from gameday.faults.protocol import Data
from gameday.targets.protocol import CANARY_S, Calls, Target, TargetError, Uncounted, cluster

LEASE_S = 5.0
"""How long a fault outlives its last renewal (one a second): four missed renewals heal it."""
CANARY_SLACK_S = 0.5
"""How much slower than before the injection a canary may be on a healed edge: a busy machine, not a fault."""

BYPASS = 0.02
"""Share of a caller's calls that a fault may have missed before connections are held to bypass the proxy..."""
RACE = 2
"""...and the number that may have: calls that were under way when the counters were read, one after the other."""


class Place(Declared):
    """``edge: web -> payments``, or ``service: payments`` for all edges into it."""

    edge: Edge | None = None
    service: Name | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Place:
        if (self.edge is None) == (self.service is None):
            raise ValueError("either edge: CALLER -> CALLEE or service: NAME")
        return self

    @property
    def callee(self) -> str:
        """Return the service whose answers are touched."""
        return self.service if self.edge is None else self.edge.callee  # type: ignore[return-value]  # one of them is given

    def edges(self, system: System) -> tuple[str, ...]:
        """Return the edges that are meant."""
        if self.edge is not None:
            return (str(self.edge),)
        return tuple(f"{caller} -> {self.callee}" for caller in system.callers(self.callee))

    def mistakes(self, system: System) -> tuple[Mistake, ...]:
        """Find an edge or a service that the system does not have."""
        if self.service is not None and not system.callers(self.service):
            called = ", ".join(name for name in system.services if system.callers(name))
            return (Mistake("service", self.service, f"a service that something calls: {called}"),)
        if self.edge is not None and self.edge.caller not in system.callers(self.edge.callee):
            known = (f"{caller} -> {callee}" for callee in system.services for caller in system.callers(callee))
            return (Mistake("edge", str(self.edge), f"one of the system's edges: {', '.join(known)}"),)
        return ()


@dataclass(frozen=True, slots=True)
class Reach:
    """
    What a fault met of its callers' own traffic; what a canary meets says nothing of theirs.

    Attributes:
        met: Callers were seen on every edge that a loaded route needs, and on one at least.
        n: Connections or requests that callers tried through the proxy while the fault was on.
        text: The same as a clause of a proof.
    """

    met: bool
    n: int
    text: str


def reach(planned: PlannedFault, target: Target) -> Reach:
    """Read the proxies' counts of what callers, and not canaries, tried since the fault was injected."""
    attempts = {edge: target.edge(edge).attempts for edge in planned.edges}
    n = sum(attempts.values())
    silent = [edge for edge in planned.edges if not attempts[edge]]
    clauses = [f"callers tried {n} times through the proxy"]
    if unmet := [edge for edge in silent if edge in planned.needed]:
        clauses.append(f"none of them on {', '.join(unmet)}, which loaded routes need")
    if unused := [edge for edge in silent if edge not in planned.needed]:
        clauses.append(f"nobody called on {', '.join(unused)}, which no loaded route needs, so nothing is known there")
    return Reach(met=n > 0 and not unmet, n=n, text=", ".join(clauses))


def uncounted(calls: Mapping[str, Calls | Uncounted | None]) -> str:
    """Return as a clause of a proof why the counters that a system file names say nothing of edges; empty where it names none."""
    reasons = dict.fromkeys(each.reason for each in calls.values() if isinstance(each, Uncounted))
    coarse = [edge for edge, each in calls.items() if isinstance(each, Calls)]
    if coarse:
        reasons[
            f"the counters of {', '.join(edge.split(' -> ')[0] for edge in coarse)} had no value at the injection, or no bucket so small"
        ] = None
    return f"; {'; '.join(reasons)}, so the caller's own count was not compared" if reasons else ""


def time_canaries(edges: tuple[str, ...], target: Target) -> Data:
    """Return what an undo needs: the edges, and how long a canary takes on each. Raises ``TargetError`` when one is not answered."""
    took_s = {edge: target.canary_s(edge) for edge in edges}
    if silent := [edge for edge in edges if took_s[edge] >= CANARY_S]:
        raise TargetError(f"before any fault, a canary over {silent[0]} got no answer within {CANARY_S:g} s")
    return {"edges": list(edges), "canary_s": dict(took_s)}


def heal(undo: Data, target: Target) -> None:
    """End what is injected on the edges of ``time_canaries``."""
    for edge in undo["edges"]:  # type: ignore[union-attr]  # a list, as written above
        target.heal(str(edge))


def is_healed(undo: Data, target: Target) -> bool:
    """Return whether proxies hold no fault, and canaries are as fast as they were."""
    before: dict[str, float] = undo["canary_s"]  # type: ignore[assignment]  # as written above
    return all(
        target.edge(edge).is_free and target.canary_s(edge) < min(canary_s + CANARY_SLACK_S, CANARY_S)
        for edge, canary_s in before.items()
    )


def see_called(planned: PlannedFault, target: Target) -> None:
    """
    Look for calls over the edges into the services of a fault that loaded routes need; changes nothing.

    Raises:
        TargetError: Nobody calls one of them, so what is named is not what serves the load.
    """
    callers: dict[str, list[str]] = defaultdict(list)
    for edge in planned.called:
        caller, callee = edge.split(" -> ")
        callers[callee].append(caller)
    for service, names in callers.items():
        found = cluster(target).called(service, names)
        if found is not None and not found.by:
            who = " or ".join(names)
            others = f"; connections came from {', '.join(found.others[:4])} only" if found.others else ""
            raise TargetError(
                f"no caller: no connection of {who} to any replica of {service} was seen, and loaded routes need "
                f"{' or '.join(f'{name} -> {service}' for name in names)}{others}; "
                f"next: see that the system file names the workload that serves {who} (services.{service}.deployment)"
            )

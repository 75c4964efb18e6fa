"""Stop all traffic on one edge, or on every edge into a service: connections are accepted, and that is all."""

from __future__ import annotations

from typing import cast

from pydantic import BaseModel

from gameday.experiment.catalogue import Mistake, PlannedFault
from gameday.experiment.model import System
from gameday.faults.place import LEASE_S, RACE, Place, heal, is_healed, reach, time_canaries, uncounted
from gameday.faults.protocol import Data, Proof
from gameday.targets.protocol import CANARY_S, Calls, Target, Uncounted


class Blackhole:
    """``blackhole: {edge: web -> payments}``, or ``service:`` in place of ``edge:``."""

    name = "blackhole"

    class Parameters(Place):
        """One edge, or all edges into a service."""

    parameters: type[BaseModel] = Parameters

    def check(self, parameters: BaseModel, system: System) -> tuple[Mistake, ...]:
        """Find an edge or a service that the system does not have."""
        return cast("Place", parameters).mistakes(system)

    def plan(self, parameters: BaseModel, system: System) -> PlannedFault:
        """Resolve the edges."""
        given = cast("Place", parameters)
        edges = given.edges(system)
        return PlannedFault(
            fault=self.name,
            shape="step",
            parameters={},
            services=(given.callee,),
            edges=edges,
            dose="everything",
            effect=f"Nothing passes on {', '.join(edges)}: connections are accepted, and no byte comes through.",
            undo="The proxy lets everything through again; it does so by itself 5 s after gameday's last sign of life.",
            proof="A canary over the edge gets no answer, callers' own traffic comes to the proxy meanwhile, "
            "and where the caller counts its calls, none is answered.",
            proof_s=len(edges) * CANARY_S,
            spares=False,
        )

    def prepare(self, planned: PlannedFault, target: Target) -> Data:
        """Time a canary on every edge while nothing is injected."""
        return time_canaries(planned.edges, target)

    def inject(self, planned: PlannedFault, target: Target, undo: Data) -> Data:
        """Close the edges and read the callers' counters."""
        self.renew(planned, target, undo)
        return {edge: _answered(target.calls(edge)) for edge in planned.edges}

    def renew(self, planned: PlannedFault, target: Target, undo: Data) -> None:  # noqa: ARG002 - the protocol's signature
        """Blackhole the edges again, which extends the lease."""
        for edge in planned.edges:
            target.blackhole(edge, lease_s=LEASE_S)

    def prove(self, planned: PlannedFault, target: Target, injected: Data) -> Proof:
        """Send a canary over every edge, see that callers come to the proxy, and count the calls that were answered all the same."""
        unanswered = sum(1 for edge in planned.edges if target.canary_s(edge) >= CANARY_S)
        rises = []
        calls = {edge: target.calls(edge) for edge in planned.edges}
        for edge in planned.edges:
            now, then = _answered(calls[edge]), cast("int | None", injected[edge])
            rises += [] if now is None or then is None else [now - then]
        edges, answered = len(planned.edges), sum(rises)
        own = f"; by the callers' own count, {answered} calls were answered" if rises else uncounted(calls)
        callers = reach(planned, target)
        return Proof(
            bites=unanswered == edges and callers.met and answered <= RACE,
            asked=edges,
            measured=unanswered,
            unit="edges",
            n=edges,
            bypassed=answered,
            text=f"on {unanswered} of {edges} edges a canary got no answer within {CANARY_S:g} s; {callers.text}{own}",
        )

    def undo(self, undo: Data, target: Target) -> None:
        """Heal every edge."""
        heal(undo, target)

    def healed(self, undo: Data, target: Target) -> bool:
        """Check that the proxies have no fault any more, and that canaries are fast again."""
        return is_healed(undo, target)


def _answered(calls: Calls | Uncounted | None) -> int | None:
    """Count the answers that a caller has got since it started; None where it counts none."""
    return max(calls.answered.values(), default=0) if isinstance(calls, Calls) else None

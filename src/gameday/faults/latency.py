"""Delay every answer on one edge, or on every edge into a service."""

from __future__ import annotations

from typing import cast

from pydantic import BaseModel, model_validator

from gameday.experiment.catalogue import Mistake, PlannedFault
from gameday.experiment.model import System
from gameday.experiment.units import Seconds
from gameday.experiment.writing import seconds
from gameday.faults.place import BYPASS, LEASE_S, RACE, Place, heal, is_healed, reach, time_canaries, uncounted
from gameday.faults.protocol import Data, Proof
from gameday.targets.protocol import CANARY_S, Calls, Delay, Target, Uncounted

EFFICACY = 0.5
"""Share of the shortest asked delay, which is the delay less its jitter, that every canary must show (the gate ``fault-proven``)."""
FINEST_S = 0.001
"""The smallest bound of the callers' histograms: answers that come sooner cannot be told from each other."""
LEAST_S = FINEST_S / EFFICACY
"""The shortest delay of which the callers' counters would show that connections bypass it."""


class Latency:
    """``latency: {edge: web -> recommendations, delay: 2s, jitter: 100ms}``, or ``service:`` in place of ``edge:``."""

    name = "latency"

    class Parameters(Place):
        """``delay_s`` plus or minus up to ``jitter_s`` (uniform), on one edge or on all edges into a service."""

        delay_s: Seconds
        jitter_s: Seconds = 0.0

        @model_validator(mode="after")
        def _can_be_told_from_none(self) -> Latency.Parameters:
            if self.delay_s < LEAST_S:
                raise ValueError(f"a delay of at least {seconds(LEAST_S)}: a shorter one cannot be told from none")
            most_s = round(self.delay_s - LEAST_S, 9)
            if self.jitter_s > most_s:
                raise ValueError(
                    f"a jitter of at most {seconds(most_s)}: {seconds(LEAST_S)} of the delay must be left, or it cannot be told from none"
                )
            return self

    parameters: type[BaseModel] = Parameters

    def check(self, parameters: BaseModel, system: System) -> tuple[Mistake, ...]:
        """Find an edge or a service that the system does not have."""
        return cast("Latency.Parameters", parameters).mistakes(system)

    def plan(self, parameters: BaseModel, system: System) -> PlannedFault:
        """Resolve the edges."""
        given = cast("Latency.Parameters", parameters)
        edges = given.edges(system)
        dose = f"{given.delay_s:g} s" + (f" ± {given.jitter_s:g} s" if given.jitter_s else "")
        return PlannedFault(
            fault=self.name,
            shape="step",
            parameters={"delay_s": given.delay_s, "jitter_s": given.jitter_s},
            services=(given.callee,),
            edges=edges,
            dose=dose,
            effect=f"Every answer on {', '.join(edges)} comes {dose} late.",
            undo="The proxy lets held answers go and delays no more; it does so by itself 5 s after gameday's last sign of life.",
            proof="A canary over the edge takes as long as asked, callers' own traffic passes the proxy meanwhile, "
            "and where the caller counts its calls, none is answered sooner.",
            proof_s=len(edges) * (given.delay_s + given.jitter_s),
            scales=("delay_s", "jitter_s"),
            spares=True,
            slows_s=given.delay_s - given.jitter_s,
        )

    def prepare(self, planned: PlannedFault, target: Target) -> Data:
        """Time a canary on every edge while nothing is injected."""
        return time_canaries(planned.edges, target)

    def inject(self, planned: PlannedFault, target: Target, undo: Data) -> Data:
        """Delay the edges and read the callers' counters."""
        self.renew(planned, target, undo)
        return {edge: dict(_snapshot(target.calls(edge), _fast_s(planned))) for edge in planned.edges}

    def renew(self, planned: PlannedFault, target: Target, undo: Data) -> None:  # noqa: ARG002 - the protocol's signature
        """Set the delay again, which extends its lease."""
        delay = Delay(*_dose(planned))
        for edge in planned.edges:
            target.delay(edge, delay, lease_s=LEASE_S)

    def prove(self, planned: PlannedFault, target: Target, injected: Data) -> Proof:
        """
        Send a canary over every edge, see that callers pass the proxy, and count their answers that came too soon where they count them.

        A caller that gives up before the delay is over, or whose breaker opens, has no slow answers; what matters is that it tried, and has
        no fast ones. A canary waits for longer than the longest delay asked for; one without an answer shows no delay, only silence.
        """
        delay_s, jitter_s = _dose(planned)
        within_s = delay_s + jitter_s + CANARY_S
        measured_s = [target.canary_s(edge, within_s=within_s) for edge in planned.edges]
        answered = max(measured_s) < within_s
        fast = called = counting = 0
        calls = {edge: target.calls(edge) for edge in planned.edges}
        for edge in planned.edges:
            now = _snapshot(calls[edge], _fast_s(planned))
            then = cast("dict[str, int]", injected[edge])
            if now and then:
                counting += 1
                fast += now["fast"] - then["fast"]
                called += now["called"] - then["called"]
        late = answered and min(measured_s) >= _fast_s(planned)
        took = f"took {min(measured_s):.3f} s" if answered else f"got no answer within {within_s:g} s"
        own = f"; of {called} calls by the caller's own count, {fast} were answered within {_fast_s(planned):g} s"
        callers = reach(planned, target)
        told = own if counting else uncounted(calls)
        return Proof(
            bites=late and callers.met and fast <= max(RACE, BYPASS * called),
            asked=delay_s,
            measured=min(measured_s),
            unit="s",
            n=called if counting else callers.n,
            bypassed=fast,
            text=f"asked for {planned.dose}, a canary {took}; {callers.text}{told}",
        )

    def undo(self, undo: Data, target: Target) -> None:
        """Heal every edge."""
        heal(undo, target)

    def healed(self, undo: Data, target: Target) -> bool:
        """See no delay at the proxies, and canaries that are fast again."""
        return is_healed(undo, target)


def _dose(planned: PlannedFault) -> tuple[float, float]:
    return float(cast("float", planned.parameters["delay_s"])), float(cast("float", planned.parameters["jitter_s"]))


def _fast_s(planned: PlannedFault) -> float:
    """Return how soon an answer comes that was not delayed: no delayed one comes within this."""
    delay_s, jitter_s = _dose(planned)
    return EFFICACY * (delay_s - jitter_s)


def _snapshot(calls: Calls | Uncounted | None, fast_s: float) -> dict[str, int]:
    """
    Count all calls and those answered within the largest bound of the caller's histogram that is at most ``fast_s``.

    Empty where nothing is counted, or where no bound is so small: then no count says how many came sooner.
    """
    if not isinstance(calls, Calls):
        return {}
    below = [bound for bound in calls.answered if bound <= fast_s]
    return {"fast": calls.answered[max(below)], "called": calls.called} if below else {}

"""Answer a share of the requests on one edge, or on every edge into a service, with an error status."""

from __future__ import annotations

import math
from typing import Annotated, cast

from pydantic import BaseModel, Field, field_validator, model_validator

from gameday.experiment import writing
from gameday.experiment.catalogue import Mistake, PlannedFault
from gameday.experiment.model import System
from gameday.experiment.units import Share
from gameday.faults import place
from gameday.faults.place import BYPASS, LEASE_S, RACE, Place
from gameday.faults.protocol import Data, Proof
from gameday.targets import protocol
from gameday.targets.protocol import Target

SIGMAS = 3.29
"""How far from the asked share the seeded draw may be: 99.9 % of samples lie within (normal approximation of the binomial)."""


class Errors:
    """``errors: {edge: web -> payments, path: "/pay*", status: 503, share: 50%}``, or ``service:`` in place of ``edge:``."""

    name = "errors"

    class Parameters(Place):
        """A seeded ``share`` of the requests whose path (without the query) matches the glob ``path`` is answered with ``status``."""

        path: Annotated[
            str,
            Field(
                pattern=r"^[/*][!-~]*$",
                description="a glob that begins with / or *, without blanks",
                examples=["/pay*"],
            ),
        ] = "*"
        status: Annotated[int, Field(ge=400, le=599, examples=[503])] = 503
        share: Share = 1.0

        @field_validator("path")
        @classmethod
        def _without_query(cls, path: str) -> str:
            if "?" in path and "=" in path.partition("?")[2]:
                raise ValueError("a path without its query, which is not matched (? stands for any one character)")
            return path

        @model_validator(mode="after")
        def _some(self) -> Errors.Parameters:
            if self.share <= 0:
                raise ValueError("a share above 0%")
            return self

    parameters: type[BaseModel] = Parameters

    def check(self, parameters: BaseModel, system: System) -> tuple[Mistake, ...]:
        """Find a place that the system does not have, or that speaks no HTTP."""
        given = cast("Errors.Parameters", parameters)
        if mistakes := given.mistakes(system):
            return mistakes
        if system.services[given.callee].kind != "http":
            able = ", ".join(name for name, service in system.services.items() if service.kind == "http")
            key, seen = ("service", given.callee) if given.edge is None else ("edge", str(given.edge))
            return (Mistake(key, seen, f"a service of kind http: {able}"),)
        return ()

    def plan(self, parameters: BaseModel, system: System) -> PlannedFault:
        """Resolve the edges."""
        given = cast("Errors.Parameters", parameters)
        edges = given.edges(system)
        dose = f"{given.share:.10%}".rstrip("%").rstrip("0").rstrip(".") + f" % with {given.status}"
        what = "requests" if given.path == "*" else f"requests for {given.path}"
        return PlannedFault(
            fault=self.name,
            shape="step",
            parameters={"path": given.path, "status": given.status, "share": given.share},
            services=(given.callee,),
            edges=edges,
            dose=dose,
            effect=f"Of the {what} on {', '.join(edges)}, {dose.replace(' with', ' are answered with')}.",
            undo="The proxy lets every request through again; it does so by itself 5 s after gameday's last sign of life.",
            proof="The proxy's own count of the callers' requests that it answered has the asked share, "
            "and where the caller counts its calls, none went around the proxy.",
            scales=("share",),
            spares=True if given.share < 1 else False if given.path == "*" else None,
        )

    def prepare(self, planned: PlannedFault, target: Target) -> Data:
        """Time a canary on every edge while nothing is injected."""
        return place.time_canaries(planned.edges, target)

    def inject(self, planned: PlannedFault, target: Target, undo: Data) -> Data:
        """Answer requests, and read the counters of proxies and callers."""
        self.renew(planned, target, undo)
        return {edge: dict(_counts(edge, target.calls(edge), target)) for edge in planned.edges}

    def renew(self, planned: PlannedFault, target: Target, undo: Data) -> None:  # noqa: ARG002 - the protocol's signature
        """Give the rule again, which extends its lease."""
        for edge in planned.edges:
            target.reject(edge, _rule(planned), lease_s=LEASE_S)

    def prove(self, planned: PlannedFault, target: Target, injected: Data) -> Proof:
        """
        Compare the proxy's counts with the asked share, and with the number of calls that the caller counted.

        Calls that were under way when the fault began passed no rule: at most one for each connection that was open then. How many of them the
        caller counted as failed is shown and not required: in many systems a failure is a call without an answer, and an error is an answer.
        """
        share = _rule(planned).share
        matched = rejected = failed = bypassed = called = counting = 0
        calls: dict[str, protocol.Calls | protocol.Uncounted | None] = {}
        for edge in planned.edges:
            then = cast("dict[str, int]", injected[edge])
            calls[edge] = target.calls(edge)
            more = {name: value - then.get(name, 0) for name, value in _counts(edge, calls[edge], target).items()}
            matched, rejected = matched + more["matched"], rejected + more["rejected"]
            if "called" in more and "called" in then:
                counting += 1
                called, failed = called + more["called"], failed + more["failed"]
                bypassed += max(0, more["called"] - more["requests"] - then["live"])
        off = abs(rejected - share * matched)
        fits = off <= SIGMAS * math.sqrt(matched * share * (1 - share)) + 1
        own = f"; the caller counted {failed} failed calls of {called}, and {bypassed} calls went around the proxy"
        callers = place.reach(planned, target)
        return Proof(
            bites=rejected > 0 and callers.met and fits and bypassed <= max(RACE, BYPASS * called),
            asked=share,
            measured=rejected / matched if matched else 0.0,
            unit="share",
            n=matched,
            bypassed=bypassed,
            text=f"asked for {writing.share(share)}, the proxy answered {rejected} of {matched} requests itself; {callers.text}"
            f"{own if counting else place.uncounted(calls)}",
        )

    def undo(self, undo: Data, target: Target) -> None:
        """Heal every edge."""
        place.heal(undo, target)

    def healed(self, undo: Data, target: Target) -> bool:
        """Check that the proxies have no fault any more, and that canaries are fast again."""
        return place.is_healed(undo, target)


def _rule(planned: PlannedFault) -> protocol.Errors:
    given = planned.parameters
    return protocol.Errors(str(given["path"]), int(cast("int", given["status"])), float(cast("float", given["share"])))


def _counts(edge: str, calls: protocol.Calls | protocol.Uncounted | None, target: Target) -> dict[str, int]:
    """Add the proxy's counts to the caller's, which were read before: what the proxy has seen is never less for having been read earlier."""
    state = target.edge(edge)
    found = {"requests": state.requests, "matched": state.matched, "rejected": state.rejected, "live": state.live}
    if isinstance(calls, protocol.Calls):
        found["called"] = calls.called
        found["failed"] = calls.failed
    return found

"""Let more requests come to one route: the load does it, from the plan, and the target shows that they arrived."""

from __future__ import annotations

import math
from typing import cast

from pydantic import BaseModel

from gameday.experiment.catalogue import Mistake, PlannedFault
from gameday.experiment.counters import (
    NONE,
    Counters,
    of_route,
    selector,
    split_key,
    unlabelled,
    unmatched,
    unpublished,
)
from gameday.experiment.declared import Declared, Name
from gameday.experiment.model import System
from gameday.experiment.units import PerSecond
from gameday.experiment.writing import per_second
from gameday.faults.protocol import Data, Proof
from gameday.targets.protocol import Target, TargetError

EFFICACY = 0.5
"""Share of the asked rate that must be seen at the service (the manipulation check of the gate ``fault-proven``)..."""
WITHIN_S = 4.0
"""...and of how many seconds' requests, so that a rate of a few a second is not told from one."""


class Surge:
    """``surge: {route: image, rate: 2/s}``: a neighbour who becomes noisy. The route has no other load, so all that is counted is the surge."""

    name = "surge"

    class Parameters(Declared):
        """``rate_per_s`` requests come to a route that ``load.routes`` offers nothing."""

        route: Name
        rate_per_s: PerSecond

    parameters: type[BaseModel] = Parameters

    def check(self, parameters: BaseModel, system: System) -> tuple[Mistake, ...]:
        """Find a route that the system does not have, or that must stay as it is."""
        name = cast("Surge.Parameters", parameters).route
        able = [known for known, route in system.routes.items() if not route.control]
        return () if name in able else (Mistake("route", name, f"a route that is no control: {', '.join(able)}"),)

    def plan(self, parameters: BaseModel, system: System) -> PlannedFault:
        """Resolve where the requests enter."""
        given = cast("Surge.Parameters", parameters)
        rate, route = per_second(given.rate_per_s), system.routes[given.route]
        entry = system.services.get(route.entry)  # a file that names none is told of by its checks
        counters = (entry.counters if entry else None) or NONE
        mapped = [counters.requests] if counters.requests else []
        return PlannedFault(
            fault=self.name,
            shape="step",
            parameters={
                "route": given.route,
                "rate_per_s": given.rate_per_s,
                "entry": route.entry,
                "request": route.request,
                "counters": counters.model_dump(mode="json", include={"requests", "route_label", "method_label"}),
            },
            services=(),
            edges=(),
            dose=rate,
            effect=f"{rate} requests come to {given.route}, to which none came before.",
            undo="The plan schedules no more of them.",
            proof="The service's own count of what it answered on the route rises: "
            f"{', or '.join([*mapped, 'a counter with the route in a label'])}.",
            proof_s=max(WITHIN_S, _enough(given.rate_per_s) / given.rate_per_s),
            surge_per_s={given.route: given.rate_per_s},
            spares=True,
        )

    def prepare(self, planned: PlannedFault, target: Target) -> Data:  # noqa: ARG002 - the protocol's signature
        """Need nothing: the load has its schedule from the plan."""
        return {}

    def inject(self, planned: PlannedFault, target: Target, undo: Data) -> Data:  # noqa: ARG002 - the protocol's signature
        """Read the service's counters; the requests come by themselves from now on."""
        return {"counts": dict(_counts(planned, target)[0])}

    def renew(self, planned: PlannedFault, target: Target, undo: Data) -> None:
        """Hold no lease: the load ends with gameday."""

    def prove(self, planned: PlannedFault, target: Target, injected: Data) -> Proof:
        """See the counter rise by half of what is asked for in four seconds; whether all of it was sent is the load's to show."""
        asked = _enough(cast("float", planned.parameters["rate_per_s"]))
        entry, route = planned.parameters["entry"], planned.parameters["route"]
        (now, why), then = _counts(planned, target), cast("dict[str, int]", injected["counts"])
        if not now:
            text = f"{why}, and {entry} has no other counter with {route} in a label, so nothing shows that requests of {route} came"
            return Proof(bites=False, asked=asked, measured=0, unit="requests", n=0, bypassed=0, text=text)
        # Of several counters, such as one of bytes besides, the one that rose least counts no more than the requests.
        n = min((rise for name, count in now.items() if (rise := count - then.get(name, 0)) > 0), default=0)
        return Proof(
            bites=n >= asked,
            asked=asked,
            measured=n,
            unit="requests",
            n=n,
            bypassed=0,
            text=f"{entry} counted {n} answers of {route} since the surge began; {asked} prove it{f' ({why})' if why else ''}",
        )

    def undo(self, undo: Data, target: Target) -> None:
        """Undo nothing: no more are scheduled."""

    def healed(self, undo: Data, target: Target) -> bool:  # noqa: ARG002 - the protocol's signature
        """Leave nothing behind."""
        return True


def _enough(rate_per_s: float) -> int:
    """Return how many answers prove a surge."""
    return max(2, math.ceil(EFFICACY * WITHIN_S * rate_per_s))


def _counts(planned: PlannedFault, target: Target) -> tuple[dict[str, int], str]:
    """
    Return what the service counted on the route, by the names of its counters, and why that is not what the system file maps.

    Where what is mapped is not published by route, any counter is taken of which a label holds the route: its name, or a path that begins
    with it. There is none where the service counts no routes.

    Raises:
        TargetError: The service's page cannot be read.
    """
    entry, route = cast("str", planned.parameters["entry"]), cast("str", planned.parameters["route"])
    if (page := target.metrics().get(entry)) is None:
        raise TargetError(f"{entry} does not answer, so its requests cannot be counted; see its log")
    counters = Counters.model_validate(planned.parameters["counters"], context={"resolved": True})
    samples = [(*split_key(key), value) for key, value in page.items()]
    if counters.requests is None:
        why = f"no counter of the requests of {entry} is named (services.{entry}.counters)"
    else:
        mapped = selector(counters.requests)
        why = (
            unpublished(entry, counters.requests, page)
            or unlabelled(entry, mapped.name, page, counters.route_label, "route")
            or ""
        )
        if not why:
            request = cast("str", planned.parameters["request"])
            is_its = of_route(counters, route, request)
            mine = (
                value
                for name, labels, value in samples
                if name == mapped.name and mapped.holds(labels) and is_its(labels)
            )
            return {mapped.name: int(sum(mine))}, unmatched(entry, page, counters, route, request) or ""
    counts: dict[str, int] = {}
    for name, labels, value in samples:
        if name.endswith(("_total", "_count")) and route in {each.strip("/").split("/")[0] for each in labels.values()}:
            counts[name] = counts.get(name, 0) + int(value)
    return counts, why

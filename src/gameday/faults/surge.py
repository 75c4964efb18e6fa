"""Let more requests come to one route: the load does it, from the plan, and the target shows that they arrived."""

from __future__ import annotations

import math
from typing import cast

from pydantic import BaseModel

from gameday.experiment.catalogue import Mistake, PlannedFault
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
        rate = per_second(given.rate_per_s)
        return PlannedFault(
            fault=self.name,
            shape="step",
            parameters={
                "route": given.route,
                "rate_per_s": given.rate_per_s,
                "entry": system.routes[given.route].entry,
            },
            services=(),
            edges=(),
            dose=rate,
            effect=f"{rate} requests come to {given.route}, to which none came before.",
            undo="The plan schedules no more of them.",
            proof="The service's own count of what it answered on the route rises.",
            proof_s=max(WITHIN_S, _enough(given.rate_per_s) / given.rate_per_s),
            surge_per_s={given.route: given.rate_per_s},
        )

    def prepare(self, planned: PlannedFault, target: Target) -> Data:  # noqa: ARG002 - the protocol's signature
        """Need nothing: the load has its schedule from the plan."""
        return {}

    def inject(self, planned: PlannedFault, target: Target, undo: Data) -> Data:  # noqa: ARG002 - the protocol's signature
        """Read the service's counter; the requests come by themselves from now on."""
        return {"count": _count(planned, target)}

    def renew(self, planned: PlannedFault, target: Target, undo: Data) -> None:
        """Hold no lease: the load ends with gameday."""

    def prove(self, planned: PlannedFault, target: Target, injected: Data) -> Proof:
        """See the counter rise by half of what is asked for in four seconds; whether all of it was sent is the load's to show."""
        asked = _enough(cast("float", planned.parameters["rate_per_s"]))
        n = _count(planned, target) - cast("int", injected["count"])
        entry, route = planned.parameters["entry"], planned.parameters["route"]
        return Proof(
            bites=n >= asked,
            asked=asked,
            measured=n,
            unit="requests",
            n=n,
            bypassed=0,
            text=f"{entry} counted {n} answers of {route} since the surge began; {asked} prove it",
        )

    def undo(self, undo: Data, target: Target) -> None:
        """Undo nothing: no more are scheduled."""

    def healed(self, undo: Data, target: Target) -> bool:  # noqa: ARG002 - the protocol's signature
        """Leave nothing behind."""
        return True


def _enough(rate_per_s: float) -> int:
    """Return how many answers prove a surge."""
    return max(2, math.ceil(EFFICACY * WITHIN_S * rate_per_s))


def _count(planned: PlannedFault, target: Target) -> int:
    """Count what the service answered on the route. Raises ``TargetError`` when its page cannot be read."""
    entry = cast("str", planned.parameters["entry"])
    if (page := target.metrics().get(entry)) is None:
        raise TargetError(f"{entry} does not answer, so its requests cannot be counted; see its log")
    route = f'route="{planned.parameters["route"]}"'
    return int(sum(value for key, value in page.items() if key.startswith("http_requests_total{") and route in key))

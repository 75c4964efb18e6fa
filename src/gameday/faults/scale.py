"""Give a service another number of replicas: none, fewer or more."""

from __future__ import annotations

from typing import cast

from pydantic import BaseModel, NonNegativeInt

from gameday.experiment.catalogue import Mistake, PlannedFault
from gameday.experiment.declared import Declared, Name
from gameday.experiment.model import System
from gameday.faults.place import LEASE_S
from gameday.faults.protocol import Data, Proof
from gameday.faults.replicas import mistakes
from gameday.targets.protocol import Target, TargetError, cluster


class Scale:
    """``scale: {service: recommendations, replicas: 0}``."""

    name = "scale"
    targets = ("kind",)

    class Parameters(Declared):
        """``replicas`` is how many the service has while the fault lasts."""

        service: Name
        replicas: NonNegativeInt

    parameters: type[BaseModel] = Parameters

    def __init__(self) -> None:
        """Know of nobody else who scales."""
        self._others: dict[str, int] = {}

    def check(self, parameters: BaseModel, system: System) -> tuple[Mistake, ...]:
        """Find a service that the system does not have."""
        return mistakes(cast("Scale.Parameters", parameters).service, system)

    def plan(self, parameters: BaseModel, system: System) -> PlannedFault:  # noqa: ARG002 - the protocol's signature
        """Say how many there are to be."""
        given = cast("Scale.Parameters", parameters)
        many = f"{given.replicas} replica{'' if given.replicas == 1 else 's'}"
        return PlannedFault(
            fault=self.name,
            shape="step",
            parameters={"service": given.service, "replicas": given.replicas},
            services=(given.service,),
            edges=(),
            dose=many,
            effect=f"{given.service} has {many}.",
            undo="It gets the number back that it had, which is written on its workload before; a job in the cluster does that when "
            "gameday has shown no sign of life for 5 s.",
            proof="Its ready replicas, and the endpoints to which its callers are sent.",
            targets=self.targets,
            held=True,
            spares=given.replicas > 0,
        )

    def prepare(self, planned: PlannedFault, target: Target) -> Data:
        """Read how many there are; raises ``TargetError`` where there are so many already."""
        service, asked = _service(planned), _asked(planned)
        before = cluster(target).workload(service).desired
        if before == asked:
            raise TargetError(f"{service} is to have {asked} replicas already; scale it to another number")
        return {"service": service, "replicas": before}

    def inject(self, planned: PlannedFault, target: Target, undo: Data) -> Data:  # noqa: ARG002 - the protocol's signature
        """Scale."""
        self._others.pop(_service(planned), None)
        cluster(target).scale(_service(planned), _asked(planned), lease_s=LEASE_S)
        return {}

    def renew(self, planned: PlannedFault, target: Target, undo: Data) -> None:  # noqa: ARG002 - the protocol's signature
        """
        Ask for as many again, which extends the lease.

        Note it where somebody else has asked for another number meanwhile.
        """
        service, asked = _service(planned), _asked(planned)
        if (found := cluster(target).workload(service).desired) != asked:
            self._others[service] = found
        cluster(target).scale(service, asked, lease_s=LEASE_S)

    def prove(self, planned: PlannedFault, target: Target, injected: Data) -> Proof:  # noqa: ARG002 - the protocol's signature
        """Count what is ready, and where callers are sent; a number that somebody else changes is not held."""
        asked, now = _asked(planned), cluster(target).workload(_service(planned))
        off = max(abs(now.ready - asked), abs(now.endpoints - asked))
        other = self._others.get(_service(planned))
        return Proof(
            bites=now.desired == asked and off == 0 and other is None,
            asked=asked,
            measured=now.ready,
            unit="replicas",
            n=1,
            bypassed=min(off, 1),
            text=f"{_service(planned)} has {now.ready} of {asked} replicas ready and {now.endpoints} endpoints"
            + (
                ""
                if other is None
                else f", but somebody else has scaled it to {other} meanwhile: an autoscaler or an operator"
            ),
        )

    def undo(self, undo: Data, target: Target) -> None:
        """Give it back the number that it had."""
        cluster(target).unscale(cast("str", undo["service"]))

    def healed(self, undo: Data, target: Target) -> bool:
        """See as many replicas ready as there were, and each of them among the endpoints."""
        now = cluster(target).workload(cast("str", undo["service"]))
        return now.desired == now.ready == now.endpoints == undo["replicas"]


def _service(planned: PlannedFault) -> str:
    return cast("str", planned.parameters["service"])


def _asked(planned: PlannedFault) -> int:
    return cast("int", planned.parameters["replicas"])

"""Use processor time and memory beside a service, or on the whole host: a noisy neighbour."""

from __future__ import annotations

from typing import cast

from pydantic import BaseModel, model_validator

from gameday.experiment.catalogue import Mistake, PlannedFault
from gameday.experiment.declared import Declared, Name
from gameday.experiment.model import TARGETS, System
from gameday.experiment.units import Bytes, Cores
from gameday.experiment.writing import cores, size
from gameday.faults.place import LEASE_S
from gameday.faults.protocol import Data, Proof
from gameday.faults.replicas import mistakes
from gameday.targets import protocol
from gameday.targets.protocol import Target, TargetError

EFFICACY = 0.5
"""Share of the asked processor time that the stressor must have got: on a full machine it gets less than it asks for."""
MEMORY = 0.9
"""Share of the asked memory that it must hold."""
LEAST_S = 0.5
"""How long it must have run before its use of the processor can be told."""


class Stress:
    """``stress: {service: web, cpu: 1 core, memory: 200MB}``; without ``service`` it is the whole host."""

    name = "stress"

    class Parameters(Declared):
        """At least one of ``cpu`` (cores kept busy) and ``memory`` (held, every page of it)."""

        service: Name | None = None
        cpu: Cores | None = None
        memory: Bytes | None = None

        @model_validator(mode="after")
        def _something(self) -> Stress.Parameters:
            if not self.cpu and not self.memory:
                raise ValueError("cpu, such as 1 core, or memory, such as 200MB, or both")
            return self

    parameters: type[BaseModel] = Parameters

    def check(self, parameters: BaseModel, system: System) -> tuple[Mistake, ...]:
        """Find a service that the system does not have."""
        service = cast("Stress.Parameters", parameters).service
        return () if service is None else mistakes(service, system)

    def plan(self, parameters: BaseModel, system: System) -> PlannedFault:
        """Resolve who has the neighbour: on the whole host that is every service."""
        given = cast("Stress.Parameters", parameters)
        cpu, memory = given.cpu or 0.0, given.memory or 0.0
        dose = " and ".join(([cores(cpu)] if cpu else []) + ([size(memory)] if memory else []))
        return PlannedFault(
            fault=self.name,
            shape="step",
            parameters={
                "place": given.service or "host",
                "cores": cpu,
                "memory_bytes": memory,
                "most_cores": cpu,
                "most_bytes": memory,
            },
            services=(given.service,) if given.service else tuple(system.services),
            edges=(),
            dose=dose,
            effect=f"A process beside {given.service or 'every service'} keeps {dose} in use.",
            undo="The process is ended; it ends by itself 5 s after gameday's last sign of life.",
            proof="Its own processor time and resident memory.",
            beside=True,
            scales=("cores", "memory_bytes"),
            targets=TARGETS if given.service else ("local",),
            inside=True,
            spares=True,
        )

    def prepare(self, planned: PlannedFault, target: Target) -> Data:
        """See that nobody stresses the place already."""
        place = str(planned.parameters["place"])
        if target.stressed(place) is not None:
            raise TargetError(f"{place} is stressed already; gameday recover ends it")
        return {"place": place}

    def inject(self, planned: PlannedFault, target: Target, undo: Data) -> Data:
        """Begin, and read what has been used so far."""
        self.renew(planned, target, undo)
        used = target.stressed(str(planned.parameters["place"]))
        return {"t_s": used.t_s, "used_s": used.used_s} if used else {}

    def renew(self, planned: PlannedFault, target: Target, undo: Data) -> None:  # noqa: ARG002 - the protocol's signature
        """Ask again, which extends the lease."""
        given = planned.parameters
        target.stress(
            str(given["place"]), protocol.Stress(*(_amount(planned, name) for name in _ASKED)), lease_s=LEASE_S
        )

    def prove(self, planned: PlannedFault, target: Target, injected: Data) -> Proof:
        """Read what the process has used since, and what it holds."""
        asked_cores, asked_bytes = _amount(planned, "most_cores"), _amount(planned, "most_bytes")
        used = target.stressed(str(planned.parameters["place"]))
        if used is None or not injected:
            raise TargetError("the process that was to use processor time and memory is not there")
        ran_s = used.t_s - float(cast("float", injected["t_s"]))
        got = (used.used_s - float(cast("float", injected["used_s"]))) / ran_s if ran_s > 0 else 0.0
        holds = used.rss_bytes >= MEMORY * asked_bytes
        by_memory = asked_cores == 0
        return Proof(
            bites=holds and (by_memory or (ran_s >= LEAST_S and got >= EFFICACY * asked_cores)),
            asked=asked_bytes if by_memory else asked_cores,
            measured=used.rss_bytes if by_memory else got,
            unit="bytes" if by_memory else "cores",
            n=1,
            bypassed=0,
            text=f"asked for {planned.dose}, its process used {got:.2f} cores over {ran_s:.1f} s and holds {used.rss_bytes / 1e6:.0f}MB",
        )

    def undo(self, undo: Data, target: Target) -> None:
        """End it."""
        target.relax(str(undo["place"]))

    def healed(self, undo: Data, target: Target) -> bool:
        """See that it is gone."""
        return target.stressed(str(undo["place"])) is None


_ASKED = ("cores", "memory_bytes", "most_cores", "most_bytes")


def _amount(planned: PlannedFault, name: str) -> float:
    return float(cast("float", planned.parameters[name]))

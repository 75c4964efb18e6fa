"""Stop processes of a service with SIGSTOP: they are there, keep what they hold, and do nothing."""

from __future__ import annotations

from typing import cast

from pydantic import BaseModel, NonNegativeInt

from gameday.experiment.catalogue import Mistake, PlannedFault
from gameday.experiment.declared import Declared, Name
from gameday.experiment.model import System
from gameday.faults.place import LEASE_S
from gameday.faults.protocol import Data, Proof
from gameday.faults.replicas import Some, chosen_of, in_words, mistakes, spares
from gameday.targets.protocol import Target


class Pause:
    """``pause: {service: database, replicas: one, seed: 1}``."""

    name = "pause"

    class Parameters(Declared):
        """``replicas`` of a service, drawn with a ``seed``."""

        service: Name
        replicas: Some = "one"
        seed: NonNegativeInt = 1

    parameters: type[BaseModel] = Parameters

    def check(self, parameters: BaseModel, system: System) -> tuple[Mistake, ...]:
        """Find a service that the system does not have."""
        return mistakes(cast("Pause.Parameters", parameters).service, system)

    def plan(self, parameters: BaseModel, system: System) -> PlannedFault:
        """Say who is stopped; which replicas that are is drawn when they are known."""
        given = cast("Pause.Parameters", parameters)
        who = in_words(given.replicas, given.service)
        return PlannedFault(
            fault=self.name,
            shape="step",
            parameters={"service": given.service, "replicas": given.replicas, "seed": given.seed},
            services=(given.service,),
            edges=(),
            dose=who,
            effect=f"SIGSTOP, or in a pod a tracer, stops {who}: connections stay open, and nothing answers.",
            undo="SIGCONT, or the end of the tracer, lets it go on; by itself 5 s after gameday's last sign of life, and at once when what stops it ends.",
            proof="The processes are stopped (state T or t), and asked directly they do not answer.",
            inside=True,
            spares=spares(given.replicas, given.service, system),
        )

    def prepare(self, planned: PlannedFault, target: Target) -> Data:
        """Draw who is stopped."""
        return {"service": planned.parameters["service"], "replicas": list(chosen_of(planned, target))}

    def inject(self, planned: PlannedFault, target: Target, undo: Data) -> Data:
        """Stop them."""
        self.renew(planned, target, undo)
        return {"replicas": undo["replicas"]}

    def renew(self, planned: PlannedFault, target: Target, undo: Data) -> None:  # noqa: ARG002 - the protocol's signature
        """Stop them again, which extends the lease."""
        for name in cast("list[str]", undo["replicas"]):
            target.pause(cast("str", undo["service"]), name, lease_s=LEASE_S)

    def prove(self, planned: PlannedFault, target: Target, injected: Data) -> Proof:
        """See the state of each, and ask it."""
        chosen = cast("list[str]", injected["replicas"])
        service = cast("str", planned.parameters["service"])
        now = {each.name: each for each in target.replicas(service)}
        stopped = [name for name in chosen if name in now and now[name].stopped]
        silent = [name for name in stopped if not target.is_ready(service, name)]
        return Proof(
            bites=len(silent) == len(chosen) > 0,
            asked=len(chosen),
            measured=len(silent),
            unit="replicas",
            n=len(chosen),
            bypassed=len(chosen) - len(silent),
            text=f"of {', '.join(chosen)}, {len(stopped)} of {len(chosen)} are in state T, and {len(silent)} of them do not answer",
        )

    def undo(self, undo: Data, target: Target) -> None:
        """Let them go on."""
        for name in cast("list[str]", undo["replicas"]):
            target.resume(cast("str", undo["service"]), name)

    def healed(self, undo: Data, target: Target) -> bool:
        """See them run and answer again."""
        names, service = cast("list[str]", undo["replicas"]), cast("str", undo["service"])
        now = {each.name: each for each in target.replicas(service)}
        goes_on = all(not now[name].stopped for name in names if name in now)
        return goes_on and all(target.is_ready(service, name) for name in names)

"""End processes of a service with SIGKILL: an impulse, or, kept down for a while, a step."""

from __future__ import annotations

from typing import cast

from pydantic import BaseModel, NonNegativeInt

from gameday.experiment.catalogue import Mistake, PlannedFault
from gameday.experiment.model import Declared, Name, System
from gameday.experiment.units import Seconds
from gameday.experiment.writing import seconds
from gameday.faults.place import LEASE_S
from gameday.faults.protocol import Data, Proof
from gameday.faults.replicas import Some, chosen_of, in_words, mistakes
from gameday.targets.protocol import Target


class Kill:
    """``kill: {service: web, replicas: one, down: 8s, seed: 1}``."""

    name = "kill"

    class Parameters(Declared):
        """``down_s`` keeps the processes away for so long; 0 lets them be started again at once, as after any crash."""

        service: Name
        replicas: Some = "one"
        down_s: Seconds = 0.0
        seed: NonNegativeInt = 1

    parameters: type[BaseModel] = Parameters

    def check(self, parameters: BaseModel, system: System) -> tuple[Mistake, ...]:
        """Find a service that the system does not have."""
        return mistakes(cast("Kill.Parameters", parameters).service, system)

    def plan(self, parameters: BaseModel, system: System) -> PlannedFault:  # noqa: ARG002 - the protocol's signature
        """Say who is killed; which replicas that are is drawn when they are known."""
        given = cast("Kill.Parameters", parameters)
        who = in_words(given.replicas, given.service)
        down = f", and nothing starts in its place for {seconds(given.down_s)}" if given.down_s else ""
        lease = "; without gameday's sign of life it is let start 5 s later" if given.down_s else ""
        return PlannedFault(
            fault=self.name,
            shape="step" if given.down_s else "impulse",
            parameters={
                "service": given.service,
                "replicas": given.replicas,
                "down_s": given.down_s,
                "seed": given.seed,
            },
            services=(given.service,),
            edges=(),
            dose=who + (f" for {seconds(given.down_s)}" if given.down_s else ""),
            effect=f"SIGKILL ends {who}{down}.",
            undo=f"What starts the service's processes starts it again{lease}; it must be ready again.",
            proof="Another process, or none, is where the killed one was.",
            lasts_s=given.down_s or None,
        )

    def prepare(self, planned: PlannedFault, target: Target) -> Data:
        """Draw who is killed."""
        return {"service": planned.parameters["service"], "replicas": list(chosen_of(planned, target))}

    def inject(self, planned: PlannedFault, target: Target) -> Data:
        """Kill."""
        service = cast("str", planned.parameters["service"])
        before = {each.name: [each.pid, each.created_s] for each in target.replicas(service)}
        chosen = chosen_of(planned, target)
        for name in chosen:
            target.kill(name, lease_s=LEASE_S if planned.parameters["down_s"] else 0.0)
        return {name: list(before[name]) for name in chosen}

    def renew(self, planned: PlannedFault, target: Target) -> None:
        """Keep down who is to stay down."""
        if planned.parameters["down_s"]:
            for name in chosen_of(planned, target):
                target.kill(name, lease_s=LEASE_S)

    def prove(self, planned: PlannedFault, target: Target, injected: Data) -> Proof:
        """See that none of the killed processes is there, and no other one where it is to stay down."""
        now = {each.name: each for each in target.replicas(cast("str", planned.parameters["service"]))}
        there = [name for name, was in injected.items() if [now[name].pid, now[name].created_s] == was]
        down = [name for name in injected if now[name].pid is None]
        kept = bool(planned.parameters["down_s"])
        gone = len(down) if kept else len(injected) - len(there)
        names = ", ".join(injected)
        return Proof(
            bites=gone == len(injected) > 0,
            asked=len(injected),
            measured=gone,
            unit="replicas",
            n=len(injected),
            bypassed=len(injected) - gone,
            text=f"of {names}, {gone} of {len(injected)} "
            + ("are down" if kept else "are no longer the process that was there"),
        )

    def undo(self, undo: Data, target: Target) -> None:
        """Let every killed process start."""
        for name in cast("list[str]", undo["replicas"]):
            target.revive(name)

    def healed(self, undo: Data, target: Target) -> bool:
        """See the replicas ready again."""
        return all(target.is_ready(name) for name in cast("list[str]", undo["replicas"]))

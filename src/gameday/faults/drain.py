"""Take a node away: nothing new is put on it, and what it runs of the system is evicted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from pydantic import BaseModel, NonNegativeInt

from gameday.experiment.catalogue import Mistake, PlannedFault
from gameday.experiment.declared import Declared, Name
from gameday.experiment.model import System
from gameday.experiment.units import Seconds
from gameday.experiment.writing import seconds
from gameday.faults.place import LEASE_S
from gameday.faults.protocol import Data, Proof
from gameday.faults.replicas import choose, mistakes
from gameday.targets.protocol import Target, TargetError, cluster


class Drain:
    """``drain: {service: web, grace: 0s, cordon-only: false, seed: 1}``."""

    name = "drain"
    targets = ("kind",)

    class Parameters(Declared):
        """
        The node is the one that runs a replica of ``service``, drawn with a ``seed``.

        ``grace_s`` is how long each pod may take to end; with ``cordon_only`` none is evicted.
        """

        service: Name
        grace_s: Seconds = 0.0
        cordon_only: bool = False
        seed: NonNegativeInt = 1

    parameters: type[BaseModel] = Parameters

    def check(self, parameters: BaseModel, system: System) -> tuple[Mistake, ...]:
        """Find a service that the system does not have."""
        return mistakes(cast("Drain.Parameters", parameters).service, system)

    def plan(self, parameters: BaseModel, system: System) -> PlannedFault:
        """Describe what happens to the node: which services it runs, and so touches, is known when it is drawn."""
        given = cast("Drain.Parameters", parameters)
        evicted = (
            ""
            if given.cordon_only
            else f", and every pod of the system on it is evicted, with {seconds(given.grace_s)} to end and as its disruption budget allows"
        )
        return PlannedFault(
            fault=self.name,
            shape="step"
            if given.cordon_only
            else "impulse",  # what is evicted is lost at once; a cordon by itself loses nothing
            parameters={
                "service": given.service,
                "grace_s": given.grace_s,
                "cordon_only": given.cordon_only,
                "seed": given.seed,
            },
            services=(given.service,) if given.cordon_only else tuple(system.services),
            edges=(),
            dose=f"the node of one replica of {given.service}",
            effect=f"Nothing new is put on the node that runs one replica of {given.service}{evicted}.",
            undo="The node takes pods again, if it did before, which is written on the node; a job in the cluster does that when "
            "gameday has shown no sign of life for 5 s. What was evicted stays where it is.",
            proof="The node is unschedulable"
            + ("." if given.cordon_only else ", and no pod of the system is left on it."),
            targets=self.targets,
            spares=True if given.cordon_only else None,
        )

    def prepare(self, planned: PlannedFault, target: Target) -> Data:
        """Draw the node among those with the fewest pods of other services, and note what it runs."""
        place, service = cluster(target), cast("str", planned.parameters["service"])
        names = {each.name for each in place.replicas(service) if not each.ending}
        if not names:
            raise TargetError(f"{service} has no replica, so no node of it can be drained")
        nodes = {name: place.node(name) for name in map(place.node_of, names)}
        others = {name: len(set(node.pods) - names) for name, node in nodes.items()}
        fewest = [name for name, count in others.items() if count == min(others.values())]
        node = nodes[choose(fewest, "one", cast("int", planned.parameters["seed"]))[0]]
        return {"service": service, "node": node.name, "schedulable": node.schedulable, "pods": dict(node.pods)}

    def inject(self, planned: PlannedFault, target: Target, undo: Data) -> Data:
        """Cordon the node and ask its pods to leave."""
        self.renew(planned, target, undo)
        return {"node": undo["node"], "pods": undo["pods"]}

    def renew(self, planned: PlannedFault, target: Target, undo: Data) -> None:
        """Cordon again, which extends the lease, and ask again those that could not leave yet."""
        node = cast("str", undo["node"])
        cluster(target).cordon(node, lease_s=LEASE_S)
        if not planned.parameters["cordon_only"]:
            cluster(target).evict(node, grace_s=cast("float", planned.parameters["grace_s"]))

    def prove(self, planned: PlannedFault, target: Target, injected: Data) -> Proof:
        """Read the node, and what is left on it."""
        node, cordon_only = cluster(target).node(cast("str", injected["node"])), bool(planned.parameters["cordon_only"])
        left = 0 if cordon_only else len(node.pods)
        asked = 1 if cordon_only else max(1, len(cast("Mapping[str, str]", injected["pods"])), left)
        gone = 0 if node.schedulable else asked - left
        return Proof(
            bites=gone == asked,
            asked=asked,
            measured=gone,
            unit="nodes" if cordon_only else "pods",
            n=asked,
            bypassed=asked - gone,
            text=f"{node.name} is {'schedulable' if node.schedulable else 'unschedulable'}"
            + ("" if cordon_only else f", and {left} of its {asked} pods of the system are left on it"),
        )

    def undo(self, undo: Data, target: Target) -> None:
        """Restore the node as it was."""
        cluster(target).uncordon(cast("str", undo["node"]))

    def healed(self, undo: Data, target: Target) -> bool:
        """Check that the node takes pods as it did, and every replica of what was evicted ready."""
        place = cluster(target)
        as_before = place.node(cast("str", undo["node"])).schedulable == undo["schedulable"]
        noted = undo["pods"]
        pods = cast(
            "Mapping[str, str]", noted if isinstance(noted, Mapping) else {}
        )  # a run of before noted names alone
        return as_before and all(place.is_ready(service, name) for name, service in pods.items())

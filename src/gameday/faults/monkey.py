"""End some replicas of some services, drawn when it happens from those that may go: an impulse of the chaos monkey."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, cast

from pydantic import BaseModel, Field, JsonValue, NonNegativeInt

from gameday.experiment.catalogue import Mistake, PlannedFault
from gameday.experiment.declared import Declared, Name
from gameday.experiment.model import System
from gameday.experiment.monkey import SEEN_S
from gameday.experiment.units import Share
from gameday.experiment.writing import share
from gameday.faults.protocol import Data, Proof
from gameday.faults.replicas import kill_each, mistakes, serving
from gameday.targets.protocol import Replica, Target

_There = Mapping[str, tuple[Replica, ...]]


class Monkey:
    """
    ``monkey: {services: [web], blast-radius: 34%, singles: false, seed: 1}``.

    Whom it takes is drawn at the injection and not before: what an earlier one has killed may be another pod by then. Where nobody may
    go, nobody does; that is recorded, with the reason, as a dose of 0.
    """

    name = "monkey"

    class Parameters(Declared):
        """
        ``blast_radius`` is the share of a service's replicas that may be away at a time, at least one, and never the last that is ready of several.

        ``singles`` lets it take the only replica of a service.
        """

        services: Annotated[tuple[Name, ...], Field(min_length=1)]
        blast_radius: Share = 0.34
        singles: bool = False
        seed: NonNegativeInt = 1

    parameters: type[BaseModel] = Parameters

    def check(self, parameters: BaseModel, system: System) -> tuple[Mistake, ...]:
        """Find services that the system does not have."""
        services = cast("Monkey.Parameters", parameters).services
        return tuple(Mistake("services", each.seen, each.valid) for name in services for each in mistakes(name, system))

    def plan(self, parameters: BaseModel, system: System) -> PlannedFault:  # noqa: ARG002 - the protocol's signature
        """Say from whom is drawn; who it is, is known when it happens."""
        given = cast("Monkey.Parameters", parameters)
        of = ", ".join(given.services)
        most = f"at most {share(given.blast_radius)} of a service, at least one"
        return PlannedFault(
            fault=self.name,
            shape="impulse",
            parameters={
                "services": list(given.services),
                "blast_radius": given.blast_radius,
                "singles": given.singles,
                "seed": given.seed,
            },
            services=given.services,
            edges=(),
            dose=f"random replicas of one of {of}",
            effect=f"SIGKILL ends random replicas of one of {of}, {most}; nobody while any of theirs is not ready.",
            undo="What starts the services' replicas starts them again; as many must be ready as were before.",
            proof="Another process or pod, or none, is where the killed one was.",
            lasts_s=SEEN_S,
            crashes=True,
        )

    def prepare(self, planned: PlannedFault, target: Target) -> Data:
        """Note how many replicas of each service are ready."""
        return {"ready": {name: len(ready) for name, ready in _ready(_there(planned, target), target).items()}}

    def inject(self, planned: PlannedFault, target: Target, undo: Data) -> Data:
        """Draw from those that may go, and kill."""
        there = _there(planned, target)
        ready = _ready(there, target)
        kept = _kept(there, ready, cast("Mapping[str, int]", undo["ready"]), planned)
        free = {name: ready[name] for name, why in kept.items() if not why}
        service, victims = _drawn(free, planned)
        kill_each(target, service, (each.name for each in victims), lease_s=0.0)
        killed: dict[str, JsonValue] = {each.name: each.identity for each in victims}
        return {"service": service, "killed": killed, "kept": "; ".join(why for why in kept.values() if why)}

    def renew(self, planned: PlannedFault, target: Target, undo: Data) -> None:
        """Hold no lease."""

    def prove(self, planned: PlannedFault, target: Target, injected: Data) -> Proof:  # noqa: ARG002 - the protocol's signature
        """See that none of the killed replicas is there any more; where nobody was killed, say why."""
        killed = cast("dict[str, str | None]", injected["killed"])
        if not killed:
            text = f"nobody was killed: {injected['kept']}"
            return Proof(bites=True, asked=0, measured=0, unit="replicas", n=0, bypassed=0, text=text)
        now = serving(target.replicas(cast("str", injected["service"])))
        left = [name for name, was in killed.items() if now.get(name) is not None and now[name] == was]
        gone = len(killed) - len(left)
        return Proof(
            bites=not left,
            asked=len(killed),
            measured=gone,
            unit="replicas",
            n=len(killed),
            bypassed=len(left),
            text=f"of {', '.join(killed)}, {gone} of {len(killed)} are no longer what was there",
        )

    def undo(self, undo: Data, target: Target) -> None:
        """Leave it to what starts replicas: nothing holds them down."""

    def healed(self, undo: Data, target: Target) -> bool:
        """See as many replicas of each service ready as there were."""
        return all(
            sum(_is_ready(name, each, target) for each in target.replicas(name)) >= before
            for name, before in cast("Mapping[str, int]", undo["ready"]).items()
        )


def _there(planned: PlannedFault, target: Target) -> _There:
    return {name: target.replicas(name) for name in cast("Sequence[str]", planned.parameters["services"])}


def _ready(there: _There, target: Target) -> _There:
    return {name: tuple(each for each in replicas if _is_ready(name, each, target)) for name, replicas in there.items()}


def _is_ready(service: str, replica: Replica, target: Target) -> bool:
    return replica.identity is not None and not replica.ending and target.is_ready(service, replica.name)


def _kept(there: _There, ready: _There, before: Mapping[str, int], planned: PlannedFault) -> dict[str, str]:
    """Say of each service why none of its replicas may go; empty where one may."""
    missing = tuple(_missing(ready, before))
    if missing:
        return dict.fromkeys(there, ", ".join(missing))
    singles = bool(planned.parameters["singles"])
    alone = {name: sum(not each.ending for each in all_) < 2 and not singles for name, all_ in there.items()}
    return {name: f"{name} has no other replica" if alone[name] else "" for name in there}


def _missing(ready: _There, before: Mapping[str, int]) -> Iterator[str]:
    for name, replicas in ready.items():
        if len(replicas) < before[name]:
            yield f"of {name} {len(replicas)} of {before[name]} are ready"


def _drawn(free: _There, planned: PlannedFault) -> tuple[str, tuple[Replica, ...]]:
    """Draw a service and replicas of it, one and up to the blast radius others; the same for the same names and seed."""
    source = random.Random(cast("int", planned.parameters["seed"]))  # noqa: S311 - not for secrets
    everyone = [(name, each) for name in sorted(free) for each in sorted(free[name], key=lambda one: one.name)]
    if not everyone:
        return "", ()
    service, first = source.choice(everyone)
    others = [each for name, each in everyone if name == service and each != first]
    radius = cast("float", planned.parameters["blast_radius"])
    most = min(max(1, int(radius * (len(others) + 1))), max(1, len(others)))
    return service, (first, *source.sample(others, source.randint(1, most) - 1))

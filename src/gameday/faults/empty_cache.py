"""Empty a cache: all of it where the system file calls it disposable, else the keys under its declared prefix."""

from __future__ import annotations

from typing import cast

from pydantic import BaseModel

from gameday.experiment.catalogue import Mistake, PlannedFault
from gameday.experiment.declared import Declared, Name
from gameday.experiment.model import System
from gameday.faults.protocol import Data, Proof
from gameday.targets.protocol import Target


class EmptyCache:
    """``empty-cache: {service: cache}``: an impulse; the cache refills by itself, so there is nothing to undo."""

    name = "empty-cache"

    class Parameters(Declared):
        """``service`` is a cache of the system."""

        service: Name

    parameters: type[BaseModel] = Parameters

    def check(self, parameters: BaseModel, system: System) -> tuple[Mistake, ...]:
        """Find a service that is no cache, or one of which nothing may be emptied."""
        name = cast("EmptyCache.Parameters", parameters).service
        caches = [known for known, service in system.services.items() if service.kind == "redis"]
        if name not in caches:
            return (
                Mistake("service", name, f"a service of kind redis: {', '.join(caches) or 'this system has none'}"),
            )
        if not system.services[name].disposable and system.services[name].prefix is None:
            valid = f"a cache that may be emptied: give services.{name} disposable: true, or the prefix of the keys that may go"
            return (Mistake("service", name, valid),)
        return ()

    def plan(self, parameters: BaseModel, system: System) -> PlannedFault:
        """Resolve which keys go."""
        name = cast("EmptyCache.Parameters", parameters).service
        service = system.services[name]
        prefix = None if service.disposable else service.prefix
        keys = "all keys" if prefix is None else f"all keys under {prefix!r}"
        return PlannedFault(
            fault=self.name,
            shape="impulse",
            parameters={"service": name, "prefix": prefix},
            services=(name,),
            edges=(),
            dose=keys,
            effect=f"{keys[0].upper()}{keys[1:]} of {name} are removed at once.",
            undo="The cache refills from its origin; nothing has to be put back.",
            proof="The cache's own count of these keys: some before, none after.",
            inside=True,
            spares=True,
        )

    def prepare(self, planned: PlannedFault, target: Target) -> Data:
        """Count the keys."""
        return {"service": planned.parameters["service"], "keys": target.cache_keys(*_place(planned))}

    def inject(self, planned: PlannedFault, target: Target, undo: Data) -> Data:  # noqa: ARG002 - the protocol's signature
        """Remove the keys; the cache counts before and after in the same step."""
        emptied = target.empty_cache(*_place(planned))
        return {"before": emptied.before, "after": emptied.after}

    def renew(self, planned: PlannedFault, target: Target, undo: Data) -> None:
        """Hold no lease: it is over."""

    def prove(self, planned: PlannedFault, target: Target, injected: Data) -> Proof:  # noqa: ARG002 - the protocol's signature
        """Compare the counts: there were keys, and none was left."""
        before, after = cast("int", injected["before"]), cast("int", injected["after"])
        return Proof(
            bites=before > 0 and after == 0,
            asked=before,
            measured=before - after,
            unit="keys",
            n=before,
            bypassed=after,
            text=f"the cache counted {before} keys before and {after} after",
        )

    def undo(self, undo: Data, target: Target) -> None:
        """Undo nothing: a cache refills."""

    def healed(self, undo: Data, target: Target) -> bool:
        """Check that the cache answers."""
        return target.cache_keys(cast("str", undo["service"]), None) >= 0


def _place(planned: PlannedFault) -> tuple[str, str | None]:
    return cast("str", planned.parameters["service"]), cast("str | None", planned.parameters["prefix"])

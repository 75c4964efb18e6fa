"""End replicas of a service, at once or gracefully: an impulse, or, kept down for a while, a step."""

from __future__ import annotations

from typing import cast

from pydantic import BaseModel, JsonValue, NonNegativeInt

from gameday.experiment.catalogue import Mistake, PlannedFault
from gameday.experiment.declared import Declared, Name
from gameday.experiment.model import System
from gameday.experiment.units import Seconds
from gameday.experiment.writing import seconds
from gameday.faults.place import LEASE_S
from gameday.faults.protocol import Data, Proof
from gameday.faults.replicas import Some, chosen_of, in_words, kill_each, mistakes, serving, spares
from gameday.targets.protocol import Target


class Kill:
    """``kill: {service: web, replicas: one, grace: 0s, down: 8s, seed: 1}``."""

    name = "kill"

    class Parameters(Declared):
        """
        ``grace_s`` is how long a replica may take to end when asked; 0 does not ask.

        ``down_s`` keeps the replicas away for so long; 0 lets them be started again at once, as after any crash.
        """

        service: Name
        replicas: Some = "one"
        grace_s: Seconds = 0.0
        down_s: Seconds = 0.0
        seed: NonNegativeInt = 1

    parameters: type[BaseModel] = Parameters

    def check(self, parameters: BaseModel, system: System) -> tuple[Mistake, ...]:
        """Find a service that the system does not have."""
        return mistakes(cast("Kill.Parameters", parameters).service, system)

    def plan(self, parameters: BaseModel, system: System) -> PlannedFault:
        """Describe who is killed; which replicas that are is drawn when they are known."""
        given = cast("Kill.Parameters", parameters)
        who = in_words(given.replicas, given.service)
        how = f"SIGTERM, and after {seconds(given.grace_s)} SIGKILL," if given.grace_s else "SIGKILL"
        asked = f", with SIGTERM and {seconds(given.grace_s)} to end" if given.grace_s else ""
        down = f", and nothing starts in its place for {seconds(given.down_s)}" if given.down_s else ""
        lease = "; without gameday's sign of life it is let start 5 s later" if given.down_s else ""
        return PlannedFault(
            fault=self.name,
            shape="step" if given.down_s else "impulse",
            parameters={
                "service": given.service,
                "replicas": given.replicas,
                "grace_s": given.grace_s,
                "down_s": given.down_s,
                "seed": given.seed,
            },
            services=(given.service,),
            edges=(),
            dose=who
            + asked
            + (", for" if given.grace_s and given.down_s else "")
            + (f" for {seconds(given.down_s)}" if given.down_s else ""),
            effect=f"{how} ends {who}{down}.",
            undo=f"What starts the service's replicas starts it again{lease}; it must be ready again.",
            proof="Another process or pod, or none, is where the killed one was.",
            lasts_s=given.down_s or None,
            crashes=given.grace_s == 0,
            held=given.down_s > 0,
            spares=spares(given.replicas, given.service, system) if given.down_s else None,
        )

    def prepare(self, planned: PlannedFault, target: Target) -> Data:
        """Draw who is killed, and note which processes or pods those are."""
        chosen = chosen_of(planned, target)
        return {"service": _service(planned), "replicas": list(chosen)}

    def inject(self, planned: PlannedFault, target: Target, undo: Data) -> Data:
        """Kill."""
        before = {each.name: each.identity for each in target.replicas(_service(planned))}
        self._kill(planned, target, undo)
        killed: dict[str, JsonValue] = {name: before.get(name) for name in _replicas(undo)}
        return {"service": undo["service"], "killed": killed, "others": [name for name in before if name not in killed]}

    def renew(self, planned: PlannedFault, target: Target, undo: Data) -> None:
        """Keep down who is to stay down."""
        if planned.parameters["down_s"]:
            self._kill(planned, target, undo)

    def prove(self, planned: PlannedFault, target: Target, injected: Data) -> Proof:
        """See that none of the killed replicas is there, and nothing in its place where that is to stay empty."""
        killed = cast("dict[str, str | None]", injected["killed"])
        graceful = killed if planned.parameters["grace_s"] else ()
        now = serving(target.replicas(_service(planned)), graceful=graceful)
        kept = bool(planned.parameters["down_s"])
        gone = [name for name, was in killed.items() if now.get(name) is None or (not kept and now[name] != was)]
        newcomers = len(set(now) - set(killed) - set(cast("list[str]", injected["others"]))) if kept else 0
        left = min(len(killed), len(killed) - len(gone) + newcomers)
        return Proof(
            bites=left == 0 < len(killed),
            asked=len(killed),
            measured=len(killed) - left,
            unit="replicas",
            n=len(killed),
            bypassed=left,
            text=f"of {', '.join(killed)}, {len(gone)} of {len(killed)} "
            + ("are down" if kept else "are no longer what was there")
            + (f", but {newcomers} came in their place" if newcomers else ""),
        )

    def undo(self, undo: Data, target: Target) -> None:
        """Let every killed replica start."""
        for name in _replicas(undo):
            target.revive(cast("str", undo["service"]), name)

    def healed(self, undo: Data, target: Target) -> bool:
        """See the replicas ready again."""
        return all(target.is_ready(cast("str", undo["service"]), name) for name in _replicas(undo))

    @staticmethod
    def _kill(planned: PlannedFault, target: Target, undo: Data) -> None:
        lease_s, grace_s = (
            LEASE_S if planned.parameters["down_s"] else 0.0,
            cast("float", planned.parameters["grace_s"]),
        )
        kill_each(target, _service(planned), _replicas(undo), lease_s=lease_s, grace_s=grace_s)


def _service(planned: PlannedFault) -> str:
    return cast("str", planned.parameters["service"])


def _replicas(undo: Data) -> list[str]:
    return cast("list[str]", undo["replicas"])

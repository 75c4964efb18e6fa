"""What loading and the plan know about a fault: its parameters and, as plain data, what it would do."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from pydantic import BaseModel, JsonValue

from gameday.experiment.model import TARGETS, System

Shape = Literal["none", "step", "impulse"]


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """
    One fault of the plan, resolved against the system.

    Attributes:
        fault: The kind's name, such as ``latency``.
        shape: ``step`` lasts for the fault phase, ``impulse`` is over at once, ``none`` does nothing.
        parameters: Resolved to plain numbers with their units in the keys; all that injecting needs.
        services: Services whose answers it touches, in file order; empty for ``none``.
        edges: Edges on which it acts, as ``caller -> callee``; ``load`` is the caller from outside.
        dose: The declared dose in words with its unit, such as ``2 s``; ``0`` for none.
        effect: One sentence: what it does to whom.
        undo: One sentence: how it is undone.
        proof: One sentence: which of the target's own signals must show it.
        beside: It acts beside its services and not on them, so that another fault may act on them at the same time.
        lasts_s: How long it lasts by itself; None: as long as its entry in the method says.
        proof_s: How long its full dose must be on until the target has shown it, beside the runner's own looks.
        scales: The parameters that carry its dose and may be anything from 0 to what is asked; empty: it is on or off.
        needed: Those of its edges that a loaded route needs: callers must be seen on each of them; the plan sets this.
        called: Of one that acts on processes: edges into its services that loaded routes need. Of each service, callers
            must be seen on one of them before it is injected. The plan sets this; services at which loaded routes enter
            have none.
        start_s: When it is injected, on the load's clock; the plan sets this and what follows.
        end_s: When it is undone.
        ramp_s: How long its dose rises from nothing to its full value; 0: it begins with the full dose.
        pulse_s: How long the full dose and the rest after it last, again and again; None without pulses.
        surge_per_s: Route -> requests per second that come on top of its load meanwhile, as the load's schedule has it.
        targets: The targets on which it can be done.
        inside: It acts from within its services' pods, where they are pods: what does so is put there before the load begins.
        crashes: It ends processes without asking, where they are in pods from within: what does so is put there before, where it may be.
        held: It changes a service's workload under a lease, where there are workloads: what undoes it when the runner is dead is started
            before the load begins.
        spares: Whether at its full dose it leaves answers to be had of what it acts on; None where that is not known
            before, such as of one replica among an unknown number.
        slows_s: By how much at least it delays every answer at its full dose.
    """

    fault: str
    shape: Shape
    parameters: dict[str, JsonValue]
    services: tuple[str, ...]
    edges: tuple[str, ...]
    dose: str
    effect: str
    undo: str
    proof: str
    beside: bool = False
    lasts_s: float | None = None
    proof_s: float = 0.0
    scales: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    called: tuple[str, ...] = ()
    start_s: float = 0.0
    end_s: float = 0.0
    ramp_s: float = 0.0
    pulse_s: tuple[float, float] | None = None
    surge_per_s: dict[str, float] = field(default_factory=dict)
    targets: tuple[str, ...] = TARGETS
    inside: bool = False
    crashes: bool = False
    held: bool = False
    spares: bool | None = None
    slows_s: float = 0.0

    def reaches(self, needed: Collection[str]) -> bool:
        """Return whether it acts on something of what is needed; on an edge, caller and callee are."""
        ends = [set(edge.split(" -> ")) for edge in self.edges]
        return any(end - {"load"} <= set(needed) for end in ends) if ends else not set(needed).isdisjoint(self.services)


@dataclass(frozen=True, slots=True)
class Mistake:
    """A parameter that is valid by itself but not on this system: the key, the value seen, what would be valid."""

    key: str
    seen: str
    valid: str


class FaultKind(Protocol):
    """A kind of fault, as loading and planning see it; everything here is pure."""

    @property
    def name(self) -> str:
        """Return the word that stands for it in experiment files."""
        ...

    @property
    def parameters(self) -> type[BaseModel]:
        """Return the model that validates its parameters."""
        ...

    def check(self, parameters: BaseModel, system: System) -> tuple[Mistake, ...]:
        """Return what the parameters name that the system does not have; empty if all is well."""
        ...

    def plan(self, parameters: BaseModel, system: System) -> PlannedFault:
        """Resolve valid parameters against the system."""
        ...


Catalogue = Mapping[str, FaultKind]

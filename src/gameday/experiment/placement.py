"""Where a plan can be carried out: what a target cannot do is told before anything is touched. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from gameday.experiment.flaws import one_of
from gameday.experiment.model import TARGETS, System
from gameday.experiment.plan import Plan


@dataclass(frozen=True, slots=True)
class Misplaced:
    """Why something cannot be done on a target: one sentence without a full stop, what was asked for, what would be valid."""

    what: str
    seen: str
    valid: str


def undeclared(system: System, target: str) -> Misplaced | None:
    """Tell that a system file says nothing of a target; None when it does."""
    known = system.targets.names()
    if target in known:
        return None
    return Misplaced(
        f"the system {system.name} has no target {target}",
        f"targets: {one_of(known, nothing='none')}",
        f"{_HOW[target]} in its file" + (f", or --target {one_of(known)}" if known else ""),
    )


def impossible(plan: Plan) -> Misplaced | None:
    """Tell the first thing of a plan that its target cannot do, a fault or a load of several workers; None when it can do all."""
    workers = plan.experiment.load.workers
    if workers > 1 and plan.target == "local":
        return Misplaced(
            f"a load of {workers} workers cannot be sent on local",
            f"load.workers: {workers}",
            "--target kind, where they are pods, or a load without workers",
        )
    for fault in plan.faults:
        if plan.target not in fault.targets:
            on = ", ".join(str(value) for key, value in fault.parameters.items() if key in {"service", "place"})
            return Misplaced(
                f"{fault.fault} cannot be done on {plan.target}",
                f"{fault.fault} on {on}" if on else fault.fault,
                f"--target {one_of(each for each in TARGETS if each in fault.targets)}, or another fault",
            )
    return None


_HOW = {
    "local": "targets: {local: {demo: shop}}",
    "kind": "targets: {kind: {context: kind-gameday, namespace: NAME, url: URL}}",
}

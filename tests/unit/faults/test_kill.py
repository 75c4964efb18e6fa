"""A kill is proven when nothing serves any more, however it was ended, and takes the last replica first."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import JsonValue

from fakes import FakeTarget
from gameday.experiment.catalogue import PlannedFault
from gameday.faults.kill import Kill
from gameday.faults.protocol import Data, Proof
from gameday.targets.protocol import Replica, TargetError
from samples import planned

KEPT: dict[str, JsonValue] = {"service": "web", "replicas": "all", "down": "5s"}
ASKED: dict[str, JsonValue] = {**KEPT, "grace": "2s"}
FAULT = Kill()


def of(*names: str) -> FakeTarget:
    """Make a system with these replicas, which take the grace that they are given."""
    return FakeTarget(processes={name: Replica(name, "1", stopped=False) for name in names}, lingers=True)


def injected(plan: PlannedFault, target: FakeTarget) -> Data:
    """Kill."""
    return FAULT.inject(plan, target, FAULT.prepare(plan, target))


def kept(target: FakeTarget, parameters: dict[str, JsonValue] = KEPT) -> tuple[PlannedFault, Data]:
    """Kill all, so that nothing comes for them."""
    (plan,) = planned("kill", parameters).faults
    return plan, injected(plan, target)


def test_who_is_asked_to_end_is_there_until_it_has() -> None:
    """It may serve meanwhile."""
    target = of("web-a")
    plan, told = kept(target, ASKED)
    proof: Proof = FAULT.prove(plan, target, told)
    assert (proof.bites, proof.bypassed) == (False, 1)
    target.processes.clear()
    assert FAULT.prove(plan, target, told).bites


def test_a_crash_that_is_not_possible_is_no_kill() -> None:
    """Nothing ends by another signal in its place, and nothing is proven."""
    target = FakeTarget(broken=("kill",))
    (plan,) = planned("kill", KEPT).faults
    undo = FAULT.prepare(plan, target)
    with pytest.raises(TargetError, match="kill is broken"):
        FAULT.inject(plan, target, undo)


def test_who_was_ended_at_once_is_gone_while_something_beside_it_still_ends() -> None:
    """A pod is listed until its sidecars have ended, too."""
    target = of("web-a")
    plan, told = kept(target)
    target.processes["web-a"] = Replica("web-a", "1", stopped=False, ending=True)
    proof = FAULT.prove(plan, target, told)
    assert proof.bites


@pytest.mark.parametrize("ending", [True, False])
def test_what_came_in_its_place_counts_unless_it_is_going_again(*, ending: bool) -> None:
    """A replica set may start one before it hears that it shall not."""
    target = of("web-a")
    plan, told = kept(target)
    target.processes["web-b"] = Replica("web-b", "2", stopped=False, ending=ending)
    assert FAULT.prove(plan, target, told).bites is ending


def test_who_is_ending_already_is_not_drawn() -> None:
    """To kill it would be nothing."""
    target = of("web-a", "web-b")
    target.processes["web-a"] = replace(target.processes["web-a"], ending=True)
    plans = (planned("kill", {"service": "web", "seed": seed}).faults[0] for seed in range(10))
    assert {str(FAULT.prepare(plan, target)["replicas"]) for plan in plans} == {"['web-b']"}


def test_of_many_the_last_goes_first() -> None:
    """A StatefulSet can be without its last pods only, whose names are numbered."""
    names: list[str] = []

    class Noted(FakeTarget):
        def kill(self, service: str, replica: str, *, lease_s: float, grace_s: float = 0.0) -> None:
            names.append(replica)
            super().kill(service, replica, lease_s=lease_s, grace_s=grace_s)

    numbered = [f"web-{number}" for number in (0, 2, 10)]
    kept(Noted(processes={name: Replica(name, "1", stopped=False) for name in numbered}))
    assert names == ["web-10", "web-2", "web-0"]

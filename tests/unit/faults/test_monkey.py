"""Whom the monkey takes: drawn when it happens, within its bounds; nobody where nobody may go."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from pydantic import JsonValue, ValidationError

from fakes import FakeTarget
from gameday.experiment.catalogue import PlannedFault
from gameday.faults.monkey import Monkey
from gameday.targets.protocol import Replica
from samples import planned


def visit(**parameters: JsonValue) -> PlannedFault:
    """Plan one visit to web."""
    given: dict[str, JsonValue] = {"services": ["web"], **parameters}
    return planned("monkey", given).faults[0]


def of(count: int, down: tuple[str, ...] = ()) -> FakeTarget:
    """Make a system whose services have so many replicas."""
    names = [f"web-{number}" for number in range(count)]
    return FakeTarget(processes={each: Replica(each, None if each in down else "1", stopped=False) for each in names})


def killed(plan: PlannedFault, target: FakeTarget, undo: Mapping[str, JsonValue] | None = None) -> list[str]:
    """Inject, and return who was killed."""
    fault = Monkey()
    found = fault.inject(plan, target, fault.prepare(plan, target) if undo is None else undo)["killed"]
    assert isinstance(found, dict)
    return sorted(found)


@pytest.mark.parametrize(("count", "most"), [(2, 1), (3, 1), (6, 2), (10, 3), (20, 6)])
def test_at_most_the_blast_radius_and_at_least_one(count: int, most: int) -> None:
    """Over many seeds every number up to it is met, and no other."""
    met = {len(killed(visit(seed=seed), of(count))) for seed in range(60)}
    assert met == set(range(1, most + 1))


def test_one_ready_replica_of_several_always_stays() -> None:
    """Whatever the radius."""
    assert {len(killed(visit(seed=seed, **{"blast-radius": "100%"}), of(2))) for seed in range(30)} == {1}


def test_the_same_seed_takes_the_same() -> None:
    """And another one need not."""
    assert killed(visit(seed=5), of(9)) == killed(visit(seed=5), of(9))
    assert len({tuple(killed(visit(seed=seed), of(9))) for seed in range(30)}) > 5


def test_whom_it_takes_is_drawn_among_those_that_are_there_when_it_happens() -> None:
    """What an earlier visit has killed has another name on Kubernetes."""
    plan, target = visit(), of(2)
    undo = Monkey().prepare(plan, target)
    target.processes = {each: Replica(each, "7", stopped=False) for each in ("web-7", "web-8")}
    assert set(killed(plan, target, undo)) <= {"web-7", "web-8"}


def test_while_an_earlier_victim_is_away_nobody_is_taken_and_the_record_says_why() -> None:
    """A visit in vain is no failure of the run."""
    plan, fault = visit(), Monkey()
    undo = fault.prepare(plan, of(3))
    target = of(3, down=("web-1",))
    injected = fault.inject(plan, target, undo)
    proof = fault.prove(plan, target, injected)
    assert target.acts == []
    assert (proof.bites, proof.asked, proof.measured) == (True, 0, 0)
    assert proof.text == "nobody was killed: of web 2 of 3 are ready"
    assert not fault.healed(undo, target)
    assert fault.healed(undo, of(3))


def test_the_only_replica_is_taken_only_where_that_is_asked_for() -> None:
    """``singles`` is for services that somebody named."""
    assert killed(visit(), of(1)) == []
    assert killed(visit(singles=True), of(1)) == ["web-0"]


def test_nobody_to_visit_is_refused() -> None:
    """It would be a run that shows nothing."""
    with pytest.raises(ValidationError):
        Monkey.Parameters.model_validate({"services": []})

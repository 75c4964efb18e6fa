"""Whatever dies, the system ends healed and nothing of the run is left."""

from __future__ import annotations

import pytest

from drawing import as_many
from gameday.faults import catalogue
from system.kills import FAULTS, VICTIMS, kill_many, turns

pytestmark = pytest.mark.system
ON_CLUSTERS = {"scale", "drain"}
"""These have their kills in ``tests/cluster/kills.py``."""


def test_the_faults_take_turns_and_none_is_left_out() -> None:
    """Whoever writes a fault lets its runs be killed; what an activity of Chaos Toolkit does is its own."""
    called = {word for method in FAULTS.values() for entry in method if isinstance(entry, dict) for word in entry}
    assert set(catalogue()) - {"none", "activity"} - ON_CLUSTERS <= called


def test_every_victim_and_every_fault_is_met_while_the_fault_is_on_and_at_any_time() -> None:
    """In a hundred runs; two cycles of the same length would always bring the same together."""
    met = list(turns(100, sorted(FAULTS)))
    assert {(victims, during) for _, victims, during in met} == {(each, on) for each in VICTIMS for on in (True, False)}
    assert {(fault, during) for fault, _, during in met} == {(each, on) for each in FAULTS for on in (True, False)}
    assert {(fault, victims) for fault, victims, _ in met} == {(fault, each) for fault in FAULTS for each in VICTIMS}


def test_runs_with_a_killed_part_leave_nothing(pytestconfig: pytest.Config, revision_seed: int) -> None:
    """Supervisor, worker, load, proxy, a service, supervisor and worker together, the node; half of them while a fault is on. A hundred at night."""
    killed = kill_many(as_many(pytestconfig, 4, at_night=100), seed=revision_seed)
    assert [each for each in killed if not each.clean] == []

"""Whoever dies in the cluster, the effect ends by the lease and nothing is left."""

from __future__ import annotations

import pytest

from cluster.kills import FAULTS, VICTIMS, kill_many, turns
from drawing import as_many
from gameday.faults import catalogue

LOCALLY = {"monkey", "surge"}
"""A monkey is kills, and a surge is load: these have their kills in ``tests/system/kills.py``."""


def test_every_fault_that_acts_on_a_cluster_meets_every_victim() -> None:
    """In thirty runs."""
    called = {word for method in FAULTS.values() for entry in method if isinstance(entry, dict) for word in entry}
    assert called == set(catalogue()) - {"none", "activity"} - LOCALLY
    assert set(turns(30, sorted(FAULTS))) == {(fault, victims) for fault in FAULTS for victims in VICTIMS}


@pytest.mark.usefixtures("stands")
def test_runs_with_a_killed_part_leave_nothing(pytestconfig: pytest.Config, revision_seed: int) -> None:
    """The runner, an agent in a pod, or both, while the fault is on: thirty of them at night."""
    killed = kill_many(as_many(pytestconfig, 2, at_night=30), seed=revision_seed)
    assert [each for each in killed if not each.clean] == []

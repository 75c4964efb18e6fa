"""Whatever dies, the system ends healed and nothing of the run is left."""

from __future__ import annotations

import pytest

from system.kills import kill_many

pytestmark = pytest.mark.system


def test_ten_runs_with_a_killed_part_leave_nothing(revision_seed: int) -> None:
    """Supervisor, worker, load, proxy, a service, supervisor and worker together; half of them while the fault is on."""
    killed = kill_many(10, seed=revision_seed)
    assert [each for each in killed if not each.clean] == []

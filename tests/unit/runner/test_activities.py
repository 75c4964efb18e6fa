"""What Chaos Toolkit calls: the hypothesis is judged on the baseline first, and then on the recovery."""

from __future__ import annotations

from pathlib import Path

from fakes import FakeClock, FakeTarget
from gameday.faults import catalogue
from gameday.record.history import History
from gameday.runner.activities import Session, steady_state, use
from samples import planned


def test_a_worker_that_comes_up_late_judges_the_baseline_all_the_same(tmp_path: Path) -> None:
    """The load has begun without it: the baseline is over, and the recovery not to be waited for."""
    clock, plan = FakeClock(), planned()
    history = History(tmp_path, "worker", start_s=clock.now_s, monotonic_s=lambda: clock.now_s)
    late_s = plan.phase("fault").start_s + 1
    use(Session(plan, catalogue(), FakeTarget(), history, tmp_path, clock.env(), clock.now_s - late_s))
    assert [steady_state()["phase"] for _ in range(2)] == ["baseline", "recovery"]
    history.close()

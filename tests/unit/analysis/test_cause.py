"""Which cause is named, and when none is: each rule where another would be wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gameday.analysis.case import case
from gameday.analysis.cause import cause
from gameday.analysis.judge import judge
from gameday.analysis.model import Cause
from gameday.record.folder import RunData
from gameday.record.history import Event, Record
from gameday.record.requests import Outcome
from worlds.bazaar import Bazaar, Broken
from worlds.layers import failing
from worlds.runs import FAULT, INJECTED_S, QUIET, World

SLOW_BANK = Broken(slower={"bank": 80.0})


def of(run: RunData) -> Cause:
    """Return the cause of a run that has one to look for."""
    found = cause(case(run))
    assert found is not None
    return found


def test_nobody_is_affected_where_nothing_changes_and_the_routes_are_named() -> None:
    """No cause, no chain, no time to detect."""
    found = of(Bazaar(fault="latency").run(1))
    assert (found.name, found.affected, found.chain, found.detections) == (None, (), (), ())
    assert "enter, browse, pay" in found.reason


def test_failures_too_few_to_be_a_change_are_not_called_nobody() -> None:
    """Twelve errors here and there of a route that had none before are told, with their number."""
    found = of(World({"login": (*QUIET["login"], failing(0.015, Outcome.ERROR, FAULT))}).run(2))
    assert found.name == "unknown"
    assert found.chain == ()
    assert "no route changed beyond doubt, but login had" in found.reason


def test_a_pool_is_named_where_routes_suffer_that_do_not_need_what_is_slow_and_the_callee_where_none_does() -> None:
    """The same slow bank behind one pool for all and behind a pool of its own."""
    shared, split = (of(Bazaar(SLOW_BANK, "latency", slots=20, split=each).run(4)) for each in (False, True))
    assert (shared.name, shared.subject) == ("pool", "pool all of gate")
    assert set(shared.affected) == {"enter", "browse", "pay"}
    assert (split.name, split.subject, split.affected) == ("callee", "bank", ("pay",))


def test_a_pool_that_a_lost_cache_fills_later_is_not_the_cause() -> None:
    """Shelf fails, the vault becomes slow, the pool full, and who needs neither suffers last: it began at the shelf."""
    broken = Broken(failing={"shelf": 0.6})
    found = of(Bazaar(broken, "none", servers=12, query_s=0.13, slots=90).run(7))
    assert {"full", "late"} <= {onset.kind for onset in found.chain}
    assert "pay" in found.affected
    assert (found.name, found.subject) == ("cache", "shelf")


def test_a_generator_is_not_accused_of_what_the_system_does() -> None:
    """Late alone it is the cause; when what it sent was answered late as well, it is not."""
    assert of(Bazaar(Broken(lag_s=0.3), "none").run(8)).name == "generator"
    both = of(Bazaar(Broken(lag_s=0.3, slower={"bank": 80.0}), "latency", split=True, slots=400).run(8))
    assert (both.name, both.subject) == ("callee", "bank")
    assert set(both.affected) == {"enter", "browse", "pay"}


def test_a_process_that_is_slow_itself_is_no_slow_callee() -> None:
    """All that the gate calls is slower at once, the beacon is not: it is the gate."""
    slower = dict.fromkeys(("vault", "shelf", "bank"), 20.0)
    found = of(Bazaar(Broken(slower=slower), "none", slots=400, servers=400).run(9))
    assert (found.name, found.subject) == ("node", "gate")


def test_a_node_that_becomes_busy_because_a_cache_was_lost_is_not_the_cause() -> None:
    """What the fault acted on shows it first, and all who suffer need it; the control route is slower meanwhile as well."""
    broken = Broken(emptied=True, slower={"beacon": 4.0})
    found = of(Bazaar(broken, "empty-cache", query_s=0.2, slots=200).run(5))
    assert "control" in {onset.kind for onset in found.chain}
    assert (found.name, found.subject) == ("cache", "shelf")


def test_a_control_that_is_a_little_slower_does_not_explain_routes_that_stand_still() -> None:
    """Twice as slow beside a hundred times: it is the bank, slow by itself, and not the node."""
    broken = Broken(slower={"bank": 100.0, "beacon": 2.5})
    found = of(Bazaar(broken, "latency", split=True, slots=400).run(6))
    assert "control" in {onset.kind for onset in found.chain}
    assert (found.name, found.subject) == ("callee", "bank")


@pytest.mark.parametrize(("fault", "name"), [("latency", "callee"), ("none", "unknown")])
def test_without_counters_only_what_the_fault_acted_on_can_be_named(fault: str, name: str) -> None:
    """And nothing where nothing was injected."""
    found = of(Bazaar(SLOW_BANK, fault, split=True, counted=False).run(10))
    assert found.name == name
    if name == "unknown":
        assert found.reason == "no service publishes what it does"


def test_without_counters_a_shared_pool_is_unknown_and_not_the_callee() -> None:
    """Routes suffer that do not need it, and nobody can say why."""
    found = of(Bazaar(SLOW_BANK, "latency", slots=20, counted=False).run(11))
    assert found.name == "unknown"
    assert "routes suffered that do not need it" in found.reason


def test_a_replica_of_the_entry_that_left_is_told_and_is_none_of_the_causes() -> None:
    """What the load itself talks to has no name among the seven."""
    run = World({"login": (*QUIET["login"], failing(1, Outcome.CONNECTION, FAULT))}, fault="none").run(12)
    gone = Record(INJECTED_S + 0.05, "worker", 99, Event.REPLICA_LEFT, {"service": "front", "replica": "front-1"})
    found = of(replace(run, history=(*run.history, gone)))
    assert found.name == "unknown"
    assert found.reason.startswith("front-1 left")


def test_the_time_to_detect_is_from_the_first_bad_request_to_the_alarm() -> None:
    """Of each route that suffers, the soonest first."""
    found = of(Bazaar(SLOW_BANK, "latency", slots=20).run(4))
    assert {each.route for each in found.detections} == set(found.affected)
    assert [each.alarm_s for each in found.detections] == sorted(each.alarm_s for each in found.detections)
    assert all(0 < each.took_s < 3 for each in found.detections)


def test_a_run_that_never_came_to_its_fault_has_nothing_to_explain() -> None:
    """No route was measured, so neither "nobody" nor "unknown" is said."""
    run = World({}).run(1)
    assert cause(case(replace(run, rows=run.rows[:0], history=()))) is None


def test_the_chain_is_in_the_timeline() -> None:
    """Each onset once, when it was seen."""
    analysis = judge(Bazaar(SLOW_BANK, "latency", slots=20).run(4))
    assert analysis.cause is not None
    told = {(happening.t_s, happening.text.partition(", beyond")[0]) for happening in analysis.timeline}
    assert {(onset.seen_s, onset.text) for onset in analysis.cause.chain} <= told
    assert np.all(np.diff([happening.t_s for happening in analysis.timeline]) >= 0)

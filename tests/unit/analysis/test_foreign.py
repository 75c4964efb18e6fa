"""The verdict on a plain Chaos Toolkit run follows the precedence of its own classification, and never says pass for too little."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import JsonValue

from gameday.analysis.foreign import judge_foreign
from gameday.analysis.model import Analysis, Status, Verdict
from gameday.experiment.foreign import ForeignPlan, Step
from gameday.record.foreign import ForeignData
from gameday.record.history import Event, Record

Told = tuple[Event, Mapping[str, JsonValue]]
PROBE = Step("open", "probe", "http GET /")
CLOSE = Step("close", "action", "http POST /close")
BACK = Step("open again", "action", "http POST /open")


def plan(
    *, proven: bool = False, probes: tuple[Step, ...] = (PROBE,), method: tuple[Step, ...] | None = None
) -> ForeignPlan:
    """Return a plan of one probe, one action and one rollback."""
    action = Step(CLOSE.name, "action", CLOSE.provider, proven=proven)
    return ForeignPlan(
        name="shop",
        title="Is it open?",
        description="",
        tags=(),
        hypothesis="open" if probes else None,
        strategy="default",
        probes=probes,
        method=(action,) if method is None else method,
        rollbacks=(BACK,),
    )


def hypothesis(phase: str, *, met: bool = True, status: str = "succeeded") -> Told:
    """Tell one evaluation."""
    probe: dict[str, JsonValue] = {"name": "open", "status": status, "met": met, "output": "{}"}
    return Event.HYPOTHESIS, {"phase": phase, "met": met, "probes": [probe]}


def ended(section: str, name: str, *, status: str = "succeeded", kind: str = "action", **more: JsonValue) -> Told:
    """Tell the end of an activity."""
    data: dict[str, JsonValue] = {"section": section, "name": name, "kind": kind, "status": status, "output": "null"}
    return Event.ACTIVITY_ENDED, {**data, "error": "it broke" if status != "succeeded" else None, **more}


def began(section: str, name: str) -> Told:
    """Tell the beginning of an activity."""
    return Event.ACTIVITY_STARTED, {"section": section, "name": name, "kind": "action", "background": False}


def toolkit(status: str = "completed") -> Told:
    """Tell what Chaos Toolkit says at the end."""
    return Event.TOOLKIT_ENDED, {"status": status, "deviated": False, "rollbacks": True, "error": None}


BEFORE, AFTER = hypothesis("before"), hypothesis("after")
METHOD = (began("method", "close"), ended("method", "close"))
ROLLBACKS = (began("rollbacks", "open again"), ended("rollbacks", "open again"))
PROVEN: Told = (Event.ACTIVITY_PROVEN, {"name": "close", "met": True, "output": "503", "error": None})


def judged(
    told: tuple[Told, ...], of: ForeignPlan | None = None, *, lost: tuple[str, ...] = (), finished: bool = True
) -> Analysis:
    """Judge a history, of which some records may be lost; the supervisor's last one stands behind those that are told."""
    seq = itertools.count()
    whole = (*told, (Event.RUN_FINISHED, {})) if finished else told
    history = tuple(Record(float(n := next(seq)), "worker", n, event, dict(data)) for event, data in whole)
    return judge_foreign(ForeignData(of or plan(), history, lost))


WHOLE = (BEFORE, *METHOD, AFTER, *ROLLBACKS, toolkit())


@pytest.mark.parametrize(
    ("told", "verdict", "decided_by"),
    [
        (WHOLE, Verdict.INCONCLUSIVE, "gate.fault-proven"),
        ((BEFORE, *METHOD, hypothesis("after", met=False), *ROLLBACKS, toolkit()), Verdict.FAIL, "hypothesis.1.after"),
        (
            (BEFORE, hypothesis("during", met=False), *METHOD, AFTER, *ROLLBACKS, toolkit()),
            Verdict.FAIL,
            "hypothesis.1.during",
        ),
        ((hypothesis("before", met=False), *ROLLBACKS, toolkit()), Verdict.INVALID, "gate.baseline"),
        (
            (
                ended("before", "open", status="failed", kind="probe"),
                hypothesis("before", met=False, status="failed"),
                *ROLLBACKS,
                toolkit("failed"),
            ),
            Verdict.INVALID,
            "gate.probes",
        ),
        (
            (
                BEFORE,
                *METHOD,
                ended("after", "open", status="failed", kind="probe"),
                hypothesis("after", met=False, status="failed"),
                *ROLLBACKS,
                toolkit("failed"),
            ),
            Verdict.INCONCLUSIVE,
            "gate.probes",
        ),
        (
            (BEFORE, *METHOD, hypothesis("after", met=False), toolkit("interrupted")),
            Verdict.INCONCLUSIVE,
            "gate.complete",
        ),
        ((BEFORE, *METHOD, AFTER, *ROLLBACKS, toolkit("aborted")), Verdict.INVALID, "gate.complete"),
        ((BEFORE, *METHOD, *ROLLBACKS, toolkit("raised")), Verdict.INVALID, "gate.complete"),
        ((BEFORE, *METHOD, AFTER, *ROLLBACKS), Verdict.INVALID, "gate.complete"),
        (
            (BEFORE, began("method", "close"), ended("method", "close", status="failed"), AFTER, *ROLLBACKS, toolkit()),
            Verdict.INCONCLUSIVE,
            "gate.activities",
        ),
        (
            (BEFORE, began("method", "close"), ended("method", "close", code=3), AFTER, *ROLLBACKS, toolkit()),
            Verdict.INCONCLUSIVE,
            "gate.activities",
        ),
        (
            (BEFORE, began("method", "close"), ended("method", "close", answered=400), AFTER, *ROLLBACKS, toolkit()),
            Verdict.INCONCLUSIVE,
            "gate.activities",
        ),
        (
            (BEFORE, began("method", "close"), ended("method", "close", met=False), AFTER, *ROLLBACKS, toolkit()),
            Verdict.INCONCLUSIVE,
            "gate.activities",
        ),
        (
            (BEFORE, *METHOD, AFTER, ROLLBACKS[0], ended("rollbacks", "open again", answered=503), toolkit()),
            Verdict.INCONCLUSIVE,
            "gate.reverted",
        ),
        (
            (BEFORE, *METHOD, AFTER, ROLLBACKS[0], ended("rollbacks", "open again", code=-9), toolkit()),
            Verdict.INCONCLUSIVE,
            "gate.reverted",
        ),
        ((BEFORE, *METHOD, AFTER, toolkit()), Verdict.INCONCLUSIVE, "gate.reverted"),
        ((BEFORE, *METHOD, *ROLLBACKS, toolkit()), Verdict.INCONCLUSIVE, None),
    ],
    ids=[
        "all is well but nothing proves the effect",
        "off after",
        "off during only",
        "off before",
        "a probe raised before",
        "a probe raised after",
        "interrupted comes before deviated",
        "aborted",
        "chaoslib raised",
        "no word of how it ended",
        "an action failed",
        "an action's process left with a status",
        "an action was answered with an error",
        "an action was out of its tolerance",
        "a rollback was answered with an error",
        "a rollback's process was killed",
        "a rollback was not played",
        "nothing asked after the method",
    ],
)
def test_the_first_class_that_holds_is_the_verdict(
    told: tuple[Told, ...], verdict: Verdict, decided_by: str | None
) -> None:
    """Chaos Toolkit itself says completed, exit 0, for several of these."""
    analysis = judged(told)
    assert (analysis.verdict, analysis.decided_by) == (verdict, decided_by), analysis.reason


def test_a_proven_action_passes() -> None:
    """Everything was asked, everything answered, and the effect was seen."""
    analysis = judged((*WHOLE[:3], PROVEN, *WHOLE[3:]), plan(proven=True))
    assert analysis.verdict is Verdict.PASS


def test_a_record_that_the_history_lacks_makes_the_run_invalid() -> None:
    """It may have told that the steady state was off."""
    lost = "lost in history/worker.ndjson: 1 of 9 records, the first with seq 4"
    analysis = judged((*WHOLE[:3], PROVEN, *WHOLE[3:]), plan(proven=True), lost=(lost,))
    assert (analysis.verdict, analysis.decided_by, analysis.reason) == (Verdict.INVALID, "gate.complete", lost)


@pytest.mark.parametrize(
    "proof", [None, (Event.ACTIVITY_PROVEN, {**PROVEN[1], "met": False})], ids=["unasked", "unseen"]
)
def test_an_action_whose_proof_is_not_met_does_not_pass(proof: Told | None) -> None:
    """Declaring a proof is not enough."""
    analysis = judged((*WHOLE, *((proof,) if proof else ())), plan(proven=True))
    assert (analysis.verdict, analysis.decided_by) == (Verdict.INCONCLUSIVE, "gate.fault-proven")


def test_a_method_that_only_looks_can_pass_and_an_empty_one_cannot() -> None:
    """There is no effect to prove where nothing is done; where nothing is even asked, nothing is shown."""
    looked = ended("method", "look", kind="probe", answered=404)
    only_looks = plan(method=(Step("look", "probe", "http GET"),))
    assert judged((BEFORE, looked, AFTER, *ROLLBACKS, toolkit()), only_looks).verdict is Verdict.PASS
    empty = judged((BEFORE, AFTER, *ROLLBACKS, toolkit()), plan(method=()))
    assert (empty.verdict, empty.decided_by) == (Verdict.INCONCLUSIVE, "gate.fault-proven")
    assert "the method is empty" in empty.reason


@pytest.mark.parametrize(
    ("end", "verdict", "decided_by"),
    [
        ({"met": True}, Verdict.PASS, None),
        ({"met": False}, Verdict.FAIL, "method.1"),
        ({"met": False, "error": "its tolerance could not be evaluated"}, Verdict.INCONCLUSIVE, "method.1"),
        ({"status": "failed"}, Verdict.INCONCLUSIVE, "gate.activities"),
        (None, Verdict.INCONCLUSIVE, "method.1"),
    ],
    ids=["within", "out of it", "a tolerance that raises", "a probe that raises", "never asked"],
)
def test_a_tolerance_in_the_method_is_a_check(
    end: dict[str, Any] | None, verdict: Verdict, decided_by: str | None
) -> None:
    """Chaos Toolkit passes over it; people write it because they mean it."""
    looks = plan(method=(Step("look", "probe", "http GET", judged=True),))
    told = () if end is None else (ended("method", "look", kind="probe", **end),)
    analysis = judged((BEFORE, *told, AFTER, *ROLLBACKS, toolkit()), looks)
    assert (analysis.verdict, analysis.decided_by) == (verdict, decided_by), analysis.reason


def test_a_probe_that_the_method_borrows_from_the_hypothesis_is_shown() -> None:
    """Its tolerance is asked for before and after the method, and need not hold in between."""
    looks = plan(method=(Step("open", "probe", "http GET"),))
    told = ended("method", "open", kind="probe", met=False, answered=503)
    analysis = judged((BEFORE, told, AFTER, *ROLLBACKS, toolkit()), looks)
    assert analysis.verdict is Verdict.PASS
    assert [check.status for check in analysis.checks if check.id == "method.1"] == [Status.SHOWN]


def test_without_a_hypothesis_nothing_can_pass() -> None:
    """Never a pass for a run that proved nothing."""
    analysis = judged((*ROLLBACKS, toolkit()), plan(probes=(), method=()))
    assert analysis.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("after", "verdict", "decided_by"),
    [
        (AFTER, Verdict.INCONCLUSIVE, "gate.analysis"),
        (hypothesis("after", met=False), Verdict.FAIL, "hypothesis.1.after"),
    ],
    ids=["what would have passed", "what failed"],
)
def test_a_part_of_the_judgement_that_raises_neither_crashes_it_nor_passes(
    after: Told, verdict: Verdict, decided_by: str
) -> None:
    """Here a record of a phase that this version does not know; the traceback is evidence, and what failed, failed."""
    strange: Told = (Event.HYPOTHESIS, {**AFTER[1], "phase": "long after"})
    analysis = judged((*WHOLE[:3], PROVEN, after, *WHOLE[4:], strange), plan(proven=True))
    assert (analysis.verdict, analysis.decided_by) == (verdict, decided_by), analysis.reason
    broken = next(gate for gate in analysis.gates if gate.id == "gate.analysis")
    assert "the timeline: KeyError('long after')" in broken.reason
    assert "Traceback" in broken.evidence[-1]


def test_a_run_whose_end_is_not_on_record_is_invalid() -> None:
    """It was killed then, or could not write any more: what came last nobody knows."""
    whole = (BEFORE, *METHOD, PROVEN, AFTER, *ROLLBACKS, toolkit())
    assert judged(whole, plan(proven=True)).verdict is Verdict.PASS
    analysis = judged(whole, plan(proven=True), finished=False)
    assert (analysis.verdict, analysis.decided_by) == (Verdict.INVALID, "gate.complete")

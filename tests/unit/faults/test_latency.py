"""What proves a delay: that the answer comes late enough for the dose, whatever the jitter draws, and that it comes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import pytest
from prometheus_client import CollectorRegistry
from pydantic import JsonValue, ValidationError

from fakes import FakeTarget
from gameday.demo.instruments import CallInstruments
from gameday.faults.latency import FINEST_S, Latency
from gameday.faults.protocol import Proof
from gameday.targets.protocol import Calls, TargetError, Uncounted
from samples import planned

EDGE = "web -> recommendations"


def proof(target: FakeTarget, **dose: JsonValue) -> Proof:
    """Inject a delay and look at it once."""
    plan = planned("latency", {"edge": EDGE, **dose}).faults[0]
    fault = Latency()
    return fault.prove(plan, target, fault.inject(plan, target, {}))


@pytest.mark.parametrize("delay", ["2s", "5s", "16s"])
def test_the_canary_waits_for_longer_than_the_delay(delay: str) -> None:
    """A delay above the usual patience is proven too."""
    seen = proof(FakeTarget(), delay=delay)
    assert seen.bites
    assert seen.measured > seen.asked


@pytest.mark.parametrize("draw", [-1.0, -0.6, 0.0, 1.0])
def test_every_delay_that_the_jitter_may_draw_is_proof(draw: float) -> None:
    """One canary decides, so the shortest delay that was asked for must be enough."""
    assert proof(FakeTarget(draw=draw), delay="2s", jitter="1800ms").bites


def test_a_canary_below_half_of_the_shortest_delay_is_no_proof() -> None:
    """The jitter leaves no room for a fault that does nothing."""
    assert not proof(FakeTarget(inert=True), delay="2s", jitter="1800ms").bites


@dataclass
class Counting(FakeTarget):
    """A caller whose counters say this, and more each time."""

    says: Calls | Uncounted = field(default_factory=lambda: Uncounted("web publishes no calls_total; it publishes: up"))

    def calls(self, edge: str) -> Calls | Uncounted | None:
        """Return it with everything that was counted once more."""
        super().calls(edge)
        if isinstance(self.says, Calls):
            self.says = replace(self.says, answered={bound: 2 * n for bound, n in self.says.answered.items()})
        return self.says


def test_a_histogram_without_a_bucket_so_small_tells_nothing_of_quick_answers() -> None:
    """None of them in a bucket that is not there is not that none was quick."""
    coarse = proof(Counting(says=Calls({2.5: 50, math.inf: 50}, failed=0)), delay="2s")
    assert coarse.bites
    assert coarse.text.endswith(
        "; the counters of web had no value at the injection, or no bucket so small, so the caller's own count was not compared"
    )
    fine = proof(Counting(says=Calls({1.0: 50, math.inf: 50}, failed=0)), delay="2s")
    assert not fine.bites
    assert "of 100 calls by the caller's own count, 100 were answered within 1 s" in fine.text


def test_counters_that_are_mapped_and_not_published_are_told() -> None:
    """The proof stands on the rest."""
    seen = proof(Counting(), delay="2s")
    assert seen.bites
    assert seen.text.endswith(
        "; web publishes no calls_total; it publishes: up, so the caller's own count was not compared"
    )


def test_silence_is_not_taken_for_a_delay() -> None:
    """A service that hangs by itself answers late as well, that is never."""
    seen = proof(FakeTarget(mute=True), delay="2s")
    assert not seen.bites
    assert "got no answer within 5 s" in seen.text


def test_an_edge_that_is_silent_before_the_fault_is_told() -> None:
    """Nothing could be measured against it."""
    plan = planned("latency", {"edge": EDGE, "delay": "2s"}).faults[0]
    with pytest.raises(TargetError, match=f"before any fault, a canary over {EDGE} got no answer within 3 s"):
        Latency().prepare(plan, FakeTarget(mute=True))


def test_an_edge_that_is_silent_after_the_undo_is_not_healed() -> None:
    """Its recovery is waited for, within the runner's bound."""
    assert not Latency().healed({"edges": [EDGE], "canary_s": {EDGE: 2.9}}, FakeTarget(mute=True))


@pytest.mark.parametrize(
    ("dose", "valid"),
    [
        ({"delay": "2s", "jitter": "2s"}, "a jitter of at most 1.998s"),
        ({"delay": "2s", "jitter": "1999ms"}, "a jitter of at most 1.998s"),
        ({"delay": "2ms", "jitter": "100us"}, "a jitter of at most 0s"),
        ({"delay": "1ms"}, "a delay of at least 2ms"),
        ({"delay": "0s"}, "a delay of at least 2ms"),
    ],
)
def test_a_delay_that_the_callers_counters_could_not_show_is_refused(dose: dict[str, JsonValue], valid: str) -> None:
    """Below the smallest bound of their histograms a connection that bypasses it would go unseen."""
    with pytest.raises(ValidationError, match=valid):
        Latency.Parameters.model_validate({"edge": EDGE, **dose})


@pytest.mark.parametrize("dose", [{"delay": "2s", "jitter": "1998ms"}, {"delay": "2ms"}])
def test_the_bound_itself_is_accepted(dose: dict[str, JsonValue]) -> None:
    """What is told to be valid is."""
    assert Latency.Parameters.model_validate({"edge": EDGE, **dose}).delay_s


def test_the_finest_bound_is_that_of_the_demo_s_callers() -> None:
    """Half of the shortest delay that is accepted lies on their first bucket."""
    registry = CollectorRegistry()
    CallInstruments(registry).declare("recommendations")
    bounds = {
        float(sample.labels["le"])
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == "dependency_request_duration_seconds_bucket"
    }
    assert min(bounds) == FINEST_S

"""What proves errors: that the proxy answered the callers' own requests, whatever those count as a failure."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from fakes import FakeTarget
from gameday.faults.errors import Errors
from gameday.faults.protocol import Proof
from gameday.targets.protocol import Calls, Uncounted
from samples import planned

EDGE = "web -> recommendations"


def proof(target: FakeTarget) -> Proof:
    """Answer all requests of an edge, and look at it once."""
    plan = planned("errors", {"edge": EDGE, "status": 503}).faults[0]
    fault = Errors()
    return fault.prove(plan, target, fault.inject(plan, target, {}))


@dataclass
class Answered(FakeTarget):
    """A caller for which an answer with an error status is an answer, and a failure a call without one."""

    def calls(self, edge: str) -> Calls | Uncounted | None:
        """Count what failed among the answers."""
        counted = super().calls(edge)
        if not isinstance(counted, Calls):
            return counted
        return Calls({bound: n + counted.failed for bound, n in counted.answered.items()}, failed=0)


def test_an_error_that_the_caller_counts_as_an_answer_is_proven() -> None:
    """Its requests were answered by the proxy; what it calls a failure is its own affair."""
    seen = proof(Answered())
    assert seen.bites
    assert "the caller counted 0 failed calls of 100, and 0 calls went around the proxy" in seen.text


@pytest.mark.parametrize("target", [Answered(bypass=0.5), Answered(elsewhere=True), Answered(inert=True)])
def test_calls_that_go_around_the_proxy_or_meet_no_rule_are_no_proof(target: FakeTarget) -> None:
    """By the number of calls that the caller counted, and by the proxy's own."""
    assert not proof(target).bites
    assert math.isfinite(proof(target).measured)

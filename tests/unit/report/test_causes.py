"""What the reports say of the cause, its chain and the time to detect."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gameday.analysis.model import Cause, Detection, Onset
from gameday.report import content
from unit.report.analyses import CASES, failed


def told(cause: Cause | None) -> dict[str, str]:
    """Return what is said of a cause, by its headings."""
    return dict(content.causes(replace(failed().analysis, cause=cause)))


@pytest.mark.parametrize(
    ("name", "subject", "heading"),
    [
        ("pool", "pool shared of web", "Cause: pool shared of web"),
        ("node", "web", "Cause: node (web)"),
        ("node", "", "Cause: node"),
        ("database", "database", "Cause: database"),
        ("unknown", "", "Cause: unknown"),
        (None, "", "No user was affected"),
    ],
)
def test_the_cause_is_named_once(name: str | None, subject: str, heading: str) -> None:
    """With what it is, where that says more."""
    cause = Cause(name, subject, "it came first", ("login",), ("login",))  # type: ignore[arg-type]
    assert told(cause) == {heading: "It came first."}


def test_nothing_is_said_where_nothing_was_looked_for() -> None:
    """A run that never came to its fault."""
    assert told(None) == {}


def test_the_chain_has_each_subject_once_in_order_and_counts_what_it_leaves_out() -> None:
    """A sample's time is marked, an exact one is not."""
    chain = [
        Onset("full", "p", "web", "p full", 22.0, 22.6, 23.6, 0.5),
        Onset("late", "a", "", "a late", 22.1, 22.1, 22.3, 0.0),
        Onset("bad", "a", "", "a failing", 22.2, 22.2, 22.3, 0.1),
        *(Onset("late", f"r{n}", "", f"r{n} late", 23.0, 23.0, 23.5, 0.9) for n in range(6)),
    ]
    cause = Cause("pool", "p", "full", ("a",), ("a",), tuple(chain), (Detection("a", 22.1, 22.3),))
    links = told(cause)["Chain"].split(" → ")
    assert links[0].startswith("latency: web -> recommendations 22.1 s")
    assert links[1:4] == ["p full ≤ 22.6 s (+0.5 s)", "a late 22.1 s (+0.0 s)", "r0 late 23.0 s (+0.9 s)"]
    assert links[-1] == "2 more in the timeline"
    assert told(cause)["Time to detect"] == "a 200 ms after its first bad request."


@pytest.mark.parametrize("name", CASES)
def test_what_is_said_is_what_the_run_has(name: str) -> None:
    """Of every known run."""
    analysis = CASES[name]().analysis
    assert bool(content.causes(analysis)) is (analysis.cause is not None)

"""What CI shows is what the run showed: red for a failure, an error for what is undecided, green for a pass alone."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.analysis.model import Status, Verdict
from gameday.experiment.foreign import ForeignPlan
from gameday.report.junit import junit, junit_of_plain
from unit.report.analyses import CASES, Case, failed, invalid, passed

CHILDREN = {
    "testsuites": ("testsuite",),
    "testsuite": ("properties", "testcase", "system-out", "system-err"),
    "properties": ("property",),
    "property": (),
    "testcase": ("skipped", "error", "failure"),
    **dict.fromkeys(("skipped", "error", "failure", "system-out", "system-err"), ()),
}
"""Element -> the elements that it may hold, in this order; the part that junit-10.xsd and Ant's JUnit.xsd have in common."""
COUNTS = {"tests", "failures", "errors"}
ATTRIBUTES = {
    "testsuites": ({"name", "time", *COUNTS}, set[str]()),
    "testsuite": ({"name", "time", "timestamp", "hostname", *COUNTS}, {"id", "package", "skipped"}),
    "properties": (set[str](), set[str]()),
    "property": ({"name", "value"}, set[str]()),
    "testcase": ({"name", "classname", "time"}, set[str]()),
    **dict.fromkeys(("skipped", "error", "failure"), ({"message", "type"}, set[str]())),
    **dict.fromkeys(("system-out", "system-err"), (set[str](), set[str]())),
}
"""Element -> the attributes that it must have, and those that it may."""


def rendered(case: Case) -> ET.Element:
    """Render a case and read it back."""
    return ET.fromstring(junit(case.analysis, case.plan, case.about))  # noqa: S314 - it was just made here


def outcomes(root: ET.Element) -> dict[str, str]:
    """Return name -> outcome of every test case; the name up to its first colon."""
    return {
        str(case.get("name")).split(":")[0]: next((child.tag for child in case), "passed")
        for case in root.iter("testcase")
    }


@pytest.mark.parametrize("name", CASES)
def test_it_has_the_form_that_both_schemas_ask_for(name: str) -> None:
    """Elements in order, attributes present, numbers and times as they are declared."""
    for element in rendered(CASES[name]()).iter():
        order = [CHILDREN[element.tag].index(child.tag) for child in element]
        assert order == sorted(order)
        must, may = ATTRIBUTES[element.tag]
        assert must <= set(element.keys()) <= must | may, element.tag
        assert all(re.fullmatch(r"\d+", element.get(count, "")) for count in COUNTS & set(element.keys()))
        assert re.fullmatch(r"\d+(\.\d+)?", element.get("time", "0"))
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", element.get("timestamp", "2026-11-20T17:45:46"))
        assert element.tag != "testcase" or len(element) <= 1


@pytest.mark.parametrize("name", CASES)
def test_the_counts_are_those_of_the_cases(name: str) -> None:
    """CI systems believe the attributes, or count themselves."""
    root = rendered(CASES[name]())
    suite = root[0]
    found = Counter(outcomes(root).values())
    assert int(suite.get("tests", "")) == sum(found.values()) == len(list(root.iter("testcase")))
    wanted = [found["failure"], found["error"], found["skipped"]]
    assert [int(suite.get(count, "")) for count in ("failures", "errors", "skipped")] == wanted


def test_a_passed_run_is_green() -> None:
    """Nothing in it is red, and its verdict, gates and checks are all there."""
    case = passed()
    found = outcomes(rendered(case))
    assert set(found.values()) == {"passed"}
    assert len(found) == 1 + len(case.analysis.gates) + len(case.analysis.checks)


def test_a_failed_run_is_red_where_it_failed() -> None:
    """The verdict and each failed check are failures, an undecided one is an error, what is shown is skipped."""
    found = outcomes(rendered(failed()))
    assert found["slow-recommendations"] == found["bulkhead.checkout.hung"] == "failure"
    assert found["bulkhead.login.latency"] == "error"
    assert found["backpressure.recommendations.class"] == "skipped"
    assert found["recovery.time"] == "passed"


@pytest.mark.parametrize("verdict", [Verdict.INVALID, Verdict.INCONCLUSIVE])
def test_a_run_that_proves_nothing_is_never_green(verdict: Verdict) -> None:
    """Even if no gate and no check said so, the case of the verdict is an error."""
    case = passed()
    odd = replace(case, analysis=replace(case.analysis, verdict=verdict, reason="nothing was shown", checks=()))
    assert outcomes(rendered(odd))["cache-stampede"] == "error"


def test_a_gate_that_forbids_the_verdict_is_an_error() -> None:
    """The system did not fail; the run did."""
    found = outcomes(rendered(invalid()))
    assert found["gate.fault-proven"] == "error"
    assert "failure" not in found.values()


def test_a_gate_that_took_nothing_away_leaves_a_passed_run_green() -> None:
    """A late generator forbids failures only; exit code 0 and a red suite would contradict each other."""
    case = passed()
    gates = tuple(
        replace(gate, status=Status.FAIL) if gate.forbids == "latency-fail" else gate for gate in case.analysis.gates
    )
    found = outcomes(rendered(replace(case, analysis=replace(case.analysis, gates=gates))))
    assert found["gate.on-time"] == "skipped"
    assert {"failure", "error"}.isdisjoint(found.values())


def test_seed_and_variant_are_properties() -> None:
    """Whoever sees the red build can repeat it."""
    case = failed()
    found = {each.get("name"): each.get("value") for each in rendered(case).iter("property")}
    assert (found["seed"], found["variant"]) == (str(case.plan.seed), "naive")
    assert found["command"] == case.about.command


def test_a_plain_run_has_a_suite_of_the_same_form() -> None:
    """It has neither seed nor variant, and its verdict is as honest."""
    case = invalid()
    plan = ForeignPlan("plain", "Does it hold?", "x", (), None, "default", (), (), ())
    root = ET.fromstring(junit_of_plain(case.analysis, plan, case.about))  # noqa: S314 - it was just made here
    assert root[0].get("name") == "gameday.plain"
    assert outcomes(root)["plain"] == "error"
    assert "seed" not in {each.get("name") for each in root.iter("property")}


@given(text=st.text())
def test_no_text_breaks_the_xml(text: str) -> None:
    """Titles and reasons come from files and from other programs."""
    case = failed()
    checks = (replace(case.analysis.checks[0], title=text, reason=text, evidence=(text,)), *case.analysis.checks[1:])
    about = replace(case.about, command=text)
    odd = replace(case, analysis=replace(case.analysis, reason=text, checks=checks), about=about)
    assert len(outcomes(rendered(odd))) == 1 + len(case.analysis.gates) + len(checks)

"""The machine's report holds everything, is valid JSON wherever it is read, and keeps its keys."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest

from gameday.analysis.model import Analysis
from gameday.report.as_json import to_json
from unit.report.analyses import CASES, failed


@pytest.mark.parametrize("name", CASES)
def test_everything_of_the_analysis_is_there(name: str) -> None:
    """Nothing that the page shows has to be scraped from it."""
    case = CASES[name]()
    value = json.loads(to_json(case.analysis, case.plan, case.about))
    assert {field.name for field in fields(Analysis)} | {"schema", "run"} == set(value)
    assert value["schema"] == 1
    assert len(value["checks"]) == len(case.analysis.checks)
    assert value["run"]["seed"] == case.plan.seed


def test_what_is_not_finite_is_null() -> None:
    """JSON knows neither infinity nor NaN, and readers differ in what they forgive."""
    case = failed()
    text = to_json(case.analysis, case.plan, case.about)

    def refuse(name: str) -> None:
        raise AssertionError(name)

    value = json.loads(text, parse_constant=refuse)
    found = {check["id"]: check for check in value["checks"]}
    assert found["bulkhead.login.latency"]["interval"] == {"hi": None, "level": 0.99, "lo": 1.2}


def test_keys_are_sorted_at_every_depth() -> None:
    """Two reports can be compared line by line."""
    case = failed()
    text = to_json(case.analysis, case.plan, case.about)
    assert json.dumps(json.loads(text), indent=1, sort_keys=True, ensure_ascii=False) + "\n" == text

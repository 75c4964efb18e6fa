"""A suite's summary, byte for byte; ``pytest tests/golden/report/test_suite.py --renew`` writes it anew, to be read in the diff."""

from __future__ import annotations

from pathlib import Path

import pytest

from gameday.analysis.suite import compare
from gameday.report.junit import junit_of_suite
from gameday.report.suite import html, markdown, to_json
from unit.report.suites import earlier, tonight

HERE = Path(__file__).parent
NIGHT, COMPARED = tonight(), compare(earlier(), tonight())
FORMS = {
    "html": lambda: html(NIGHT, COMPARED),
    "md": lambda: markdown(NIGHT, COMPARED),
    "json": lambda: to_json(NIGHT, COMPARED),
    "xml": lambda: junit_of_suite(NIGHT),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_known_night_gives_the_known_summary(form: str, request: pytest.FixtureRequest) -> None:
    """A change of the summary is seen by whoever reads the change."""
    path = HERE / f"suite.{form}"
    text = FORMS[form]()
    if request.config.getoption("--renew"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text

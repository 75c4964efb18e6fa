"""A suite's summary says of every experiment what came out, and is an honest JUnit file."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from gameday.analysis.suite import compare
from gameday.report.junit import junit_of_suite
from gameday.report.suite import NO_OTHER, html, lines, markdown, summary, turned
from unit.report.suites import earlier, night, row, tonight


def test_the_summary_counts_what_came_out() -> None:
    """What is not as expected is named by its kind."""
    assert summary(tonight()) == "6 experiments: 2 as expected, 1 failed, 1 ended with an error, 1 refused, 1 not run"
    assert summary(night(row("a"), interrupted=True)) == "1 experiment: 1 as expected; interrupted"


def test_the_change_is_told_by_names() -> None:
    """Without an earlier run it says so."""
    told = turned(compare(earlier(), tonight()))
    assert "newly failing: cache-stampede (hardened)" in told
    assert "newly passing: redis-down (hardened)" in told
    assert "gone: slow-payments (hardened)" in told
    assert turned(None) == NO_OTHER


def test_each_line_has_its_tone_and_its_change() -> None:
    """Calls are counted; a line without an earlier one has none."""
    told = {line.row.experiment: (line.tone, line.since) for line in lines(tonight(), compare(earlier(), tonight()))}
    assert told["kill-web"] == ("pass", "as before")
    assert told["redis-down"] == ("pass", "newly passing, 1 better")
    assert told["cache-stampede"] == ("fail", "newly failing, 1 worse")
    assert told["lose-a-node"] == ("inconclusive", "still failing")
    assert {line.since for line in lines(tonight(), None)} == {"—"}


def test_the_page_and_the_markdown_link_to_each_run_and_hold_no_markup_of_others() -> None:
    """Titles and reasons come from files that anybody may have written."""
    for text in (html(tonight(), None), markdown(tonight(), None)):
        assert "../../20261120-010000-kill-web/report.html" in text
        assert "<hung>" not in text
        assert "<every>" not in text


def test_a_suite_is_one_junit_suite_with_a_case_per_experiment() -> None:
    """Failed is a failure; what broke or was refused is an error; what was never run is skipped."""
    root = ET.fromstring(junit_of_suite(tonight()))  # noqa: S314 - it was just made here
    cases = list(root.iter("testcase"))
    found = [next((child.tag for child in case), "passed") for case in cases]
    assert found == ["passed", "failure", "passed", "error", "error", "skipped"]
    assert [case.get("time") for case in cases[:2]] == ["61.5", "61.5"]
    suite = root[0]
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["6", "1", "2", "1"]

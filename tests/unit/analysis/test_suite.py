"""What has changed since the night before, and what may not be called a change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gameday.analysis.model import Finding, Interval, Status, Verdict
from gameday.analysis.suite import Figure, Turn, compare, figures, read_suite_run
from gameday.report.suite import to_json
from unit.report.analyses import passed
from unit.report.suites import GOOD, HUNG, P95, RECOVERY, last_night, night, row, tonight


def call(then: Figure, now: Figure) -> str:
    """Compare one finding of one experiment."""
    before, after = night(row("a", figures=(then,))), night(row("a", figures=(now,)))
    return next((each.call for each in compare(before, after).changes[0].findings), "")


@pytest.mark.parametrize(
    ("then", "now", "expected"),
    [
        (P95, replace(P95, value=0.06, lo=0.05, hi=0.07), "worse"),
        (P95, replace(P95, value=0.02, lo=0.01, hi=0.03), "better"),
        (P95, replace(P95, value=0.06, lo=0.044, hi=0.07), ""),
        (GOOD, replace(GOOD, value=0.9, lo=0.88, hi=0.92), "worse"),
        (replace(GOOD, lo=0.8, hi=0.9), GOOD, "better"),
        (P95, replace(P95, value=3.0, lo=3.0, hi=None), "worse"),
        (replace(P95, value=3.0, lo=3.0, hi=None), replace(P95, value=3.0, lo=3.0, hi=None), ""),
        (P95, replace(P95, lo=None, hi=None, level=None, value=9.0), ""),
        (P95, replace(P95, value=60.0, lo=50.0, hi=70.0, unit="ms"), ""),
    ],
)
def test_only_intervals_that_do_not_overlap_are_a_change(then: Figure, now: Figure, expected: str) -> None:
    """What is accepted tells which way is better; a count, or another unit, is never called anything."""
    assert call(then, now) == expected


def test_a_plain_count_is_shown_and_not_called_better() -> None:
    """A recovery of one run has no interval."""
    then, now = night(row("a")), night(row("a", figures=(HUNG, replace(RECOVERY, value=9.0))))
    told = {each.now.id: each.call for each in compare(then, now).changes[0].findings}
    assert told == {HUNG.id: "", RECOVERY.id: ""}


def test_every_experiment_is_told_by_what_became_of_it() -> None:
    """An experiment that breaks is as much a failure as one that fails; one never run is neither."""
    compared = compare(last_night(), tonight())
    assert {change.now.experiment: change.turn for change in compared.changes} == {
        "kill-web": Turn.SAME,
        "cache-stampede": Turn.FAILING,
        "redis-down": Turn.PASSING,
        "lose-a-node": Turn.STILL_FAILING,
        "noisy-neighbour": Turn.NEW,
        "none": Turn.NEW,
    }
    assert [each.experiment for each in compared.gone] == ["slow-payments"]
    assert compared.versions == (("gameday", "0.1.0", "0.2.0"),)


def test_the_variants_and_repeats_of_an_experiment_are_kept_apart() -> None:
    """The second of the same is compared with the second."""
    then = night(row("a"), row("a", variant="naive"), row("a", Verdict.FAIL, code=1))
    now = night(row("a"), row("a", Verdict.FAIL, code=1), row("a", variant="naive", verdict=Verdict.FAIL, code=1))
    assert [change.turn for change in compare(then, now).changes] == [Turn.SAME, Turn.STILL_FAILING, Turn.FAILING]


def test_what_was_not_run_the_night_before_says_nothing_about_this_one() -> None:
    """An interrupted night must not make all of the next one newly passing."""
    then = night(row("a", None, code=3, ended="not run"))
    assert compare(then, night(row("a"))).changes[0].turn is Turn.NEW
    assert compare(night(row("a")), then).changes[0].turn is Turn.UNKNOWN


def test_a_run_that_was_written_is_read_as_it_was() -> None:
    """The file also holds the comparison, which is for others."""
    assert read_suite_run(to_json(tonight(), compare(last_night(), tonight()))) == tonight()


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"name": "nightly"}'])
def test_a_file_that_is_something_else_is_refused(text: str) -> None:
    """Whatever a folder of artifacts holds."""
    with pytest.raises(ValueError, match="not what a suite"):
        read_suite_run(text)


def test_only_judged_and_finite_findings_are_kept() -> None:
    """Open ends of intervals are None, as JSON has no infinity."""
    analysis = passed().analysis
    check = Finding("x.y", "x", Status.FAIL, 3.0, "s", Interval(3.0, float("inf"), 0.99), "<", 1.0, 9, "")
    kept = figures(replace(analysis, checks=(check, replace(check, value=float("inf")), replace(check, op=None))))
    assert [(each.lo, each.hi, each.level) for each in kept] == [(3.0, None, 0.99)]

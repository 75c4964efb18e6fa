"""What has changed since the night before, and what may not be called a change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gameday.analysis.differences import Figure, figures
from gameday.analysis.model import Finding, Interval, Status, Verdict
from gameday.analysis.suite import Turn, compare, read_suite_run
from gameday.report.suite import to_json
from unit.report.suites import GOOD, P95, RECOVERY, earlier, night, row, tonight


def call(then: Figure, now: Figure, *, nights: int = 3) -> str:
    """Compare one finding of one experiment with that many nights in which it was the same."""
    before, after = night(row("a", figures=(then,))), night(row("a", figures=(now,)))
    return next((each.call for each in compare([before] * nights, after).changes[0].findings), "")


@pytest.mark.parametrize(
    ("then", "now", "expected"),
    [
        (P95, replace(P95, value=0.06, lo=0.05, hi=0.07), "worse"),
        (P95, replace(P95, value=0.02, lo=0.01, hi=0.03), "better"),
        (P95, replace(P95, value=0.06, lo=0.039, hi=0.07), ""),
        (GOOD, replace(GOOD, value=0.9, lo=0.88, hi=0.92), "worse"),
        (replace(GOOD, value=0.85, lo=0.8, hi=0.9), GOOD, "better"),
        (P95, replace(P95, value=3.0, lo=3.0, hi=None), "worse"),
        (replace(P95, value=3.0, lo=3.0, hi=None), replace(P95, value=3.0, lo=3.0, hi=None), ""),
        (P95, replace(P95, value=60.0, lo=50.0, hi=70.0, unit="ms"), ""),
    ],
)
def test_a_change_is_more_than_the_runs_own_intervals(then: Figure, now: Figure, expected: str) -> None:
    """What is accepted tells which way is better; another unit is never called anything."""
    assert call(then, now) == expected


def test_of_two_nights_nothing_is_called_better_or_worse() -> None:
    """Nor of three: what nights differ by is not known, however far their intervals are apart."""
    slower = replace(P95, value=0.3, lo=0.28, hi=0.32)
    assert [call(P95, slower, nights=nights) for nights in (1, 2, 3)] == ["", "", "worse"]


def test_what_nights_differ_by_is_no_change() -> None:
    """A night that is as far away as the others are from each other; each alone has a narrow interval."""
    nights = [
        night(row("a", figures=(replace(P95, value=value, lo=value - 0.001, hi=value + 0.001),)))
        for value in (0.040, 0.055, 0.032, 0.048)
    ]
    for value, expected in ((0.060, ""), (0.025, ""), (0.200, "worse")):
        now = night(row("a", figures=(replace(P95, value=value, lo=value - 0.001, hi=value + 0.001),)))
        assert next((each.call for each in compare(nights, now).changes[0].findings), "") == expected


def test_a_night_that_was_invalid_is_no_night_to_compare_with() -> None:
    """Its findings are those of a late generator."""
    bad = night(row("a", Verdict.INVALID, figures=(replace(P95, value=9.0, lo=8.0, hi=10.0),)))
    good = night(row("a", figures=(P95,)))
    slower = night(row("a", figures=(replace(P95, value=0.3, lo=0.28, hi=0.32),)))
    told = compare([good, bad, good, bad, good], slower).changes[0].findings
    assert [(each.call, each.difference and each.difference.runs) for each in told] == [("worse", (3, 1))]


def test_a_plain_count_is_compared_by_what_nights_differ_by() -> None:
    """A recovery of one run has no interval of its own."""
    nights = [night(row("a", figures=(replace(RECOVERY, value=value),))) for value in (2.0, 3.0, 2.0, 1.0)]
    told = [compare(nights, night(row("a", figures=(replace(RECOVERY, value=now),)))).changes[0] for now in (4.0, 30.0)]
    assert [each.findings[0].call for each in told] == ["", "worse"]


def test_every_experiment_is_told_by_what_became_of_it() -> None:
    """An experiment that breaks is as much a failure as one that fails; one never run is neither."""
    compared = compare(earlier(), tonight())
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
    assert [change.turn for change in compare([then], now).changes] == [Turn.SAME, Turn.STILL_FAILING, Turn.FAILING]


def test_what_was_not_run_the_night_before_says_nothing_about_this_one() -> None:
    """An interrupted night must not make all of the next one newly passing."""
    then = night(row("a", None, code=3, ended="not run"))
    assert compare([then], night(row("a"))).changes[0].turn is Turn.NEW
    assert compare([night(row("a"))], then).changes[0].turn is Turn.UNKNOWN


def test_a_run_that_was_written_is_read_as_it_was() -> None:
    """The file also holds the comparison, which is for others."""
    assert read_suite_run(to_json(tonight(), compare(earlier(), tonight()))) == tonight()


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"name": "nightly"}'])
def test_a_file_that_is_something_else_is_refused(text: str) -> None:
    """Whatever a folder of artifacts holds."""
    with pytest.raises(ValueError, match="not what a suite"):
        read_suite_run(text)


def test_only_judged_and_finite_findings_are_kept() -> None:
    """Open ends of intervals are None, as JSON has no infinity."""
    check = Finding("x.y", "x", Status.FAIL, 3.0, "s", Interval(3.0, float("inf"), 0.99), "<", 1.0, 9, "")
    kept = figures((check, replace(check, value=float("inf")), replace(check, op=None)))
    assert [(each.lo, each.hi, each.level) for each in kept] == [(3.0, None, 0.99)]

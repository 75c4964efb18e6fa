"""One run may be luck; several are judged by what differs between them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.analysis.model import Analysis, Finding, Gate, Interval, Status, Verdict
from gameday.analysis.repeats import pooled, repeated

PASS, FAIL, INCONCLUSIVE, INVALID = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.INVALID


def run(verdict: Verdict, *checks: Finding, gates: tuple[Gate, ...] = ()) -> Analysis:
    """Return a run that came to this."""
    return Analysis(verdict, "", None, gates, checks, (), (), (), (), (), (), ())


def slowed(times: float, status: Status = Status.INCONCLUSIVE) -> Finding:
    """Return a check of a route that became so many times slower; 1.5 times are accepted."""
    short = status is Status.INCONCLUSIVE
    return Finding("bulkhead.login.latency", "", status, times, "times", None, "<", 1.5, 900, "", by_sample=short)


def measured(times: Sequence[float]) -> list[Analysis]:
    """Return runs that decided nothing by themselves."""
    return [run(INCONCLUSIVE, slowed(each)) for each in times]


@pytest.mark.parametrize("verdict", Verdict)
def test_one_run_stands_for_itself(verdict: Verdict) -> None:
    """As without repeating."""
    assert repeated([run(verdict)], asked=1).verdict is verdict


@pytest.mark.parametrize(
    ("verdicts", "together", "flaky"),
    [
        ([PASS, PASS, PASS], PASS, False),
        ([FAIL, FAIL, FAIL], FAIL, False),
        ([FAIL, FAIL, INVALID], FAIL, False),
        ([FAIL, FAIL], FAIL, False),
        ([FAIL, FAIL, PASS], INCONCLUSIVE, True),
        ([FAIL, PASS, PASS], INCONCLUSIVE, True),
        ([FAIL, PASS], INCONCLUSIVE, True),
        ([PASS, PASS, INCONCLUSIVE], INCONCLUSIVE, False),
        ([INCONCLUSIVE, INCONCLUSIVE], INCONCLUSIVE, False),
        ([INVALID, INVALID, INVALID], INVALID, False),
        ([INVALID, PASS], INCONCLUSIVE, False),
    ],
)
def test_runs_that_disagree_decide_nothing(verdicts: Sequence[Verdict], together: Verdict, *, flaky: bool) -> None:
    """Where no check was measured in all; they are called flaky where some pass and some fail."""
    found = repeated([run(verdict) for verdict in verdicts], asked=len(verdicts))
    assert (found.verdict, found.flaky) == (together, flaky)
    assert ("flaky" in found.reason) == flaky


@pytest.mark.parametrize(
    ("times", "together"),
    [
        ((1.0, 1.1, 1.05), PASS),
        ((3.1, 2.9, 3.0), FAIL),
        ((1.2, 1.9, 1.3), INCONCLUSIVE),
        ((2.0, 2.2), INCONCLUSIVE),
    ],
)
def test_what_no_run_decides_alone_all_may_decide(times: Sequence[float], together: Verdict) -> None:
    """By the interval of the mean of the logarithms, from three runs on."""
    found = repeated(measured(times), asked=len(times))
    assert found.verdict is together
    for check in found.checks:
        assert check.n == len(times)
        assert check.value == pytest.approx(math.exp(np.mean(np.log(times))))


def test_what_every_run_accepts_does_not_fail_over_all() -> None:
    """A rise of a few milliseconds is accepted whatever its ratio is."""
    found = repeated([run(PASS, slowed(times, Status.PASS)) for times in (1.9, 2.0, 2.1)], asked=3)
    assert found.verdict is PASS


def test_a_pass_over_all_runs_needs_every_check_in_every_run_and_no_gate_against_it() -> None:
    """What one run could not measure is not shown by the others."""
    runs = measured((1.0, 1.1, 1.05))
    lacking = [*runs[:2], run(INCONCLUSIVE)]
    assert repeated(lacking, asked=3).verdict is INCONCLUSIVE
    barred = Gate("gate.delivered", "", Status.FAIL, "pass", None, "", None, None, 0, "")
    assert repeated([*runs[:2], run(INCONCLUSIVE, slowed(1.05), gates=(barred,))], asked=3).verdict is INCONCLUSIVE


def test_what_no_sample_decides_no_number_of_runs_does() -> None:
    """A baseline that warms up, or a late generator, is in every run: such runs neither pass nor fail together."""
    for times in (1.05, 3.0):
        biased = [run(INCONCLUSIVE, replace(slowed(times + 0.01 * n), by_sample=False)) for n in range(5)]
        assert repeated(biased, asked=5).verdict is INCONCLUSIVE


def test_runs_that_saw_nothing_bad_in_few_requests_show_no_more_together_than_their_requests() -> None:
    """None of fifty each is none of two hundred and fifty, and not none at all."""
    none = Finding(
        "bulkhead.login.errors",
        "",
        Status.INCONCLUSIVE,
        0.0,
        "ratio",
        Interval(0, 0.088, 0.99),
        "<",
        0.01,
        50,
        "",
        by_sample=True,
    )
    assert repeated([run(INCONCLUSIVE, none)] * 5, asked=5).verdict is INCONCLUSIVE


@pytest.mark.parametrize("n", [3, 5, 10, 30])
def test_more_runs_never_make_false_failures_likelier(n: int) -> None:
    """Where the truth is what is just accepted, at most one series of a hundred fails, however long it is."""
    source = np.random.default_rng(n)
    series = [measured(np.exp(np.log(1.5) + 0.3 * source.normal(size=n)).tolist()) for _ in range(400)]
    assert sum(repeated(runs, asked=n).verdict is FAIL for runs in series) <= 8
    held = [
        math.log(check.interval.lo) <= math.log(1.5) <= math.log(check.interval.hi)
        for runs in series
        for check in pooled(runs)
        if check.interval
    ]
    assert np.mean(held) >= 0.97


@given(made=st.lists(st.sampled_from(Verdict), max_size=6), missing=st.integers(min_value=1, max_value=3))
def test_runs_that_were_not_made_never_pass(made: list[Verdict], missing: int) -> None:
    """An interrupted series fails if all of its valid runs failed, and is inconclusive otherwise."""
    asked = len(made) + missing
    found = repeated([run(verdict) for verdict in made], asked=asked)
    failed = made.count(FAIL) >= 2 and made.count(FAIL) == len(made) - made.count(INVALID)
    assert found.verdict is (FAIL if failed or (asked == 1 and made == [FAIL]) else INCONCLUSIVE)
    assert f"{len(made)} of {asked} runs" in found.reason


@given(verdicts=st.lists(st.sampled_from(Verdict), min_size=1, max_size=6), rotated=st.integers(0, 5))
def test_the_order_of_the_runs_does_not_matter(verdicts: list[Verdict], rotated: int) -> None:
    """The reason counts, and names no run."""
    runs = [run(verdict) for verdict in verdicts]
    turned = runs[rotated % len(runs) :] + runs[: rotated % len(runs)]
    assert repeated(turned, asked=len(turned)) == repeated(runs, asked=len(runs))

"""One run may be luck; several pass together or not at all."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.analysis.model import Verdict
from gameday.analysis.repeats import repeated

PASS, FAIL, INCONCLUSIVE, INVALID = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.INVALID


@pytest.mark.parametrize("verdict", Verdict)
def test_one_run_stands_for_itself(verdict: Verdict) -> None:
    """As without repeating."""
    assert repeated([verdict], asked=1).verdict is verdict


@pytest.mark.parametrize(
    ("verdicts", "together", "flaky"),
    [
        ([PASS, PASS, PASS], PASS, False),
        ([FAIL, FAIL, PASS], FAIL, False),
        ([FAIL, FAIL, INVALID], FAIL, False),
        ([FAIL, FAIL], FAIL, False),
        ([FAIL, PASS, PASS], INCONCLUSIVE, True),
        ([FAIL, PASS], INCONCLUSIVE, True),
        ([PASS, PASS, INCONCLUSIVE], INCONCLUSIVE, True),
        ([INCONCLUSIVE, INCONCLUSIVE], INCONCLUSIVE, False),
        ([INVALID, INVALID, INVALID], INVALID, False),
        ([INVALID, PASS], INCONCLUSIVE, True),
    ],
)
def test_all_must_pass_and_two_must_fail(verdicts: Sequence[Verdict], together: Verdict, *, flaky: bool) -> None:
    """What is between decides nothing, and is called flaky where the runs disagree."""
    found = repeated(verdicts, asked=len(verdicts))
    assert (found.verdict, found.flaky) == (together, flaky)
    assert ("flaky" in found.reason) == flaky


@given(made=st.lists(st.sampled_from(Verdict), max_size=6), missing=st.integers(min_value=1, max_value=3))
def test_runs_that_were_not_made_never_pass(made: list[Verdict], missing: int) -> None:
    """An interrupted series fails if enough runs failed, and is inconclusive otherwise."""
    asked = len(made) + missing
    found = repeated(made, asked=asked)
    assert found.verdict is (FAIL if made.count(FAIL) >= min(2, asked) else INCONCLUSIVE)
    assert f"{len(made)} of {asked} runs" in found.reason


@given(verdicts=st.lists(st.sampled_from(Verdict), min_size=1, max_size=6), rotated=st.integers(0, 5))
def test_the_order_of_the_runs_does_not_matter(verdicts: list[Verdict], rotated: int) -> None:
    """The reason counts, and names no run."""
    turned = verdicts[rotated % len(verdicts) :] + verdicts[: rotated % len(verdicts)]
    assert repeated(turned, asked=len(turned)) == repeated(verdicts, asked=len(verdicts))

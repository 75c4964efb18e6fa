"""Quantities are read with their units and written back the same."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.experiment.units import Threshold, duration_s, number, rate_per_s, share
from gameday.experiment.writing import at_most_seconds, of_number, of_share, per_second, seconds
from gameday.experiment.writing import share as share_text


@pytest.mark.parametrize(
    ("text", "value_s"),
    [("500us", 5e-4), ("250ms", 0.25), ("6s", 6), ("1.5s", 1.5), ("2m", 120), ("1h", 3600), ("0s", 0)],
)
def test_durations_are_read_into_seconds(text: str, value_s: float) -> None:
    """Each unit by its factor."""
    assert math.isclose(duration_s(text), value_s)


@pytest.mark.parametrize("text", ["6", "6 sec", "-1s", "1e3s", "s", "", "9" * 400 + "s", "٣s", 6, None, True, ["6s"]])
def test_anything_else_is_no_duration(text: object) -> None:
    """The error says what would be one."""
    with pytest.raises(ValueError, match="a duration with its unit, such as 250ms, 6s or 2m"):
        duration_s(text)


@pytest.mark.parametrize("text", ["0/s", "100", "100/h", "/s", "100 per s", 100])
def test_anything_else_is_no_rate(text: object) -> None:
    """A rate of zero would never arrive."""
    with pytest.raises(ValueError, match="a rate with its unit"):
        rate_per_s(text)


@pytest.mark.parametrize("text", ["101%", "-1%", "0.5", "%", 0.5])
def test_anything_else_is_no_share(text: object) -> None:
    """Ratios are written as percentages in files."""
    with pytest.raises(ValueError, match="a share from 0% to 100%"):
        share(text)


@given(st.integers(0, 10**9 - 1))
def test_durations_written_are_read_the_same(microseconds: int) -> None:
    """Whatever unit is the handiest."""
    assert math.isclose(duration_s(seconds(microseconds / 1e6)), microseconds / 1e6, abs_tol=1e-9)


@given(st.integers(1, 10**8), st.integers(0, 100_000))
def test_rates_and_shares_written_are_read_the_same(rate: int, hundred_thousandths: int) -> None:
    """To ten digits."""
    assert math.isclose(rate_per_s(per_second(rate / 10)), rate / 10)
    assert math.isclose(share(share_text(hundred_thousandths / 1e5)), hundred_thousandths / 1e5, abs_tol=1e-12)


def test_thresholds_are_written_as_files_have_them() -> None:
    """With their comparison in front."""
    assert at_most_seconds(Threshold(op="<", bound=0.25)) == "< 250ms"
    assert of_share(Threshold(op=">", bound=0.999)) == "> 99.9%"
    assert of_number(Threshold(op="<", bound=1.2)) == "< 1.2"
    assert number("1.2") == 1.2

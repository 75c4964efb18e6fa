"""Numbers for people are short, carry their unit, and never round a little away to nothing or to everything."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.analysis.model import Interval
from gameday.report import figures


@pytest.mark.parametrize(
    ("value", "unit", "written"),
    [
        (1.9412, "s", "1.94 s"),
        (12.34, "s", "12.3 s"),
        (0.9996, "s", "1.00 s"),
        (0.0231, "s", "23 ms"),
        (0.00421, "s", "4.2 ms"),
        (0.00042, "s", "0.42 ms"),
        (0.0, "s", "0 s"),
        (-0.02, "s", "\N{MINUS SIGN}20 ms"),
        (0.5257, "ratio", "52.6 %"),
        (0.0028, "ratio", "0.28 %"),
        (1.0, "ratio", "100 %"),
        (0.0, "ratio", "0 %"),
        (0.999964, "ratio", "99.99 %"),
        (0.00001, "ratio", "<0.01 %"),
        (131.2, "times", "131\N{MULTIPLICATION SIGN}"),
        (1.0476, "queries per key", "1.05 queries per key"),
        (1080.0, "requests", "1,080 requests"),
        (math.inf, "s", "not bounded"),
        (math.nan, "s", "—"),
        (None, "s", "—"),
    ],
)
def test_a_quantity_is_written_with_three_digits_and_its_unit(value: float | None, unit: str, written: str) -> None:
    """Each unit has its own way."""
    assert figures.quantity(value, unit) == written


@pytest.mark.parametrize(
    ("lo", "hi", "unit", "written"),
    [
        (1.8, 2.1, "s", "[1.80, 2.10] s (99 %)"),
        (0.018, 0.0231, "s", "[18.0, 23.1] ms (99 %)"),
        (0.5012, 0.5748, "ratio", "[50.1, 57.5] % (99 %)"),
        (1.2, math.inf, "times", "[1.20, ∞]\N{MULTIPLICATION SIGN} (99 %)"),
        (-math.inf, math.inf, "s", "not bounded"),
        (1.0, 1.1, "queries per key", "[1.00, 1.10] (99 %)"),
    ],
)
def test_an_interval_is_written_in_one_unit_with_its_level(lo: float, hi: float, unit: str, written: str) -> None:
    """The larger end chooses the unit; an open end is infinite."""
    assert figures.interval_text(Interval(lo, hi, 0.99), unit) == written


def test_a_value_that_the_end_of_the_measurement_cut_off_is_written_as_more_than() -> None:
    """A recovery that was not reached within fourteen seconds took longer than that."""
    assert figures.measured(14.0, "s", Interval(14.0, math.inf, 0.99)) == "> 14 s"


def test_a_quantile_at_the_hang_threshold_is_only_known_to_be_longer() -> None:
    """Nobody waited beyond it, so nobody knows."""
    assert figures.latency(3.0004, 3.0) == "> 3 s"
    assert figures.latency(2.99, 3.0) == "2.99 s"


def test_a_threshold_is_written_as_people_write_it() -> None:
    """No padding, and the bound itself is accepted."""
    assert figures.accepted("<", 0.25, "s") == "≤ 250 ms"
    assert figures.accepted(">", 0.97, "ratio") == "≥ 97 %"
    assert figures.accepted("<", 0.005, "ratio") == "≤ 0.5 %"
    assert figures.accepted(None, None, "s") == "—"


def test_a_difference_is_of_the_predicted_value() -> None:
    """More and less are words, so that no sign is misread."""
    assert figures.difference(1.0, 1.0476) == "4.76 % more"
    assert figures.difference(12.67, 12.2) == "3.71 % less"
    assert figures.difference(1.0, 1.0) == "as predicted"
    assert figures.difference(0.0, 1.0) == "—"


@given(st.floats(min_value=0, max_value=1))
def test_a_share_is_all_or_nothing_only_if_it_is(ratio: float) -> None:
    """A single lost request among a million must stay visible."""
    written = figures.quantity(ratio, "ratio")
    assert (written == "100 %") == (ratio == 1)
    assert (written == "0 %") == (ratio == 0)


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_any_float_can_be_written_in_any_unit(value: float) -> None:
    """A report never fails for a strange number."""
    for unit in ("s", "ratio", "times", "requests", ""):
        assert figures.quantity(value, unit)
        assert figures.interval_text(Interval(value, value, 0.99), unit)
        assert "e+" not in figures.accepted("<", value, unit)

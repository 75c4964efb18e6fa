"""An experiment that expects a recovery has a probe that can be seen in a bin of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from unit.experiment import small_files

QUANTILES_ONLY = (
    ('{route: buy, p95: "< 250ms", good: "> 97%"}', '{route: buy, p95: "< 250ms"}'),
    ('    - {route: look, good: "> 97%"}\n', ""),
    ("  bulkhead: {isolated: [buy]}\n  backpressure: {routes: [look]}\n", ""),
    ("decides: bulkhead.buy.errors\n", ""),
    ("baseline: 16s, fault: 20s, recovery: 14s", "baseline: 40s, fault: 40s, recovery: 40s"),
)


def problems(folder: Path, *edits: tuple[str, str]) -> tuple[str, ...]:
    """Load the small experiment with quantiles only and further edits, and return what is wrong with it."""
    found = small_files.problems(folder, *QUANTILES_ONLY, *edits)
    return tuple(f"{problem.message}: {problem.seen}; {problem.valid}" for problem in found)


@pytest.mark.parametrize("rate", [20, 33])
def test_quantiles_alone_need_a_hundred_requests_in_a_bin(rate: int, tmp_path: Path) -> None:
    """33/s are 99 in 3 s; the problem names the rate that does, and the other way out."""
    (found,) = problems(tmp_path, ("buy: 100/s", f"buy: {rate}/s"))
    assert "no probe can be judged in a bin of the recovery" in found
    assert f"n = {rate * 3}: buy at {rate}/s over 3s" in found
    assert "load.routes.buy at 34/s" in found
    assert "good:" in found


def test_what_is_proposed_is_enough(tmp_path: Path) -> None:
    """The rate, a share of good answers, or no recovery to be judged."""
    assert problems(tmp_path, ("buy: 100/s", "buy: 34/s")) == ()
    assert problems(tmp_path, ("buy: 100/s", "buy: 20/s"), ('p95: "< 250ms"', 'p95: "< 250ms", good: "> 97%"')) == ()
    assert problems(tmp_path, ("buy: 100/s", "buy: 20/s"), ("recovery: {within: 10s}", "recovery: null")) == ()

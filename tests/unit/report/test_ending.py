"""The last lines on the screen: what came out, why, where the report is, what to try next."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gameday.analysis.model import Verdict
from gameday.report.ending import ending, next_step
from unit.report.analyses import CASES, Case, aborted, failed, invalid, passed

FOLDER = Path("reports/20261120-174546-a-very-long-name-that-does-not-fit-into-any-terminal")
LINK = f"file:///home/somebody/{FOLDER}/report.html"


def lines(case: Case, width: int = 80) -> list[str]:
    """Write the block."""
    hint = next_step(case.analysis, case.plan)
    return [line.text for line in ending(case.analysis, case.plan, FOLDER, hint, link=LINK, width=width)]


def test_the_verdict_comes_first_and_the_decisive_check_right_after() -> None:
    """The order is that of the questions."""
    text = lines(failed())
    assert text[0] == "✗ FAIL  slow-recommendations (naive, local, seed 7)"
    assert next(line for line in text if "bulkhead" in line) == (
        "  ✗ bulkhead.checkout.hung: 53.8 % [50.1, 57.5] % (99 %), accepted ≤ 0.5 %,"
    )


def test_at_most_five_failed_checks_are_listed() -> None:
    """The rest is counted."""
    text = lines(failed())
    assert sum(line.startswith("  ✗ ") for line in text) == 5
    assert "  and 2 more in the report" in text


def test_a_passed_run_lists_no_check() -> None:
    """Nothing asks for attention."""
    assert not any("✗" in line or "?" in line for line in lines(passed()))


def test_an_invalid_run_names_its_reason_and_no_check() -> None:
    """Checks of a run that proves nothing would only mislead."""
    text = lines(invalid())
    assert text[0].startswith("⊘ INVALID")
    assert not any("bulkhead" in line for line in text)


def test_a_run_that_ended_early_names_the_gate() -> None:
    """It was the abort, not a check."""
    assert any("the run went to its end: The run was aborted at 27.0 s." in line for line in lines(aborted()))


@pytest.mark.parametrize("width", [40, 60, 80])
@pytest.mark.parametrize("name", CASES)
def test_only_paths_links_and_commands_may_be_wider_than_the_terminal(name: str, width: int) -> None:
    """What one copies is never broken."""
    for line in lines(CASES[name](), width):
        copied = any(word in line for word in ("report.html", "gameday run", "gameday doctor"))
        heading = line[0:1] in set("✓✗?⊘")
        assert copied or heading or len(line) <= width


def test_a_number_is_not_torn_from_its_unit() -> None:
    """A line never ends between 10 and s."""
    for width in range(40, 100):
        assert not any(line.endswith(("27.0", " 10", "53.8", "0.5")) for line in lines(aborted(), width))


def test_after_a_naive_failure_the_hardened_variant_is_suggested_with_the_same_arrivals() -> None:
    """The comparison is paired."""
    case = failed()
    assert next_step(case.analysis, case.plan).splitlines()[1] == (
        "gameday run slow-recommendations --variant hardened --seed 7"
    )


def test_after_a_hardened_pass_the_naive_variant_is_suggested() -> None:
    """A check that cannot fail proves nothing."""
    case = passed()
    assert "stampede.duplicates fail" in next_step(case.analysis, case.plan)
    assert next_step(case.analysis, case.plan).endswith("gameday run cache-stampede --variant naive --seed 7")


@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize("variant", ["naive", "hardened", None])
def test_every_end_has_a_next_step(verdict: Verdict, variant: str | None) -> None:
    """Nobody is left alone with a verdict."""
    case = failed()
    hint = next_step(replace(case.analysis, verdict=verdict), replace(case.plan, variant=variant))
    assert hint
    assert "None" not in hint

"""
The verdict over several runs of the same experiment with different seeds.

Source:
    verdicts of repeated runs, docs/verdicts.md: passed if and only if all passed, failed if at least two failed; what is between is
    flaky, and a flaky result decides nothing. One run alone stands for itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from gameday.analysis.model import Verdict

LEAST_FAILED = 2
"""So many failed runs are no chance any more."""


_WORDS = {
    Verdict.PASS: "passed",
    Verdict.FAIL: "failed",
    Verdict.INCONCLUSIVE: "inconclusive",
    Verdict.INVALID: "invalid",
}


@dataclass(frozen=True, slots=True)
class Repeated:
    """
    What several runs say together.

    Attributes:
        verdict: Pass, fail, inconclusive; invalid when every run is.
        reason: One sentence with the counts.
        flaky: Whether the runs contradict each other.
    """

    verdict: Verdict
    reason: str
    flaky: bool


def repeated(verdicts: Sequence[Verdict], *, asked: int) -> Repeated:
    """
    Judge the runs together.

    Args:
        verdicts: Of the runs that were made, in any order.
        asked: How many were to be made, at least one; with fewer made, for whatever reason, nothing passes.
    """
    counts = Counter(verdicts)
    told = ", ".join(f"{counts[each]} {_WORDS[each]}" for each in Verdict if counts[each]) or "none was made"
    told = f"{len(verdicts)} of {asked} runs: {told}" if len(verdicts) != asked else f"{asked} runs: {told}"
    if counts[Verdict.FAIL] >= min(LEAST_FAILED, asked):
        return Repeated(Verdict.FAIL, told, flaky=False)
    if len(verdicts) < asked:
        return Repeated(Verdict.INCONCLUSIVE, f"{told}; what was not run proves nothing", flaky=False)
    if len(counts) == 1:
        return Repeated(verdicts[0], told, flaky=False)
    return Repeated(Verdict.INCONCLUSIVE, f"{told}; flaky: the runs do not agree", flaky=True)

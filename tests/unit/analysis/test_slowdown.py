"""One comparison with the baseline, number by number: neither the plain ratio nor the one divided by the control route's is contradicted."""

from __future__ import annotations

import pytest

from gameday.analysis.model import Status
from gameday.analysis.slowdown import Slowdown, judge
from gameday.analysis.statistics import Estimate
from gameday.experiment.model import Bulkhead

EXPECTED = Bulkhead.model_validate({"isolated": ["login"]})


def found(
    plain: tuple[float, float, float], divided: tuple[float, float, float], *, control: float, likely: float
) -> Slowdown:
    """Compare with a baseline of 0.1 s; ratios are a value, and the ends of its interval."""
    value, lo, hi = plain
    return Slowdown(
        q=0.95,
        before_s=0.1,
        after_s=0.1 * value,
        plain=Estimate(value, lo, hi, 1000),
        divided=Estimate(*divided, n=1000),
        rise=Estimate(0.1 * (value - 1), 0.1 * (lo - 1), 0.1 * (hi - 1), 1000),
        control_s=(0.1, 0.1 * control),
        wide=9.0,
        likely=(likely, 0.1 * (likely - 1)),
    )


@pytest.mark.parametrize(
    ("control", "status"),
    [(1.6, Status.PASS), (8.7, Status.INCONCLUSIVE)],
    ids=["as a machine drifts", "more than a machine drifts"],
)
def test_nobody_passes_whom_only_the_control_route_excuses(control: float, status: Status) -> None:
    """Dividing takes out a drift, and not a node on which everything became slow, however wide the plain ratio's interval is."""
    value = control * 0.99
    seen = found((value, 0.86, 39.4), (0.99, 0.9, 1.1), control=control, likely=value * 0.95)
    assert judge(seen, EXPECTED, late=False, single=False) is status


@pytest.mark.parametrize(
    ("likely", "status"), [(1.38, Status.INCONCLUSIVE), (1.8, Status.FAIL)], ids=["by chance", "likely"]
)
def test_a_control_that_became_faster_fails_nobody_by_chance(likely: float, status: Status) -> None:
    """The divided ratio is far beyond what is accepted; the plain one has to be likely to be beyond, not just in its value."""
    seen = found((1.1 * likely, 1.09, 2.4), (3.5, 2.6, 4.4), control=0.43, likely=likely)
    assert judge(seen, EXPECTED, late=False, single=False) is status

"""Say what kind of sharing let a route notice the fault: a pool, the node, or the generator itself."""

from __future__ import annotations

from typing import Literal

from gameday.analysis.case import Case
from gameday.analysis.delivery import on_time
from gameday.analysis.model import Gate, Status
from gameday.analysis.pools import Pool, pools
from gameday.analysis.statistics import minimum_samples, quantile
from gameday.analysis.windows import Window
from gameday.analysis.wording import percent
from gameday.experiment.samples import MATERIAL_S

Class = Literal["generator", "node", "pool"]

CONTROL_BOUND = 1.5
"""A control route slower by this factor noticed the fault although it shares no pool: the default margin of inflation."""


def failure_class(case: Case) -> Class:
    """Name what the loaded routes share: decided by the generator's own signals, then by the control route."""
    if _late(on_time(case)):
        return "generator"
    return "node" if control_moved(case) else "pool"


def control_moved(case: Case) -> bool:
    """Tell whether the control route, which shares no pool with anything, became materially slower while the fault was on."""
    name = case.plan.control()
    if name is None:
        return False
    before, after = (_p95_s(case, name, window) for window in (case.windows.baseline, case.windows.steady))
    if before is None or after is None:
        return False
    return after > CONTROL_BOUND * before and after - before > MATERIAL_S


def _late(gate: Gate) -> bool:
    return gate.status is not Status.PASS


def attribute(case: Case, route: str) -> tuple[str, ...]:
    """Explain in sentences where a route's trouble comes from, most telling first."""
    found = failure_class(case)
    if found == "generator":
        return (f"the generator itself ran late ({on_time(case).reason}): latency says little about {route}",)
    if found == "node":
        return ("class node: the control route became slow as well, so the node is shared, not only a pool",)
    full = [
        pool for pool in pools(case.metrics) if pool.peak(case.windows.fault.start_s, case.windows.fault.end_s) >= 0.95
    ]
    return (
        "the control route did not move: what is shared is a pool, a queue or an event loop, not the node",
        *(_full(pool, case.windows.fault) for pool in full),
    )


def _full(pool: Pool, window: Window) -> str:
    share = pool.share_at_limit(window.start_s, window.end_s)
    return f"pool {pool.name} of {pool.service} was at its limit of {pool.limit:.0f} for {percent(share)} of the fault"


def _p95_s(case: Case, route: str, window: Window) -> float | None:
    sample = case.sample(route, window)
    return quantile(sample, 0.95) if len(sample.values) >= minimum_samples(0.95) else None

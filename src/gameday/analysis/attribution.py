"""Find what kind of sharing let a route notice the fault: a pool, the node, or the generator itself."""

from __future__ import annotations

from typing import Literal

from gameday.analysis.case import Case
from gameday.analysis.delivery import on_time
from gameday.analysis.model import Gate, Status
from gameday.analysis.pools import Pool, pools
from gameday.analysis.slowdown import CONTROL_BOUND
from gameday.analysis.windows import Window
from gameday.analysis.wording import percent

Class = Literal["generator", "node", "pool"]

COMPARED = ("fault",)
"""Where a late generator makes a fault look worse: before it, it makes the fault look better."""


def failure_class(case: Case) -> Class:
    """Name what the loaded routes share: decided by the generator's own signals, then by the control route."""
    if _late(_on_time(case)):
        return "generator"
    return "node" if control_moved(case) else "pool"


def control_moved(case: Case) -> bool:
    """Return whether the control route, which shares no pool, became slower while the fault was on."""
    name = case.plan.control()
    if name is None:
        return False
    before, after = (_p95_s(case, name, window) for window in (case.windows.baseline, case.windows.steady))
    if before is None or after is None:
        return False
    return after > CONTROL_BOUND * before


def _on_time(case: Case) -> Gate:
    return case.once(("on time",), lambda: on_time(case))


def _late(gate: Gate) -> bool:
    return gate.status is not Status.PASS and gate.spoils(COMPARED)


def attribute(case: Case, route: str) -> tuple[str, ...]:
    """Explain in sentences where a route's trouble comes from, most telling first."""
    found = failure_class(case)
    if found == "generator":
        return (f"the generator itself ran late ({_on_time(case).reason}): latency says little about {route}",)
    if found == "node":
        return ("class node: the control route became slow as well, so the node is shared, not only a pool",)
    full = [
        pool
        for pool in pools(case.metrics, case.plan.system)
        if pool.peak(case.windows.fault.start_s, case.windows.fault.end_s) >= 0.95
    ]
    return (
        "the control route did not move: what is shared is a pool, a queue or an event loop, not the machine",
        *(_full(pool, case.windows.fault) for pool in full),
    )


def _full(pool: Pool, window: Window) -> str:
    share = pool.share_at_limit(window.start_s, window.end_s)
    return f"pool {pool.name} of {pool.service} was at its limit of {pool.limit:.0f} for {percent(share)} of the fault"


def _p95_s(case: Case, route: str, window: Window) -> float | None:
    found = case.quantile(route, window, 0.95)
    return found[0].value if found else None

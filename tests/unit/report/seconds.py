"""Make one route's seconds, and the sums of its phases, from the shares that a test wants to see."""

from __future__ import annotations

import random
from typing import TypedDict

from gameday.analysis.model import RouteSeries, RouteSummary
from unit.report.systems import PHASES


class Bin(TypedDict, total=False):
    """What is to happen in each second of the fault: shares of the requests, and quantiles."""

    degraded: float
    rejected: float
    late: float
    hung: float
    p50_s: float
    p95_s: float


def series(route: str, rate_per_s: float, struck: Bin) -> RouteSeries:
    """Make the seconds of a route that is well but for the fault phase; the noise comes from the route's name alone."""
    noise = random.Random(route)
    rows = []
    for second in range(56):
        n = round(rate_per_s + 4 * (noise.random() - 0.5) * rate_per_s**0.5)
        on: Bin = struck if 22 <= second < 42 else {}
        degraded, rejected, late, hung = (
            round(n * on.get(kind, 0.0)) for kind in ("degraded", "rejected", "late", "hung")
        )
        p50_s = on.get("p50_s", 0.008) * (1 + 0.1 * noise.random())
        p95_s = on.get("p95_s", 0.021) * (1 + 0.3 * noise.random())
        ceiling_s = 3.0 if hung else 2.9
        rows.append(
            (
                n - rejected - late - hung,
                degraded,
                rejected,
                late,
                hung,
                min(p50_s, ceiling_s),
                min(p95_s, ceiling_s),
            )
        )
    good, degraded_n, rejected_n, late_n, hung_n, p50, p95 = zip(*rows, strict=True)
    return RouteSeries(
        route=route,
        start_s=tuple(float(second) for second in range(56)),
        good=good,
        degraded=degraded_n,
        rejected=rejected_n,
        bad=late_n,
        hung=hung_n,
        p50_s=p50,
        p95_s=p95,
        in_flight=tuple(round(1 + 3 * each) if each else noise.randrange(3) for each in hung_n),
    )


def summaries(route: RouteSeries) -> tuple[RouteSummary, ...]:
    """Sum a route up per phase."""
    return tuple(_summary(route, phase.name, round(phase.start_s), round(phase.end_s)) for phase in PHASES)


def _summary(route: RouteSeries, phase: str, start: int, end: int) -> RouteSummary:
    counts = {
        "ok": sum(route.good[start:end]) - sum(route.degraded[start:end]),
        "degraded": sum(route.degraded[start:end]),
        "rejected": sum(route.rejected[start:end]),
        "late": sum(route.bad[start:end]),
        "timeout": sum(route.hung[start:end]),
    }
    seconds = [(fast, slow) for fast, slow in zip(route.p50_s, route.p95_s, strict=True) if fast and slow][start:end]
    middle = sorted(seconds)[len(seconds) // 2]
    return RouteSummary(
        route=route.route,
        phase=phase,
        scheduled=sum(counts.values()),
        outcomes=counts,
        missing=0,
        p50_s=middle[0],
        p95_s=middle[1],
        p99_s=None if phase == "warmup" else middle[1] * 1.4,
    )

"""Merge what the workers of one load tell into what one process would have told. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from gameday.load.wire import Event, LoadDone, LoadTick, RouteDone, RouteTick


def merged_tick(events: Sequence[Event | None]) -> LoadTick | None:
    """
    Return one tick of all workers that tick; None without any.

    Counts add up. Quantiles do not: the worst worker's p95 is shown, and so is the largest share of a core.
    """
    ticks = [event for event in events if isinstance(event, LoadTick)]
    if not ticks:
        return None
    return LoadTick(
        t_s=min(tick.t_s for tick in ticks),
        monotonic_s=min(tick.monotonic_s for tick in ticks),
        routes=tuple(_route(routes) for routes in zip(*(tick.routes for tick in ticks), strict=True)),
        in_flight=sum(tick.in_flight for tick in ticks),
        cpu_share=max(tick.cpu_share for tick in ticks),
    )


def _route(ticks: Sequence[RouteTick]) -> RouteTick:
    return RouteTick(
        route=ticks[0].route,
        offered=sum(tick.offered for tick in ticks),
        good=sum(tick.good for tick in ticks),
        degraded=sum(tick.degraded for tick in ticks),
        rejected=sum(tick.rejected for tick in ticks),
        bad=sum(tick.bad for tick in ticks),
        hung=sum(tick.hung for tick in ticks),
        p95_s=max((tick.p95_s for tick in ticks if tick.p95_s is not None), default=None),
    )


def merged_done(events: Sequence[Event | None]) -> LoadDone | None:
    """Return how the load ended when every worker has; a worker's load that was stopped stopped all of it."""
    done = [event for event in events if isinstance(event, LoadDone)]
    if len(done) < len(events):
        return None
    names = dict.fromkeys(route.route for each in done for route in each.routes)
    return LoadDone(
        routes=tuple(
            _done(name, [route for each in done for route in each.routes if route.route == name]) for name in names
        ),
        cpu_share=max(each.cpu_share for each in done),
        ended_s=min(each.ended_s for each in done),
        stopped=any(each.stopped for each in done),
        shortages=sum((Counter(each.shortages) for each in done), Counter()),
    )


def _done(name: str, parts: Sequence[RouteDone]) -> RouteDone:
    return RouteDone(
        name,
        sum(part.rows for part in parts),
        sum(part.locust_requests for part in parts),
        sum(part.locust_failures for part in parts),
    )

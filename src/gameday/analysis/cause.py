"""
Name why users were affected, by rules on what changed first: one of seven causes, or unknown with the reason.

The rules of ``_named`` are tried in their order. What cannot be told from something else is unknown.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import dropwhile

import numpy as np

from gameday.analysis.attribution import control_moved
from gameday.analysis.case import Case
from gameday.analysis.internals import AGAIN, RANK, call_rise_s, onsets, retried, timed
from gameday.analysis.model import Cause, CauseName, Detection, Onset, OnsetKind
from gameday.analysis.onsets import SUFFERS, control, event, late, measured
from gameday.analysis.windows import Window
from gameday.analysis.wording import seconds
from gameday.experiment.model import System, onward

SLACK_S = 1.0
"""What begins this much after the first route suffers may have begun before it: samples come once a second."""
FEW = 3
"""So many bad requests more than usual show nothing."""
ALIKE, SURELY = 0.05, 5.0
"""All calls of a process take longer together where none rose by less than this share of the largest, nor by less than so many deviations."""
EXPLAINED = 0.25
"""A callee that became slower by less than this share of the time by which routes did is not why they are late; nor is a node, of the logarithms."""
BROKEN: frozenset[OnsetKind] = frozenset(("left", "keys", "failures", "hits"))
"""What a service shows that is not only slow."""
STAYS = 0.1
"""A route with so many more bad requests than before, when the fault is long over, did not come back."""
Named = tuple[CauseName, str, str]
"""A cause, what it is, and why."""


def cause(case: Case) -> Cause | None:
    """Return the chain of onsets and the cause; None where no route had a baseline and a fault phase in which to change."""
    return case.once(("cause",), lambda: _cause(case))


def _cause(case: Case) -> Cause | None:
    chain, routes = onsets(case), measured(case)
    if not routes:
        return None
    suffering = [onset for onset in chain if onset.kind in SUFFERS]
    affected = tuple(route for route in routes if any(onset.subject == route for onset in suffering))
    if not affected:
        scattered = tuple(_scattered(case, routes))
        reason = (
            f"no route changed beyond doubt, but {'; '.join(scattered)}"
            if scattered
            else f"none of the measured routes ({', '.join(routes)}) became late, failed or was degraded more often than before"
        )
        return Cause("unknown" if scattered else None, "", reason, (), routes, tuple(_of_fault(case, chain)))
    name, subject, reason = _named(case, chain, affected)
    return Cause(name, subject, reason, affected, routes, chain, tuple(_detections(affected, suffering)))


def _scattered(case: Case, routes: tuple[str, ...]) -> Iterator[str]:
    """Yield in words which routes had more bad or degraded requests in the event than chance gives them, though no change was seen."""
    for route in routes:
        before, during = (case.inside(route, window) for window in (case.windows.baseline, event(case)))
        usual, more = (int((each.bad | each.degraded).sum()) for each in (before, during))
        expected = usual * len(during) / max(len(before), 1)
        if more > expected + FEW + 3 * math.sqrt(expected):
            yield f"{route} had {more} bad or degraded of {len(during)} requests ({usual} of {len(before)} before)"


def _of_fault(case: Case, chain: tuple[Onset, ...]) -> Iterator[Onset]:
    """Yield what changed from the first on of what the fault acted on: what else moves while nobody suffers is noise."""
    touched = _touched(case)
    return dropwhile(lambda onset: onset.subject not in touched, chain)


def _detections(affected: tuple[str, ...], suffering: list[Onset]) -> Iterator[Detection]:
    found = []
    for route in affected:
        first = min((onset for onset in suffering if onset.subject == route), key=lambda onset: onset.alarm_s)
        found.append(Detection(route, first.at_s, first.alarm_s))
    yield from sorted(found, key=lambda detection: detection.alarm_s)


def _named(case: Case, chain: tuple[Onset, ...], affected: tuple[str, ...]) -> Named:
    """
    Return the first cause whose rule applies.

    1. generator: it ran late no later than the first route, and no route suffers counted from when it was sent; else those that do count.
    2. retry storm: the fault is over, but routes still fail and calls are still tried again.
    3. What the fault acted on, where it shows that by more than being slow, if all who suffer need it: a busy node is its consequence.
    4. node: the control route, which shares nothing, became slow with them; or all that a process calls did at once.
    5. What a service's own signals show, the nearest to the fault: cache, database, callee, if all who suffer need it.
    6. pool: one was full, and routes suffer that do not need what changed.
    7. What the fault acted on, if all who suffer need it; else a pool that was full.
    """
    first_s = min(onset.at_s for onset in chain if onset.subject in affected and onset.kind in SUFFERS)
    early = [onset for onset in chain if onset.at_s <= first_s + SLACK_S]
    if lag := next((onset for onset in early if onset.kind == "lag"), None):
        affected = _suffering(case, chain, affected)
        if not affected:
            told = f"it sent late from {seconds(lag.at_s)} on, and what it sent was answered as fast as before"
            return "generator", "", told
    return (
        _storm(case, chain, affected)
        or _struck(case, chain, early, affected)
        or _node(case, early, affected)
        or _process(case, chain, early, affected)
        or _rooted(case, chain, early, affected)
    )


def _suffering(case: Case, chain: tuple[Onset, ...], affected: tuple[str, ...]) -> tuple[str, ...]:
    """Return the routes that suffer counted from when their requests were sent, and not for the generator's lag alone."""
    other = {onset.subject for onset in chain if onset.kind in SUFFERS - {"late"}}
    return tuple(route for route in affected if route in other or late(case, route, by_service=True))


def _struck(case: Case, chain: tuple[Onset, ...], early: list[Onset], affected: tuple[str, ...]) -> Named | None:
    """Return what a fault acted on, where that left, lost its keys, failed or was missed, as no slow node makes it."""
    root = _root(case, early, affected)
    if root is None or root.kind not in BROKEN or root.subject not in _touched(case):
        return None
    return None if _sharing(case.plan.system, chain, root.subject, affected) else _of(case, root)


def _of(case: Case, root: Onset) -> Named:
    return (
        _role(case.plan.system, root.subject),
        root.subject,
        f"{root.text} first, and every route that suffers needs it",
    )


def _node(case: Case, early: list[Onset], affected: tuple[str, ...]) -> Named | None:
    moved = next((onset for onset in early if onset.kind == "control"), None)
    if moved is None or not control_moved(case) or not control(case, by_service=True):
        return None
    window = Window("moved", moved.at_s, event(case).end_s)
    least = min(_slowdown(case, route, window) for route in affected)
    if math.log(_slowdown(case, moved.subject, window)) < EXPLAINED * math.log(least):
        return None
    return (
        "node",
        "",
        f"the control route {moved.subject}, which shares no pool with anything, became slow with the others",
    )


def _slowdown(case: Case, route: str, window: Window) -> float:
    """Return how many times longer a route takes in a window than in the baseline, by its median, at least 1."""
    before, after = (case.routes[route].within(each).response_s for each in (case.windows.baseline, window))
    if not len(before) or not len(after):
        return 1.0
    return max(1.0, float(np.median(after)) / max(float(np.median(before)), 1e-6))


def _process(case: Case, chain: tuple[Onset, ...], early: list[Onset], affected: tuple[str, ...]) -> Named | None:
    """Return the node where a process became slow itself: all that it calls took longer at once, as seen from there."""
    for caller in case.plan.system.entries():
        callees = timed(case, caller)
        slow = next((onset for onset in early if onset.kind == "slow" and onset.by == caller), None)
        if len(callees) < 2 or slow is None:
            continue
        rises = [call_rise_s(case, caller, callee, slow.at_s, slow.alarm_s) for callee in callees]
        largest_s = max(rise_s for rise_s, _ in rises)
        together = all(rise_s > max(ALIKE * largest_s, SURELY * deviation_s) for rise_s, deviation_s in rises)
        own = any(onset.subject in callees and onset.kind in BROKEN - {"hits"} for onset in early)
        full = any(onset.kind == "full" and onset.by == caller and onset.at_s <= slow.at_s for onset in chain)
        entering = {route for route in measured(case) if case.plan.system.routes[route].entry == caller}
        if together and not own and not full and set(affected) == entering:
            return (
                "node",
                caller,
                f"all that {caller} calls ({_listed(callees)}) took longer at once, so {caller} itself did",
            )
    return None


def _storm(case: Case, chain: tuple[Onset, ...], affected: tuple[str, ...]) -> Named | None:
    after = case.windows.recovery
    if case.windows.shape == "none" or after.length_s < SLACK_S or case.windows.ended_s >= after.end_s:
        return None
    staying = [
        route for route in affected if _bad(case, route, after) > _bad(case, route, case.windows.baseline) + STAYS
    ]
    for onset in (onset for onset in chain if onset.kind == "retries"):
        again = retried(case, onset.by, onset.subject, after.start_s, after.end_s)
        if staying and again is not None and again >= AGAIN:
            told = f"the fault is over, but {again:.2g} of each call to {onset.subject} are retries and {staying[0]} still fails"
            return "retry storm", onset.subject, told
    return None


def _bad(case: Case, route: str, window: Window) -> float:
    inside = case.routes[route].within(window)
    return float(np.mean(inside.bad)) if len(inside) else 0.0


def _rooted(case: Case, chain: tuple[Onset, ...], early: list[Onset], affected: tuple[str, ...]) -> Named:
    """Return what began it: a service that all who suffer need, or the pool by which the others suffer too."""
    system = case.plan.system
    full = next((onset for onset in early if onset.kind == "full"), None)
    root = _root(case, early, affected)
    if root is None:
        return _acted_on(case, chain, early, affected)
    spared = _sharing(system, chain, root.subject, affected)
    if not spared:
        return _of(case, root)
    if full is not None:
        return "pool", full.subject, f"it was full, and {_listed(spared)} suffered without needing {root.subject}"
    told = f"{root.text}, but {_listed(spared)} suffered without needing it, and no pool was seen to be full"
    return "unknown", "", told


def _acted_on(case: Case, chain: tuple[Onset, ...], early: list[Onset], affected: tuple[str, ...]) -> Named:
    """Return what the fault acted on, where no service shows what began it; or the pool by which others suffer."""
    injected = tuple(_injected(case, affected))
    full = next((onset for onset in early if onset.kind == "full"), None)
    for service in injected:
        if not _unexplained(case.plan.system, chain, service, affected):
            return (
                _role(case.plan.system, service),
                service,
                "the fault acted on it, and every route that suffers needs it",
            )
    if full is None:
        return "unknown", "", _unseen(case, early, affected, injected)
    spared = _unexplained(case.plan.system, chain, injected[0], affected) if injected else ()
    if spared:
        return "pool", full.subject, f"it was full, and {_listed(spared)} suffered without needing {injected[0]}"
    return "pool", full.subject, "it was full, and nothing that is called was seen to change before"


def _sharing(system: System, chain: tuple[Onset, ...], root: str, affected: tuple[str, ...]) -> tuple[str, ...]:
    """Return the routes that suffer without needing a service, but for those that only a pool which it filled later reaches."""
    full_s = min((onset.at_s for onset in chain if onset.kind == "full"), default=math.inf)
    first_s = {
        route: min(onset.at_s for onset in chain if onset.subject == route and onset.kind in SUFFERS)
        for route in affected
    }
    later = full_s > min(first_s.values()) + SLACK_S
    spared = _unexplained(system, chain, root, affected)
    return tuple(route for route in spared if not later or first_s[route] < full_s)


def _unseen(case: Case, early: list[Onset], affected: tuple[str, ...], injected: tuple[str, ...]) -> str:
    entries = {case.plan.system.routes[route].entry for route in affected}
    lost = next((onset for onset in early if onset.kind == "left" and onset.subject in entries), None)
    if lost is not None:
        return f"{lost.text}, one of {lost.subject} itself, at which {_listed(affected)} enter"
    if injected:
        return f"the fault acted on {_listed(injected)}, but routes suffered that do not need it, and no pool was seen to be full"
    counted = any(service.counters is not None for service in case.plan.system.services.values())
    return "no service, pool or control route changed before" if counted else "no service publishes what it does"


def _root(case: Case, early: list[Onset], affected: tuple[str, ...]) -> Onset | None:
    """Return the nearest to the fault of what services show: what was acted on, what all who suffer need, what came first."""
    system = case.plan.system
    entries = {system.routes[route].entry for route in affected}
    found = [
        onset
        for onset in early
        if onset.subject not in entries and (onset.kind in BROKEN or _explains(case, onset, affected))
    ]
    shown = {onset.subject for onset in found}
    deepest = [onset for onset in found if not (onward(system.callees(onset.subject), system.callees) & shown)]
    touched = _touched(case)
    return min(
        deepest or found,
        key=lambda onset: (
            onset.subject not in touched,
            round(onset.at_s, 3),
            RANK[onset.kind],
            bool(_unexplained(system, tuple(early), onset.subject, affected)),
        ),
        default=None,
    )


def _explains(case: Case, slow: Onset, affected: tuple[str, ...]) -> bool:
    """Return whether calls became slower by enough to make a route that needs them as late as it is."""
    if slow.kind != "slow":
        return False
    rise_s, _ = call_rise_s(case, slow.by, slow.subject, slow.at_s, slow.alarm_s)
    late_s = []
    for route in affected:
        if slow.subject in _needs(case.plan.system, route):
            during = case.routes[route].within(Window("slow", slow.at_s, slow.alarm_s)).response_s
            usual = case.routes[route].within(case.windows.baseline).response_s
            late_s += [float(during.mean() - usual.mean())] if len(during) and len(usual) else []
    return bool(late_s) and rise_s >= EXPLAINED * min(late_s)


def _touched(case: Case) -> set[str]:
    return {end for fault in case.plan.faults for end in _ends(fault.services, fault.edges)}


def _ends(services: tuple[str, ...], edges: tuple[str, ...]) -> Iterator[str]:
    yield from (edge.rpartition(" -> ")[2] for edge in edges) if edges else services


def _injected(case: Case, affected: tuple[str, ...]) -> Iterator[str]:
    """Yield the services behind the routes that suffer on which a fault acted, where it is known to have."""
    entries = {case.plan.system.routes[route].entry for route in affected}
    for episode in case.episodes:
        fault = episode.planned
        if fault is not None and episode.confirmed_s is not None and not fault.beside and not fault.surge_per_s:
            yield from (end for end in _ends(fault.services, fault.edges) if end not in entries)


def _role(system: System, service: str) -> CauseName:
    declared = system.services.get(service)
    kind, counters = (declared.kind, declared.counters) if declared else ("http", None)
    if kind == "redis" or any(origin.cache == service for origin in system.origins.values()):
        return "cache"
    if kind == "postgres" or service in system.origins:
        return "database"
    if counters is not None and counters.keys:
        return "cache"
    return "database" if counters is not None and counters.origin_queries else "callee"


def _unexplained(system: System, chain: tuple[Onset, ...], root: str, affected: tuple[str, ...]) -> tuple[str, ...]:
    """Return the routes that suffer without needing a service, nor the origin that a cache spares."""
    needed = {route: _needs(system, route) for route in system.routes}
    roots = {root}
    if _role(system, root) == "cache":
        roots |= {origin for origin, spared in system.origins.items() if spared.cache == root}
        roots |= {onset.subject for onset in chain if onset.kind == "queries"}
        beside = set[str]().union(*(services for services in needed.values() if root in services))
        roots |= {service for service in beside if _role(system, service) == "database"}
    return tuple(route for route in affected if not roots & needed[route])


def _needs(system: System, route: str) -> set[str]:
    """Return what a route needs, and what these services call; not what its entry calls for others."""
    declared = system.routes[route]
    behind = {*declared.hard, *declared.soft} - {declared.entry}
    return onward(behind, system.callees)


def _listed(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

"""Thresholds can be met at all, and the sample that is planned is large enough to decide them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from gameday.experiment.checks.subject import Complaint, Subject, in_experiment, in_system
from gameday.experiment.course import fault_window
from gameday.experiment.flaws import Flaw, KeyPath, one_of
from gameday.experiment.model import Abort, RouteProbe
from gameday.experiment.plan import falls_back, pressed_routes
from gameday.experiment.samples import (
    BIN_S,
    BURN_S,
    LEAST_BAD,
    LEAST_FOR_P50,
    LEAST_FOR_P95,
    PLANNED_PER_BIN,
    needed,
    smallest_share,
)
from gameday.experiment.units import Threshold
from gameday.experiment.writing import at_most_seconds, of_number, of_share, per_second, seconds, share


@dataclass(frozen=True, slots=True)
class _Window:
    """A judged window: its phase, its length without guards, and what the guards take."""

    phase: str
    length_s: float
    guards_s: float = 0.0


@dataclass(frozen=True, slots=True)
class _Judged:
    """Something that is judged: where it is declared, in words, of which route, in which windows (the shortest one binds)."""

    path: KeyPath
    what: str
    route: str
    windows: tuple[_Window, ...]


def check(subject: Subject) -> Iterator[Complaint]:
    """Check every threshold of the hypothesis and of the expectations."""
    for index, probe in enumerate(subject.experiment.steady_state_hypothesis.probes):
        yield from _probe(subject, probe, ("steady-state-hypothesis", "probes", index))
    yield from _recovery(subject)
    yield from _bulkhead(subject)
    yield from _backpressure(subject)
    yield from _outage(subject)
    yield from _numbers(subject)


def _probe(subject: Subject, probe: RouteProbe, path: KeyPath) -> Iterator[Complaint]:
    """A probe is judged in the baseline and the recovery, and during the fault if its route can do without what is faulted."""
    route = subject.system.routes.get(probe.route)
    faulted = {service for fault in subject.faults for service in fault.services}
    spared = route is not None and subject.faults and not faulted & set(route.hard)
    windows = (*_calm(subject), _fault(subject)) if spared else _calm(subject)
    if probe.good is not None:
        judged = _Judged((*path, "good"), f"good {of_share(probe.good)}", probe.route, windows)
        yield from _share(subject, judged, probe.good)
    for part, threshold, least in (("p50", probe.p50, LEAST_FOR_P50), ("p95", probe.p95, LEAST_FOR_P95)):
        if threshold is None:
            continue
        written = at_most_seconds(threshold)
        if threshold.bound <= 0:
            yield Complaint("experiment", Flaw((*path, part), "nothing can pass this", written, "above 0s"))
        else:
            yield from _too_few(subject, _Judged((*path, part), f"{part} {written}", probe.route, windows), least)


def _recovery(subject: Subject) -> Iterator[Complaint]:
    """A recovery is seen in bins: in each of them at least one part of the hypothesis must be there to be judged."""
    probes, rates = subject.experiment.steady_state_hypothesis.probes, subject.experiment.load.routes
    loaded = [probe for probe in probes if probe.route in rates]
    if subject.experiment.expect.recovery is None or not loaded or len(loaded) < len(probes):
        return
    fastest = max((probe.route for probe in loaded), key=lambda route: rates[route])
    if any(probe.good is not None for probe in probes) or rates[fastest] * BIN_S >= PLANNED_PER_BIN:
        return
    seen = f"n = {int(rates[fastest] * BIN_S)}: {fastest} at {per_second(rates[fastest])} over {seconds(BIN_S)}"
    rate = math.ceil(PLANNED_PER_BIN / BIN_S)
    valid = f'good: in a probe, such as good: "> 97%", or load.routes.{fastest} at {rate}/s'
    path: KeyPath = ("steady-state-hypothesis", "probes")
    message = f"no probe can be judged in a bin of the recovery, which needs n >= {PLANNED_PER_BIN} for quantiles"
    flaw = Flaw(path, message, seen, valid, of_key=True)
    grounds = (in_experiment("load", "routes", fastest), in_experiment("expect", "recovery"))
    yield Complaint("experiment", flaw, grounds)


def _bulkhead(subject: Subject) -> Iterator[Complaint]:
    bulkhead = subject.experiment.expect.bulkhead
    if bulkhead is None:
        return
    path: KeyPath = ("expect", "bulkhead")
    route = _slowest(subject, bulkhead.isolated)
    shares = {"errors": bulkhead.errors, "goodput": bulkhead.goodput, "hung": bulkhead.hung}
    yield from _shares(subject, path, route, shares)
    no_fallback = tuple(each for each in bulkhead.isolated if not falls_back(subject.system, subject.faults, each))
    if no_fallback and bulkhead.degraded != bulkhead.errors:  # else the sample is as large as that of the errors
        yield from _shares(subject, path, _slowest(subject, no_fallback), {"degraded": bulkhead.degraded})
    compared = (_calm(subject)[0], _fault(subject))
    for each, name in ((route, route), (_control(subject), "the control route")):
        if each is not None:
            latency = _Judged((*path, "isolated"), f"the p95 of {name}", each, compared)
            yield from _too_few(subject, latency, LEAST_FOR_P95)
    if bulkhead.inflation.bound < 1:
        valid = 'at least "< 1", as a fault makes nothing faster'
        yield Complaint(
            "experiment", Flaw((*path, "inflation"), "nothing can pass this", of_number(bulkhead.inflation), valid)
        )


def _backpressure(subject: Subject) -> Iterator[Complaint]:
    backpressure = subject.experiment.expect.backpressure
    if backpressure is None or any(each not in subject.system.routes for each in subject.experiment.load.routes):
        return
    path: KeyPath = ("expect", "backpressure")
    pressed = pressed_routes(subject.experiment, subject.system, subject.faults)
    if not pressed and subject.method.whole:
        flaw = Flaw(path, "no loaded route depends on what is faulted", "no route", "routes: […]", of_key=True)
        yield Complaint("experiment", flaw, (in_experiment("method"), in_system("routes")))
    if pressed:
        shares = {"fast-or-good": backpressure.fast_or_good, "hung": backpressure.hung}
        yield from _shares(subject, path, _slowest(subject, pressed), shares)
    if backpressure.fast_s <= 0:
        flaw = Flaw((*path, "fast"), "nothing is this fast", seconds(backpressure.fast_s), "above 0s")
        yield Complaint("experiment", flaw)


def _outage(subject: Subject) -> Iterator[Complaint]:
    """What an event cost is counted in requests: the bound must be more than one of them, and the event over at once."""
    outage = subject.experiment.expect.outage
    if outage is None:
        return
    path: KeyPath = ("expect", "outage")
    route = _slowest(subject, outage.routes)
    rate_per_s = subject.experiment.load.routes.get(route)
    if rate_per_s is not None and outage.lost_s.bound * rate_per_s < 1:
        seen = f"{at_most_seconds(outage.lost_s)} of {route} at {per_second(rate_per_s)} is less than one request"
        flaw = Flaw((*path, "lost"), "not even one bad answer would pass", seen, f"at least {seconds(1 / rate_per_s)}")
        yield Complaint("experiment", flaw, (in_experiment("load", "routes", route),))
    else:
        compared = (_calm(subject)[0], _fault(subject))
        yield from _too_few(subject, _Judged((*path, "routes"), f"what {route} loses", route, compared), LEAST_FOR_P95)
    if subject.faults and subject.method.whole and all(fault.shape != "impulse" for fault in subject.faults):
        valid = "expect.bulkhead or expect.backpressure, which compare windows"
        flaw = Flaw(path, "an outage is what a single event costs, and these faults last", "outage", valid, of_key=True)
        yield Complaint("experiment", flaw, (in_experiment("method"),))


def _numbers(subject: Subject) -> Iterator[Complaint]:
    stampede, abort = subject.experiment.expect.stampede, subject.experiment.safety.abort
    if stampede is not None and stampede.duplicates.bound < 1:
        valid = 'at least "< 1": each key that is filled costs one query'
        path: KeyPath = ("expect", "stampede", "duplicates")
        yield Complaint("experiment", Flaw(path, "nothing can pass this", of_number(stampede.duplicates), valid))
    if abort is not None:
        yield from _abort(subject, abort)


def _abort(subject: Subject, abort: Abort) -> Iterator[Complaint]:
    """An abort condition that can never hold protects nobody."""
    path: KeyPath = ("safety", "abort")
    if not 0 < abort.slo < 1:
        flaw = Flaw((*path, "slo"), "no budget can be spent", share(abort.slo), "above 0% and below 100%")
        yield Complaint("experiment", flaw)
    elif abort.burn_rate.bound >= (most := round(1 / (1 - abort.slo), 6)):
        message = f"a budget of {share(round(1 - abort.slo, 9))} never burns this fast, even when every request is bad"
        flaw = Flaw((*path, "burn-rate"), message, of_number(abort.burn_rate), f"below {most:.10g}")
        yield Complaint("experiment", flaw, (in_experiment(*path, "slo"),))
    rate_per_s = subject.experiment.load.routes.get(abort.route)
    if rate_per_s is not None and rate_per_s * BURN_S < LEAST_BAD:
        message = (
            f"a burn is believed from {LEAST_BAD} bad requests within {seconds(BURN_S)} on, and {abort.route} has fewer"
        )
        flaw = Flaw((*path, "route"), message, f"{abort.route} at {per_second(rate_per_s)}", _faster(subject, abort))
        yield Complaint("experiment", flaw, (in_experiment("load", "routes", abort.route),))


def _faster(subject: Subject, abort: Abort) -> str:
    """Name what could be protected: a route with requests enough, or this one at another rate."""
    rates = subject.experiment.load.routes
    able = [name for name, rate_per_s in rates.items() if rate_per_s * BURN_S >= LEAST_BAD]
    return f"{one_of((*able, f'{abort.route} at {per_second(LEAST_BAD / BURN_S)} or more'))}"


def _control(subject: Subject) -> str | None:
    """Return the route with which isolated ones are compared."""
    routes = subject.system.routes
    return next((name for name in subject.experiment.load.routes if name in routes and routes[name].control), None)


def _slowest(subject: Subject, routes: tuple[str, ...]) -> str:
    """Return the route with the fewest requests; where that one can be judged, all can."""
    return min(routes, key=lambda name: subject.experiment.load.routes.get(name, math.inf))


def _shares(subject: Subject, path: KeyPath, route: str, thresholds: Mapping[str, Threshold]) -> Iterator[Complaint]:
    """Complain of each share of a route's requests in the fault, by its key, whose threshold cannot be judged."""
    for key, threshold in thresholds.items():
        judged = _Judged((*path, key), f"{key} {of_share(threshold)}", route, (_fault(subject),))
        yield from _share(subject, judged, threshold)


def _share(subject: Subject, judged: _Judged, threshold: Threshold) -> Iterator[Complaint]:
    """Complain when not even a clean sample would pass a threshold on a share."""
    least = needed(1 - threshold.bound if threshold.op == ">" else threshold.bound)
    if least is None:
        valid = "a share that leaves room for one request, such as " + ("> 99%" if threshold.op == ">" else "< 0.5%")
        yield Complaint("experiment", Flaw(judged.path, "no sample can show this", of_share(threshold), valid))
    elif threshold.bound == (0.0 if threshold.op == ">" else 1.0):
        valid = "above 0%" if threshold.op == ">" else "below 100%"
        yield Complaint("experiment", Flaw(judged.path, "nothing could ever fail this", of_share(threshold), valid))
    else:
        single = any(fault.shape == "impulse" for fault in subject.faults)
        during = tuple(window for window in judged.windows if single and window.phase == "fault")
        calm = tuple(window for window in judged.windows if window not in during)
        if calm:
            yield from _too_few(subject, replace(judged, windows=calm), least)
        if during:
            why = (
                f"; a share that a single event changes is judged from {LEAST_FOR_P95} requests on"
                if least < LEAST_FOR_P95
                else ""
            )
            yield from _too_few(subject, replace(judged, windows=during), max(least, LEAST_FOR_P95), why=why)


def _too_few(subject: Subject, judged: _Judged, least: int, *, why: str = "") -> Iterator[Complaint]:
    """
    Compare the requests that the windows will hold with those that are needed (``why``).

    Name the rate or the lengths that would do.
    """
    route, window = judged.route, min(judged.windows, key=lambda each: each.length_s)
    rate_per_s = subject.experiment.load.routes.get(route)
    if rate_per_s is None or window.length_s <= 0 or (n := int(rate_per_s * window.length_s)) >= least:
        return
    bound = why or (f"; even a clean sample excludes no less than {share(round(smallest_share(n), 5))}" if n else "")
    seen = f"n = {n}: {route} at {per_second(rate_per_s)} over {seconds(window.length_s)} of the {window.phase} phase"
    longer = (
        f"phases.{each.phase} to {math.ceil(least / rate_per_s + each.guards_s)}s"
        for each in judged.windows
        if int(rate_per_s * each.length_s) < least
    )
    rate = math.ceil(least / window.length_s)
    valid = f"needs n >= {least}: raise load.routes.{route} to {rate}/s or {', '.join(longer)}"
    flaw = Flaw(judged.path, f"the planned sample cannot decide {judged.what}", seen + bound, valid)
    grounds = [in_experiment("load", "routes", route), in_experiment("phases")]
    if window.phase == "fault":
        grounds.append(in_experiment("method"))
    yield Complaint("experiment", flaw, tuple(grounds))


def _calm(subject: Subject) -> tuple[_Window, _Window]:
    phases = subject.experiment.phases
    return _Window("baseline", phases.baseline_s), _Window("recovery", phases.recovery_s)


def _fault(subject: Subject) -> _Window:
    """Return the fault's window; a lasting fault is judged without its guards."""
    phases = subject.experiment.phases
    start_s = phases.warmup_s + phases.baseline_s
    begin_s, end_s, _ = fault_window(subject.faults, (start_s, start_s + phases.fault_s), phases.guard_s)
    return _Window("fault", end_s - begin_s, phases.fault_s - (end_s - begin_s))

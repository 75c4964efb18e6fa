"""Names in the experiment stand for something in the system, and for something that is loaded."""

from __future__ import annotations

from collections.abc import Iterator

from gameday.experiment.checks.subject import Complaint, Subject, in_experiment, in_system, unknown
from gameday.experiment.flaws import Flaw, KeyPath, did_you_mean, one_of
from gameday.experiment.plan import planned_checks


def check(subject: Subject) -> Iterator[Complaint]:
    """Check the names of routes, of the origin and of the deciding check, and that nothing is named twice."""
    yield from _routes(subject)
    yield from _doubles(subject)
    yield from _surges(subject)
    yield from _control(subject)
    yield from _origin(subject)
    yield from _decides(subject)


def _routes(subject: Subject) -> Iterator[Complaint]:
    routes, loaded = list(subject.system.routes), subject.loaded
    for route in subject.experiment.load.routes:
        if route not in routes:
            yield unknown("experiment", ("load", "routes", route), "route", route, routes, of_key=True)
    for path, route in _named(subject):
        if route not in routes:
            yield unknown("experiment", path, "route", route, routes)
        elif route not in loaded:
            flaw = Flaw(path, f"the route {route} is not loaded", route, one_of(loaded), f"add {route} to load.routes")
            yield Complaint("experiment", flaw, (in_experiment("load", "routes", route),))


def _named(subject: Subject) -> Iterator[tuple[KeyPath, str]]:
    """Yield every place outside of the load section where a route is named."""
    experiment = subject.experiment
    for index, probe in enumerate(experiment.steady_state_hypothesis.probes):
        yield ("steady-state-hypothesis", "probes", index, "route"), probe.route
    expect = experiment.expect
    for index, route in enumerate(expect.bulkhead.isolated if expect.bulkhead else ()):
        yield ("expect", "bulkhead", "isolated", index), route
    for index, route in enumerate(expect.backpressure.routes if expect.backpressure else ()):
        yield ("expect", "backpressure", "routes", index), route
    for index, route in enumerate(expect.outage.routes if expect.outage else ()):
        yield ("expect", "outage", "routes", index), route
    if experiment.safety.abort:
        yield ("safety", "abort", "route"), experiment.safety.abort.route


def _doubles(subject: Subject) -> Iterator[Complaint]:
    seen: set[tuple[KeyPath, str]] = set()
    for path, route in _named(subject):
        section = (path[:2], route)
        if section in seen:
            yield Complaint("experiment", Flaw(path, f"{route} is named twice", route, "each route once"))
        seen.add(section)
    for index, probe in enumerate(subject.experiment.steady_state_hypothesis.probes):
        if probe.p50 is None and probe.p95 is None and probe.good is None:
            path = ("steady-state-hypothesis", "probes", index)
            flaw = Flaw(path, "the probe asks for nothing", probe.route, 'p50, p95 or good, such as good: "> 99%"')
            rests = tuple(in_experiment(*path, part) for part in ("p50", "p95", "good"))
            yield Complaint("experiment", flaw, rests)


def _surges(subject: Subject) -> Iterator[Complaint]:
    """A surge is proven by the service's count of a route's requests, so nothing else may come to that route."""
    loaded = subject.experiment.load.routes
    for fault in subject.faults:
        for route in (each for each in fault.surge_per_s if each in loaded or subject.experiment.load.closed):
            free = [name for name, each in subject.system.routes.items() if name not in loaded and not each.control]
            flaw = Flaw(
                ("method",), f"a surge comes to a route without other load, and {route} has some", route, one_of(free)
            )
            yield Complaint("experiment", flaw, (in_experiment("load", "routes", route),))


def _control(subject: Subject) -> Iterator[Complaint]:
    """A bulkhead is judged against a route that shares nothing; that route cannot be judged against itself."""
    bulkhead, routes = subject.experiment.expect.bulkhead, subject.system.routes
    if bulkhead is None:
        return
    controls = [name for name, route in routes.items() if route.control]
    if not any(name in subject.loaded for name in controls):
        valid = f"one of {', '.join(controls)}" if controls else "a route with control: true in the system file"
        message = "a bulkhead is judged against a loaded control route, and there is none"
        flaw = Flaw(
            ("load", "routes"),
            message,
            one_of(subject.loaded),
            valid,
            "add it to load.routes",
            of_key=True,
        )
        yield Complaint("experiment", flaw, (in_system("routes"),))
    for index, name in enumerate(bulkhead.isolated):
        if name in controls:
            path: KeyPath = ("expect", "bulkhead", "isolated", index)
            others = one_of(each for each in subject.loaded if each not in controls)
            yield Complaint("experiment", Flaw(path, f"{name} is the control of the comparison", name, others))


def _origin(subject: Subject) -> Iterator[Complaint]:
    expect, origins = subject.experiment.expect.stampede, subject.system.origins
    if expect is None:
        return
    path: KeyPath = ("expect", "stampede", "origin")
    if expect.origin not in origins:
        yield unknown("experiment", path, "origin", expect.origin, list(origins))
        return
    origin = origins[expect.origin]
    rests = (in_system("origins", expect.origin), in_experiment("method"))
    if origin.route not in subject.loaded:
        message = f"the route {origin.route}, which asks the origin {expect.origin}, is not loaded"
        flaw = Flaw(path, message, one_of(subject.loaded), f"{origin.route} in load.routes")
        yield Complaint("experiment", flaw, (*rests, in_experiment("load", "routes", origin.route)))
    touched = {service for fault in subject.faults for service in fault.services}
    if subject.method.whole and origin.cache not in touched:
        message = f"no fault touches {origin.cache}, the cache of the origin {expect.origin}"
        flaw = Flaw(path, message, one_of(touched, nothing="no service"), f"empty-cache: {{service: {origin.cache}}}")
        yield Complaint("experiment", flaw, rests)


def _decides(subject: Subject) -> Iterator[Complaint]:
    decides = subject.experiment.decides
    probes = subject.experiment.steady_state_hypothesis.probes
    if decides is None or not subject.method.whole or any(each.route not in subject.system.routes for each in probes):
        return
    checks = planned_checks(subject.experiment, subject.system, subject.faults)
    if decides not in checks:
        flaw = Flaw(
            ("decides",), f"no check is called {decides}", decides, one_of(checks), did_you_mean(decides, checks)
        )
        rests = (in_experiment("expect"), in_experiment("steady-state-hypothesis"), in_experiment("method"))
        yield Complaint("experiment", flaw, (*rests, in_system("routes")))

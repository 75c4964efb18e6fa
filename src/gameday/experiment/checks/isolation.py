"""What is compared can differ: isolated routes could do without what is faulted, a control shares nothing, an event touches its routes."""

from __future__ import annotations

from collections.abc import Iterator

from gameday.experiment.catalogue import PlannedFault
from gameday.experiment.checks.subject import Complaint, Subject, in_experiment, in_system
from gameday.experiment.flaws import Flaw, KeyPath, one_of
from gameday.experiment.model import System
from gameday.experiment.parts import Route


def check(subject: Subject) -> Iterator[Complaint]:
    """Check the system's control routes, the isolated routes of an expected bulkhead, and those that a fault should cost something."""
    yield from _shared(subject.system)
    if subject.experiment.expect.bulkhead is not None:
        yield from _faulted_control(subject)
        yield from _isolated(subject)
        yield from _both(subject)
    yield from _untouched(subject)


def _untouched(subject: Subject) -> Iterator[Complaint]:
    """
    A route that no fault can reach loses nothing and fails in no way, whatever the system does.

    That shows nothing.
    """
    expect = subject.experiment.expect
    known = all(fault.services or fault.shape == "none" for fault in subject.faults)
    if not known or not subject.method.whole:
        return
    single = any(fault.shape == "impulse" for fault in subject.faults)  # else it is told that none of them is an event
    named = {
        "outage": expect.outage.routes if expect.outage and single else (),
        "backpressure": expect.backpressure.routes if expect.backpressure else (),
    }
    touched = [
        name
        for name in subject.loaded
        if (route := _route(subject, name)) and any(fault.reaches(_needs(route)) for fault in subject.faults)
    ]
    faulted = sorted({service for fault in subject.faults for service in fault.services})
    isolated = expect.bulkhead.isolated if expect.bulkhead else ()
    for expected, routes in named.items():
        for index, name in enumerate(routes):
            told = expected == "backpressure" and name in isolated  # by ``_both``
            if name not in touched and not told and name in subject.loaded and name in subject.system.routes:
                path: KeyPath = ("expect", expected, "routes", index)
                message, hint = f"no fault can touch {name}: none injects nothing", f"leave expect.{expected} out"
                if faulted:
                    message = f"no fault can touch {name}, which needs nothing of what is faulted: {one_of(faulted)}"
                    hint = "add the service to the route's hard or soft, if it needs it"
                flaw = Flaw(
                    path, message, name, one_of(touched, nothing="no route that is loaded can be touched"), hint
                )
                yield Complaint("experiment", flaw, (in_experiment("method"), in_system("routes", name)))


def _shared(system: System) -> Iterator[Complaint]:
    """A control that shares a service with another route moves with it, and the comparison then takes out what it should show."""
    others = {name: _needs(route) for name, route in system.routes.items() if not route.control}
    free = [name for name in system.services if not any(name in needs for needs in others.values())]
    for name, route in system.routes.items():
        for key, services in (("hard", route.hard), ("soft", route.soft)) if route.control else ():
            for index, service in enumerate(services):
                sharer = next((other for other, needs in others.items() if service in needs), None)
                if sharer is not None:
                    message = f"the control route {name} shares {service} with {sharer}, and would move with it"
                    valid = f"services of its own: {one_of(free, nothing='there are none')}; or a route without control"
                    path: KeyPath = ("routes", name, key, index)
                    rests = (in_system("routes", sharer), in_system("routes", name, "control"))
                    yield Complaint("system", Flaw(path, message, service, valid), rests)


def _faulted_control(subject: Subject) -> Iterator[Complaint]:
    """What hits the control as well is taken for the machine's drift."""
    control = next((name for name in subject.loaded if (each := _route(subject, name)) and each.control), None)
    if control is None:
        return
    for path, fault in subject.method.planned:
        hit = [service for service in _gone(subject.system, fault) if service in _needs(subject.system.routes[control])]
        if hit:
            message = f"{fault.fault} acts on {hit[0]}, which the control route {control} needs"
            valid = f"a fault elsewhere, or no expect.bulkhead, which compares with {control}"
            rests = (in_system("routes", control), in_experiment("expect", "bulkhead"))
            yield Complaint("experiment", Flaw(path, message, hit[0], valid, of_key=True), rests)


def _isolated(subject: Subject) -> Iterator[Complaint]:
    """A route notices when a service is away without which it cannot answer."""
    bulkhead = subject.experiment.expect.bulkhead
    gone = {service: fault for fault in subject.faults for service in _gone(subject.system, fault)}
    able = [
        name
        for name in subject.loaded
        if (route := _route(subject, name)) and not route.control and not gone.keys() & set(route.hard)
    ]
    for index, name in enumerate(bulkhead.isolated if bulkhead else ()):
        declared = _route(subject, name)
        lost = next((service for service in (declared.hard if declared else ()) if service in gone), None)
        if lost is not None:
            path: KeyPath = ("expect", "bulkhead", "isolated", index)
            message = f"{name} cannot do without {lost}, on which {gone[lost].fault} acts"
            valid = one_of(able, nothing="no route that is loaded could be")
            judges = "expect.outage" if gone[lost].shape == "impulse" else "expect.backpressure"
            flaw = Flaw(path, message, name, valid, f"how it fails is what {judges} judges")
            yield Complaint("experiment", flaw, (in_experiment("method"), in_system("routes", name)))


def _both(subject: Subject) -> Iterator[Complaint]:
    """Not to notice a fault and to fail well under it are two things."""
    bulkhead, backpressure = subject.experiment.expect.bulkhead, subject.experiment.expect.backpressure
    isolated = bulkhead.isolated if bulkhead else ()
    for index, name in enumerate(backpressure.routes if backpressure else ()):
        if name in isolated:
            path: KeyPath = ("expect", "backpressure", "routes", index)
            message = f"{name} is isolated: what must not notice the fault need not fail well under it"
            valid = "each route in expect.bulkhead.isolated or here"
            yield Complaint("experiment", Flaw(path, message, name, valid), (in_experiment("expect", "bulkhead"),))


def _gone(system: System, fault: PlannedFault) -> tuple[str, ...]:
    """
    Return the services that a fault takes from their callers.

    One that acts beside a service takes nothing, and of a service with several processes others may be left: only stores have just one.
    """
    if fault.beside:
        return ()
    if fault.parameters.get("replicas") in {None, "all"}:
        return fault.services
    return tuple(service for service in fault.services if system.services[service].kind != "http")


def _needs(route: Route) -> set[str]:
    return {*route.hard, *route.soft}


def _route(subject: Subject, name: str) -> Route | None:
    return subject.system.routes.get(name)

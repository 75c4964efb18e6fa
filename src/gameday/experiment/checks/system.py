"""The system file fits itself: services, edges, routes, origins and variants name each other rightly."""

from __future__ import annotations

from collections.abc import Iterator

from gameday.experiment.checks import cluster
from gameday.experiment.checks.subject import Complaint, Subject, in_system, unknown
from gameday.experiment.flaws import Flaw, KeyPath, did_you_mean, one_of
from gameday.experiment.model import System
from gameday.experiment.writing import seconds


def check(subject: Subject) -> Iterator[Complaint]:
    """Check the system by itself."""
    system = subject.system
    if system.name != subject.system_stem:
        flaw = Flaw(("name",), "the name is not that of the file", system.name, subject.system_stem)
        yield Complaint("system", flaw)
    if not system.targets.names():
        flaw = Flaw(
            ("targets",),
            "the system has no target to run on",
            "no target",
            "local: {demo: shop}, or kind: {context: kind-gameday, namespace: NAME, url: URL}",
            of_key=True,
        )
        yield Complaint("system", flaw)
    yield from _edges(system)
    for name in system.routes:
        yield from _route_services(system, name)
    yield from _origins(system)
    yield from _variants(subject)
    yield from _bypasses(system)
    yield from cluster.check(system)


def _edges(system: System) -> Iterator[Complaint]:
    services = list(system.services)
    seen: set[str] = set()
    for index, edge in enumerate(system.dependencies):
        path: KeyPath = ("dependencies", index)
        for name in (edge.caller, edge.callee):
            if name not in services:
                yield unknown("system", path, "service", name, services)
        if edge.caller == edge.callee:
            yield Complaint("system", Flaw(path, "a service does not call itself", str(edge), "two services"))
        if str(edge) in seen:
            yield Complaint("system", Flaw(path, "the edge stands twice", str(edge), "each edge once"))
        seen.add(str(edge))


def _route_services(system: System, name: str) -> Iterator[Complaint]:
    route = system.routes[name]
    seen: set[str] = set()
    for key, services in (("hard", route.hard), ("soft", route.soft)):
        for index, service in enumerate(services):
            path: KeyPath = ("routes", name, key, index)
            if service not in system.services:
                yield unknown("system", path, "service", service, list(system.services))
            elif service in seen:
                yield Complaint(
                    "system", Flaw(path, f"{service} is named twice", service, "each service once, hard or soft")
                )
            elif service != route.entry and service not in _reached(system, route.entry):
                message = f"nothing leads from {route.entry}, where requests of {name} enter, to {service}"
                flaw = Flaw(
                    path,
                    message,
                    service,
                    one_of(_reached(system, route.entry)),
                    f"a dependency {route.entry} -> {service}?",
                )
                yield Complaint("system", flaw, (in_system("dependencies"), in_system("routes", name, "hard")))
            seen.add(service)
    entry = system.services.get(route.entry)
    if entry is not None and entry.kind != "http":
        flaw = Flaw(
            ("routes", name, "hard", 0),
            "requests enter at the first hard service, and it speaks no HTTP",
            route.entry,
            one_of(each for each, service in system.services.items() if service.kind == "http"),
        )
        yield Complaint("system", flaw, (in_system("services", route.entry, "kind"),))
    if route.deadline_s <= 0:
        yield Complaint(
            "system",
            Flaw(("routes", name, "deadline"), "nobody answers at once", seconds(route.deadline_s), "above 0s"),
        )


def _reached(system: System, start: str) -> tuple[str, ...]:
    """Return the services to which dependencies lead from a service, nearest first, itself left out."""
    reached = [start]
    for caller in reached:
        reached.extend(
            dict.fromkeys(
                edge.callee for edge in system.dependencies if edge.caller == caller and edge.callee not in reached
            )
        )
    return tuple(reached[1:])


def _origins(system: System) -> Iterator[Complaint]:
    toggles = sorted({toggle for variant in system.variants.values() for toggle in variant})
    caches = [name for name, service in system.services.items() if service.kind == "redis"]
    for name, origin in system.origins.items():
        path: KeyPath = ("origins", name)
        if name not in system.services:
            yield unknown("system", path, "service", name, list(system.services), of_key=True)
        if origin.route not in system.routes:
            yield unknown("system", (*path, "route"), "route", origin.route, list(system.routes))
        elif system.routes[origin.route].keys is None:
            flaw = Flaw((*path, "route"), "a cached route asks for keys", origin.route, "a route with keys")
            yield Complaint("system", flaw, (in_system("routes", origin.route, "keys"),))
        if origin.cache not in system.services:
            yield unknown("system", (*path, "cache"), "service", origin.cache, caches)
        elif origin.cache not in caches:
            flaw = Flaw(
                (*path, "cache"),
                f"{origin.cache} is no cache",
                origin.cache,
                f"a service of kind redis: {one_of(caches)}",
            )
            yield Complaint("system", flaw, (in_system("services", origin.cache, "kind"),))
        if system.variants and origin.single_flight not in toggles:
            flaw = Flaw(
                (*path, "single-flight"),
                f"no variant has a switch {origin.single_flight}",
                origin.single_flight,
                one_of(toggles),
                did_you_mean(origin.single_flight, toggles),
            )
            yield Complaint("system", flaw, (in_system("variants"),))
        if origin.query_s <= 0:
            yield Complaint("system", Flaw((*path, "query"), "a query takes time", seconds(origin.query_s), "above 0s"))


def _variants(subject: Subject) -> Iterator[Complaint]:
    """Every variant sets every switch, so that what a run leaves behind never reaches into the next; and no other one."""
    system, known = subject.system, subject.switches
    switches = dict.fromkeys(
        toggle for variant in system.variants.values() for toggle in variant if known is None or toggle in known
    )
    for name, variant in system.variants.items():
        strange = [toggle for toggle in variant if toggle not in switches]
        for toggle in strange:
            yield unknown("system", ("variants", name, toggle), "switch", toggle, known or (), of_key=True)
        missing = [toggle for toggle in switches if toggle not in variant]
        if missing and not strange:
            flaw = Flaw(
                ("variants", name),
                f"{name} leaves a switch open",
                one_of(variant, nothing="no switch"),
                f"also {one_of(missing)}",
            )
            yield Complaint("system", flaw, (in_system("variants"),))


def _bypasses(system: System) -> Iterator[Complaint]:
    local = system.targets.local
    edges = [f"{caller} -> {callee}" for callee in system.services for caller in system.callers(callee)]
    for edge in local.bypass if local else ():
        if edge not in edges:
            yield unknown("system", ("targets", "local", "bypass", edge), "edge", edge, edges, of_key=True)

"""The load is open routes or a person's own locustfile, and what is asked of a locustfile can be known of it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from gameday.experiment.checks.subject import Complaint, Subject, in_experiment, in_system, unknown
from gameday.experiment.flaws import Flaw, KeyPath, one_of
from gameday.experiment.in_flight import WORKER_BYTES, Machine, lacking, most_in_flight, needed, peak_rate_per_s
from gameday.experiment.writing import per_second, seconds

_OPEN_ONLY = {"arrivals": "arrivals", "workers": "workers", "max_in_flight": "max-in-flight"}
_CLOSED_ONLY = {
    "users": "users",
    "spawn_rate_per_s": "spawn-rate",
    "tags": "tags",
    "exclude_tags": "exclude-tags",
    "host": "host",
    "hosts": "hosts",
    "names": "names",
}
"""Field -> key, of what has a meaning with one kind of load only."""


def check(subject: Subject) -> Iterator[Complaint]:
    """Check which kind of load it is, and that everything else fits that kind."""
    yield from _kind(subject)
    if subject.experiment.load.closed:
        yield from _hosts(subject)
        yield from _names(subject)
        yield from _ramp(subject)
        yield from _unknowable(subject)
    elif subject.experiment.load.routes:
        yield from _in_flight(subject)


def _kind(subject: Subject) -> Iterator[Complaint]:
    load = subject.experiment.load
    if load.closed and load.routes:
        flaw = Flaw(
            ("load", "locustfile"),
            "a load is routes or a locustfile, not both",
            load.locustfile or "",
            "one of them",
            "its users decide what they ask, so leave load.routes out",
            of_key=True,
        )
        yield Complaint("experiment", flaw, (in_experiment("load", "routes"),))
    if not load.closed and not load.routes:
        valid = "routes with their rates, such as routes: {login: 60/s}, or a locustfile"
        flaw = Flaw(("load",), "nothing is loaded", "no routes", valid, of_key=True)
        yield Complaint("experiment", flaw, (in_experiment("load", "routes"), in_experiment("load", "locustfile")))
    only, kind = (_OPEN_ONLY, "load.routes") if load.closed else (_CLOSED_ONLY, "load.locustfile")
    for field, key in only.items():
        if field in load.model_fields_set and (load.closed or load.routes):
            flaw = Flaw(("load", key), f"{key} goes with {kind} only", key, f"a load without {key}", of_key=True)
            yield Complaint("experiment", flaw, (in_experiment("load", "locustfile"), in_experiment("load", "routes")))


def _in_flight(subject: Subject) -> Iterator[Complaint]:
    """Check that no arrival can be dropped, however long the system takes to answer: by the file's own limit, or by the machine's."""
    load, faults = subject.experiment.load, subject.faults
    rests = (in_experiment("load"), in_experiment("method"), in_system("routes"))
    given, need = load.max_in_flight, needed(load, faults)
    at_most = per_second(round(peak_rate_per_s(load, faults), 3))
    if given is not None and given < need:
        flaw = Flaw(
            ("load", "max-in-flight"),
            f"a system that does not answer leaves up to {need} requests open ({at_most}, given up after {seconds(load.hang_s)})",
            str(given),
            f"at least {need}",
            "leave it out to have it computed, or lower the rates or load.hang",
        )
        yield Complaint("experiment", flaw, rests)
    each, where = most_in_flight(load, faults), "this machine"
    machine = subject.machine
    if load.workers > 1:
        machine, where = Machine(math.inf, WORKER_BYTES, each), "a worker's pod"
    # The local target's proxy at the entrance holds both sides of each request.
    sockets = 2 if subject.system.targets.local is not None and load.workers == 1 else 1
    for lack in lacking(each, machine, sockets=sockets) if machine else ():
        flaw = Flaw(
            ("load", "routes" if given is None else "max-in-flight"),
            f"{where} cannot carry {each} open requests ({at_most}, given up after {seconds(load.hang_s)})",
            lack.partition(": ")[0],
            lack.partition(": ")[2] + ("" if load.workers == 1 else ", or have more load.workers"),
            of_key=True,
        )
        yield Complaint("experiment", flaw, rests)


def _hosts(subject: Subject) -> Iterator[Complaint]:
    """Requests enter at a service where a route enters: of no other is an address known."""
    load, entries = subject.experiment.load, list(subject.system.entries())
    named: list[tuple[KeyPath, str]] = [(("load", "hosts", name), service) for name, service in load.hosts.items()]
    if load.host is not None:
        named.append((("load", "host"), load.host))
    for path, service in named:
        if service not in entries:
            complaint = unknown("experiment", path, "service at which requests enter:", service, entries)
            yield Complaint("experiment", complaint.flaw, (in_system("routes"),))


def _names(subject: Subject) -> Iterator[Complaint]:
    names, routes = subject.experiment.load.names, list(subject.system.routes)
    seen: dict[str, str] = {}
    for route, requests in names.items():
        path: KeyPath = ("load", "names", route)
        if route not in routes:
            yield unknown("experiment", path, "route", route, routes, of_key=True)
        for index, request in enumerate(requests):
            if request in seen:
                message = f"requests of this name stand for {seen[request]} already"
                yield Complaint("experiment", Flaw((*path, index), message, request, "each request name once"))
            seen[request] = route


def _ramp(subject: Subject) -> Iterator[Complaint]:
    """Users who still start in the baseline make it unlike what follows."""
    load, warmup_s = subject.experiment.load, subject.experiment.phases.warmup_s
    if load.users is None or warmup_s <= 0 or (ramp_s := load.users / load.spawn_rate_per_s) <= warmup_s:
        return
    message = f"{load.users} users take {seconds(round(ramp_s, 3))} to start, and the baseline begins after {seconds(warmup_s)}"
    least = per_second(math.ceil(load.users / warmup_s))
    flaw = Flaw(
        ("load", "spawn-rate"),
        message,
        per_second(load.spawn_rate_per_s),
        f"at least {least}, or a longer phases.warmup",
        "a locustfile with a LoadTestShape needs no users",
        of_key=True,
    )
    rests = (in_experiment("phases"), in_experiment("load", "users"), in_experiment("load", "spawn-rate"))
    yield Complaint("experiment", flaw, rests)


def _unknowable(subject: Subject) -> Iterator[Complaint]:
    """What a plan cannot know of a locustfile cannot be judged, or must be named."""
    expect, load = subject.experiment.expect, subject.experiment.load
    if expect.stampede is not None:
        flaw = Flaw(
            ("expect", "stampede"),
            "a stampede is counted by keys, and those of a locustfile's requests are not known",
            load.locustfile or "",
            "load.routes instead of load.locustfile",
            of_key=True,
        )
        yield Complaint("experiment", flaw, (in_experiment("load", "locustfile"),))
    if expect.backpressure is not None and not expect.backpressure.routes:
        flaw = Flaw(
            ("expect", "backpressure"),
            "which routes a locustfile asks for is known only when it runs",
            "no routes",
            f"routes: […] of {one_of(subject.system.routes)}",
            of_key=True,
        )
        yield Complaint("experiment", flaw, (in_system("routes"), in_experiment("expect", "backpressure", "routes")))

"""Compute what a run will do: phases with times, arrivals counted, faults resolved, predictions made. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import ConfigDict, TypeAdapter, with_config

from gameday.experiment.arrivals import Arrivals, Surge, arrivals
from gameday.experiment.catalogue import Catalogue, PlannedFault
from gameday.experiment.counters import before_mappings
from gameday.experiment.course import timed
from gameday.experiment.in_flight import most_in_flight
from gameday.experiment.model import Experiment, System, onward
from gameday.experiment.parts import Route
from gameday.experiment.prediction import Prediction, predict_stampede

PhaseName = Literal["warmup", "baseline", "fault", "recovery"]


@dataclass(frozen=True, slots=True)
class Phase:
    """A named interval ``[start_s, end_s)`` of the load's clock, which starts at 0 with the warm-up."""

    name: PhaseName
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class RouteLoad:
    """
    What one route will be offered; ``index`` is its number in the request rows.

    Of a closed load nobody knows it before: then rate and number are 0, and ``Load.closed`` says why.
    """

    index: int
    route: str
    rate_per_s: float
    scheduled: int


@with_config(ConfigDict(extra="forbid", defer_build=True))
@dataclass(frozen=True, slots=True)
class Plan:
    """
    A run before it happens; with the seed it fixes every arrival.

    Attributes:
        name: The experiment's name: its file's stem.
        target: Where it will run, ``local``.
        variant: Which of the system's variants, such as ``hardened``; None leaves the switches alone.
        phases: In order, without gaps.
        routes: In the order of the load section, of the system file when the load is closed; ``routes[i].index == i``.
        faults: In the order of the method.
        predictions: What theory expects to be measured, computed before the run.
        checks: The identifiers of the checks that the analysis will judge, in order.
    """

    name: str
    experiment: Experiment
    system: System
    target: str
    variant: str | None
    seed: int
    phases: tuple[Phase, ...]
    routes: tuple[RouteLoad, ...]
    faults: tuple[PlannedFault, ...]
    predictions: tuple[Prediction, ...]
    checks: tuple[str, ...]

    def phase(self, name: PhaseName) -> Phase:
        """Return a phase by its name."""
        return next(phase for phase in self.phases if phase.name == name)

    @property
    def closed(self) -> bool:
        """Return whether the load is a locustfile's: nothing is scheduled, so nothing can be missing."""
        return self.experiment.load.closed

    @property
    def duration_s(self) -> float:
        """Return how long arrivals go on."""
        return self.phases[-1].end_s

    @property
    def most_in_flight(self) -> int:
        """Return how many requests each process of an open load may have open at once; a further arrival is dropped."""
        return most_in_flight(self.experiment.load, self.faults)

    def arrivals(self, route: str) -> Arrivals:
        """Draw the arrivals of a route again, the same for the same seed; none when the load is closed."""
        if self.closed:
            return Arrivals(route, (), ())
        found = self.experiment, self.system, self.faults
        return _drawn(route, *found, seed=self.seed, length_s=self.duration_s)

    def control(self) -> str | None:
        """Return the loaded control route, None without one."""
        return next((load.route for load in self.routes if self.system.routes[load.route].control), None)

    def to_json(self) -> str:
        """Write the plan; ``read_plan`` reads it back."""
        return _ADAPTER.dump_json(self, indent=1, by_alias=True).decode() + "\n"


_ADAPTER = TypeAdapter(Plan)


def read_plan(text: str) -> Plan:
    """
    Read what ``Plan.to_json`` wrote. Raises pydantic's ``ValidationError`` on anything else.

    Plans of the demo that were recorded when no system file mapped counters were read as if it did.
    """
    recorded = _ADAPTER.validate_json(text, context={"resolved": True})
    system = recorded.system
    named = any("counters" in service.model_fields_set for service in system.services.values())
    if named or not any(system.targets.demo(name) for name in system.targets.names()):
        return recorded
    services = {
        name: service.model_copy(update={"counters": before_mappings(service.kind)})
        for name, service in system.services.items()
    }
    return replace(recorded, system=system.model_copy(update={"services": services}))


def plan(
    experiment: Experiment,
    system: System,
    catalogue: Catalogue,
    *,
    name: str,
    target: str,
    variant: str | None,
    seed: int,
) -> Plan:
    """Resolve a valid experiment into the timeline of one run."""
    phases = tuple(_phases(experiment))
    fault_phase = next(phase for phase in phases if phase.name == "fault")
    resolved = tuple(
        timed(
            catalogue[call.fault].plan(catalogue[call.fault].parameters.model_validate(call.parameters), system),
            call.timing,
            start_s=fault_phase.start_s,
            end_s=fault_phase.end_s,
        )
        for call in experiment.method
    )
    offered = _offered(experiment, system, resolved)
    faults = tuple(_with_needed(_with_called(fault, system, offered, target), system, offered) for fault in resolved)
    drawn = {
        route: _drawn(route, experiment, system, faults, seed=seed, length_s=phases[-1].end_s)
        for route in _offered(experiment, system, faults)
    }
    return Plan(
        name=name,
        experiment=experiment,
        system=system,
        target=target,
        variant=variant,
        seed=seed,
        phases=phases,
        routes=tuple(
            RouteLoad(
                index, route, experiment.load.routes.get(route, 0.0), len(drawn[route].times_s) if route in drawn else 0
            )
            for index, route in enumerate(_offered(experiment, system, faults))
        ),
        faults=faults,
        predictions=predict_stampede(
            experiment,
            system,
            faults,
            drawn,
            baseline_s=(phases[1].start_s, phases[1].end_s),
            emptied_s=next((each.start_s for each in faults if each.fault == "empty-cache"), fault_phase.start_s),
            single_flight=_switched(system, variant),
        ),
        checks=planned_checks(experiment, system, faults),
    )


def _with_needed(fault: PlannedFault, system: System, routes: tuple[str, ...]) -> PlannedFault:
    """Name the edges of a fault that these routes need; of the others the proof says that nothing may come over them."""
    needed = tuple(edge for edge in fault.edges if any(_needs(system.routes[route], edge) for route in routes))
    if others := [edge for edge in fault.edges if edge not in needed]:
        told = f"No loaded route needs {', '.join(others)}: what the fault does there shows only if somebody calls."
        return replace(fault, needed=needed, proof=f"{fault.proof} {told}")
    return replace(fault, needed=needed)


def _with_called(fault: PlannedFault, system: System, routes: tuple[str, ...], target: str) -> PlannedFault:
    """
    Name the edges over which somebody must call what a fault acts on, if it is to show anything to these routes.

    The shop of the local target has no other processes that a system file could name in place of those that are called.
    """
    if fault.edges or fault.shape == "none" or target == "local":
        return fault
    named = fault.parameters.get("service")
    services = (str(named),) if named else fault.services
    called: list[str] = []
    for service in services:
        edges = [f"{caller} -> {service}" for caller in system.callers(service)]
        needed = [edge for edge in edges if any(_needs(system.routes[route], edge) for route in routes)]
        called += needed if f"load -> {service}" not in needed else []
    if not called:
        return fault
    told = f"Before it is injected, connections of its callers are seen there ({', '.join(called)})."
    return replace(fault, called=tuple(called), proof=f"{fault.proof} {told}")


def _needs(route: Route, edge: str) -> bool:
    caller, callee = edge.split(" -> ")
    return callee == route.entry if caller == "load" else {caller, callee} <= {*route.hard, *route.soft}


def _offered(experiment: Experiment, system: System, faults: tuple[PlannedFault, ...]) -> tuple[str, ...]:
    """Return the routes that requests come to: those of the load, then those that only a fault brings requests to."""
    surged = (route for fault in faults for route in fault.surge_per_s)
    return tuple(dict.fromkeys((*experiment.load.loaded(system), *surged)))


def _drawn(
    route: str,
    experiment: Experiment,
    system: System,
    faults: tuple[PlannedFault, ...],
    *,
    seed: int,
    length_s: float,
) -> Arrivals:
    surges = [
        Surge(fault.start_s, fault.end_s, rate_per_s)
        for fault in faults
        for surged, rate_per_s in fault.surge_per_s.items()
        if surged == route
    ]
    return arrivals(route, system.routes[route], experiment.load, duration_s=length_s, seed=seed, surges=surges)


def planned_checks(experiment: Experiment, system: System, faults: tuple[PlannedFault, ...]) -> tuple[str, ...]:
    """
    Name the checks that an analysis of this experiment judges, in the report's order.

    A route that hard-depends on nothing faulted is held to the hypothesis during the fault as well as in the recovery.
    """
    names = list(_expected(experiment, system, faults))
    faulted = {service for fault in faults for service in fault.services}
    for probe in experiment.steady_state_hypothesis.probes:
        spared = faults and not faulted & set(system.routes[probe.route].hard)
        for part in ("p50", "p95", "good"):
            if getattr(probe, part) is not None:
                names += [
                    f"steady-state.{probe.route}.{part}.{phase}"
                    for phase in ("fault", "recovery")
                    if spared or phase == "recovery"
                ]
    names += [other_check(index) for index, _ in enumerate(experiment.steady_state_hypothesis.others)]
    return tuple(names)


def other_check(index: int) -> str:
    """Name the check of a hypothesis's probe of Chaos Toolkit, by its place among them."""
    return f"steady-state.other-{index + 1}.recovery"


def _expected(experiment: Experiment, system: System, faults: tuple[PlannedFault, ...]) -> Iterator[str]:
    """Yield the checks of the expectations."""
    expect = experiment.expect
    for route in expect.bulkhead.isolated if expect.bulkhead else ():
        yield from (f"bulkhead.{route}.{part}" for part in ("latency", "errors", "goodput", "hung", "down"))
        if not falls_back(system, faults, route):
            yield f"bulkhead.{route}.degraded"
    for route in pressed_routes(experiment, system, faults) if expect.backpressure else ():
        yield from (f"backpressure.{route}.{part}" for part in ("fast-or-good", "hung"))
    if expect.stampede:
        yield "stampede.duplicates"
    for route in expect.outage.routes if expect.outage else ():
        yield f"outage.{route}.lost"
    if expect.continuity:
        yield "continuity.held"
    if expect.recovery:
        yield "recovery.time"


def falls_back(system: System, faults: tuple[PlannedFault, ...], route: str) -> bool:
    """
    Return whether a fallback is a route's right answer to these faults.

    It is where one of them acts on a service that the route can do without, or on one that such a service calls. A
    surge acts on what its route needs, and a fault that names no service may act on any.
    """
    if route not in system.routes:
        return False
    spared = onward(system.routes[route].soft, system.callees)
    needed = spared | {*system.routes[route].hard}
    for fault in faults:
        surged = {name for each in fault.surge_per_s for name in (*system.routes[each].hard, *system.routes[each].soft)}
        acted_on = surged if fault.surge_per_s else {*fault.services}
        unknown = not acted_on and fault.shape != "none"
        if spared and (unknown or (spared & acted_on and (surged or fault.reaches(needed)))):
            return True
    return False


def pressed_routes(experiment: Experiment, system: System, faults: tuple[PlannedFault, ...]) -> tuple[str, ...]:
    """Return the loaded routes that the backpressure verdict judges: those named, else those that depend on what is faulted."""
    if experiment.expect.backpressure and experiment.expect.backpressure.routes:
        return experiment.expect.backpressure.routes
    faulted = {service for fault in faults for service in fault.services}
    return tuple(
        route
        for route in experiment.load.loaded(system)
        if faulted & {*system.routes[route].hard, *system.routes[route].soft}
    )


def _phases(experiment: Experiment) -> Iterator[Phase]:
    lengths = experiment.phases
    start_s = 0.0
    in_order: tuple[tuple[PhaseName, float], ...] = (
        ("warmup", lengths.warmup_s),
        ("baseline", lengths.baseline_s),
        ("fault", lengths.fault_s),
        ("recovery", lengths.recovery_s),
    )
    for name, length_s in in_order:
        yield Phase(name, start_s, start_s + length_s)
        start_s += length_s


def _switched(system: System, variant: str | None) -> dict[str, bool]:
    toggles = system.variants.get(variant, {}) if variant else {}
    return {name: toggles.get(origin.single_flight, False) for name, origin in system.origins.items()}

"""Draft a first experiment on a system: pure text, valid for any fault of the catalogue whose parameters can be guessed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import JsonValue, ValidationError

from gameday.experiment.catalogue import FaultKind
from gameday.experiment.model import System
from gameday.experiment.writing import per_second

RATE_PER_S = 60.0  # with the default phases enough for p95 and for a hung share of 0.5 %
_SAMPLES: tuple[JsonValue, ...] = ("2s", "50%", "60/s", 503, "1 core", 1, "/")
"""Tried in this order for a parameter that must be given: a duration, a share, a rate, an HTTP status, processors, a number, a path."""
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9 ./%>-]*|[0-9.]+(ms|s|%|/s)")


@dataclass(frozen=True, slots=True)
class Call:
    """A fault call that is valid on a system, the services that it touches, and the targets on which it can be done."""

    fault: str
    parameters: dict[str, JsonValue]
    services: tuple[str, ...]
    targets: tuple[str, ...]


def routes_of(system: System) -> tuple[str, ...]:
    """Return the routes that an experiment can be about, those with a dependency beyond their entry first."""
    asked = [name for name, route in system.routes.items() if not route.control]
    return tuple(sorted(asked, key=lambda name: not _behind(system, name)))


def example(kind: FaultKind, system: System, route: str) -> Call | None:
    """Return a call of the fault where it matters to a route, its nearest dependency first; None when none can be guessed."""
    for place in _places(system, route):
        given = _filled(kind, place)
        if given is None:
            continue
        parameters = kind.parameters.model_validate(given)
        if not kind.check(parameters, system):
            planned = kind.plan(parameters, system)
            return Call(kind.name, given, planned.services, planned.targets)
    return None


def draft(name: str, system: System, call: Call, route: str) -> str:
    """Write the experiment file: at most forty lines, commented."""
    control = next((each for each, found in system.routes.items() if found.control), None)
    beside = _isolated(system, call, route)
    own = () if "route" in call.parameters else (route,)  # a fault that is load of its own takes the route for itself
    loaded = [*own, *beside, *([control] if control else [])]
    where = next((call.parameters[key] for key in ("edge", "service", "route") if key in call.parameters), None)
    placed, declared = where is not None, system.routes[route]
    touched = bool({*call.services} & {*declared.hard, *declared.soft})  # else it must not notice
    isolated = beside if touched else (*own, *beside)
    fault = call.fault if where is None else f"{call.fault} on {where}"
    parameters = ", ".join(f"{key}: {_scalar(value)}" for key, value in call.parameters.items())
    lines = (
        f"# A first draft. Change it to your question, then: gameday plan {name}, and gameday run {name}.",
        f"title: What does {route} do under {fault}?",
        "description: A first draft. Say here in a sentence what must hold, and for whom.",
        "tags: [draft]",
        f"system: {system.name}",
        *([_with("# decides: CHECK", "one of those that gameday plan names: naive must fail on it")] * placed),
        "",
        _with("load:", "so many requests of each route, whatever the answers do"),
        f"  routes: {{{', '.join(f'{each}: {per_second(RATE_PER_S)}' for each in loaded)}}}",
        "",
        "phases: {warmup: 6s, baseline: 16s, fault: 20s, recovery: 14s}",
        "",
        _with("steady-state-hypothesis:", "what is normal: must hold before the fault, and again after it"),
        "  title: Users are served",
        "  probes:",
        *(probe(system, each) for each in (*own, *beside)),
        "",
        "method:",
        f"  - {call.fault}: {{{parameters}}}",
        "",
        _with("expect:", "what is judged while the fault is on, and after"),
        *(
            [_with(f"  bulkhead: {{isolated: [{', '.join(isolated)}]}}", "must not notice")]
            * bool(isolated and control)
        ),
        *([_with(f"  backpressure: {{routes: [{route}]}}", "must be good, or refuse fast")] * (touched and bool(own))),
        _with("  recovery: {within: 10s}", "how soon it is steady again"),
    )
    return "\n".join(lines) + "\n"


def _with(text: str, comment: str) -> str:
    return f"{text:<42} # {comment}"


def probe(system: System, route: str) -> str:
    """Say what is normal; requests that are cold by declaration are not all fast."""
    p95 = "" if system.routes[route].cold else 'p95: "< 250ms", '
    return f'    - {{route: {route}, {p95}good: "> 97%"}}'


def _behind(system: System, route: str) -> tuple[str, ...]:
    """Return what a route depends on beyond its entry: what it can do without comes first."""
    declared = system.routes[route]
    return tuple(each for each in dict.fromkeys((*declared.soft, *declared.hard)) if each != declared.entry)


def _places(system: System, route: str) -> Iterator[dict[str, JsonValue]]:
    entry = system.routes[route].entry
    for service in dict.fromkeys((*_behind(system, route), entry, *system.services)):
        yield {"edge": f"{entry} -> {service}"}
        yield {"service": service}
    yield {"route": route}
    yield {}


def _filled(kind: FaultKind, place: dict[str, JsonValue]) -> dict[str, JsonValue] | None:
    """Add what must be given beside a place; None when it cannot be guessed."""
    given = dict(place)
    for _ in kind.parameters.model_fields:
        wrong = _wrong(kind, given)
        if not wrong:
            return given
        if all(where and why == "missing" for where, why in wrong):
            name = str(wrong[0][0][0])
            fits = (
                each
                for each in _SAMPLES
                if all(where[:1] != (name,) for where, _ in _wrong(kind, given | {name: each}))
            )
            sample = next(fits, None)
            if sample is None:
                return None
            given[name] = sample
        elif any(where for where, _ in wrong):  # the place itself is not one of its parameters
            return None
        else:
            return _one_more(kind, given)
    return None if _wrong(kind, given) else given


def _one_more(kind: FaultKind, given: dict[str, JsonValue]) -> dict[str, JsonValue] | None:
    """Add one of several parameters of which at least one must be given; None when that is not it."""
    for name, field in kind.parameters.model_fields.items():
        key = field.alias or name
        for sample in _SAMPLES if key not in {"edge", "service", "route", *given} else ():
            if not _wrong(kind, given | {key: sample}):
                return given | {key: sample}
    return None


def _wrong(kind: FaultKind, given: dict[str, JsonValue]) -> tuple[tuple[tuple[int | str, ...], str], ...]:
    try:
        kind.parameters.model_validate(given)
    except ValidationError as error:
        return tuple((each["loc"], each["type"]) for each in error.errors())
    return ()


def _isolated(system: System, call: Call, route: str) -> tuple[str, ...]:
    """Return one other route that has nothing to do with what is faulted, if there is one."""
    touched = set(call.services)
    found = (
        name
        for name, declared in system.routes.items()
        if name != route and not declared.control and not touched & {*declared.hard, *declared.soft}
    )
    return tuple(name for name, _ in zip(found, range(1), strict=False))


def _scalar(value: JsonValue) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return value
    return json.dumps(value)

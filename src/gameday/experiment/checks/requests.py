"""Requests of the system's routes: keys and their place in the path, headers that can be sent, secrets that are there and can be kept."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import JsonValue

from gameday.experiment.checks.subject import Complaint, Subject, in_system
from gameday.experiment.flaws import Flaw, KeyPath, did_you_mean, one_of
from gameday.experiment.model import System
from gameday.experiment.parts import Route

_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A field name: a token of RFC 9110, section 5.6.2."""
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
"""A field value without folding: RFC 9110, section 5.5."""
_REFERENCE = re.compile(r"\$\{([^}]*)\}")
SET_BY_LOAD = frozenset(
    {"connection", "content-length", "expect", "traceparent", "transfer-encoding", "x-deadline-ms", "x-request-id"}
)
"""Headers that the load generator sets itself."""
LEAST_SECRET = 8
"""Characters of the shortest secret: masking a shorter one would destroy what records say besides."""


def check(subject: Subject) -> Iterator[Complaint]:
    """Check every route of the system, loaded or not."""
    for name, route in subject.system.routes.items():
        yield from _keys(name, route)
        yield from _headers(name, route)
        yield from _references(subject.system, name, route)
    yield from _secrets(subject)


def _keys(name: str, route: Route) -> Iterator[Complaint]:
    path: KeyPath = ("routes", name)
    places = re.findall(r"\{[^{}]*\}", route.path)
    wrong = [each for each in places if each != "{id}"]
    rests = (in_system(*path, "keys"), in_system(*path, "request"))
    if wrong:
        yield Complaint(
            "system", Flaw((*path, "request"), f"nothing fills {wrong[0]}", route.request, "{id}, which a key fills")
        )
    if "{id}" in places and route.keys is None:
        flaw = Flaw((*path, "request"), "nothing fills {id}", route.request, "keys for it, such as keys: zipf(1.0, 20)")
        yield Complaint("system", flaw, rests)
    if "{id}" not in places and route.keys is not None:
        flaw = Flaw((*path, "keys"), "the request has no place for a key", route.request, "{id} in the request's path")
        yield Complaint("system", flaw, rests)
    if route.cold > 0 and route.keys is None:
        flaw = Flaw((*path, "cold"), "cold is a share of keys, and there are none", route.request, "keys, or no cold")
        yield Complaint("system", flaw, rests)


def _headers(name: str, route: Route) -> Iterator[Complaint]:
    for header, value in route.headers.items():
        path: KeyPath = ("routes", name, "headers", header)
        if not _HEADER.fullmatch(header):
            flaw = Flaw(path, "this is no header's name", header[:60], "letters, digits and dashes", of_key=True)
            yield Complaint("system", flaw)
        if header.lower() in SET_BY_LOAD:
            flaw = Flaw(path, "the load generator sets this header itself", header, "a request without it", of_key=True)
            yield Complaint("system", flaw)
        if not _VALUE.fullmatch(value):
            yield Complaint(
                "system", Flaw(path, "a header's value is one line of ASCII", "other characters", "one line of ASCII")
            )


def _references(system: System, name: str, route: Route) -> Iterator[Complaint]:
    path: KeyPath = ("routes", name)
    parts: list[tuple[KeyPath, JsonValue]] = [((*path, "headers", key), value) for key, value in route.headers.items()]
    for place, text in _texts([*parts, ((*path, "body"), route.body)]):
        for secret in _REFERENCE.findall(text):
            if secret not in system.secrets:
                known = list(system.secrets)
                valid = f"one of secrets: {one_of(known)}"
                flaw = Flaw(
                    place,
                    f"there is no secret {secret[:60]}",
                    f"${{{secret[:60]}}}",
                    valid,
                    did_you_mean(secret, known),
                )
                yield Complaint("system", flaw)


def _secrets(subject: Subject) -> Iterator[Complaint]:
    """Every declared secret is read when a run starts, whether a request refers to it or not."""
    for name, secret in subject.system.secrets.items():
        path: KeyPath = ("secrets", name, "env")
        least = f"{LEAST_SECRET} characters or more"
        if secret.env in subject.unset:
            message = f"the environment variable {secret.env} is not set"
            yield Complaint("system", Flaw(path, message, "nothing", f"a value of {least}: export {secret.env}=…"))
        elif secret.env in subject.short:
            message = (
                f"the value of the environment variable {secret.env} is too short to be masked in what a run records"
            )
            yield Complaint("system", Flaw(path, message, f"fewer than {LEAST_SECRET} characters", least))


def _texts(parts: list[tuple[KeyPath, JsonValue]]) -> Iterator[tuple[KeyPath, str]]:
    """Yield every text within headers and bodies, with its key path."""
    while parts:
        path, value = parts.pop(0)
        if isinstance(value, str):
            yield path, value
        elif isinstance(value, dict):
            parts[:0] = [((*path, key), each) for key, each in value.items()]
        elif isinstance(value, list):
            parts[:0] = [((*path, index), each) for index, each in enumerate(value)]

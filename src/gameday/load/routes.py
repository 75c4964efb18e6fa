"""Resolve a plan's routes into what the load process sends: where to, which headers, which body, with the secrets filled in."""

from __future__ import annotations

import json
import re
import string
from collections.abc import Iterator, Mapping
from urllib.parse import quote, urlsplit

from pydantic import JsonValue

from gameday.experiment.checks.requests import SET_BY_LOAD
from gameday.experiment.parts import Route
from gameday.experiment.plan import Plan
from gameday.load.wire import RouteSpec

_REFERENCE = re.compile(r"\$\{([^}]*)\}")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class LoadSpecError(ValueError):
    """A route cannot be loaded as it is declared; the text names the route and the key, never a secret."""


def route_specs(plan: Plan, urls: Mapping[str, str], secrets: Mapping[str, str]) -> tuple[RouteSpec, ...]:
    """
    Resolve every loaded route.

    Args:
        plan: Its routes, in order.
        urls: Route -> base URL, ``http://HOST:PORT`` with an optional path in front.
        secrets: Name -> value, for ``${name}`` in headers and bodies.

    Raises:
        LoadSpecError: A base URL or a secret is missing, or a header could not be sent.
    """
    return tuple(_spec(load.route, plan.system.routes[load.route], urls, secrets) for load in plan.routes)


def _spec(name: str, route: Route, urls: Mapping[str, str], secrets: Mapping[str, str]) -> RouteSpec:
    if name not in urls:
        raise LoadSpecError(f"routes.{name}: no base URL was given; there are some for {', '.join(sorted(urls))}")
    try:
        base = urlsplit(urls[name])
        host, port = base.hostname, base.port or 80
    except ValueError as error:
        raise LoadSpecError(f"routes.{name}: {error} in the base URL") from None
    if base.scheme != "http" or not host or base.username or base.query:
        raise LoadSpecError(f"routes.{name}: a base URL such as http://127.0.0.1:8080 is needed, not {urls[name]}")
    method, path = route.request.split(" ", 1)
    headers = tuple(_headers(name, route, secrets))
    body = None if route.body is None else json.dumps(_filled(route.body, secrets, f"routes.{name}.body"))
    return RouteSpec(
        name=name,
        method=method,
        target=quote(base.path.rstrip("/"), safe=string.punctuation) + path,
        host=host,
        port=port,
        deadline_s=route.deadline_s,
        headers=headers,
        body=body,
    )


def _headers(name: str, route: Route, secrets: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for field, text in route.headers.items():
        where = f"routes.{name}.headers.{field}"
        value = _text(text, secrets, where)
        if field.lower() in SET_BY_LOAD:
            raise LoadSpecError(f"{where}: the load generator sets this header itself; leave it out")
        if not _TOKEN.fullmatch(field) or not _FIELD_VALUE.fullmatch(value):
            raise LoadSpecError(f"{where}: a name of letters, digits and hyphens, and a value in one line of Latin-1")
        yield field, value


def _filled(value: JsonValue, secrets: Mapping[str, str], where: str) -> JsonValue:
    if isinstance(value, str):
        return _text(value, secrets, where)
    if isinstance(value, list):
        return [_filled(item, secrets, where) for item in value]
    if isinstance(value, dict):
        return {key: _filled(item, secrets, f"{where}.{key}") for key, item in value.items()}
    return value


def _text(text: str, secrets: Mapping[str, str], where: str) -> str:
    def secret(match: re.Match[str]) -> str:
        if match[1] not in secrets:
            raise LoadSpecError(f"{where}: the secret {match[1]} was not given")
        return secrets[match[1]]

    return _REFERENCE.sub(secret, text)

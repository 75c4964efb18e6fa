"""The Target protocol over a node's socket, from any process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from gameday.experiment.model import System
from gameday.targets.local.wire import TIMEOUT_S, Json, Message, ask
from gameday.targets.pages import calls_to
from gameday.targets.protocol import (
    CANARY_S,
    Calls,
    Delay,
    EdgeState,
    Emptied,
    Errors,
    Replica,
    Stress,
    Stressed,
    TargetError,
    Uncounted,
)


class LocalTarget:
    """A running shop; every call opens a connection of its own to the node, so it may be shared freely."""

    def __init__(self, address: str, system: System) -> None:
        """Reach the node at ``LocalSystem.address``, whose pages are read as the system says; nothing is sent yet."""
        self._address, self._system = address, system

    def delay(self, edge: str, delay: Delay, *, lease_s: float) -> None:
        """Delay answers on an edge for ``lease_s``, or until called again or healed."""
        ask(self._address, "delay", edge=edge, delay_s=delay.delay_s, jitter_s=delay.jitter_s, lease_s=lease_s)

    def blackhole(self, edge: str, *, lease_s: float) -> None:
        """Let nothing pass on an edge for ``lease_s``, or until called again or healed."""
        ask(self._address, "blackhole", edge=edge, lease_s=lease_s)

    def reject(self, edge: str, errors: Errors, *, lease_s: float) -> None:
        """Answer requests on an edge for ``lease_s``, or until called again or healed."""
        rule: dict[str, Json] = {"path": errors.path, "status": errors.status, "share": errors.share}
        ask(self._address, "answer", edge=edge, lease_s=lease_s, **rule)

    def heal(self, edge: str) -> None:
        """End the fault on an edge."""
        ask(self._address, "heal", edge=edge)

    def edge(self, edge: str) -> EdgeState:
        """Read what the proxy on an edge does."""
        state = ask(self._address, "edge", edge=edge)
        delayed = state["delay_s"] is not None
        delay = Delay(_number(state, "delay_s"), _number(state, "jitter_s")) if delayed else None
        return EdgeState(
            edge=edge,
            delay=delay,
            connections=int(_number(state, "connections")),
            delayed=int(_number(state, "delayed")),
            blackholed=bool(state["blackholed"]),
            live=int(_number(state, "live")),
            errors=_errors(state["rule"]),
            requests=int(_number(state, "requests")),
            matched=int(_number(state, "matched")),
            rejected=int(_number(state, "answered")),
            attempts=int(_number(state, "attempts")),
        )

    def canary_s(self, edge: str, *, within_s: float = CANARY_S) -> float:
        """Send GET /healthz, PING or PostgreSQL's SSLRequest over an edge; returns what it waited when no answer came in time."""
        answer = ask(self._address, "canary", within_s + TIMEOUT_S, edge=edge, within_s=within_s)
        return _number(answer, "canary_s")

    def calls(self, edge: str) -> Calls | Uncounted | None:
        """Read the caller's own counters from its metrics page."""
        caller, callee = edge.split(" -> ")
        declared = self._system.services.get(caller)
        if declared is None or declared.counters is None:
            return None
        page = _page(ask(self._address, "page", service=caller)["values"])
        return calls_to((callee,), caller, page, declared.counters, self._system.callees(caller))

    def replicas(self, service: str) -> tuple[Replica, ...]:
        """Read a service's processes from the node."""
        found = ask(self._address, "replicas", service=service)["replicas"]
        if not isinstance(found, list):
            raise TargetError("replicas: the node's answer has another form than this version's")
        return tuple(_replica(each) for each in found if isinstance(each, dict))

    def is_ready(self, service: str, replica: str) -> bool:
        """Ask its health page, or the store itself."""
        return bool(ask(self._address, "is-ready", service=service, replica=replica)["ready"])

    def kill(self, service: str, replica: str, *, lease_s: float, grace_s: float = 0.0) -> None:
        """End a process; the node starts it again with its usual back-off, ``lease_s`` from now at the soonest."""
        ask(self._address, "kill", service=service, replica=replica, lease_s=lease_s, grace_s=grace_s)

    def revive(self, service: str, replica: str) -> None:
        """Let the node start it."""
        ask(self._address, "revive", service=service, replica=replica)

    def pause(self, service: str, replica: str, *, lease_s: float) -> None:
        """Let the node stop a process and its descendants for ``lease_s``."""
        ask(self._address, "pause", service=service, replica=replica, lease_s=lease_s)

    def resume(self, service: str, replica: str) -> None:
        """Let it go on."""
        ask(self._address, "resume", service=service, replica=replica)

    def stress(self, place: str, stress: Stress, *, lease_s: float) -> None:
        """Let a process of the node's use so much for ``lease_s``; all services share this machine."""
        ask(self._address, "stress", place=place, lease_s=lease_s, **asdict(stress))

    def stressed(self, place: str) -> Stressed | None:
        """Read the stressor's own processor time and memory."""
        used = ask(self._address, "stressed", place=place)["used"]
        if not isinstance(used, dict):
            return None
        return Stressed(_number(used, "t_s"), _number(used, "used_s"), _number(used, "rss_bytes"))

    def relax(self, place: str) -> None:
        """End the stressor."""
        ask(self._address, "relax", place=place)

    def cache_keys(self, service: str, prefix: str | None) -> int:
        """Count the keys of the cache."""
        return int(_number(ask(self._address, "cache-keys", service=service, prefix=prefix), "keys"))

    def empty_cache(self, service: str, prefix: str | None) -> Emptied:
        """Remove keys; Redis counts before and after in the same transaction."""
        answer = ask(self._address, "empty-cache", service=service, prefix=prefix)
        return Emptied(int(_number(answer, "before")), int(_number(answer, "after")))

    def metrics(self) -> Mapping[str, Mapping[str, float]]:
        """Scrape every page once; a service that does not answer is missing. Three pages are the node's own: cache, database, node."""
        services = ask(self._address, "metrics")["values"]
        if not isinstance(services, dict):
            raise TargetError("metrics: the node's answer has another form than this version's")
        return {service: _page(page) for service, page in services.items()}

    def url(self, service: str) -> str:
        """Return where requests from outside enter; they pass a proxy."""
        return str(ask(self._address, "url", service=service)["url"])


def _page(values: Json) -> dict[str, float]:
    if not isinstance(values, dict):
        raise TargetError("metrics: the node's answer has another form than this version's")
    return {key: float(str(value)) for key, value in values.items()}


def _errors(rule: Json) -> Errors | None:
    if not isinstance(rule, dict):
        return None
    return Errors(str(rule["path"]), int(_number(rule, "status")), _number(rule, "share"))


def _replica(value: Message) -> Replica:
    there = value["pid"] is not None
    return Replica(
        name=str(value["name"]),
        identity=f"{value['pid']}@{value['created_s']}" if there else None,
        stopped=bool(value["stopped"]),
    )


def _number(message: Message, name: str) -> float:
    value: Json = message[name]
    if not isinstance(value, int | float):
        raise TargetError(f"{name}: the node's answer has another form than this version's")
    return float(value)

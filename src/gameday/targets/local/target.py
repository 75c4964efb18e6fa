"""The Target protocol over a node's socket, from any process."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gameday.targets.local.wire import TIMEOUT_S, Json, Message, ask
from gameday.targets.protocol import CANARY_S, Calls, Delay, EdgeState, Emptied, TargetError

_BUCKET = "dependency_request_duration_seconds_bucket"
_LABEL = re.compile(r'(\w+)="([^"]*)"')


class LocalTarget:
    """A running shop; every call opens a connection of its own to the node, so it may be shared freely."""

    def __init__(self, address: str) -> None:
        """Reach the node at ``LocalSystem.address``; nothing is sent yet."""
        self._address = address

    def delay(self, edge: str, delay: Delay, *, lease_s: float) -> None:
        """Delay answers on an edge for ``lease_s``, or until called again or healed."""
        ask(self._address, "delay", edge=edge, delay_s=delay.delay_s, jitter_s=delay.jitter_s, lease_s=lease_s)

    def heal(self, edge: str) -> None:
        """End the fault on an edge."""
        ask(self._address, "heal", edge=edge)

    def edge(self, edge: str) -> EdgeState:
        """Read what the proxy on an edge does."""
        state = ask(self._address, "edge", edge=edge)
        delayed = state["delay_s"] is not None
        delay = Delay(_number(state, "delay_s"), _number(state, "jitter_s")) if delayed else None
        return EdgeState(edge, delay, int(_number(state, "connections")), int(_number(state, "delayed")))

    def canary_s(self, edge: str, *, within_s: float = CANARY_S) -> float:
        """Send GET /healthz, PING or PostgreSQL's SSLRequest over an edge; returns what it waited when no answer came in time."""
        answer = ask(self._address, "canary", within_s + TIMEOUT_S, edge=edge, within_s=within_s)
        return _number(answer, "canary_s")

    def calls(self, edge: str) -> Calls | None:
        """Read the caller's own counters from its metrics page."""
        caller, callee = edge.split(" -> ")
        if caller == "load":
            return None
        page = parse_page(str(ask(self._address, "page", service=caller)["page"]))
        answered: dict[float, int] = {}
        for key, value in page.items():
            name, _, rest = key.partition("{")
            labels = dict(_LABEL.findall(rest))
            if name == _BUCKET and labels["dependency"] == callee and labels["outcome"] == "ok":
                answered[float(labels["le"])] = int(value)
        failed = sum(
            int(page.get(f'dependency_requests_total{{dependency="{callee}",outcome="{outcome}"}}', 0))
            for outcome in ("error", "timeout")
        )
        return Calls(dict(sorted(answered.items())), failed)

    def cache_keys(self, service: str, prefix: str | None) -> int:
        """Count the keys of the cache."""
        return int(_number(ask(self._address, "cache-keys", service=service, prefix=prefix), "keys"))

    def empty_cache(self, service: str, prefix: str | None) -> Emptied:
        """Remove keys; Redis counts before and after in the same transaction."""
        answer = ask(self._address, "empty-cache", service=service, prefix=prefix)
        return Emptied(int(_number(answer, "before")), int(_number(answer, "after")))

    def metrics(self) -> Mapping[str, Mapping[str, float]]:
        """Scrape every page once; a service that does not answer is missing. Three pages are the node's own: cache, database, node."""
        answer = ask(self._address, "metrics")
        pages, values = answer["pages"], answer["values"]
        if not isinstance(pages, dict) or not isinstance(values, dict):
            raise TargetError("metrics: the node's answer has another form than this version's")
        own = {
            service: {key: float(str(value)) for key, value in page.items()}
            for service, page in values.items()
            if isinstance(page, dict)
        }
        return {**{service: parse_page(str(text)) for service, text in pages.items()}, **own}

    def url(self, service: str) -> str:
        """Return where requests from outside enter; they pass a proxy."""
        return str(ask(self._address, "url", service=service)["url"])


def parse_page(text: str) -> dict[str, float]:
    """
    Read a page that prometheus_client wrote into sample key -> value.

    Its sample keys are those of ``record.metrics.sample_key``: it sorts labels too, and the shop's values need no escapes.
    """
    lines = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {key: float(value) for key, _, value in lines}


def _number(message: Message, name: str) -> float:
    value: Json = message[name]
    if not isinstance(value, int | float):
        raise TargetError(f"{name}: the node's answer has another form than this version's")
    return float(value)

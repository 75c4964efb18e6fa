"""Read metrics pages, and add up those of a service's replicas."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping

from gameday.targets.protocol import Calls

_BUCKET = "dependency_request_duration_seconds_bucket"
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_COUNTERS = ("_total", "_count", "_sum", "_bucket")
_STATES = ("breaker_state",)

Page = dict[str, float]


def parse_page(text: str) -> Page:
    """
    Read a page that prometheus_client wrote into sample key -> value.

    Its sample keys are those of ``record.metrics.sample_key``: it sorts labels too, and the shop's values need no escapes.
    """
    lines = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {key: float(value) for key, _, value in lines}


class ServicePage:
    """
    One service's page: counters and gauges are summed over its replicas; of a state, the worst is shown.

    A counter never falls: what a process had counted when it was last read stays counted when it has ended.
    """

    def __init__(self) -> None:
        """Start without a replica."""
        self._counted: dict[Hashable, Page] = {}

    def merged(self, pages: Mapping[Hashable, Page]) -> Page:
        """Add up the pages that were read just now, by what tells one process from the next."""
        for replica, page in pages.items():
            self._counted[replica] = {key: value for key, value in page.items() if _named(key, _COUNTERS)}
        merged: Page = {}
        for counted in self._counted.values():
            for key, value in counted.items():
                merged[key] = merged.get(key, 0.0) + value
        for page in pages.values():
            for key, value in page.items():
                if _named(key, _STATES):
                    merged[key] = max(merged.get(key, 0.0), value)
                elif not _named(key, _COUNTERS):
                    merged[key] = merged.get(key, 0.0) + value
        return merged


def _named(key: str, endings: tuple[str, ...]) -> bool:
    return key.partition("{")[0].endswith(endings)


def calls_to(callee: str, page: Mapping[str, float]) -> Calls:
    """Return what a caller's page says of its calls to a service."""
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

"""Read metrics pages, and add up those of a service's replicas."""

from __future__ import annotations

from collections.abc import Mapping

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
        self._counted: dict[tuple[str, int], Page] = {}

    def merged(self, pages: Mapping[tuple[str, int], Page]) -> Page:
        """Add up the pages that were read just now, by replica and process id."""
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

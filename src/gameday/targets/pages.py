"""Read metrics pages, and add up those of a service's replicas."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Hashable, Mapping
from contextlib import suppress
from threading import Lock

from gameday.experiment.counters import NONE, Counters, in_seconds, of_dependency, selector, split_key, unpublished
from gameday.record.metrics import sample_key
from gameday.targets.protocol import Calls, Uncounted

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_PAIR = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*')
_SAMPLE = re.compile(
    rf'\s*({_NAME})\s*(?:\{{((?:[^"}}]|"(?:[^"\\]|\\.)*")*)\}})?\s+(\S+)(?:\s+-?[0-9.]+)?(?:\s+#.*)?\s*'
)
_LEFT_OUT = ("#", "{")
"""How comments begin, and metrics whose names stand in quotes."""
_COUNTERS = ("_total", "_count", "_sum", "_bucket")

Page = dict[str, float]


def parse_page(text: str) -> Page:
    """
    Read a page in Prometheus' text format into sample key -> value; what is no finite number is left out.

    Its sample keys are those of ``record.metrics.sample_key``: labels are sorted, with their values as they are written. Raises
    ``ValueError`` on a line that is no sample.
    """
    page: Page = {}
    for line in text.split("\n"):
        if not line.strip() or line.lstrip().startswith(_LEFT_OUT):
            continue
        match = _SAMPLE.fullmatch(line)
        if match is None:
            raise ValueError(f"no sample of a metrics page: {line[:80]!r}")
        value = float(match[3])
        if math.isfinite(value):
            page[sample_key(match[1], dict(_PAIR.findall(match[2] or "")))] = value
    return page


class ServicePage:
    """
    One service's page: counters and gauges are summed over its replicas; of a state, the worst is shown.

    A counter never falls: what a process had counted when it was last read stays counted when it has ended.
    """

    def __init__(self, rising: Collection[str] = (), worst: Collection[str] = ()) -> None:
        """Start without a replica; of these names are ``rising`` counters too, and of the ``worst`` the largest is shown."""
        self._rising, self._worst = frozenset(rising), frozenset(worst)
        self._counted: dict[Hashable, Page] = {}
        self._lock = Lock()

    def merged(self, pages: Mapping[Hashable, Page]) -> Page:
        """Add up the pages that were read just now, by what tells one process from the next; several threads may do so at once."""
        merged: Page = {}
        with self._lock:
            for replica, page in pages.items():
                before = self._counted.setdefault(replica, {})
                # A page that was read earlier may come later: what a process has counted never falls.
                before.update(
                    (key, max(value, before.get(key, 0.0))) for key, value in page.items() if self._counts(key)
                )
            for counted in self._counted.values():
                for key, value in counted.items():
                    merged[key] = merged.get(key, 0.0) + value
        for page in pages.values():
            for key, value in page.items():
                if key.partition("{")[0] in self._worst:
                    merged[key] = max(merged.get(key, 0.0), value)
                elif not self._counts(key):
                    merged[key] = merged.get(key, 0.0) + value
        return merged

    def _counts(self, key: str) -> bool:
        name = key.partition("{")[0]
        return name in self._rising or name.endswith(_COUNTERS)


def service_page(counters: Counters | None) -> ServicePage:
    """Return an empty page of a service whose counters the system file maps."""
    mapped = counters or NONE
    return ServicePage(mapped.rising(), (selector(mapped.breaker).name,) if mapped.breaker else ())


def calls_to(
    callee: Collection[str],
    caller: str,
    page: Mapping[str, float],
    counters: Counters | None,
    callees: Collection[str],
) -> Calls | Uncounted | None:
    """
    Return what a caller's page says of its calls to one of its callees, by its names; None where nothing is mapped.

    What is mapped and not published is ``Uncounted``: no counter is not zero. Failures that are published for this callee, but
    for none of the outcomes that are mapped, are none.
    """
    mapped = counters or NONE
    if mapped.call_time is None or mapped.failures is None:
        return None
    for metric, suffix in ((mapped.call_time, "_bucket"), (mapped.failures, "")):
        if (missing := unpublished(caller, metric, page, suffix)) is not None:
            return Uncounted(missing)
    is_its = of_dependency(mapped.dependency_label, callee, callees)
    times, failures = selector(mapped.call_time), selector(mapped.failures)
    answered: dict[float, int] = {}
    failed: int | None = None
    known: set[str] = set()
    for key, value in page.items():
        name, labels = split_key(key)
        if name not in {f"{times.name}_bucket", failures.name} or not is_its(labels):
            continue
        if name == failures.name:
            failed = (failed or 0) + (int(value) if failures.holds(labels) else 0)
            known |= set(labels)
        if name == f"{times.name}_bucket" and times.holds(labels) and "le" in labels:
            with suppress(ValueError):  # a bound that is no number bounds nothing
                bound_s = in_seconds(float(labels["le"]), mapped.call_time_unit)
                answered[bound_s] = answered.get(bound_s, 0) + int(value)
    if not answered or failed is None or not known.issuperset(matcher.label for matcher in failures.matchers):
        silent = mapped.call_time if not answered else mapped.failures
        which = (
            f"whose {mapped.dependency_label} is {' or '.join(callee)}"
            if mapped.dependency_label
            else "of one callee (no dependency-label)"
        )
        return Uncounted(f"{caller} publishes no {silent} {which}")
    return Calls(dict(sorted(answered.items())), failed, timed=mapped.failures_timed)

"""Sum up each route per phase: what became of its requests, and how long they took."""

from __future__ import annotations

from dataclasses import dataclass

from gameday.analysis.model import Analysis, RouteSummary
from gameday.experiment.plan import Plan
from gameday.report import figures

KINDS = ("ok", "degraded", "rejected", "bad", "hung")
"""What became of a request, best first; the first two are good."""

_MEMBERS = {
    "ok": ("ok",),
    "degraded": ("degraded",),
    "rejected": ("rejected",),
    "bad": ("late", "error", "connection", "dropped", "cut"),
    "hung": ("timeout", "censored"),
}


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of outcome in a phase: how many, and their ratio of what was scheduled."""

    kind: str
    n: int
    ratio: float


@dataclass(frozen=True, slots=True)
class Fate:
    """
    What became of one route's requests in one phase.

    Attributes:
        parts: One per kind in the order of ``KINDS``, the empty ones too.
        missing: Requests that no record speaks of.
    """

    route: str
    phase: str
    scheduled: int
    parts: tuple[Part, ...]
    missing: int
    p50: str
    p95: str
    p99: str

    @property
    def good(self) -> str:
        """Return the share of good answers, degraded ones included."""
        return figures.share(self.parts[0].n + self.parts[1].n, self.scheduled)

    @property
    def lost(self) -> float:
        """Return the ratio of requests that were not answered well."""
        return 1 - sum(part.ratio for part in self.parts[:2]) if self.scheduled else 0.0

    @property
    def not_good(self) -> tuple[Part, ...]:
        """Return what is worth a word beside the good ones: the kinds that occurred."""
        return tuple(part for part in self.parts[1:] if part.n)


@dataclass(frozen=True, slots=True)
class Struck:
    """One route while the fault was on, beside what was usual: the line that shows where it broke."""

    route: str
    control: bool
    fate: Fate
    usual_p95: str


def fates(analysis: Analysis, plan: Plan) -> tuple[Fate, ...]:
    """Return every route in every phase, in the order of the analysis."""
    return tuple(_fate(summary, plan.experiment.load.hang_s) for summary in analysis.summaries)


def struck(analysis: Analysis, plan: Plan) -> tuple[Struck, ...]:
    """Return the routes in the fault phase, those with the smallest share of good answers first, the control last."""
    of = {(fate.route, fate.phase): fate for fate in fates(analysis, plan)}
    lines = [
        Struck(
            load.route,
            plan.system.routes[load.route].control,
            of[load.route, "fault"],
            of[load.route, "baseline"].p95 if (load.route, "baseline") in of else figures.NOTHING,
        )
        for load in plan.routes
        if (load.route, "fault") in of
    ]
    return tuple(sorted(lines, key=lambda line: (line.control, -line.fate.lost)))


def most_telling(lines: tuple[Struck, ...], most: int) -> tuple[Struck, ...]:
    """Return at most so many lines, in their order: the controls and the routes that lost most."""
    controls = sum(line.control for line in lines)
    kept = max(0, most - controls)
    return tuple(line for index, line in enumerate(lines) if line.control or index < kept)[-most:]


def _fate(summary: RouteSummary, hang_s: float) -> Fate:
    counts = {name.lower(): n for name, n in summary.outcomes.items()}
    counts["cut"] = summary.cut
    counts["censored"] = counts.get("censored", 0) - summary.cut
    parts = []
    for kind in KINDS:
        n = sum(counts.get(name, 0) for name in _MEMBERS[kind])
        parts.append(Part(kind, n, n / summary.scheduled if summary.scheduled else 0.0))
    return Fate(
        route=summary.route,
        phase=summary.phase,
        scheduled=summary.scheduled,
        parts=tuple(parts),
        missing=summary.missing,
        p50=figures.latency(summary.p50_s, hang_s),
        p95=figures.latency(summary.p95_s, hang_s),
        p99=figures.latency(summary.p99_s, hang_s),
    )

"""Realistic analyses for the report's tests: a failed, a passed, an invalid and an aborted run, as ``analysis`` would give them."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from gameday.analysis.model import (
    Analysis,
    Cause,
    Compared,
    Detection,
    Finding,
    Gate,
    Happening,
    Interval,
    Onset,
    Status,
    SystemSeries,
    Verdict,
)
from gameday.experiment.plan import Plan
from gameday.record.folder import About
from unit.report import systems
from unit.report.seconds import Bin, series, summaries

SHARED_POOL = "checkout waited for the pool that recommendations filled: 32 of 32 slots taken for 19 s"


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that a report is made from."""

    analysis: Analysis
    plan: Plan
    about: About


def failed() -> Case:
    """Return the naive shop under slow recommendations: checkout hangs with them."""
    plan = systems.slow_recommendations("naive")
    hang: Bin = {"hung": 0.54, "late": 0.1, "p95_s": 3.0, "p50_s": 3.0}
    struck: dict[str, Bin] = {"recommendations": hang, "checkout": hang, "login": {**hang, "hung": 0.36}}
    reason = "53.8 % of checkout's requests hung while recommendations were slow; at most 0.5 % may."
    checks = _checks(
        plan,
        {
            "bulkhead.checkout.hung": _finding(
                Status.FAIL, 0.538, "ratio", (0.501, 0.575), reason, (SHARED_POOL, "control route pulse: 0 of 960 hung")
            ),
            "bulkhead.checkout.latency": _finding(
                Status.FAIL, 131.2, "times", (118.0, 144.0), "p95 rose from 23 ms to more than 3 s.", (SHARED_POOL,)
            ),
            "bulkhead.checkout.errors": _finding(
                Status.FAIL, 0.641, "ratio", (0.603, 0.676), "64.1 % of checkout's requests were not good."
            ),
            "bulkhead.checkout.goodput": _finding(
                Status.FAIL, 0.359, "ratio", (0.324, 0.397), "35.9 % of the usual goodput was left."
            ),
            "bulkhead.login.latency": _finding(
                Status.INCONCLUSIVE, 2.4, "times", (1.2, math.inf), "The interval contains the threshold."
            ),
            "bulkhead.login.hung": _finding(
                Status.FAIL, 0.36, "ratio", (0.31, 0.41), "36.0 % of login's requests hung."
            ),
            "backpressure.recommendations.fast-or-good": _finding(
                Status.FAIL, 0.362, "ratio", (0.33, 0.39), "36.2 % were good or rejected within 100 ms."
            ),
            "recovery.time": _finding(Status.PASS, 6.0, "s", None, "Steady again 6 s after the fault's end.", n=2520),
            "steady-state.checkout.p95.fault": _finding(
                Status.FAIL, 3.0, "s", (3.0, 3.0), "p95 was beyond the hang threshold."
            ),
        },
    )
    shown = Finding(
        id="backpressure.recommendations.class",
        title="how recommendations behaves under pressure: unbounded-queue",
        status=Status.SHOWN,
        value=None,
        unit="",
        interval=None,
        op=None,
        bound=None,
        n=960,
        reason="Requests in flight grew by 58 a second while offered load exceeded what was answered.",
    )
    analysis = _analysis(plan, Verdict.FAIL, reason, "bulkhead.checkout.hung", (*checks, shown), struck=struck)
    return Case(replace(analysis, cause=_full_pool()), plan, systems.ABOUT)


def _full_pool() -> Cause:
    """Return how a full pool lets checkout suffer from recommendations."""
    shared = "pool shared of web"
    chain = (
        Onset("full", shared, "web", f"{shared} full", 22.1, 22.6, 23.6, 0.5),
        Onset("late", "recommendations", "", "recommendations late", 22.13, 22.13, 22.25, 0.03),
        Onset("late", "checkout", "", "checkout late", 22.51, 22.51, 22.67, 0.41),
        Onset("late", "login", "", "login late", 22.9, 22.9, 23.4, 0.8),
        Onset("bad", "recommendations", "", "recommendations failing", 23.1, 23.1, 23.2, 1.0),
    )
    told = "it was full, and checkout and login suffered without needing recommendations"
    affected = ("recommendations", "checkout", "login")
    found = tuple(Detection(onset.subject, onset.at_s, onset.alarm_s) for onset in chain[1:4])
    return Cause("pool", shared, told, affected, affected, chain, found)


def passed() -> Case:
    """Return the hardened shop after its cache was emptied: every key was asked for once."""
    plan = systems.cache_stampede("hardened")
    struck: dict[str, Bin] = {"product": {"degraded": 0.04, "p95_s": 0.21, "p50_s": 0.012}}
    duplicates = _finding(
        Status.PASS,
        1.0476,
        "queries per key",
        None,
        "66 queries refilled 63 keys.",
        ("counted by the database: 131 queries in the whole run, by the answers: 131",),
        n=300,
    )
    recovery = _finding(Status.PASS, 1.0, "s", None, "Steady again 1 s after the cache was emptied.", n=2000)
    analysis = _analysis(
        plan,
        Verdict.PASS,
        "All 14 checks passed: 1.05 queries per key refilled the cache; 1.2 were allowed.",
        None,
        _checks(plan, {"stampede.duplicates": duplicates, "recovery.time": recovery}),
        struck=struck,
    )
    compared = (
        Compared("stampede.duplicates", 1.0, 1.0476, "queries per key", "one query per key"),
        Compared("stampede.amplification", 12.67, 12.2, "times", "distinct keys asked for / usual queries"),
    )
    about = replace(systems.ABOUT, command="gameday run cache-stampede --variant hardened --seed 7")
    spans = ((22.04, 22.05),)
    told = "none of the measured routes (product, login, checkout) became late, failed or was degraded more often than before"
    emptied = Onset("keys", "cache", "cache", "cache keys down to 38.4 %", 22.04, 22.61, 26.6, 0.57)
    cause = Cause(None, "", told, (), ("product", "login", "checkout"), (emptied,))
    analysis = replace(
        analysis, cause=cause, predictions=compared, faulted=((*spans[0], "empty-cache: cache"),), spans=spans
    )
    return Case(analysis, plan, about)


def invalid() -> Case:
    """Return a run whose latency fault reached only half of the connections."""
    plan = systems.slow_recommendations("hardened")
    reason = "The fault was not proven: 51 % of the calls from web to recommendations stayed as fast as before."
    checks = tuple(
        replace(check, status=Status.INCONCLUSIVE, reason="Not judged: the fault was not proven.")
        for check in _checks(plan, {})
    )
    analysis = _analysis(plan, Verdict.INVALID, reason, "gate.fault-proven", checks, struck={})
    proof = ("asked: +2 s", "measured: +7 ms at the median", "n=580 calls", "bypassed: 296 of 580 calls")
    gates = tuple(
        replace(gate, status=Status.FAIL, reason=reason, evidence=proof) if gate.id == "gate.fault-proven" else gate
        for gate in analysis.gates
    )
    return Case(replace(analysis, gates=gates), plan, replace(systems.ABOUT, command="gameday run <&> --seed 7"))


def aborted() -> Case:
    """Return a run that was ended early because a protected route burned its error budget."""
    plan = systems.slow_recommendations("naive")
    reason = "Aborted at 27.0 s: checkout burned its error budget 54 times too fast for 10 s."
    struck: dict[str, Bin] = {"checkout": {"hung": 0.5, "p95_s": 3.0, "p50_s": 2.0}}
    checks = tuple(
        replace(check, status=Status.INCONCLUSIVE, value=None, interval=None, n=0, reason="The run ended too early.")
        for check in _checks(plan, {})
    )
    analysis = _analysis(plan, Verdict.FAIL, reason, "gate.complete", checks, struck=struck)
    gates = tuple(
        replace(gate, status=Status.FAIL, reason="The run was aborted at 27.0 s.")
        if gate.id == "gate.complete"
        else gate
        for gate in analysis.gates
    )
    cut = tuple(
        replace(
            route,
            **{
                name: getattr(route, name)[:27]
                for name in ("start_s", "good", "degraded", "rejected", "bad", "hung", "p50_s", "p95_s", "in_flight")
            },
        )
        for route in analysis.routes
    )
    kept = tuple(summary for summary in analysis.summaries if summary.phase != "recovery")
    timeline = (*analysis.timeline[:5], Happening(27.0, "run", "run aborted: checkout burns its error budget"))
    analysis = replace(
        analysis,
        gates=gates,
        routes=cut,
        summaries=kept,
        timeline=timeline,
        faulted=((22.1, 27.1, "latency: web -> recommendations"),),
        spans=((22.1, 27.1),),
    )
    return Case(analysis, plan, systems.ABOUT)


CASES = {"failed": failed, "passed": passed, "invalid": invalid, "aborted": aborted}


class Worded(NamedTuple):
    """What a check says, what it accepts, and what it finds in a healthy system."""

    title: str
    unit: str
    op: Literal["<", ">"]
    bound: float
    value: float


_WORDED = {
    "latency": Worded("stays as fast as before (p95)", "times", "<", 1.5, 1.02),
    "errors": Worded("has no more bad answers than before", "ratio", "<", 0.01, 0.0),
    "goodput": Worded("keeps its goodput", "ratio", ">", 0.95, 0.9986),
    "hung": Worded("does not hang", "ratio", "<", 0.005, 0.0),
    "degraded": Worded("gets no more degraded answers than before", "ratio", "<", 0.01, 0.0),
    "down": Worded("is never down", "s", "<", 1.0, 0.0),
    "fast-or-good": Worded("is good or rejects fast", "ratio", ">", 0.95, 0.991),
    "p95": Worded("answers fast (p95)", "s", "<", 0.25, 0.0231),
    "good": Worded("is good", "ratio", ">", 0.97, 0.9991),
}


def _finding(  # noqa: PLR0917 - a row of a table, read from left to right
    status: Status,
    value: float,
    unit: str,
    interval: tuple[float, float] | None,
    reason: str,
    evidence: tuple[str, ...] = (),
    n: int = 960,
) -> Finding:
    bounds = Interval(*interval, 0.99) if interval else None
    return Finding("", "", status, value, unit, bounds, None, None, n, reason, evidence)


def _checks(plan: Plan, found: dict[str, Finding]) -> tuple[Finding, ...]:
    return tuple(_check(name, found.get(name)) for name in plan.checks)


def _check(name: str, found: Finding | None) -> Finding:
    if name == "stampede.duplicates":
        worded = Worded("the database is asked once per product", "queries per key", "<", 1.2, 1.0)
    elif name == "recovery.time":
        worded = Worded("the steady state is back, and stays", "s", "<", 10.0, 0.0)
    else:
        _, route, part, *phase = name.split(".")
        worded = _WORDED[part]
        worded = worded._replace(title=f"{route} {worded.title}{f' in the {phase[0]}' if phase else ''}")
    if found is None:
        value, ceiling = worded.value, 1.0 if worded.unit == "ratio" else math.inf
        spread = 0.004 if worded.unit == "ratio" else 0.06 * value
        interval = None if name.endswith(".down") else (max(0.0, value - spread), min(value + spread, ceiling))
        found = _finding(Status.PASS, value, worded.unit, interval, "The whole interval lies in the accepted range.")
    return replace(found, id=name, title=worded.title, op=worded.op, bound=worded.bound)


def _analysis(
    plan: Plan,
    verdict: Verdict,
    reason: str,
    decided_by: str | None,
    checks: tuple[Finding, ...],
    *,
    struck: dict[str, Bin],
) -> Analysis:
    routes = tuple(series(load.route, load.rate_per_s, struck.get(load.route, {})) for load in plan.routes)
    return Analysis(
        verdict=verdict,
        reason=reason,
        decided_by=decided_by,
        gates=_gates(plan),
        checks=checks,
        predictions=(),
        phases=plan.phases,
        faulted=((22.1, 42.0, "latency: web -> recommendations"),),
        routes=routes,
        summaries=tuple(summary for route in routes for summary in summaries(route)),
        system=_system(saturated=bool(struck) and verdict == Verdict.FAIL),
        timeline=_timeline(plan),
        spans=((22.1, 42.0),),
    )


def _gates(plan: Plan) -> tuple[Gate, ...]:
    proven = (
        ("Nothing was left.", ("keys before: 63", "keys after: 0"))
        if plan.name == "cache-stampede"
        else (
            "The caller saw the dose it was given.",
            ("asked: +2 s", "measured: +2.003 s at the median", "n=571 calls", "bypassed: 0"),
        )
    )
    undone = "Nothing was left to undo." if plan.name == "cache-stampede" else "Verified at 42.1 s: the edge is fast."
    rows = (
        ("gate.fault-proven", "the fault took effect", "verdict", *proven),
        ("gate.baseline", "the steady state held before the fault", "verdict", "All probes of the hypothesis hold.", ()),
        ("gate.delivered", "the load was delivered", "pass", "100 % of what was scheduled was sent.", ()),
        ("gate.on-time", "requests were sent on time", "latency-fail", "p99 of the lag is 3.1 ms; CPU 13 % of a core.", ()),
        ("gate.rows", "every scheduled request has its row", "verdict", "13,440 scheduled, 13,440 rows.", ()),
        ("gate.accounting", "the services count the same requests", "verdict", "Counters differ by 0.1 %.", ()),
        ("gate.reverted", "the fault was undone and verified", "verdict", undone, ()),
        ("gate.complete", "the run went to its end", "pass", "Nothing ended it early.", ()),
    )  # fmt: skip
    return tuple(
        Gate(name, title, Status.PASS, forbids, None, "", None, None, 960, reason, evidence)
        for name, title, forbids, reason, evidence in rows
    )


def _system(*, saturated: bool) -> tuple[SystemSeries, ...]:
    noise = random.Random(3)
    times = tuple(float(t) for t in range(56))
    fault = tuple(22 <= t < 44 for t in range(56))
    pool = tuple(32.0 if on and saturated else noise.randrange(1, 5) for on in fault)
    return (
        SystemSeries("pools", "web pool shared, in flight", "calls", times, tuple(map(float, pool)), 32.0),
        SystemSeries(
            "database", "connections", "connections", times, tuple(8.0 + noise.randrange(4) for _ in times), 50.0
        ),
        SystemSeries(
            "database", "origin queries", "queries/s", times, tuple(3 + 2 * noise.random() for _ in times), None
        ),
        SystemSeries("cache", "hit ratio", "ratio", times, tuple(0.96 + 0.02 * noise.random() for _ in times), None),
    )


def _timeline(plan: Plan) -> tuple[Happening, ...]:
    fault = plan.faults[0]
    return (
        Happening(-3.412, "run", f"run started: {plan.name}, variant {plan.variant}, seed {plan.seed}"),
        Happening(-0.8, "system", "system ready after 2.6 s"),
        Happening(0.0, "load", "load starts: warm-up"),
        Happening(22.0, "fault", f"{fault.fault} intended, its undo is on disk"),
        Happening(22.1, "fault", f"{fault.fault} injected"),
        Happening(23.4, "fault", f"{fault.fault} confirmed: median rose by 2.003 s in 571 calls"),
        Happening(24.0, "judgement", "checkout: first second with more bad requests than usual"),
        Happening(42.0, "fault", f"{fault.fault} undone"),
        Happening(42.1, "fault", f"{fault.fault} verified as undone"),
        Happening(56.0, "load", "load done: 13,440 rows"),
    )

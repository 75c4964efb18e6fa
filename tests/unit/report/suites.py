"""Two nights of one suite, with every way in which an experiment can come out."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from gameday.analysis.differences import Figure
from gameday.analysis.model import Verdict
from gameday.analysis.suite import Row, SuiteRun

HUNG = Figure("bulkhead.checkout.hung", "checkout does not hang", "ratio", "<", 0.001, 0.0, 0.004, 0.99, 1200)
RECOVERY = Figure("recovery.time", "steady again within 10 s", "s", "<", 2.0, None, None, None, 2400)
GOOD = Figure("steady-state.login.good.fault", "login keeps its good", "ratio", ">", 0.999, 0.99, 1.0, 0.99, 1200)
P95 = Figure("steady-state.login.p95.fault", "login keeps its p95", "s", "<", 0.040, 0.036, 0.045, 0.99, 1200)


def row(
    experiment: str,
    verdict: Verdict | None = Verdict.PASS,
    *,
    code: int = 0,
    ended: Literal["", "refused", "error", "not run"] = "",
    figures: tuple[Figure, ...] = (HUNG, RECOVERY, GOOD, P95),
    variant: str = "hardened",
) -> Row:
    """Return a row; what is not said is as in a night in which all is well."""
    reason = {"": "all 14 checks passed", "refused": "another command holds shop on kind (process 7)"}
    return Row(
        experiment=experiment,
        title=f"Does it stand {experiment}?",
        variant=variant,
        seed=1,
        expect=Verdict.PASS,
        verdict=verdict,
        reason="bulkhead.checkout.hung: 40 % of checkout's requests <hung>"
        if verdict is Verdict.FAIL
        else reason.get(ended, "internal error, KeyError: 'web-1'"),
        decided_by=HUNG.id if verdict is Verdict.FAIL else None,
        decides=HUNG.id,
        code=code,
        ended=ended,
        run=None if ended else f"../../20261120-010000-{experiment}",
        duration_s=0.0 if ended else 61.5,
        figures=() if ended else figures,
    )


def night(*rows: Row, code: int = 0, started: str = "2026-11-20T01:00:00+00:00", interrupted: bool = False) -> SuiteRun:
    """Return a suite that was run."""
    return SuiteRun(
        name="nightly",
        title="What must stand <every> night",
        target="kind",
        started=started,
        duration_s=600.0,
        command="gameday suite nightly --target kind",
        versions={"gameday": "0.1.0", "Kubernetes": "1.34.4"},
        code=code,
        interrupted=interrupted,
        rows=rows,
    )


def last_night() -> SuiteRun:
    """Return a night with one failure, and an experiment that is gone now."""
    return night(
        row("kill-web"),
        row("cache-stampede"),
        row("redis-down", Verdict.FAIL, code=1),
        row("lose-a-node", None, code=5, ended="refused"),
        row("slow-payments"),
    )


def earlier() -> tuple[SuiteRun, ...]:
    """Return the nights before, the newest first: p95 differs a little from night to night, nothing else does."""
    before = []
    for by in (0.001, -0.002, 0.002):
        found = (HUNG, RECOVERY, GOOD, replace(P95, value=P95.value + by, lo=0.036 + by, hi=0.045 + by))
        before.append(night(*(row(each, figures=found) for each in ("kill-web", "cache-stampede", "redis-down"))))
    return (last_night(), *before)


def tonight() -> SuiteRun:
    """Return the night after: one newly failing, one newly passing, one that broke, one refused, one new, one never run."""
    hangs = replace(HUNG, value=0.4, lo=0.36, hi=0.44)
    slow = replace(P95, value=0.048, lo=0.044, hi=0.053)
    slower = replace(RECOVERY, value=7.0)
    run = night(
        row("kill-web", figures=(HUNG, slower, GOOD, slow)),
        row("cache-stampede", Verdict.FAIL, code=1, figures=(hangs, RECOVERY, GOOD, P95)),
        row("redis-down", figures=(HUNG, RECOVERY, GOOD, replace(P95, value=0.02, lo=0.018, hi=0.022))),
        row("lose-a-node", None, code=70, ended="error"),
        row("noisy-neighbour", None, code=5, ended="refused"),
        row("none", None, code=3, ended="not run"),
        code=70,
        started="2026-11-21T01:00:00+00:00",
    )
    return replace(run, versions={"gameday": "0.2.0", "Kubernetes": "1.34.4"})

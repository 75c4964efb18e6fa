"""The preconditions that the request rows decide: load delivered, generator on time, no row lost, nor any record of the history."""

from __future__ import annotations

import math

import numpy as np

from gameday.analysis import closed
from gameday.analysis.case import Case
from gameday.analysis.gates import began, counted
from gameday.analysis.model import Gate, Status
from gameday.analysis.routes import Requests
from gameday.analysis.windows import Window
from gameday.analysis.wording import percent, seconds
from gameday.experiment.samples import MATERIAL_S
from gameday.record.history import Event

DELIVERED = 0.98
OF_P50 = 0.1
CPU_SHARE = 0.8
STOP_SLACK_S = 0.5
"""What was scheduled this shortly before a run was stopped may not have reached the generator's files."""


def delivered(case: Case) -> Gate:
    """Judge whether in every window of every route at least 98 % of the schedule were sent and nothing was dropped."""
    if case.plan.closed:
        return closed.delivered(case)
    problems, least, n = [], 1.0, 0
    if not began(case):
        problems, least = ["nothing of the load was sent: it was not begun"], 0.0
    for load in case.plan.routes if began(case) else ():
        for window in _windows(case):
            scheduled = case.scheduled(load.route, window)
            inside = case.routes[load.route].within(window)
            dropped = int(np.count_nonzero(inside.dropped))
            n += scheduled
            share = (len(inside) - dropped) / scheduled if scheduled else 1.0
            least = min(least, share)
            if share < DELIVERED or dropped:
                problems.append(
                    f"{load.route}: {percent(share)} of {scheduled} sent in the {window.label} phase, {dropped} dropped"
                )
    return Gate(
        id="gate.delivered",
        title="the load was delivered",
        status=Status.FAIL if problems else Status.PASS,
        forbids="pass",
        value=least,
        unit="ratio",
        op=">",
        bound=DELIVERED,
        n=n,
        reason=problems[0]
        if problems
        else f"at least {percent(least)} of every route's schedule was sent in every phase",
        evidence=tuple(problems[1:]),
    )


def _windows(case: Case) -> tuple[Window, ...]:
    """Return the planned phases after the warm-up, as far as the run came."""
    end_s = case.windows.observed.end_s - (STOP_SLACK_S if case.windows.stopped_s is not None else 0.0)
    return tuple(
        Window(phase.name, phase.start_s, min(phase.end_s, end_s))
        for phase in case.plan.phases
        if phase.name != "warmup" and phase.start_s < end_s
    )


def on_time(case: Case) -> Gate:
    """
    Judge whether the generator's p99 lag is immaterial (20 ms, or a tenth of the baseline's p50) and it had processor time to spare.

    Requests of a closed load have no schedule and no lag; their process tells how late it was itself.
    """
    problems, windows, worst, bound_s, n = [], dict[str, None](), 0.0, MATERIAL_S, 0
    for route, requests in case.routes.items():
        for window in (case.windows.baseline, case.windows.fault, case.windows.recovery):
            lag_s = _p99_lag(requests.within(window))
            allowed_s = immaterial_lag_s(requests.within(case.windows.baseline))
            n += len(requests.within(window))
            if lag_s - allowed_s > worst - bound_s or not n:
                worst, bound_s = lag_s, allowed_s
            if lag_s > allowed_s:
                windows[window.label] = None
                problems.append(
                    f"{route}: p99 lag {seconds(lag_s)} in the {window.label} window, at most {seconds(allowed_s)} is immaterial"
                )
    of_windows = len(problems)
    for late_s in _told(case, "late_s"):
        worst = late_s
        if late_s > bound_s:
            problems.append(
                f"users waited {seconds(late_s)} for their process (p99), at most {seconds(bound_s)} is immaterial"
            )
    busy = _told(case, "cpu_share")
    problems += [f"the generator used {percent(share)} of a core" for share in busy if share > CPU_SHARE]
    told = f", {percent(busy[0])} of a core used" if busy else ""
    return Gate(
        id="gate.on-time",
        title="the generator was on time",
        status=Status.FAIL if problems else Status.PASS,
        forbids="latency-fail",
        value=worst,
        unit="s",
        op="<",
        bound=bound_s,
        n=n,
        reason=problems[0] if problems else f"p99 lag at most {seconds(worst)}{told}",
        evidence=tuple(problems[1:]),
        windows=tuple(windows) if len(problems) == of_windows else (),
    )


def _told(case: Case, name: str) -> list[float]:
    """Return a number that the load told of itself at its end."""
    return [
        float(str(record.data.get(name)))
        for record in case.history
        if record.event == Event.LOAD_DONE and isinstance(record.data.get(name), int | float)
    ]


def _p99_lag(inside: Requests) -> float:
    lag_s = np.sort(inside.lag_s[~inside.dropped])
    return float(lag_s[math.ceil(0.99 * len(lag_s)) - 1]) if len(lag_s) else 0.0


def immaterial_lag_s(baseline: Requests) -> float:
    """Return up to which lag it does not matter that the generator was late."""
    return max(MATERIAL_S, OF_P50 * float(np.median(baseline.response_s))) if len(baseline) else MATERIAL_S


def rows(case: Case) -> Gate:
    """
    Judge whether there is exactly one row for every scheduled request, as far as the run came.

    Each must be readable, and the history as well.
    """
    if case.plan.closed:
        return closed.rows(case)
    problems, scheduled = list(case.spoilt), 0
    stopped_s = case.windows.stopped_s
    if not began(case):
        problems.append("no request was sent: the load was not begun")
    for load in case.plan.routes if began(case) else ():
        times_s = case.times_s[load.route]
        due = len(times_s) if stopped_s is None else int(np.searchsorted(times_s, stopped_s - STOP_SLACK_S))
        seen, counts = np.unique(case.routes[load.route].seq, return_counts=True)
        scheduled += due
        missing, doubled = due - int(np.count_nonzero(seen < due)), int((counts - 1).sum())
        strange = int(np.count_nonzero(seen >= len(times_s)))
        if missing:
            problems.append(f"{load.route}: {missing} of {due} scheduled requests left no row")
        if doubled or strange:
            problems.append(f"{load.route}: {doubled} rows twice, {strange} of requests that were not scheduled")
    return counted(
        "gate.rows",
        "every scheduled request left a row, and the history is whole",
        forbids="verdict",
        problems=tuple(problems),
        n=scheduled,
        fine=f"{scheduled} of {scheduled} rows",
        unit="losses",
    )

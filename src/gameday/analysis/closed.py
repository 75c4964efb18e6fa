"""
What can be said when the load was a person's own locustfile: a *closed* load, whose users wait for an answer before they ask again.

It has no schedule, so nothing can be missing or undelivered; the gates that ask for it are shown. And a stalled system is asked less, by
the very users that it stalls, so slow requests are counted too rarely: what was fast enough, or soon over, is not shown to be.

Source:
    Schroeder, Wierman & Harchol-Balter, Open versus closed (NSDI 2006); verdicts.md, amendment 8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pydantic import JsonValue

from gameday.analysis.case import Case
from gameday.analysis.gates import counted
from gameday.analysis.model import Finding, Gate, Status
from gameday.analysis.wording import percent
from gameday.record.history import Event

SLOW_ARE_RARE = (
    "closed: users who wait for a slow answer ask less meanwhile, so slow ones are counted too rarely for a pass"
)
MOST_OTHERS = 10
"""How many names of requests that stand for no route are told one by one."""
_OF_HYPOTHESIS = {"recovery.time", "continuity.held"}


def limit(case: Case, finding: Finding) -> Finding:
    """Return a finding as far as a closed load can show it: a latency never passes; errors, hung requests and failures stand."""
    if not case.plan.closed or not _of_time(case, finding):
        return finding
    if finding.by_sample:
        return replace(
            finding, by_sample=False, reason=f"{finding.reason}; more runs would not decide it, {SLOW_ARE_RARE}"
        )
    if finding.status is not Status.PASS:
        return finding
    return replace(
        finding,
        status=Status.INCONCLUSIVE,
        reason=f"{finding.reason}; would have passed, but {SLOW_ARE_RARE}",
    )


def _of_time(case: Case, finding: Finding) -> bool:
    """
    Tell whether a finding is about time.

    Recovery and continuity are judged by what the hypothesis asks for, which need not be a latency. An outage is measured in requests lost, of
    which users who wait lose few.
    """
    if finding.id.startswith("outage."):
        return True
    probes = case.plan.experiment.steady_state_hypothesis.probes
    timed = any(probe.p50 is not None or probe.p95 is not None for probe in probes)
    if finding.id in _OF_HYPOTHESIS:
        return timed
    return finding.of_time


def delivered(case: Case) -> Gate:
    """Show what a closed load sent: how much per second in the baseline and with the fault on, route by route."""
    windows = (case.windows.baseline, case.windows.fault)
    told = []
    for route, requests in case.routes.items():
        if not len(requests):
            continue
        rates = (len(requests.within(window)) / max(window.length_s, 1e-9) for window in windows)
        before, after = rates
        told.append(f"{route}: {before:.1f}/s in the baseline, {after:.1f}/s while the fault was on")
    n = sum(len(requests) for requests in case.routes.values())
    others = sum(count for _, count in case.others)
    strange = f"; {others} more ({percent(others / (n + others))}) stand for no route" if others else ""
    return _shown(
        "gate.delivered",
        "closed load: a locustfile's users sent it",
        forbids="pass",
        n=n,
        reason=f"{n} requests of the system's routes, as many as answers allowed; nothing was scheduled{strange}",
        evidence=(*told, *_others(case)),
    )


def _others(case: Case) -> tuple[str, ...]:
    most_first = sorted(case.others, key=lambda other: (-other[1], other[0]))
    told = tuple(f"no route of the system: {name} ({count} requests)" for name, count in most_first[:MOST_OTHERS])
    left = len(most_first) - MOST_OTHERS
    return (*told, f"… and {left} further names") if left > 0 else told


def rows(case: Case) -> Gate:
    """Show how many rows there are; how many there should be is not known. What no request can have done is no request's row, and the history must be whole."""
    n = sum(len(requests) for requests in case.routes.values()) + sum(count for _, count in case.others)
    if case.spoilt:
        return counted(
            "gate.rows",
            "every request that was sent left a row, and the history is whole",
            forbids="verdict",
            problems=case.spoilt,
            n=n,
            fine="",
            unit="losses",
        )
    return _shown(
        "gate.rows",
        "every request that was sent left a row, and the history is whole",
        forbids="verdict",
        n=n,
        reason=f"{n} rows; a closed load has no schedule to count them against",
    )


def users(case: Case) -> Gate:
    """
    Judge whether nothing in the locustfile raised, its own exit code is 0, and everything in it that the run is about sent requests.

    An exit code 0 that the file sets overrides exceptions, as under ``locust``.
    """
    done = next((record.data for record in case.history if record.event == Event.LOAD_DONE), {})
    raised, kinds, code = _list(done, "raised"), _list(done, "user_classes"), done.get("exit_code")
    exceptions = tuple(
        f"{_number(each['count'], 'exception')} in {': '.join(filter(None, (str(each['user']), str(each['task']))))}, the first {each['error']}"
        for each in raised
    )
    problems = (
        *(exceptions if code != 0 else ()),
        *((f"the locustfile set the exit code {code}",) if code else ()),
        *(
            f"user class {kind['name']} sent no request ({_number(kind['users'], 'user')})"
            for kind in kinds
            if not kind["requests"]
        ),
        *(f"route {route} is named in the experiment and got no request" for route in _unasked(case)),
    )
    told = f"{len(kinds)} user classes sent requests, and nothing in the locustfile raised"
    if exceptions and not problems:
        told = (
            f"the locustfile set the exit code 0, which overrides {len(exceptions)} places that raised: {exceptions[0]}"
        )
    gate = counted(
        "gate.users",
        "the locustfile's users did their work",
        forbids="pass",
        problems=problems,
        n=sum(int(str(kind["requests"])) for kind in kinds),
        fine=told,
        unit="problems",
        evidence=tuple(str(each["traceback"]) for each in raised),
    )
    if problems or "user_classes" in done:
        return gate
    return replace(gate, status=Status.SHOWN, reason="this run did not record what its users did")


def _list(data: Mapping[str, JsonValue], key: str) -> tuple[Mapping[str, JsonValue], ...]:
    found = data.get(key)
    return tuple(each for each in found if isinstance(each, dict)) if isinstance(found, list) else ()


def _number(count: JsonValue, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _unasked(case: Case) -> tuple[str, ...]:
    """Return the routes that the experiment names and no request came to; what was cut short is told by another gate."""
    if case.windows.stopped_s is not None:
        return ()
    experiment = case.plan.experiment
    expect, abort = experiment.expect, experiment.safety.abort
    named = (
        *(probe.route for probe in experiment.steady_state_hypothesis.probes),
        *(expect.bulkhead.isolated if expect.bulkhead else ()),
        *(expect.backpressure.routes if expect.backpressure else ()),
        *(expect.outage.routes if expect.outage else ()),
        *((abort.route,) if abort else ()),
        *experiment.load.names,
    )
    return tuple(route for route in dict.fromkeys(named) if not len(case.routes[route]))


def _shown(
    id: str,  # noqa: A002 - the gate's own word
    title: str,
    *,
    forbids: str,
    n: int,
    reason: str,
    evidence: tuple[str, ...] = (),
) -> Gate:
    return Gate(
        id=id,
        title=title,
        status=Status.SHOWN,
        forbids="verdict" if forbids == "verdict" else "pass",
        value=None,
        unit="",
        op=None,
        bound=None,
        n=n,
        reason=reason,
        evidence=evidence,
    )

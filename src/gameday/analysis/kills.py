"""
Tell each kill as a sequence: acknowledged, endpoint gone, last request failed, replacement ready, goodput back; and count what it cost.

The target tells when replicas leave and join the endpoints of a service; without that (a history from before, a target that does
not watch) there is nothing to tell, and nothing is said.

Source:
    verdicts.md section 4: the moments, and the errors that they make expect.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from gameday.analysis.case import Case
from gameday.analysis.episodes import Episode
from gameday.analysis.findings import ONE_EVENT, shown
from gameday.analysis.model import Compared, Finding, Happening, Kill
from gameday.analysis.routes import Requests
from gameday.analysis.statistics import Bools, Floats
from gameday.analysis.windows import Window
from gameday.analysis.wording import seconds
from gameday.experiment.prediction import KILL_FORMULA, kill_errors
from gameday.record.history import Event, Record

KILL, MONKEY = "kill", "monkey"
_KILLS = {KILL, MONKEY}
QUIET_S = 3.0
"""Failures this far apart are not of the same kill: as wide as a bin of the recovery."""
STEP_S = 0.1
"""In such steps the return of goodput is looked for."""
HELD_S = 3
"""So many whole seconds goodput must hold to be back, as in the recovery's bins."""
BACK = 0.95
"""Of the baseline's share of good answers, as goodput retention accepts it (verdicts.md section 1)."""
TWICE = 2.0
"""Above twice the prediction something multiplies the errors (verdicts.md section 4)."""
NO_MATTER = 3
"""So few errors above the prediction are chance."""


@dataclass(frozen=True, slots=True)
class _Change:
    """A replica left the endpoints of its service, or joined them, when ``t_s`` says it was seen."""

    t_s: float
    joined: bool
    replica: str
    identity: str


def kills(case: Case) -> tuple[Kill, ...]:
    """Return every kill, the monkey's too, whose replicas' endpoints were followed, in the order of the plan; empty without such."""
    return case.once(("kills",), lambda: tuple(_kills(case)))


def _kills(case: Case) -> Iterator[Kill]:
    for episode in case.episodes:
        if episode.planned is not None and episode.planned.fault in _KILLS and episode.injected_s is not None:
            yield from _kill(case, episode, episode.injected_s)


def _kill(case: Case, episode: Episode, acknowledged_s: float) -> Iterator[Kill]:
    records = [record for record in case.history if str(record.data.get("id")) == episode.id]
    intended = next((record for record in records if record.event == Event.FAULT_INTENDED), None)
    injected = next((record for record in records if record.event == Event.FAULT_INJECTED), None)
    if intended is None or injected is None or episode.planned is None:
        return
    names = _names(injected.data.get("killed")) or _names(_undo(intended).get("replicas"))
    service = str(injected.data.get("service") or _service(case.history, episode.planned.services, names))
    changes = tuple(_changes(case.history, service))
    since_s = max(intended.t_s, min(episode.planned.start_s, acknowledged_s))  # it may be intended long before
    present = _present(changes, since_s)
    if not names or not present:
        return
    left_s = _left_s(changes, names, since_s)
    ready_s = _ready_s(changes, present, left_s)
    settled_s = max(moment for moment in (acknowledged_s, left_s, ready_s) if moment is not None)
    routes = tuple(
        requests
        for load in case.plan.routes
        if service in case.plan.system.routes[load.route].hard and len(requests := case.routes[load.route])
    )
    end_s = _until_s(case, episode)
    failed = _failed(case, routes, since_s, min(settled_s, end_s), end_s)
    failed_s = max(acknowledged_s, float(failed[-1])) if len(failed) else None
    until_s = acknowledged_s if failed_s is None else failed_s
    rate_per_s, in_flight, usual = case.once(("before", service), lambda: _before(case, routes))
    share = min(1.0, len(names) / len(present))
    yield Kill(
        service=service,
        replicas=names,
        of=len(present),
        acknowledged_s=acknowledged_s,
        left_s=left_s,
        failed_s=failed_s,
        ready_s=ready_s,
        back_s=_back_s(case, routes, acknowledged_s, end_s),
        errors=max(0.0, len(failed) - usual * rate_per_s * (until_s - acknowledged_s)),
        predicted=kill_errors(
            rate_per_s=rate_per_s, share=share, lasted_s=until_s - acknowledged_s, in_flight=in_flight
        ),
        predicted_by_endpoint=None
        if left_s is None or share == 1
        else kill_errors(
            rate_per_s=rate_per_s, share=share, lasted_s=max(0.0, left_s - acknowledged_s), in_flight=in_flight
        ),
        n=sum(
            len(requests.within(Window(KILL, acknowledged_s, min(settled_s + QUIET_S, end_s)))) for requests in routes
        ),
    )


def _undo(intended: Record) -> Mapping[str, object]:
    undo = intended.data.get("undo")
    return undo if isinstance(undo, Mapping) else {}


def _names(told: object) -> tuple[str, ...]:
    """Read replicas: the keys of what was killed, or the list of who was to be."""
    return tuple(map(str, told)) if isinstance(told, Mapping | list) else ()


def _service(history: Iterable[Record], services: Iterable[str], names: tuple[str, ...]) -> str:
    """Return whose the killed replicas were, of a run that did not record it, by who was followed; empty when nobody was."""
    of = {
        str(record.data.get("service"))
        for record in history
        if record.event in {Event.REPLICA_LEFT, Event.REPLICA_JOINED} and record.data.get("replica") in names
    }
    return next((service for service in services if service in of), "")


def _until_s(case: Case, episode: Episode) -> float:
    """Return when the next kill begins, or the run's end: what fails from then on may be of that one."""
    others = (each for each in case.episodes if each.planned is not None and each.planned.fault in _KILLS)
    begun = (each.begun_s for each in others if each.begun_s is not None)
    later = (t_s for t_s in begun if t_s > (episode.injected_s or 0.0))
    return min(later, default=case.windows.observed.end_s)


def _changes(history: Iterable[Record], service: str) -> Iterator[_Change]:
    found = [
        _Change(
            seen_at_s(record), record.event == Event.REPLICA_JOINED, str(record.data.get("replica")), _identity(record)
        )
        for record in history
        if record.event in {Event.REPLICA_LEFT, Event.REPLICA_JOINED} and record.data.get("service") == service
    ]
    yield from sorted(found, key=lambda change: change.t_s)


def seen_at_s(record: Record) -> float:
    """Return when what a record tells happened: some are written a moment after it, and say how long."""
    late_s = record.data.get("late_s")
    return record.t_s - (float(late_s) if isinstance(late_s, int | float) else 0.0)


def _identity(record: Record) -> str:
    return str(record.data.get("identity") or record.data.get("replica"))


def _present(changes: Iterable[_Change], t_s: float) -> frozenset[str]:
    """Return the identities of the replicas that were endpoints at a time."""
    present: set[str] = set()
    for change in changes:
        if change.t_s <= t_s:
            (present.add if change.joined else present.discard)(change.identity)
    return frozenset(present)


def _left_s(changes: Iterable[_Change], names: tuple[str, ...], since_s: float) -> float | None:
    """Return when the last of the killed left; None if one of them was never seen to."""
    left: dict[str, float] = {}
    for change in changes:
        if change.t_s >= since_s and not change.joined and change.replica in names:
            left.setdefault(change.replica, change.t_s)
    return max(left.values()) if len(left) == len(names) else None


def _ready_s(changes: Iterable[_Change], present: frozenset[str], left_s: float | None) -> float | None:
    """Return when there were as many endpoints again as before; other replicas may leave and come meanwhile."""
    if left_s is None:
        return None
    now = set(_present(changes, left_s))
    for change in changes:
        if change.t_s > left_s:
            (now.add if change.joined else now.discard)(change.identity)
            if len(now) >= len(present):
                return change.t_s
    return None


def _failed(case: Case, routes: tuple[Requests, ...], since_s: float, settled_s: float, end_s: float) -> Floats:
    """Return when the requests were sent that failed of the kill, ascending: those open at it, and those until failures cease."""
    bad = [case.once(("bad", each.route), partial(each.where, each.bad)) for each in routes]
    sent_s = [each.sent_s[(each.ended_s >= since_s) & (each.sent_s < end_s)] for each in bad]
    found = np.sort(np.concatenate([np.empty(0), *sent_s]))
    before = np.maximum(settled_s, np.concatenate([[settled_s], found[:-1]]))[: len(found)]
    quiet = np.flatnonzero(found > before + QUIET_S)
    return found[: quiet[0]] if len(quiet) else found


def _before(case: Case, routes: tuple[Requests, ...]) -> tuple[float, float, float]:
    """Return the offered rate, the mean number in flight (Little's law) and the bad share of the baseline."""
    window = case.windows.baseline
    length_s = max(window.length_s, 1e-9)
    inside = [requests.within(window) for requests in routes]
    n = sum(map(len, inside))
    busy_s = sum(float(requests.service_s.sum()) for requests in inside)
    bad = sum(int(np.count_nonzero(requests.bad)) for requests in inside)
    return n / length_s, busy_s / length_s, bad / max(n, 1)


def _back_s(case: Case, routes: tuple[Requests, ...], since_s: float, until_s: float) -> float | None:
    """Return the first time from which every one of the next seconds, before ``until_s``, has the accepted share of the baseline's good answers."""
    baseline = [requests.within(case.windows.baseline) for requests in routes]
    after = [requests.within(Window(KILL, since_s, until_s + STEP_S)) for requests in routes]
    n = sum(map(len, baseline))
    least = BACK * (sum(int(np.count_nonzero(requests.good)) for requests in baseline) / n if n else 1.0)
    scheduled_s = np.concatenate([np.empty(0), *(requests.scheduled_s for requests in after)])
    good: Bools = np.concatenate([np.empty(0, bool), *(requests.good for requests in after)])
    order = np.argsort(scheduled_s, kind="stable")
    scheduled_s, before = scheduled_s[order], np.concatenate([[0], np.cumsum(good[order])])

    def share(start_s: float, end_s: float) -> float:
        first, last = np.searchsorted(scheduled_s, (start_s, end_s))
        return float(before[last] - before[first]) / (last - first) if last > first else 1.0

    for step in range(max(0, int((until_s - HELD_S - since_s) / STEP_S + 1e-6) + 1)):
        start_s = since_s + step * STEP_S
        if all(share(start_s + second, start_s + second + 1) >= least for second in range(HELD_S)):
            return start_s
    return None


def sentences(kill: Kill) -> tuple[str, ...]:
    """Tell a kill: its moments after the acknowledgement in one sentence, its errors in another."""
    told = (
        f"{kill.name}: counted from the kill's acknowledgement, the endpoint left {_after(kill, kill.left_s)},"
        f" the last request that failed was sent {_after(kill, kill.failed_s, never='never')},"
        f" the replacement was ready {_after(kill, kill.ready_s)}, goodput was back {_after(kill, kill.back_s)}"
    )
    return told, _errors(kill)


def _after(kill: Kill, moment_s: float | None, *, never: str = "not while it was watched") -> str:
    if moment_s is None:
        return never
    late_s = moment_s - kill.acknowledged_s
    return f"{seconds(-late_s)} before it" if late_s < 0 else f"after {seconds(late_s)}"


def _errors(kill: Kill) -> str:
    told = f"{kill.errors:.0f} requests failed of it, {kill.predicted:.1f} were to be expected ({KILL_FORMULA})"
    if kill.errors <= TWICE * kill.predicted or kill.errors - kill.predicted <= NO_MATTER:
        return told
    return f"{told}: more than twice as many, so retries multiply them or clients stay with the killed replica's connections"


def killed(case: Case) -> tuple[Finding, ...]:
    """Show how long clients saw each kill: from its acknowledgement to the last request that failed."""
    return tuple(
        shown(
            f"outage.{kill.service}.killed{_nth(number)}",
            f"how long clients saw that {kill.name} was killed",
            kill.outage_s,
            unit="s",
            n=kill.n,
            reason="no request failed of it"
            if kill.failed_s is None
            else f"the last request that failed was sent {seconds(kill.outage_s)} after the kill was acknowledged",
            evidence=(*sentences(kill), ONE_EVENT),
        )
        for number, kill in enumerate(kills(case))
    )


def _nth(number: int) -> str:
    """Tell several kills apart; the first has the plain name."""
    return f"-{number}" if number else ""


def compared_kills(case: Case) -> tuple[Compared, ...]:
    """Put the errors of every kill beside those expected until the last one, and beside those until its endpoint left."""
    return tuple(
        Compared(f"kill.{kill.service}.{name}{_nth(number)}", predicted, kill.errors, "requests", formula)
        for number, kill in enumerate(kills(case))
        for name, predicted, formula in (
            ("errors", kill.predicted, KILL_FORMULA),
            (
                "errors-by-endpoint",
                kill.predicted_by_endpoint,
                KILL_FORMULA.replace("last failure", "endpoint's leaving"),
            ),
        )
        if predicted is not None
    )


def moments(case: Case) -> Iterator[Happening]:
    """Tell what only the rows know of each kill: the last request that failed, and goodput's return."""
    for kill in kills(case):
        if kill.failed_s is not None:
            yield Happening(
                kill.failed_s, "judgement", f"{kill.name}: the last request that failed of the kill was sent"
            )
        if kill.back_s is not None:
            yield Happening(kill.back_s, "judgement", f"{kill.name}: goodput is back after the kill")

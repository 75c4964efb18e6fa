"""List what happened in a run: what gameday did, what the system did, what was judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np

from gameday.analysis.case import Case
from gameday.analysis.cause import cause
from gameday.analysis.episodes import describe_proof
from gameday.analysis.kills import moments, seen_at_s
from gameday.analysis.model import Happening
from gameday.analysis.onsets import SUFFERS
from gameday.analysis.pools import mapped
from gameday.analysis.recovery import Recovered
from gameday.experiment.counters import selector, split_key
from gameday.record.history import Event, Record

BREAKER = {0: "closed", 1: "half-open", 2: "open"}

_TEXTS: dict[str, tuple[str, Callable[[Record], str]]] = {
    Event.RUN_STARTED: ("run", lambda r: f"run of {r.data.get('experiment')} started on {r.data.get('target')}"),
    Event.SYSTEM_READY: ("run", lambda r: f"the system is ready after {r.data.get('seconds')} s"),
    Event.SYSTEM_JOINED: ("run", lambda r: f"the run uses a system that is up ({_joined(r)})"),
    Event.PROCESS_EXITED: ("system", lambda r: f"{r.data.get('process')} exited with {r.data.get('code')}"),
    Event.PROCESS_SHORT: (
        "run",
        lambda r: f"gameday's own {r.data.get('process')} ran out of {r.data.get('what')} ({r.data.get('count')})",
    ),
    Event.REPLICA_LEFT: (
        "system",
        lambda r: f"{r.data.get('replica')} is no endpoint of {r.data.get('service')} any more",
    ),
    Event.REPLICA_JOINED: ("system", lambda r: f"{r.data.get('replica')} is an endpoint of {r.data.get('service')}"),
    Event.LOAD_ORIGIN: ("load", lambda _: "the load begins"),
    Event.LOAD_DONE: ("load", lambda r: f"the load is done: {r.data.get('rows')} rows"),
    Event.LOAD_LOST: ("load", lambda r: f"the load process was lost: {r.data.get('reason')}"),
    Event.WORKER_LOST: ("run", lambda r: f"the worker was lost ({r.data.get('code')})"),
    Event.PHASE_ENTERED: ("run", lambda r: f"{r.data.get('phase')} begins"),
    Event.HYPOTHESIS: ("judgement", lambda r: f"hypothesis in the {r.data.get('phase')}: {_met(r)}"),
    Event.FAULT_INJECTED: ("fault", lambda r: f"{_fault(r)} injected"),
    Event.FAULT_CONFIRMED: ("fault", lambda r: f"{_fault(r)} confirmed: {describe_proof(r.data.get('proof'))}"),
    Event.FAULT_INERT: ("fault", lambda r: f"{_fault(r)} shows no effect: {describe_proof(r.data.get('proof'))}"),
    Event.FAULT_FAILED: ("fault", lambda r: f"{_fault(r)} failed: {r.data.get('error')}"),
    Event.FAULT_UNDONE: ("fault", lambda r: f"{_fault(r)} undone"),
    Event.FAULT_VERIFIED: ("fault", lambda r: f"{_fault(r)} verified as undone"),
    Event.ABORT_NOTICED: (
        "judgement",
        lambda r: f"{r.data.get('route')} burns its budget {r.data.get('burn_10s')} times",
    ),
    Event.RUN_ABORTED: ("run", lambda r: f"run aborted: {r.data.get('reason')}"),
    Event.RUN_INTERRUPTED: ("run", lambda r: f"run interrupted by {r.data.get('signal')}"),
    Event.RUN_STOPPED: ("run", lambda r: f"run stopped: {r.data.get('reason')}"),
    Event.RUN_FINISHED: ("run", lambda _: "run finished"),
    Event.RESIDUE_CHECKED: (
        "run",
        lambda r: "; ".join((f"looked for what is left: {r.data.get('summary')}", *_sentences(r))),
    ),
    Event.RECOVERED: ("run", lambda r: f"recovered: {r.data.get('undone')} undone"),
    Event.ERROR: ("run", lambda r: f"error in {r.data.get('where')}: {r.data.get('error')}"),
}


def timeline(case: Case, measured: Recovered) -> tuple[Happening, ...]:
    """Merge all happenings by time."""
    found = (*_told(case), *_breakers(case), *_onsets(case), *_recovered(case, measured), *moments(case))
    return tuple(sorted(found, key=lambda happening: happening.t_s))


def _told(case: Case) -> Iterator[Happening]:
    named = {episode.id: episode.label for episode in case.episodes if episode.id is not None}
    for record in case.history:
        if record.event in _TEXTS and not _was_there(record):
            kind, text = _TEXTS[record.event]
            label = named.get(str(record.data.get("id")))
            said = text(record) if label is None else text(record).replace(_fault(record), label, 1)
            yield Happening(seen_at_s(record), kind, said)  # type: ignore[arg-type]


def _was_there(record: Record) -> bool:
    """Return whether a record is of an endpoint that was found, or changed while the system was made ready."""
    return record.event in {Event.REPLICA_JOINED, Event.REPLICA_LEFT} and seen_at_s(record) < 0


def _fault(record: Record) -> str:
    return f"fault {record.data.get('id')}"


def _joined(record: Record) -> str:
    """Return how what is up is known: by its process here, or by the run's name in a cluster."""
    return f"as run {record.data['run']} of it" if record.data.get("run") else f"process {record.data.get('pid')}"


def _sentences(record: Record) -> list[str]:
    """Return what a look for what is left found, and what the run did to connections besides."""
    found = (record.data.get("left"), record.data.get("notes"))
    return [str(sentence) for sentences in found if isinstance(sentences, list) for sentence in sentences]


def _met(record: Record) -> str:
    return "met" if record.data.get("met") else "not met"


def _breakers(case: Case) -> Iterator[Happening]:
    for service in sorted(case.plan.system.services):
        counters = mapped(case.plan.system, service)
        if counters.breaker is None:
            continue
        chosen = selector(counters.breaker)
        for owner, key in case.metrics.matching(chosen.name):
            labels = split_key(key)[1]
            if owner != service or not chosen.holds(labels):
                continue
            dependency = labels.get(counters.dependency_label or "", "")
            t_s, states = case.metrics.of(service, key)
            for index in np.flatnonzero(np.diff(states)) + 1:
                state = BREAKER.get(int(states[index]), str(states[index]))
                yield Happening(float(t_s[index]), "system", f"{service}: breaker to {dependency} is {state}")


def _onsets(case: Case) -> Iterator[Happening]:
    """Yield when what belongs to the event began to change, and when that was beyond doubt."""
    found = cause(case)
    for onset in found.chain if found else ():
        kind: Literal["system", "judgement"] = "judgement" if onset.kind in {*SUFFERS, "control", "lag"} else "system"
        yield Happening(onset.seen_s, kind, f"{onset.text}, beyond doubt at {onset.alarm_s:.1f} s")


def _recovered(case: Case, measured: Recovered) -> Iterator[Happening]:
    if measured.at_s is not None and case.plan.experiment.expect.recovery is not None and measured.after_s:
        yield Happening(
            measured.at_s, "judgement", f"the steady state is back, {measured.after_s:.0f} s after the fault"
        )

"""The method's faults fit the system, each other and the fault phase."""

from __future__ import annotations

import math
from collections.abc import Iterator

from gameday.experiment.catalogue import PlannedFault, Shape
from gameday.experiment.checks.subject import Complaint, Subject, in_experiment
from gameday.experiment.flaws import Flaw, KeyPath, nearest
from gameday.experiment.writing import seconds

SEEING_S = 2.0
"""What proving a delay takes beside waiting for it: the runner looks once a second, and is given a second for a busy machine."""
_LASTS: dict[Shape, str] = {"step": "lasts for the phase", "impulse": "is over at once", "none": "does nothing"}


def check(subject: Subject) -> Iterator[Complaint]:
    """Tell what the faults name that the system does not have, faults that do not go together, and delays that cannot be proven."""
    for path, mistake in subject.method.mistaken:
        near = nearest(mistake.seen, mistake.valid.replace(",", " ").replace(":", " ").split())
        hint = f'did you mean "{near}"?' if near and near != mistake.seen else ""
        yield Complaint(
            "experiment", Flaw(path, f"{mistake.seen} does not fit the system", mistake.seen, mistake.valid, hint)
        )
    for index, (path, fault) in enumerate(subject.method.planned):
        earlier = next((one for one in subject.method.planned[:index] if _shared(one[1], fault)), None)
        if earlier is not None:
            yield _clash(path, fault, *earlier)
    yield from _mixture(subject)
    yield from _delays(subject)


def _mixture(subject: Subject) -> Iterator[Complaint]:
    """A lasting fault is judged without its guards, one that is over at once from its instant on: together neither window is right."""
    acting = [each for each in subject.method.planned if each[1].shape != "none"]
    for path, fault in acting[1:]:
        first_path, first = acting[0]
        if fault.shape != first.shape:
            message = f"{first.fault} {_LASTS[first.shape]} and {fault.fault} {_LASTS[fault.shape]}: they cannot be judged together"
            seen = f"{fault.fault} here, {first.fault} in method[{first_path[1]}]"
            valid = f"an experiment for each, or only faults of which each {_LASTS[first.shape]}"
            yield Complaint("experiment", Flaw(path, message, seen, valid, of_key=True))
            return


def _delays(subject: Subject) -> Iterator[Complaint]:
    """A delay is proven by an answer that comes so late; on several edges, by one answer after the other."""
    fault_s = subject.experiment.phases.fault_s
    for path, fault in subject.method.planned:
        delay_s, jitter_s = (_number(fault, key) for key in ("delay_s", "jitter_s"))
        needed_s = round(len(fault.edges) * (delay_s + jitter_s) + SEEING_S, 6)
        if delay_s and 0 < fault_s < needed_s:
            most_s = max(0.0, fault_s - SEEING_S) / len(fault.edges) - jitter_s
            shorter = f"at most {seconds(math.floor(round(most_s * 1000, 6)) / 1000)}, or " if most_s > jitter_s else ""
            longer = f"phases.fault of at least {seconds(needed_s)}"
            message = f"a fault phase of {seconds(fault_s)} is too short to prove this delay"
            flaw = Flaw((*path, "delay"), message, fault.dose, shorter + longer)
            yield Complaint("experiment", flaw, (in_experiment("phases", "fault"),))


def _number(fault: PlannedFault, key: str) -> float:
    """Return a number of a fault's parameters, 0 when it has none of that name."""
    value = fault.parameters.get(key)
    return float(value) if isinstance(value, int | float) else 0.0


def _shared(one: PlannedFault, other: PlannedFault) -> str | None:
    """Name an edge or a service on which both act."""
    for mine, theirs in ((one.edges, other.edges), (one.services, other.services)):
        if common := [each for each in theirs if each in mine]:
            return common[0]
    return None


def _clash(path: KeyPath, fault: PlannedFault, earlier_path: KeyPath, earlier: PlannedFault) -> Complaint:
    place = _shared(earlier, fault) or ""
    message = f"two faults act on {place}, so neither can be proven"
    seen = f"{fault.fault} here, {earlier.fault} in method[{earlier_path[1]}]"
    return Complaint("experiment", Flaw(path, message, seen, "one fault for each edge and service", of_key=True))

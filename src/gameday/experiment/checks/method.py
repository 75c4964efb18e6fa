"""The method's faults fit the system, each other and the fault phase."""

from __future__ import annotations

import math
from collections.abc import Iterator

from gameday.experiment.catalogue import PlannedFault, Shape
from gameday.experiment.checks.subject import Complaint, Subject, in_experiment
from gameday.experiment.flaws import Flaw, KeyPath, nearest
from gameday.experiment.writing import seconds

GAP_S = 2.0
"""How long after the end of a fault the next one may begin in the same place: the first must be seen healed."""
SEEING_S = 2.0
"""What proving a fault takes beside its own time: the runner looks once a second, and is given a second for a busy machine."""
PULSE_SEEING_S = 0.5
"""The same within a pulse: the runner looks as soon as the full dose is on, and again in the next one."""
_ROUNDING_S = 1e-9
_LASTS: dict[Shape, str] = {"step": "lasts", "impulse": "is over at once", "none": "does nothing"}


def check(subject: Subject) -> Iterator[Complaint]:
    """Tell what the faults name that the system does not have, faults that do not go together, and those that cannot be proven."""
    for path, mistake in subject.method.mistaken:
        near = nearest(mistake.seen, mistake.valid.replace(",", " ").replace(":", " ").split())
        hint = f'did you mean "{near}"?' if near and near != mistake.seen else ""
        yield Complaint(
            "experiment", Flaw(path, f"{mistake.seen} does not fit the system", mistake.seen, mistake.valid, hint)
        )
    for index, (path, fault) in enumerate(subject.method.planned):
        yield from _times(subject, path, fault)
        earlier = next((one for one in subject.method.planned[:index] if _clash(one[1], fault)), None)
        if earlier is not None:
            yield _clashing(path, fault, *earlier)
    yield from _mixture(subject)
    yield from _proofs(subject)


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


def _proofs(subject: Subject) -> Iterator[Complaint]:
    """What lasts is proven while its full dose is on: a delay by an answer that comes so late, silence by an answer that does not come."""
    for path, fault in subject.method.planned:
        full_s, _ = _full_dose_s(fault)
        if fault.shape == "step" and 0 < full_s < _needed_s(fault):
            keys = ("at", "for", "ramp", "pulse")
            rests = (("phases", "fault"), *((*path[:2], key) for key in keys))
            yield Complaint(
                "experiment", _unprovable(subject, path, fault), tuple(in_experiment(*each) for each in rests)
            )


def _unprovable(subject: Subject, path: KeyPath, fault: PlannedFault) -> Flaw:
    """Say how long the full dose must be on, and of a delay, how much of it could be proven in the time that there is."""
    full_s, seeing_s = _full_dose_s(fault)
    whole = full_s == subject.experiment.phases.fault_s
    word = "full dose" if fault.scales else "time"
    given = f"a {'fault phase' if whole else word} of {seconds(full_s)} is too short to prove this"
    longer = f"{'phases.fault' if whole else f'a {word}'} of at least {seconds(_needed_s(fault))}"
    delay_s, jitter_s = (_number(fault, key) for key in ("delay_s", "jitter_s"))
    if not delay_s:
        return Flaw(path, f"{given} {fault.fault}", fault.dose or fault.fault, longer, of_key=True)
    most_s = max(0.0, full_s - seeing_s) / len(fault.edges) - jitter_s
    shorter = f"at most {seconds(math.floor(round(most_s * 1000, 6)) / 1000)}, or " if most_s > jitter_s else ""
    return Flaw((*path, "delay"), f"{given} delay", fault.dose, shorter + longer)


def _needed_s(fault: PlannedFault) -> float:
    """Return how long the full dose must be on at a stretch to be proven."""
    return round(fault.proof_s + _full_dose_s(fault)[1], 6)


def _full_dose_s(fault: PlannedFault) -> tuple[float, float]:
    """Return for how long the full dose is on at a stretch, and what of that seeing it takes."""
    if fault.pulse_s is not None:
        return round(min(fault.pulse_s[0], _length_s(fault)), 6), PULSE_SEEING_S
    return round(_length_s(fault) - fault.ramp_s, 6), SEEING_S


def _number(fault: PlannedFault, key: str) -> float:
    """Return a number of a fault's parameters, 0 when it has none of that name."""
    value = fault.parameters.get(key)
    return float(value) if isinstance(value, int | float) else 0.0


def _times(subject: Subject, path: KeyPath, fault: PlannedFault) -> Iterator[Complaint]:
    """Tell what an entry says of its time that the fault phase or the fault itself does not allow."""
    entry: KeyPath = path[:2]
    timing = subject.experiment.method[int(path[1])].timing
    phase_s = subject.experiment.phases.fault_s
    rests = (in_experiment("phases"),)

    def flaw(key: str, message: str, seen: str, valid: str) -> Complaint:
        return Complaint("experiment", Flaw((*entry, key), message, seen, valid), rests)

    if timing.at_s >= phase_s:
        yield flaw("at", "the fault phase is over by then", seconds(timing.at_s), f"below {seconds(phase_s)}")
    elif timing.at_s + _length_s(fault) > phase_s + _ROUNDING_S:
        key = "for" if timing.for_s is not None else path[2] if len(path) > 2 else "for"
        most = seconds(phase_s - timing.at_s)
        yield flaw(str(key), "it would last beyond the fault phase", seconds(_length_s(fault)), f"at most {most}")
    grace_s, left_s = _number(fault, "grace_s"), phase_s - timing.at_s
    if grace_s >= left_s > 0:
        message = "the fault phase would be over before it ends"
        yield Complaint(
            "experiment", Flaw((*path, "grace"), message, seconds(grace_s), f"below {seconds(left_s)}"), rests
        )
    if timing.for_s is not None and (fault.shape != "step" or fault.lasts_s is not None):
        why = "says itself how long it lasts" if fault.shape == "step" else "is over at once"
        yield flaw("for", f"this {fault.fault} {why}", seconds(timing.for_s), "leave it out")
    elif timing.for_s is not None and timing.for_s <= 0:
        yield flaw("for", "it would never be on", seconds(timing.for_s), f"at least {seconds(_needed_s(fault))}")
    for key, given in (("ramp", timing.ramp_s is not None), ("pulse", timing.pulse is not None)):
        if given and not fault.scales:
            yield flaw(key, f"{fault.fault} has no dose to vary", key, "leave it out, or a fault with a dose")
    if timing.ramp_s is not None and timing.ramp_s >= _length_s(fault):
        most = seconds(max(0.0, _length_s(fault) - _needed_s(fault)))
        yield flaw("ramp", "the full dose would never be on to be proven", seconds(timing.ramp_s), f"at most {most}")


def _length_s(fault: PlannedFault) -> float:
    return fault.end_s - fault.start_s


def _clash(one: PlannedFault, other: PlannedFault) -> str | None:
    """Name an edge, a service or a surged route on which both act at once, or one so soon after the other that it is not yet seen healed."""
    if one.start_s >= other.end_s + GAP_S or other.start_s >= one.end_s + GAP_S:
        return None
    if one.beside != other.beside:
        return None
    surged = tuple(one.surge_per_s), tuple(other.surge_per_s)
    for mine, theirs in ((one.edges, other.edges), (one.services, other.services), surged):
        if common := [each for each in theirs if each in mine]:
            return common[0]
    return None


def _clashing(path: KeyPath, fault: PlannedFault, earlier_path: KeyPath, earlier: PlannedFault) -> Complaint:
    place = _clash(earlier, fault) or ""
    message = f"two faults act on {place}, so neither can be proven"
    seen = f"{fault.fault} here, {earlier.fault} in method[{earlier_path[1]}]"
    valid = f"one fault at a time for each edge, service and surged route, {GAP_S:g}s apart"
    return Complaint("experiment", Flaw(path, message, seen, valid, of_key=True))

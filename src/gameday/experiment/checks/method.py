"""The method's faults fit the system and each other."""

from __future__ import annotations

from collections.abc import Iterator

from gameday.experiment.catalogue import PlannedFault
from gameday.experiment.checks.subject import Complaint, Subject
from gameday.experiment.flaws import Flaw, KeyPath, nearest


def check(subject: Subject) -> Iterator[Complaint]:
    """Tell what the faults name that the system does not have, and faults that would act on the same edge or service."""
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

"""Check across keys and files what each key alone cannot tell. Pure; nothing is read, and lines are loading's business."""

from __future__ import annotations

from gameday.experiment.checks import isolation, load, method, phases, references, requests, system, thresholds
from gameday.experiment.checks.subject import Complaint, Resolved, Subject, Where

__all__ = ["Complaint", "Resolved", "Subject", "Where", "check"]


def check(subject: Subject) -> tuple[Complaint, ...]:
    """Return everything that does not fit; empty if all is well."""
    rooms = (references, isolation, load, method, phases, thresholds, system, requests)
    return tuple(complaint for room in rooms for complaint in room.check(subject))

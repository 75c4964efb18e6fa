"""What of a plain experiment's rollbacks was not played, folded from the history. Pure."""

from __future__ import annotations

from gameday.experiment.foreign import ForeignPlan
from gameday.record.history import Event, Record


def unplayed(plan: ForeignPlan, history: tuple[Record, ...]) -> int | None:
    """Return from which rollback on they must still be played (0-based); None when nothing was begun or all were."""
    begun = any(record.event == Event.ACTIVITY_STARTED for record in history)
    played = [r for r in history if r.event == Event.ACTIVITY_ENDED and r.data["section"] == "rollbacks"]
    return len(played) if begun and len(played) < len(plan.rollbacks) else None


def has_residue(plan: ForeignPlan, history: tuple[Record, ...]) -> bool:
    """Tell whether an action of the method was begun, and a rollback is missing or did not succeed."""
    acted = any(
        record.event == Event.ACTIVITY_STARTED
        and record.data["section"] == "method"
        and record.data["kind"] == "action"
        for record in history
    )
    played = [r for r in history if r.event == Event.ACTIVITY_ENDED and r.data["section"] == "rollbacks"]
    done = len(played) >= len(plan.rollbacks) and all(record.data["status"] == "succeeded" for record in played)
    return acted and not done

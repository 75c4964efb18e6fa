"""Look, after a run, for what it may have left in a system that goes on without it."""

from __future__ import annotations

from typing import cast

from pydantic import JsonValue

from gameday.record.history import Event, History
from gameday.targets.connect import Host, Residue


def check_residue(host: Host, history: History, *, faults: int) -> Residue | None:
    """
    Look, record what is found and return it; None where nothing goes on. Call when the host was stopped. Raises ``TargetError``.

    So many ``faults`` of the run were not seen undone: the record says it.
    """
    found = host.residue()
    if found is not None:
        told = {"summary": found.summary(faults=faults), "left": list(found.sentences()), "notes": list(host.notes())}
        history.append(Event.RESIDUE_CHECKED, cast("dict[str, JsonValue]", told))
    return found

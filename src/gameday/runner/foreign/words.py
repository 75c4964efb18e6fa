"""Tell a record of a plain experiment to whoever watches the run."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pydantic import JsonValue

from gameday.record.foreign import problem
from gameday.record.history import Event

_WHEN = {"before": "before the method", "during": "during the method", "after": "after the method"}


def in_words(event: str, data: Mapping[str, JsonValue]) -> str | None:
    """Return one line; None for what nobody needs to see live."""
    match event:
        case Event.HYPOTHESIS if not (data["phase"] == "during" and data["met"]):
            held = "holds" if data["met"] else "does not hold"
            return f"steady state {_WHEN[str(data['phase'])]}: {held}"
        case Event.ACTIVITY_STARTED if data["section"] in {"method", "rollbacks"}:
            behind = " in the background" if data["background"] else ""
            return f"{'rollback' if data['section'] == 'rollbacks' else data['kind']}{behind}: {data['name']}"
        case Event.ACTIVITY_ENDED:
            return problem(data)
        case Event.ACTIVITY_PROVEN:
            return f"{'proven' if data['met'] else 'not proven'}: {data['name']} ({data['error'] or data['output']})"
        case Event.ERROR:
            return f"{data['where']}: {data['error']}"
    return None


def rollback_words(rollback: object) -> str:
    """Return what a rollback would run, whole and on one line, whatever stands in it."""
    known = rollback if isinstance(rollback, Mapping) else {}
    return f"rollback {json.dumps(known.get('name', 'without a name'))}: {json.dumps(known.get('provider', rollback))}"

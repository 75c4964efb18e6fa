"""
The folder of a plain Chaos Toolkit run: its fixed names, and how everything in it is read at once.

``run.json`` (About) · ``foreign.json`` (ForeignPlan) · ``experiment.yaml`` or ``experiment.json`` (the copy, without secrets) ·
``history/`` · ``journal.json`` (Chaos Toolkit's own) · ``logs/`` · the reports. What of it is a leftover is told here too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from gameday.experiment.foreign import ForeignPlan, read_foreign_plan
from gameday.record.folder import see_one_run
from gameday.record.guarded import read_text
from gameday.record.history import Event, Record, lost, read_history
from gameday.record.signing import sign

PLAN = "foreign.json"
REFUSED = 400
"""From which HTTP status on an answer says that nothing was done."""


@dataclass(frozen=True, slots=True)
class ForeignData:
    """Everything that the judgement needs; ``t_s`` counts from the run's start, and ``lost`` says what is missing in the history."""

    plan: ForeignPlan
    history: tuple[Record, ...]
    lost: tuple[str, ...] = ()


def problem(data: Mapping[str, JsonValue]) -> str | None:
    """
    Return what is wrong with an activity's end, by its record's data; None when nothing is.

    Chaos Toolkit calls an activity succeeded whatever a process left with and whatever a server answered. Its tolerance decides where it has
    one; a probe without one only looks, so that its status is an observation.
    """
    if data.get("status") != "succeeded":
        return f"{data.get('name')} {data.get('status')}: {data.get('error')}"
    if data.get("kind") != "action" and data.get("section") != "rollbacks":
        return None
    if data.get("met") is not None:
        return None if data["met"] else f"{data.get('name')} was out of its tolerance: {data.get('output')}"
    if data.get("kind") == "action" and data.get("code"):
        return f"{data.get('name')} left with status {data.get('code')}: {data.get('output')}"
    answered = data.get("answered")
    if data.get("kind") == "action" and isinstance(answered, int) and answered >= REFUSED:
        return f"{data.get('name')} was answered with status {answered}: {data.get('output')}"
    return None


def unplayed(plan: ForeignPlan, history: tuple[Record, ...]) -> int | None:
    """Return from which rollback on they must still be played (0-based); None when nothing was begun or all were."""
    played = _played(history)
    missing = [number for number in range(len(plan.rollbacks)) if number not in played]
    return missing[0] if missing and _begun(history) else None


def to_play(plan: ForeignPlan, history: tuple[Record, ...]) -> int | None:
    """Return the first rollback that was not played, or that failed after something was done; None when there is none."""
    return min((n for n in (unplayed(plan, history), *failed_rollbacks(plan, history)) if n is not None), default=None)


def failed_rollbacks(plan: ForeignPlan, history: tuple[Record, ...]) -> dict[int, str]:
    """Return what is wrong with each rollback, by its number, if an action of the method was begun; the last time it was played counts."""
    if not any(record.data["section"] == "method" and record.data["kind"] == "action" for record in _begun(history)):
        return {}
    played = _played(history)
    ends = {number: played.get(number) for number in range(len(plan.rollbacks))}
    told = {
        number: problem(end.data) if end else f"{plan.rollbacks[number].name} was not played"
        for number, end in ends.items()
    }
    return {number: what for number, what in told.items() if what}


def _begun(history: tuple[Record, ...]) -> list[Record]:
    return [record for record in history if record.event == Event.ACTIVITY_STARTED]


def _played(history: tuple[Record, ...]) -> dict[int, Record]:
    """Return how each rollback ended the last time, by its number; where none is recorded, they ended in their order."""
    ends = [r for r in history if r.event == Event.ACTIVITY_ENDED and r.data["section"] == "rollbacks"]
    numbers = [record.data.get("number", index) for index, record in enumerate(ends)]
    return {number: record for number, record in zip(numbers, ends, strict=True) if isinstance(number, int)}


def text_signature(folder: Path, text: str) -> str | None:
    """Return what ``run.started`` says of the text of an experiment's file; unlike a digest it gives no secret away."""
    return sign(folder, "experiment", {"text": text})


def is_foreign_run(folder: Path) -> bool:
    """Return whether a folder is that of a plain Chaos Toolkit run."""
    return (folder / PLAN).is_file()


def read_foreign_run(folder: Path) -> ForeignData:
    """Read what a run left. Raises ``FileNotFoundError`` without a plan, ``NotARunError`` when its files are of different runs."""
    plan, history = read_foreign_plan(read_text(folder / PLAN)), read_history(folder)
    see_one_run(folder, {"experiment": plan.name}, history, beside=PLAN)
    return ForeignData(plan, history, lost(folder, history))

"""
Tell when the files of a run's folder come from different runs: judged together, they would make a run that never was.

The plan, ``run.json`` and the row files are tied to the history; each file of the history to the others. A file that was cut short, or
that an older version wrote with less in it, is taken as far as it speaks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from gameday.record.guarded import read_bytes
from gameday.record.history import Event, Record
from gameday.record.scrubbing import HIDDEN

LATER = ("recover", "recover-rollbacks")
"""Writers that come after the run, perhaps after another boot: their clock is their own."""
APART_S = 0.01
"""How far two files may be apart in the instant at which the load began: both name the same one, written differently."""


@dataclass(frozen=True, slots=True)
class Clock:
    """What the header of a history's file says: the boot, and the run's start on that boot's monotonic clock."""

    boot_id: str
    start_s: float


def digest(plan: str) -> str:
    """Return what ``run.started`` says of the text of a run's plan."""
    return hashlib.sha256(plan.encode()).hexdigest()


def stranger(
    folder: Path, *, plan: Mapping[str, JsonValue], beside: str, about: Clock | None, history: Iterable[Record]
) -> str | None:
    """
    Return why a folder is not one run's, naming the file; None when everything fits.

    Args:
        folder: The run's.
        plan: What ``run.started`` must say of the plan; a key that the record does not have is passed over.
        beside: The name of the plan's file.
        about: What ``run.json`` says; None without one. A start of 0 is that of a run that never came to know its parts.
        history: Its merged records.
    """
    clocks = dict(_clocks(folder))
    first = next(iter(clocks.items()), None)
    for path, clock in clocks.items():
        if first is not None and clock != first[1]:
            return f"{path} is of another run than {first[0]}: they name different starts"
    if first is not None and about is not None and not _same(about, first[1]):
        return f"{folder / 'run.json'} is of another run than {first[0]}: they name different starts"
    started = next((record for record in history if record.event == Event.RUN_STARTED), None)
    if started is None:
        return None
    for key, value in plan.items():
        said = started.data.get(key, value)
        if said != value and HIDDEN not in str(said):
            told = "the plan's text was another" if key == "plan" else f"the {key} was {said}, not {value}"
            return f"{_path(folder, started.writer)} is not the history of {folder / beside}: by its run.started {told}"
    return None


def late_rows(folder: Path, path: Path, head: Mapping[str, Any], origin_s: float | None) -> str | None:
    """Return why a row file is not of the run whose load began at ``origin_s`` of the history; None when it is, or cannot be told."""
    clock, began_s = next((clock for _, clock in _clocks(folder)), None), head.get("origin_monotonic_s")
    if clock is None or origin_s is None or not isinstance(began_s, int | float):
        return None
    apart_s = abs(began_s - clock.start_s - origin_s)
    if apart_s <= APART_S:
        return None
    return f"{path} holds the requests of another run: its load began {apart_s:.3g} s from where the history says"


def _same(about: Clock, clock: Clock) -> bool:
    return about.boot_id == clock.boot_id and about.start_s in {0.0, clock.start_s}


def _path(folder: Path, writer: str) -> Path:
    return folder / "history" / f"{writer}.ndjson"


def _clocks(folder: Path) -> Iterator[tuple[Path, Clock]]:
    """Yield the clock of each file of the history that the run itself wrote, the supervisor's first."""
    paths = sorted((folder / "history").glob("*.ndjson"), key=lambda path: (path.stem != "supervisor", path.stem))
    for path in paths:
        if path.stem in LATER:
            continue
        try:
            value = json.loads(read_bytes(path).split(b"\n", 1)[0])
            yield path, Clock(str(value["boot_id"]), float(value["start_s"]))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            continue  # killed while it wrote its first line

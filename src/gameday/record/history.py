"""
The history: what gameday did, saw and was told, as append-only files of one writer each.

A file ``history/<writer>.ndjson`` begins with a header line that ties the writer's clocks together; each further line is one
record. ``read_history`` merges all files by (t_s, writer, seq) and ignores a torn last line; ``gaps`` tells of lines lost before it.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

from pydantic import JsonValue

from gameday.agent.lifeline import boot_id

FORMAT = 1
_NEEDED = frozenset({"id", "fault", "undo"})
"""What undoing reads; made by gameday from names in files, so that no secret can be in it."""


class Event(StrEnum):
    """Every kind of record; the comment names the keys of its data."""

    RUN_STARTED = "run.started"  # experiment, target, variant, seed, plan: the digest of plan.json
    SYSTEM_READY = "system.ready"  # seconds
    SYSTEM_JOINED = "system.joined"  # address, pid (0 in a cluster), run: what the cluster calls it; the run used a system that was up already
    PROCESS_STARTED = "process.started"  # process, pid, created_s; lasting: true when it outlives the run
    PROCESS_EXITED = "process.exited"  # process, pid, code, expected
    REPLICA_LEFT = "replica.left"  # service, replica, identity, node, late_s: how long before the record it happened
    REPLICA_JOINED = "replica.joined"  # the same
    LOAD_ORIGIN = "load.origin"  # origin_s: t_s of the load clock's zero
    LOAD_WORKERS = "load.workers"  # workers: of each its worker (number), name, offset_s and uncertain_s of its clock
    LOAD_DONE = "load.done"  # rows, cpu_share (of one core), late_s of a closed load
    LOAD_LOST = "load.lost"  # reason
    WORKER_LOST = "worker.lost"  # code
    PHASE_ENTERED = "phase.entered"  # phase
    HYPOTHESIS = "hypothesis.judged"  # phase, met, values
    FAULT_INTENDED = "fault.intended"  # id, fault, parameters, undo
    FAULT_INJECTED = "fault.injected"  # id, took_s: the injection; killed: replica -> identity
    FAULT_CONFIRMED = "fault.confirmed"  # id, proof
    FAULT_INERT = "fault.inert"  # id, proof
    FAULT_FAILED = "fault.failed"  # id, error
    FAULT_UNDONE = "fault.undone"  # id
    FAULT_VERIFIED = "fault.verified"  # id
    ACTIVITY_STARTED = "activity.started"  # section, name, kind, background
    ACTIVITY_ENDED = "activity.ended"  # section, name, kind, status, seconds, output, error, code (of a process)
    ACTIVITY_PROVEN = "activity.proven"  # name, met, output, error
    TOOLKIT_REFUSED = "toolkit.refused"  # reason: Chaos Toolkit does not accept the experiment, nothing was started
    TOOLKIT_ENDED = "toolkit.ended"  # status, deviated, rollbacks (played), error
    ABORT_NOTICED = "abort.noticed"  # route, burn_10s, burn_2s, bad, mode
    RUN_ABORTED = "run.aborted"  # reason
    RUN_INTERRUPTED = "run.interrupted"  # signal
    RUN_STOPPED = "run.stopped"  # reason
    RUN_FINISHED = "run.finished"  # nothing
    RESIDUE_CHECKED = "residue.checked"  # summary: one line; left, notes: sentences
    RECOVERED = "run.recovered"  # undone, killed
    ERROR = "error"  # where, error, traceback


@dataclass(frozen=True, slots=True)
class Record:
    """One line of a history: ``t_s`` is monotonic since the run's start; ``seq`` counts from 0 per writer."""

    t_s: float
    writer: str
    seq: int
    event: str
    data: Mapping[str, JsonValue]


class History:
    """
    The one writer of one file. Not for use from several threads at once.

    Args:
        folder: The run's folder; ``history/`` is made if need be.
        writer: Its name; the file must not exist unless this writer was here before (``recover``), then it goes on.
        start_s: The run's start on the monotonic clock.
        secrets: Values that never reach the disk; each is written as ``***``.
        follow: Called with every record once it is written.
        monotonic_s: The clock.
    """

    def __init__(
        self,
        folder: Path,
        writer: str,
        *,
        start_s: float,
        secrets: Iterable[str] = (),
        follow: Callable[[Record], None] | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open the file and write its header."""
        path = folder / "history" / f"{writer}.ndjson"
        path.parent.mkdir(parents=True, exist_ok=True)
        self._secrets = tuple(secret for secret in secrets if secret)
        self._follow = follow
        self._clock, self._start_s, self.writer, self._seq = monotonic_s, start_s, writer, 0
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        if before := os.fstat(self._file).st_size:
            self._seq = sum(1 for _ in read_file(path))
            if path.read_bytes()[before - 1 :] != b"\n":
                os.write(self._file, b"\n")
        self._write(
            {
                "format": FORMAT,
                "writer": writer,
                "pid": os.getpid(),
                "boot_id": boot_id(),
                "wall_s": time.time(),
                "monotonic_s": time.monotonic(),
                "start_s": start_s,
            }
        )

    def append(self, event: Event, data: Mapping[str, JsonValue] | None = None, *, durable: bool = False) -> Record:
        """Append one record; ``durable`` returns only when it is on the disk: ask for it before every effect."""
        shown = {key: value if key in _NEEDED else masked(value, self._secrets) for key, value in (data or {}).items()}
        record = Record(round(self._clock() - self._start_s, 6), self.writer, self._seq, event, shown)
        self._seq += 1
        self._write({"t_s": record.t_s, "seq": record.seq, "event": event, "data": dict(record.data)})
        if durable:
            os.fsync(self._file)
        if self._follow:
            self._follow(record)
        return record

    def close(self) -> None:
        """Close the file; idempotent."""
        if self._file >= 0:
            os.fsync(self._file)
            os.close(self._file)
            self._file = -1

    def _write(self, line: Mapping[str, JsonValue]) -> None:
        text = json.dumps(line, ensure_ascii=False, separators=(",", ":"))
        rest = memoryview((text + "\n").encode())
        while rest:
            rest = rest[os.write(self._file, rest) :]


def masked(value: JsonValue, secrets: Iterable[str]) -> JsonValue:
    """Replace secrets in every text of a value by ``***``; keys, numbers and the shape stay."""
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, "***")
        return value
    if isinstance(value, list):
        return [masked(each, secrets) for each in value]
    if isinstance(value, dict):
        return {key: masked(each, secrets) for key, each in value.items()}
    return value


def read_file(path: Path) -> Iterator[Record]:
    """Read one writer's records in order; headers, torn lines and what else is no record are passed over."""
    for line in path.read_bytes().split(b"\n"):
        try:
            value = json.loads(line)
            record = Record(value["t_s"], path.stem, value["seq"], value["event"], value["data"])
        except (ValueError, KeyError, TypeError):
            continue
        if _is_record(record):
            yield record


def _is_record(record: Record) -> bool:
    """Tell whether a line that was read has the types of a record, and a time that is one."""
    timed = isinstance(record.t_s, int | float) and math.isfinite(record.t_s)
    return timed and isinstance(record.seq, int) and isinstance(record.event, str) and isinstance(record.data, dict)


def read_history(folder: Path) -> tuple[Record, ...]:
    """Merge all writers of a run by (t_s, writer, seq); empty when nothing was written."""
    records = [record for path in sorted((folder / "history").glob("*.ndjson")) for record in read_file(path)]
    return tuple(sorted(records, key=lambda record: (record.t_s, record.writer, record.seq)))


def gaps(history: Iterable[Record]) -> tuple[str, ...]:
    """
    Say of each writer that lacks a number before its last one how many records are lost; nothing where none is.

    A torn last line leaves no gap: whoever was cut off there wrote nothing more, or went on with the same number.
    """
    numbers: dict[str, set[int]] = {}
    for record in history:
        numbers.setdefault(record.writer, {-1}).add(record.seq)
    lost = {
        writer: [(before + 1, after - before - 1) for before, after in pairwise(sorted(found)) if after > before + 1]
        for writer, found in sorted(numbers.items())
    }
    return tuple(
        f"lost in history/{writer}.ndjson: {sum(n for _, n in gap)} of {max(numbers[writer]) + 1} records, the first with seq {gap[0][0]}"
        for writer, gap in lost.items()
        if gap
    )


def outstanding(history: Iterable[Record]) -> tuple[Record, ...]:
    """Return the ``fault.intended`` records whose fault was never verified as undone, newest first: the order to undo them."""
    intended: dict[str, Record] = {}
    for record in history:
        if record.event == Event.FAULT_INTENDED:
            intended[str(record.data["id"])] = record
        elif record.event == Event.FAULT_VERIFIED:
            intended.pop(str(record.data["id"]), None)
    return tuple(reversed(intended.values()))

"""
The history: what gameday did, saw and was told, as append-only files of one writer each.

A file ``history/<writer>.ndjson`` begins with a header line that ties the writer's clocks together; each further line is one
record, with a checksum. ``read_history`` merges all files by (t_s, writer, seq) and ignores a torn last line; ``lost``
tells of all others that are missing. Records that a later ``recover`` acts on are signed.
"""

from __future__ import annotations

import json
import math
import os
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from gameday.agent.lifeline import boot_id
from gameday.record.guarded import ToldError, open_to_append, read_bytes
from gameday.record.scrubbing import Scrubber
from gameday.record.signing import is_signed, sign

FORMAT = 1
_NEEDED = frozenset({"id", "fault", "undo"})
"""What undoing reads; made by gameday from names in files, so that no secret can be in it."""
_CHECKSUM_BYTES = 18
"""How long the end of a line with its checksum is: ``,"crc":"0123abcd"}``."""


class Event(StrEnum):
    """Every kind of record; the comment names the keys of its data."""

    RUN_STARTED = "run.started"  # experiment, target, variant, seed, plan: the digest of plan.json
    SYSTEM_READY = "system.ready"  # seconds
    SYSTEM_JOINED = "system.joined"  # address, pid (0 in a cluster), run: what the cluster calls it; the run used a system that was up already
    PROCESS_STARTED = "process.started"  # process, pid, created_s; lasting: true when it outlives the run
    PROCESS_EXITED = "process.exited"  # process, pid, code, expected
    PROCESS_SHORT = "process.short"  # process (gameday's own), what it ran short of and what that did, count
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
    FAULT_FAILED = "fault.failed"  # id, error; without a fault.intended of this id, its preparation failed
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
    RUN_STOPPED = "run.stopped"  # reason, because: baseline (where it is missing) or fault
    RUN_FINISHED = "run.finished"  # records: how many each writer of the run has written
    RESIDUE_CHECKED = "residue.checked"  # summary: one line; left, notes: sentences
    RECOVERED = "run.recovered"  # undone, killed
    ERROR = "error"  # where, error, traceback


@dataclass(frozen=True, slots=True)
class Record:
    """
    One line of a history: ``t_s`` is monotonic since the run's start; ``seq`` counts from 0 per writer.

    ``signature`` may be empty.
    """

    t_s: float
    writer: str
    seq: int
    event: str
    data: Mapping[str, JsonValue]
    signature: str = field(default="", compare=False, repr=False)

    def is_signed(self, folder: Path) -> bool:
        """Return whether this user's gameday wrote it, as it is, in this place."""
        return is_signed(self.signature, folder, "record", self.content())

    def content(self) -> dict[str, JsonValue]:
        """Return what is signed."""
        return {"t_s": self.t_s, "writer": self.writer, "seq": self.seq, "event": self.event, "data": dict(self.data)}


SIGNED = frozenset({Event.RUN_STARTED, Event.SYSTEM_JOINED, Event.FAULT_INTENDED})
"""What ``recover`` acts on: where the experiment and the system were, and the undo of each fault."""


class RecordError(ToldError):
    """What a run leaves on the disk cannot be written; the text says why."""


@contextmanager
def written(what: str) -> Iterator[None]:
    """Raise an ``OSError`` of the block as a ``RecordError`` about ``what`` could not be written."""
    try:
        yield
    except OSError as error:
        raise RecordError(f"{what} cannot be written: {error.strerror}", error.errno) from error


class History:
    """
    The one writer of one file. Not for use from several threads at once.

    Attributes:
        failure: What was the first to keep it from writing, once that is tolerated; None while all is written.

    Args:
        folder: The run's folder; ``history/`` is made if need be.
        writer: Its name; the file must not exist unless this writer was here before (``recover``), then it goes on.
        start_s: The run's start on the monotonic clock.
        secrets: Values that never reach the disk; each is written as ``***``.
        follow: Called with every record once it is written.
        monotonic_s: The clock.
        tolerant: Whether it goes on although nothing can be written, from the first line on.

    Raises:
        RecordError: The file cannot be opened or written.
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
        tolerant: bool = False,
    ) -> None:
        """Open the file and write its header."""
        self.failure: RecordError | None = None
        self._tolerant, self._torn, self._file = tolerant, False, -1
        self._scrubber = Scrubber(secrets)
        self._follow = follow
        self._clock, self._start_s, self.writer, self._seq = monotonic_s, start_s, writer, 0
        self._folder = folder
        with self._noted():
            self._open(folder / "history" / f"{writer}.ndjson")
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

    def _open(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open_to_append(path)
        if os.fstat(self._file).st_size:
            self._seq = sum(1 for _ in read_file(path))
            self._torn = read_bytes(path)[-1:] != b"\n"

    def tolerate(self) -> None:
        """
        Keep the first error of a write in ``failure`` from now on, instead of raising it.

        Undoing comes before its record.
        """
        self._tolerant = True

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """Raise an error of a write as one of the record's, or keep it."""
        try:
            with written("the run's history"):
                yield
        except RecordError as failure:
            if not self._tolerant:
                raise
            self.failure = self.failure or failure

    def append(self, event: Event, data: Mapping[str, JsonValue] | None = None, *, durable: bool = False) -> Record:
        """
        Append one record; ``durable`` returns only when it is on the disk: ask for it before every effect.

        Raises:
            RecordError: It cannot be written, and that is not tolerated.
        """
        hide = self._scrubber.value
        shown = {key: value if key in _NEEDED else hide(value) for key, value in (data or {}).items()}
        record = Record(round(self._clock() - self._start_s, 6), self.writer, self._seq, event, shown)
        self._seq += 1
        line: dict[str, JsonValue] = {"t_s": record.t_s, "seq": record.seq, "event": event, "data": dict(record.data)}
        signature = sign(self._folder, "record", record.content()) if event in SIGNED else None
        with self._noted():
            self._write(line if signature is None else {**line, "signature": signature})
            if durable:
                os.fsync(self._file)
        if self._follow:
            self._follow(record)
        return record

    def close(self) -> None:
        """Close the file; idempotent."""
        if self._file >= 0:
            with self._noted():
                os.fsync(self._file)
            os.close(self._file)
            self._file = -1

    def _write(self, line: Mapping[str, JsonValue]) -> None:
        text = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode()
        rest = memoryview(b'%s%s,"crc":"%08x"}\n' % (b"\n" * self._torn, text[:-1], zlib.crc32(text)))
        while rest:
            rest = rest[os.write(self._file, rest) :]
            self._torn = bool(rest)  # what comes after the rest could not be written begins a line of its own


def read_file(path: Path) -> Iterator[Record]:
    """Read one writer's records in order; headers, torn lines and what else is no record are passed over."""
    lines = read_bytes(path).split(b"\n")
    checked = _has_checksum(lines[0])
    for line in lines:
        if (record := _record(line, path.stem, checked=checked)) is not None:
            yield record


def _has_checksum(line: bytes) -> bool:
    return line[-_CHECKSUM_BYTES:].startswith(b',"crc":"')


def _record(line: bytes, writer: str, *, checked: bool) -> Record | None:
    """Read one line; None when it is no record, or not as it was written."""
    value = _value(line, checked=checked)
    try:
        record = Record(value["t_s"], writer, value["seq"], value["event"], value["data"], value.get("signature", ""))
    except (KeyError, TypeError):
        return None
    return record if _is_record(record) else None


def _value(line: bytes, *, checked: bool) -> dict[str, Any]:
    """
    Return the object of a line.

    An empty one when it holds none, or lacks its checksum in a file whose lines are ``checked``.
    """
    text, end = line[:-_CHECKSUM_BYTES] + b"}", line[-_CHECKSUM_BYTES:]
    if (checked or _has_checksum(line)) and end != b',"crc":"%08x"}' % zlib.crc32(text):
        return {}
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _is_record(record: Record) -> bool:
    """Return whether a line that was read has the types of a record, and a time that is one."""
    timed = isinstance(record.t_s, int | float) and math.isfinite(record.t_s)
    return timed and isinstance(record.seq, int) and isinstance(record.event, str) and isinstance(record.data, dict)


def read_history(folder: Path) -> tuple[Record, ...]:
    """Merge all writers of a run by (t_s, writer, seq); empty when nothing was written."""
    records = [record for path in _files(folder) for record in read_file(path)]
    return tuple(sorted(records, key=lambda record: (record.t_s, record.writer, record.seq)))


def counts(history: Iterable[Record]) -> dict[str, JsonValue]:
    """Return how many records each writer has written, as ``run.finished`` has it."""
    last: dict[str, int] = {}
    for record in history:
        last[record.writer] = max(last.get(record.writer, 0), record.seq + 1)
    return dict(last)


def lost(folder: Path, history: Iterable[Record]) -> tuple[str, ...]:
    """
    Return a sentence for each writer of whom records are missing: in between, at the end, or all of them; none where all are there.

    Args:
        folder: The run's.
        history: What could be read of it.
    """
    broken = (path for path in _files(folder) if not _ends_well(read_bytes(path)))
    return (
        *gaps(history),
        *(f"lost in history/{path.name}: its last line is not as it was written" for path in broken),
    )


def _files(folder: Path) -> list[Path]:
    return sorted((folder / "history").glob("*.ndjson"))


def _ends_well(text: bytes) -> bool:
    """Return whether the last line of a file is a whole record or header; a file without a line was never begun."""
    *lines, rest = text.split(b"\n")
    checked = bool(lines) and _has_checksum(lines[0])
    return not rest and (not lines or not {"format", "seq"}.isdisjoint(_value(lines[-1], checked=checked)))


def gaps(history: Iterable[Record]) -> tuple[str, ...]:
    """
    Say of each writer that lacks a number how many records are lost; nothing where none is.

    A torn last line leaves no gap: whoever was cut off there wrote nothing more, or went on with the same number.
    """
    numbers: dict[str, set[int]] = {}
    for record in history:
        numbers.setdefault(record.writer, {-1}).add(record.seq)
        written = record.data.get("records") if record.event == Event.RUN_FINISHED else None
        for writer, number in written.items() if isinstance(written, dict) else ():
            if isinstance(number, int):
                numbers.setdefault(writer, {-1}).add(number)  # one behind its last
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

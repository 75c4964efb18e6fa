"""
The request rows: one fixed-width record per scheduled request, in ``requests.<worker>.bin``.

A file is one line of JSON (``format``, ``worker``, ``routes``, ``fields``, ``origin_monotonic_s``) and then records of
``ROW.itemsize`` bytes, in the order in which requests ended. A torn last record is ignored. A request that no record speaks of is
*missing*: the plan knows how many were scheduled.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.record.guarded import MOST_ROWS_BYTES, open_regular

FORMAT = 1
MOST_HEADER_BYTES = 1 << 20

ROW = np.dtype(
    [
        ("seq", "<u4"),  # number of the arrival within its route, from 0
        ("route", "<u2"),  # index into the header's routes
        ("worker", "<u2"),
        ("outcome", "u1"),  # Outcome
        ("attempts", "u1"),  # requests that the client sent for it; 0 when dropped
        ("status", "<u2"),  # HTTP status, 0 without an answer
        ("origin", "u1"),  # queries to the origin that the answer names (X-Origin-Queries), UNKNOWN without that header
        ("reserved", "u1"),
        ("scheduled_s", "<f8"),  # scheduled start on the load's clock
        ("lag_s", "<f4"),  # sent minus scheduled
        ("service_s", "<f4"),  # ended minus sent; so far, when censored
        ("retry_after_s", "<f4"),  # of the answer; NaN without one
    ]
)
UNKNOWN = 255
FLUSH_S = 1.0
"""Rows are on the disk this long after their request ended: a load writes at least every 0.5 s, also if its rows come from a cluster."""
Rows = npt.NDArray[np.void]


class Outcome(IntEnum):
    """How a scheduled request ended. Good = OK or DEGRADED."""

    OK = 0  # 2xx within the deadline, counted from the scheduled start
    DEGRADED = 1  # the same, with an X-Degraded header
    LATE = 2  # 2xx after the deadline
    REJECTED = 3  # 429 or 503: refused on purpose
    ERROR = 4  # any other status
    CONNECTION = 5  # refused, reset or closed without an answer
    TIMEOUT = 6  # the client gave up after the hang threshold
    CENSORED = 7  # still open when the load ended
    DROPPED = 8  # never sent: the generator was at its limit


class RowReader:
    """Reads a growing set of row files again and again; each ``read`` returns only what is new."""

    def __init__(self, folder: Path) -> None:
        """Follow the ``requests.*.bin`` of a run's folder; files may appear later."""
        self._folder = folder
        self._next: dict[Path, int] = {}

    def read(self) -> Rows:
        """Return the whole records written since the last call, by file and then in file order."""
        parts = [np.empty(0, ROW)]
        for path in sorted(self._folder.glob("requests.*.bin")):
            with os.fdopen(open_regular(path, most_bytes=MOST_ROWS_BYTES), "rb") as file:
                start = self._next.get(path)
                if start is None:
                    if not file.readline().endswith(b"\n"):
                        continue
                    start = file.tell()
                file.seek(start)
                rows = np.fromfile(file, ROW)
            self._next[path] = start + len(rows) * ROW.itemsize
            parts.append(rows)
        return parts[-1] if len(parts) <= 2 else np.concatenate(parts)


def read_rows(folder: Path) -> Rows:
    """Return all rows of a run, ordered by (scheduled_s, route, seq), whatever worker wrote them and when."""
    rows = RowReader(folder).read()
    return rows[np.lexsort((rows["seq"], rows["route"], rows["scheduled_s"]))]


def header(path: Path) -> dict[str, Any]:
    """Return the header of a row file. Raises ``ValueError`` when it is torn or of another format."""
    with os.fdopen(open_regular(path, most_bytes=MOST_ROWS_BYTES), "rb") as file:
        try:
            value = json.loads(file.readline(MOST_HEADER_BYTES))
        except RecursionError:
            raise ValueError(f"{path}: a header that is nested too deep") from None
    if not isinstance(value, dict):
        raise ValueError(f"{path}: no header")  # noqa: TRY004 - a broken file is a wrong value, of whatever type
    if value.get("format") != FORMAT:
        raise ValueError(f"{path}: rows of format {value.get('format')}; this version reads {FORMAT}")
    return dict(value)


class RowWriter:
    """
    The one writer of one row file; ``add`` buffers, ``flush`` appends whole records with one write.

    Pure standard library at the call site: it runs inside Locust's process, where ``flush`` must be called at least every 0.5 s.
    """

    def __init__(self, folder: Path, *, worker: int, routes: Sequence[str], origin_monotonic_s: float) -> None:
        """Create ``requests.<worker>.bin`` and write its header. Raises ``FileExistsError`` when it is there."""
        self._file = os.open(
            folder / f"requests.{worker}.bin", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644
        )
        self._buffer: list[tuple[object, ...]] = []
        self.written = 0
        fields = [[name, ROW[name].str] for name in ROW.names or ()]
        head = {
            "format": FORMAT,
            "worker": worker,
            "routes": list(routes),
            "fields": fields,
            "origin_monotonic_s": origin_monotonic_s,
        }
        os.write(self._file, (json.dumps(head) + "\n").encode())

    @property
    def written_bytes(self) -> int:
        """Return the size of the records that were appended."""
        return self.written * ROW.itemsize

    def add(self, row: tuple[object, ...]) -> None:
        """Buffer one record: the fields of ``ROW`` in order."""
        self._buffer.append(row)

    def flush(self) -> None:
        """Append what is buffered. Raises ``OSError`` (a full disk); then the file ends with the last whole record before."""
        if not self._buffer:
            return
        self._append(np.array(self._buffer, ROW).tobytes())
        self.written += len(self._buffer)
        self._buffer.clear()

    def copy(self, records: bytes) -> None:
        """Append whole records that another process wrote; raises as ``flush`` does."""
        self._append(records)
        self.written += len(records) // ROW.itemsize

    def _append(self, records: bytes) -> None:
        size_bytes = os.fstat(self._file).st_size
        rest = memoryview(records)
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError:
            os.ftruncate(self._file, size_bytes)
            raise

    def close(self) -> None:
        """Flush and close; idempotent."""
        if self._file >= 0:
            try:
                self.flush()
            finally:
                os.close(self._file)
                self._file = -1

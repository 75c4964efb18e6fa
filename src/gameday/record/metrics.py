"""
The counters of the system under test, sampled once a second into ``metrics.ndjson``.

One line per page and second: ``{"t_s": 3.0, "service": "web", "values": {"process_open_fds": 12}}``;
labels are sorted by name.
"""

from __future__ import annotations

import json
import math
import os
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gameday.record.guarded import MOST_ROWS_BYTES, open_regular, open_to_append

Series = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


def sample_key(name: str, labels: Mapping[str, str]) -> str:
    """Write a sample's name and labels in one way."""
    inner = ",".join(f'{label}="{labels[label]}"' for label in sorted(labels))
    return f"{name}{{{inner}}}" if inner else name


@dataclass(frozen=True, slots=True)
class Metrics:
    """All samples of a run: ``samples[(service, key)]`` are pairs of (t_s, value), or an array of two columns, ascending in t_s."""

    samples: Mapping[tuple[str, str], tuple[tuple[float, float], ...] | npt.NDArray[np.float64]] = field(
        default_factory=dict
    )

    def series(self, service: str, name: str, **labels: str) -> Series:
        """Return times and values of one series; two empty arrays when it was never seen."""
        return self.of(service, sample_key(name, labels))

    def of(self, service: str, key: str) -> Series:
        """Return times and values of the series with a sample key; two empty arrays when it was never seen."""
        points = self.samples.get((service, key), ())
        both = np.array(points, float).reshape(-1, 2)
        return both[:, 0], both[:, 1]

    def matching(self, name: str) -> tuple[tuple[str, str], ...]:
        """Return the (service, key) of every series with this metric's name, sorted."""
        return tuple(sorted(found for found in self.samples if found[1].split("{", 1)[0] == name))

    def shifted(self, by_s: float) -> Metrics:
        """Return the same samples with ``by_s`` added to every time."""
        return Metrics(
            {
                key: np.array(points, float).reshape(-1, 2) + np.array((by_s, 0.0))
                for key, points in self.samples.items()
            }
        )


class MetricsWriter:
    """The one writer of ``metrics.ndjson``."""

    def __init__(self, folder: Path) -> None:
        """Create the file."""
        self._file = os.fdopen(open_to_append(folder / "metrics.ndjson"), "a", encoding="utf-8")

    def append(self, t_s: float, service: str, values: Mapping[str, float]) -> None:
        """Append one page's values."""
        self._file.write(json.dumps({"t_s": round(t_s, 4), "service": service, "values": dict(values)}) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file; idempotent."""
        self._file.close()


def read_metrics(folder: Path) -> Metrics:
    """Read a run's samples; a torn last line is ignored, no file gives no samples."""
    samples: dict[tuple[str, str], array[float]] = {}
    path = folder / "metrics.ndjson"
    if os.path.lexists(path):
        with os.fdopen(open_regular(path, most_bytes=MOST_ROWS_BYTES), "rb") as file:
            for line in file:
                for key, point in _points(line):
                    samples.setdefault(key, array("d")).extend(point)
    return Metrics({key: _sorted(np.array(points).reshape(-1, 2)) for key, points in samples.items()})


def _sorted(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return samples by their time, those of the same time by their value."""
    return points[np.lexsort((points[:, 1], points[:, 0]))]


def _points(line: bytes) -> Iterator[tuple[tuple[str, str], tuple[float, float]]]:
    """Yield the finite samples of one line; nothing of a line that is torn or no page."""
    try:
        page = json.loads(line)
        service, t_s, values = str(page["service"]), float(page["t_s"]), page["values"].items()
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return
    for key, value in values:
        if isinstance(value, int | float) and math.isfinite(value) and math.isfinite(t_s):
            yield (service, key), (t_s, float(value))

"""The page about the load says what the code writes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from gameday.record.requests import ROW, UNKNOWN, Outcome, RowWriter

PAGE = (Path(__file__).parents[3] / "docs" / "load.md").read_text(encoding="utf-8")


def test_the_page_lists_every_field_at_its_byte() -> None:
    """Offsets, names and types of the record, and its size."""
    assert f"then {ROW.itemsize} bytes per request" in PAGE
    for name in ROW.names or ():
        offset = ROW.fields[name][1] if ROW.fields else None
        assert f"| {offset} | `{name}` | {ROW[name].str[1:]} |" in PAGE


def test_the_page_lists_every_outcome() -> None:
    """By its number and word."""
    for outcome in Outcome:
        assert f"| {outcome:d} | {outcome.name.lower()} |" in PAGE


def test_the_lines_on_the_page_read_a_row_file(tmp_path: Path) -> None:
    """As they stand there, but for the path."""
    writer = RowWriter(tmp_path, worker=0, routes=["one"], origin_monotonic_s=1.0)
    writer.add((3, 0, 0, Outcome.OK, 1, 200, UNKNOWN, 0, 2.5, 0.0, 0.25, math.nan))
    writer.close()
    lines = PAGE.split("```python\n")[1].split("```")[0]
    names: dict[str, np.ndarray] = {}
    exec(lines.replace("reports/latest/", f"{tmp_path}/") + "file.close()\n", names)  # noqa: S102 - our own page
    assert names["rows"].dtype == ROW
    assert names["rows"][["seq", "scheduled_s", "service_s"]].tolist() == [(3, 2.5, 0.25)]

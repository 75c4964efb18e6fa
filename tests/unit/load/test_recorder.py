"""How an arrival's end becomes a row and a request event of Locust."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gameday.load.child.engine import Ended
from gameday.load.child.outcome import Answer
from gameday.load.child.recorder import Recorder
from gameday.load.schedule import Arrival
from gameday.load.wire import RouteSpec
from gameday.record.requests import ROW, UNKNOWN, Outcome, RowReader, RowWriter, header, read_rows

ROUTES = (
    RouteSpec("one", "GET", "/one", "h", 80, deadline_s=1.0),
    RouteSpec("two", "POST", "/two", "h", 80, deadline_s=1.0),
)


class Fired:
    """Keeps what Locust would be told."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.calls: list[dict[str, object]] = []

    def __call__(self, **meta: object) -> None:
        """Take note of a request."""
        self.calls.append(meta)


def _recorder(folder: Path, fired: Fired) -> Recorder:
    return Recorder(ROUTES, fired, folder=folder, worker=0, origin_monotonic_s=5.0)


def test_an_answer_is_late_when_lag_and_service_together_exceed_the_deadline(tmp_path: Path) -> None:
    """Neither alone does; the response time counts from the scheduled start, also for Locust."""
    fired = Fired()
    recorder = _recorder(tmp_path, fired)
    arrival = Arrival(2.0, 1, 4, 9)
    recorder.due(arrival)
    recorder.ended(Ended(arrival, Answer(200, origin=1, retry_after_s=3.0), None, 1, lag_s=0.5, service_s=0.75))
    recorder.close()
    (row,) = read_rows(tmp_path)
    assert row.tolist() == (4, 1, 0, Outcome.LATE, 1, 200, 1, 0, 2.0, 0.5, 0.75, 3.0)
    assert fired.calls[0]["response_time"] == 1250.0
    assert (fired.calls[0]["name"], fired.calls[0]["exception"]) == ("two", None)
    assert recorder.rows == (0, 1)


@pytest.mark.parametrize("failure", [Outcome.CONNECTION, Outcome.TIMEOUT, Outcome.CENSORED])
def test_what_was_not_answered_is_a_row_and_a_failure(tmp_path: Path, failure: Outcome) -> None:
    """No status, an unknown origin, no Retry-After."""
    fired = Fired()
    recorder = _recorder(tmp_path, fired)
    recorder.ended(Ended(Arrival(2.0, 0, 4, 0), None, failure, 1, 0.0, 3.0))
    recorder.close()
    (row,) = read_rows(tmp_path)
    assert (row["outcome"], row["status"], row["origin"]) == (failure, 0, UNKNOWN)
    assert math.isnan(row["retry_after_s"])
    assert str(fired.calls[0]["exception"]) == f"{failure.name} 0"


def test_a_dropped_arrival_is_a_row_and_nothing_to_locust(tmp_path: Path) -> None:
    """It was never a request."""
    fired = Fired()
    recorder = _recorder(tmp_path, fired)
    recorder.ended(Ended(Arrival(2.0, 0, 4, 0), None, Outcome.DROPPED, 0, 0.25, 0.0))
    recorder.close()
    assert [row["outcome"] for row in read_rows(tmp_path)] == [Outcome.DROPPED]
    assert not fired.calls


def test_rows_are_on_the_disk_after_each_flush_behind_a_header(tmp_path: Path) -> None:
    """The header names the routes and the origin, so that a file can be read alone."""
    recorder = _recorder(tmp_path, Fired())
    reader = RowReader(tmp_path)
    recorder.ended(Ended(Arrival(2.0, 0, 4, 0), Answer(200), None, 1, 0.0, 0.0))
    assert len(reader.read()) == 0
    recorder.flush()
    assert len(reader.read()) == 1
    assert len(reader.read()) == 0
    head = header(tmp_path / "requests.0.bin")
    assert (head["routes"], head["origin_monotonic_s"], head["worker"]) == (["one", "two"], 5.0, 0)
    assert np.dtype([tuple(field) for field in head["fields"]]) == ROW
    recorder.close()
    recorder.close()


@settings(max_examples=50)
@given(st.data())
def test_a_file_cut_at_any_byte_gives_the_whole_rows_before_the_cut(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """A torn header gives none; what is torn now is read when it was completed, and nothing is read twice."""
    folder = tmp_path_factory.mktemp("rows")
    writer = RowWriter(folder, worker=0, routes=["one"], origin_monotonic_s=1.0)
    for seq in range(5):
        writer.add((seq, 0, 0, 0, 1, 200, UNKNOWN, 0, float(seq), 0.0, 0.0, math.nan))
    writer.close()
    path = folder / "requests.0.bin"
    whole = path.read_bytes()
    head = whole.index(b"\n") + 1
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), min_size=1, max_size=4)))
    reader = RowReader(folder)
    seen: list[int] = []
    for cut in [*cuts, len(whole)]:
        path.write_bytes(whole[:cut])
        seen += reader.read()["seq"].tolist()
        assert seen == list(range(max(0, cut - head) // ROW.itemsize))
    assert np.array_equal(read_rows(folder)["seq"], np.arange(5))

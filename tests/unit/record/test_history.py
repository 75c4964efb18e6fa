"""The history is a merge of single writers and survives every crash point."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.record.history import Event, History, gaps, outstanding, read_history


def write(folder: Path, writer: str, times: list[float]) -> None:
    """Write one record per time."""
    clock = iter(times)
    history = History(folder, writer, start_s=0.0, monotonic_s=lambda: next(clock))
    for _ in times:
        history.append(Event.PHASE_ENTERED, {"phase": "fault"})
    history.close()


def test_writers_are_merged_by_time_then_name(tmp_path: Path) -> None:
    """No writer needs another one's lock."""
    write(tmp_path, "worker", [1.0, 3.0])
    write(tmp_path, "supervisor", [1.0, 2.0])
    assert [(r.t_s, r.writer) for r in read_history(tmp_path)] == [
        (1.0, "supervisor"),
        (1.0, "worker"),
        (2.0, "supervisor"),
        (3.0, "worker"),
    ]


@given(cut=st.integers(min_value=0, max_value=2000))
def test_a_file_cut_at_any_byte_gives_the_whole_records_before_it(cut: int) -> None:
    """A torn last line is what a power cut leaves."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, "worker", [1.0, 2.0, 3.0])
        path = folder / "history" / "worker.ndjson"
        whole = path.read_bytes()
        path.write_bytes(whole[:cut])
        kept = whole[:cut].split(b"\n")
        complete = sum(1 for line in kept if line.startswith(b'{"t_s"') and line[-18:].startswith(b',"crc":'))
        assert [r.t_s for r in read_history(folder)] == [1.0, 2.0, 3.0][:complete]


@given(cut=st.integers(min_value=0, max_value=2000))
def test_a_writer_goes_on_after_a_torn_line(cut: int) -> None:
    """Recovery appends to what a crash left, and both remain readable."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, "recover", [1.0, 2.0])
        path = folder / "history" / "recover.ndjson"
        path.write_bytes(path.read_bytes()[:cut])
        before = read_history(folder)
        write(folder, "recover", [9.0])
        after = read_history(folder)
        assert [*before] == [*after[:-1]]
        assert (after[-1].t_s, after[-1].seq) == (9.0, len(before))
        assert gaps(after) == ()


def damage(path: Path, *lines: int) -> None:
    """Make lines of a file unreadable; the header is number 0."""
    whole = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join(b"\0" * len(line) if n in lines else line for n, line in enumerate(whole)))


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ((), ()),
        ((0,), ()),
        ((5,), ()),
        ((3,), ("lost in history/worker.ndjson: 1 of 5 records, the first with seq 2",)),
        ((1, 2), ("lost in history/worker.ndjson: 2 of 5 records, the first with seq 0",)),
        ((2, 4), ("lost in history/worker.ndjson: 2 of 5 records, the first with seq 1",)),
    ],
    ids=str,
)
def test_lines_that_are_lost_between_others_are_told(
    tmp_path: Path, lines: tuple[int, ...], told: tuple[str, ...]
) -> None:
    """Only what stood at the very end may be a torn line, and a header is no record."""
    write(tmp_path, "supervisor", [1.0, 2.0])
    write(tmp_path, "worker", [1.0, 2.0, 3.0, 4.0, 5.0])
    damage(tmp_path / "history" / "worker.ndjson", *lines)
    assert gaps(read_history(tmp_path)) == told


def test_no_secret_reaches_the_disk(tmp_path: Path) -> None:
    """Values that must stay secret are masked wherever they turn up."""
    history = History(tmp_path, "supervisor", start_s=0.0, secrets=['hun"ter2'])
    history.append(Event.ERROR, {"where": "load", "error": 'the token hun"ter2 was refused', "traceback": ""})
    history.close()
    text = (tmp_path / "history" / "supervisor.ndjson").read_text()
    assert "ter2" not in text
    assert "the token *** was refused" in text


def test_outstanding_is_intended_minus_verified_newest_first(tmp_path: Path) -> None:
    """The order in which to undo."""
    history = History(tmp_path, "worker", start_s=0.0)
    for name in ("a", "b", "c"):
        history.append(Event.FAULT_INTENDED, {"id": name})
    history.append(Event.FAULT_VERIFIED, {"id": "b"})
    history.close()
    assert [r.data["id"] for r in outstanding(read_history(tmp_path))] == ["c", "a"]


def test_masking_never_touches_what_undoing_reads(tmp_path: Path) -> None:
    """A secret that looks like a fault's name must not make the fault unknown."""
    history = History(tmp_path, "worker", start_s=0.0, secrets=["latency", "undo", "1"])
    history.append(Event.FAULT_INTENDED, {"id": "latency-1", "fault": "latency", "undo": {"edges": ["a -> 1"]}})
    history.close()
    (record,) = outstanding(read_history(tmp_path))
    assert record.data == {"id": "latency-1", "fault": "latency", "undo": {"edges": ["a -> 1"]}}
